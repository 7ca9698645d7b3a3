"""From a join URL to statements, with Microsoft's stand-in over a real socket."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from lrs.connectors import connections
from lrs.connectors.providers.msteams.meetings import meeting
from lrs.connectors.webinars import sync
from lrs.connectors.webinars.attendance import Attendee
from tests.lrs.connectors.conftest import payload
from tests.lrs.connectors.webinars.conftest import END, OLENA, PETRO, planned, run, said, told
from tests.standins.loopback import Said
from tests.standins.msteams import CLIENT, CURATOR, JOIN, MEETING, ORGANIZER, SHORT, record

ROOM = f"onlineMeetings/{MEETING}"


def day(clock):
    return f"2026-01-12T{clock}Z"


def attended(microsoft):
    """Two reports: the room was opened again; Olena came twice, with overlapping devices."""
    first = (day("10:02:00.1234567"), day("10:30:00")), (day("10:20:00"), day("10:32:00"))
    microsoft.report("r-1", day("09:58:00"), day("10:35:00"), record(OLENA, "Olena Koval", *first))
    again = record(OLENA.upper(), "Olena Koval", (day("10:40:00"), day("11:00:00")))
    microsoft.report("r-2", day("10:39:00"), day("11:01:00"), again)


def look(connection, after=timedelta()):
    run(connection, END + after)


@pytest.mark.parametrize("mode", ["application", "delegated"])
def test_all_reports_of_the_session_are_one_presence(teams, signed_in, microsoft, mode):
    connection = teams() if mode == "application" else signed_in()
    session = planned(connection, JOIN)
    attended(microsoft)
    look(connection)
    session.refresh_from_db()
    assert session.state == "final"
    assert told(connection) == [("attended", OLENA), ("completed", OLENA), ("failed", PETRO)]
    assert said(connection, "completed", OLENA)["result"]["duration"] == "PT50M"
    home = "/v1.0/me/" if mode == "delegated" else f"/v1.0/users/{ORGANIZER}/"
    assert all(home in one for one in microsoft.asked if "onlineMeetings" in one)


def test_a_report_of_a_reopened_room_corrects_the_verdict(teams, microsoft):
    connection = teams()
    planned(connection, JOIN)
    attended(microsoft)
    look(connection)
    microsoft.report(
        "r-3", day("11:20:00"), day("11:40:00"), record(PETRO, "Petro", (day("11:20:00"), day("11:40:00")))
    )
    look(connection, timedelta(minutes=60))
    assert ("completed", PETRO) in told(connection)
    assert ("failed", PETRO) in told(connection, voided=True)


def test_reports_outside_of_the_session_are_another_meeting(teams, microsoft):
    connection = teams()
    planned(connection, JOIN)
    for id, start, end in (("early", "08:00:00", "09:29:00"), ("late", "12:01:00", "13:00:00")):
        microsoft.report(id, day(start), day(end), record(PETRO, "Petro", (day(start), day(end))))
    attended(microsoft)
    look(connection)
    assert ("failed", PETRO) in told(connection)
    assert not [one for one in microsoft.asked if "early/" in one or "late/" in one]


def test_all_pages_of_reports_and_records_are_read(teams, microsoft):
    connection = teams()
    planned(connection, JOIN, roster=())
    microsoft.pages = 2
    stay = (day("10:00:00"), day("10:50:00"))
    people = [record(f"p{number}@example.com", f"P {number}", stay) for number in range(5)]
    microsoft.report("r-1", day("10:00:00"), day("10:50:00"), *people)
    for number in range(3):
        microsoft.report(f"other-{number}", "2026-02-01T10:00:00Z", "2026-02-01T11:00:00Z")
    look(connection)
    assert [who for verb, who in told(connection) if verb == "completed"] == [
        f"p{number}@example.com" for number in range(5)
    ]


def test_the_token_is_not_taken_to_another_host(teams, microsoft):
    connection = teams()
    session = planned(connection, JOIN)
    microsoft.pages, microsoft.elsewhere = 1, "http://127.0.0.2:1"
    attended(microsoft)
    look(connection)
    session.refresh_from_db()
    assert "127.0.0.2, which is not Graph" in session.reason
    assert told(connection) == []


def test_teams_is_not_asked_who_was_there_where_that_is_switched_off(teams, microsoft):
    connection = teams(attendance="no")
    session = planned(connection, JOIN)
    attended(microsoft)
    look(connection)
    session.refresh_from_db()
    assert (session.state, session.due, "set attendance to yes" in session.reason) == ("stopped", None, True)
    assert (told(connection), [one for one in microsoft.asked if "attendanceReports" in str(one)]) == ([], [])
    connections.change(connection, {"attendance": "yes"})
    sync.retry(session, END)
    look(connection)
    assert len(told(connection)) == 3


def test_no_report_yet_uses_a_try(teams, microsoft):
    connection = teams()
    session = planned(connection, JOIN)
    look(connection)
    session.refresh_from_db()
    assert (session.state, session.tries, session.due) == ("polling", 1, END + timedelta(minutes=5))
    for _ in range(12):
        session.refresh_from_db()
        run(connection, session.due)
    session.refresh_from_db()
    assert (session.state, session.tries) == ("no_data", 13)
    assert told(connection) == []


@pytest.mark.parametrize(
    ("answers", "wait"),
    [
        ([Said(429, {}, {"retry-after": "120"})], timedelta(seconds=120)),
        ([Said(503, {}, {"retry-after": "90"})], timedelta(seconds=90)),
    ],
)
def test_a_busy_service_uses_no_try(teams, microsoft, answers, wait):
    connection = teams()
    session = planned(connection, JOIN)
    attended(microsoft)
    microsoft.next("attendanceReports", *answers)
    look(connection)
    session.refresh_from_db()
    assert (session.tries, session.due) == (0, END + wait)
    run(connection, session.due)
    assert len(told(connection)) == 3


def test_a_missing_access_policy_is_shown_with_the_commands_that_cure_it(teams, microsoft):
    connection = teams(organizer=ORGANIZER)
    session = planned(connection, JOIN)
    microsoft.policy.clear()
    look(connection)
    session.refresh_from_db()
    assert session.state == "stopped"
    assert f'New-CsApplicationAccessPolicy -Identity LRS -AppIds "{CLIENT}"' in session.reason
    assert f'Grant-CsApplicationAccessPolicy -PolicyName LRS -Identity "{ORGANIZER}"' in session.reason
    assert "30 minutes" in session.reason
    ok, sentence = connections.check(connection)
    assert not ok
    assert "Grant-CsApplicationAccessPolicy" in sentence


def test_the_other_wording_of_the_missing_policy_is_known_too(teams, microsoft):
    connection = teams()
    session = planned(connection, JOIN)
    microsoft.next("onlineMeetings", Said(401, payload("webinars/msteams/error.application_access_policy.json")))
    look(connection)
    session.refresh_from_db()
    assert "Grant-CsApplicationAccessPolicy" in session.reason
    assert len(microsoft.grants) == 1


def test_a_missing_permission_is_named(teams, microsoft):
    connection = teams()
    session = planned(connection, JOIN)
    said_no = {"error": {"code": "Forbidden", "message": "Missing scope."}}
    microsoft.next("attendanceReports", Said(403, said_no))
    look(connection)
    session.refresh_from_db()
    assert session.state == "stopped"
    assert "OnlineMeetingArtifact.Read.All" in session.reason
    assert '"Missing scope." (Forbidden)' in session.reason


def test_nobody_signed_in_stops_the_session_with_the_alert(teams):
    connection = teams("delegated")
    session = planned(connection, JOIN)
    look(connection)
    session.refresh_from_db()
    assert session.state == "stopped"
    assert session.reason.startswith("The super-user is not authorised: nobody has signed in.")


def test_a_withdrawn_token_is_renewed_once(teams, microsoft):
    connection = teams()
    planned(connection, JOIN)
    attended(microsoft)
    connections.check(connection)
    microsoft.access.clear()
    microsoft.access["keep numbers apart"] = False
    look(connection)
    assert len(told(connection)) == 3
    assert len(microsoft.grants) == 2


def test_a_short_address_is_looked_for_in_the_curators_calendar(teams, microsoft):
    connection = teams()
    session = planned(connection, SHORT, instructors=(Attendee(email=CURATOR, name="Curator"),))
    attended(microsoft)
    look(connection)
    session.refresh_from_db()
    assert session.state == "final"
    assert any(f"/users/{quote(CURATOR, safe='')}?$select=id" in one for one in microsoft.asked)


def test_a_short_address_without_any_curator_says_what_is_missing(teams):
    connection = teams()
    session = planned(connection, SHORT)
    look(connection)
    session.refresh_from_db()
    assert session.state == "stopped"
    assert "no organizer" in session.reason


def test_a_short_address_is_looked_for_in_the_connections_calendar(teams, microsoft):
    connection = teams(organizer=ORGANIZER)
    planned(connection, SHORT)
    attended(microsoft)
    look(connection)
    assert len(told(connection)) == 3


def test_a_curator_who_is_not_the_organizer_is_passed_over(teams, microsoft):
    other = "99999999-81d9-4adb-bfb2-8f6a442e4622"
    microsoft.policy.add(other)
    connection = teams(organizer=ORGANIZER)
    planned(connection, SHORT, instructors=(Attendee(id=other, name="Other"),))
    attended(microsoft)
    look(connection)
    assert len(told(connection)) == 3


def test_an_unknown_address_is_said(teams):
    connection = teams()
    session = planned(connection, JOIN.replace("meeting_abc", "meeting_xyz"))
    look(connection)
    session.refresh_from_db()
    assert session.reason == f"There is no meeting with this join URL in the calendar of {ORGANIZER}."


def test_the_address_keeps_its_escapes(teams, microsoft):
    connection = teams()
    planned(connection, JOIN)
    attended(microsoft)
    look(connection)
    [asked] = [one for one in microsoft.asked if "JoinWebUrl" in one]
    assert "19%253ameeting_abc%2540thread.v2" in asked


def test_a_record_without_email_is_known_by_its_directory_id_and_a_guest_is_for_review(teams, microsoft):
    from lrs.connectors.webinars.models import Result

    connection = teams()
    session = planned(connection, JOIN)
    stay = (day("10:00:00"), day("10:50:00"))
    guest = record("", "Guest", stay, id="aaaaaaaa-81d9-4adb-bfb2-8f6a442e4622")
    guest["identity"]["@odata.type"] = "#microsoft.graph.communicationsGuestIdentity"
    member = record("", "Olena from the directory", stay, id="57CAAEF9-5ed0-48d5-8862-e5abfa71b3e9")
    microsoft.report("r-1", day("10:00:00"), day("10:50:00"), member, guest)
    look(connection)
    review = {row.name: row.handles for row in Result.objects.filter(session=session, verdict="review")}
    assert review["Olena from the directory"][0] == "handle entra:57caaef9-5ed0-48d5-8862-e5abfa71b3e9"
    assert review["Guest"] == ["name guest"]


def test_microsofts_own_examples_are_read(teams, microsoft):
    connection = teams()
    planned(connection, JOIN, start=datetime(2021, 10, 4, 23, tzinfo=UTC), end=datetime(2021, 10, 5, 5, tzinfo=UTC))
    microsoft.organizers = {JOIN: ORGANIZER}
    microsoft.next(
        f"{ORGANIZER}/onlineMeetings", Said(200, payload("webinars/msteams/onlineMeetings.filter_joinWebUrl.json"))
    )
    microsoft.reports = payload("webinars/msteams/attendanceReports.list.json")["value"]
    records = payload("webinars/msteams/attendanceRecords.list.json")["value"]
    microsoft.records = {one["id"]: records for one in microsoft.reports}
    run(connection, datetime(2021, 10, 5, 6, tzinfo=UTC))
    assert ("completed", "lisa.adkins@contoso.com") in told(connection)
    assert said(connection, "completed", "lisa")["result"]["duration"] == "PT5M14S"
    assert said(connection, "completed", "frederick")["result"]["duration"] == "PT5M22S"


def test_a_check_of_the_application_says_what_it_could_and_could_not_see(teams, microsoft):
    assert "set organizer" in connections.check(teams())[1]
    ok, sentence = connections.check(teams(organizer=ORGANIZER))
    assert ok
    assert ORGANIZER in sentence
    ok, sentence = connections.check(teams(client_secret="wrong"))
    assert not ok
    assert "AADSTS7000215" in sentence
    ok, sentence = connections.check(teams(client_id="wrong"))
    assert not ok
    assert "look at client_id and tenant_id" in sentence


def test_a_tenant_that_is_none_is_not_taken(teams):
    with pytest.raises(connections.ConnectionProblem, match="tenant_id"):
        teams(tenant_id="../common")


@pytest.mark.parametrize(
    "text",
    [
        JOIN,
        f"  {JOIN}\n",
        f"Join the meeting: <{JOIN}> or call +380...",
        f"https://eur01.safelinks.protection.outlook.com/?url={quote(JOIN, safe='')}&data=05",
    ],
)
def test_the_join_url_is_found_in_what_people_paste(text):
    assert meeting(text) == JOIN


def test_a_session_is_kept_under_its_join_url(teams):
    session = planned(teams(), f"Join: <{JOIN}>")
    assert session.external == JOIN
