"""What is said of each person: thresholds, options, links, revisions."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from lrs.connectors import connections
from lrs.connectors.webinars import importing, linking, sync
from lrs.connectors.webinars.matching import Identity
from lrs.connectors.webinars.models import Session
from tests.lrs.connectors.archive import statements
from tests.lrs.connectors.webinars.conftest import (
    END,
    OLENA,
    PETRO,
    SESSION,
    START,
    follows_the_profile,
    planned,
    said,
    told,
)

HEAD = "meeting_id,scheduled_start,scheduled_end,email,external_id,name,joined_at,left_at"
BETWEEN = f"room,{START.isoformat()},{END.isoformat()}"


def present(connection, *rows, at=END):
    """Import attendance: (email, external id, name, minute of joining, of leaving)."""
    lines = [HEAD]
    for email, id, name, joined, left in rows:
        times = [(START + timedelta(minutes=minute)).isoformat() for minute in (joined, left)]
        lines.append(",".join([BETWEEN, email, id, name, *times]))
    return importing.attendance(connection, "\n".join(lines).encode(), at, dry=False)


@pytest.mark.parametrize(
    ("given", "minutes", "verb"),
    [
        ({}, 1, "completed"),
        ({"credit_minutes": "30"}, 30, "completed"),
        ({"credit_minutes": "30"}, 29, "failed"),
        ({"credit_percent": "80"}, 48, "completed"),
        ({"credit_percent": "80"}, 47, "failed"),
        ({"credit_percent": "50", "credit_minutes": "40"}, 35, "failed"),
    ],
)
def test_credit_is_given_from_a_threshold_in_minutes_or_share(connect, given, minutes, verb):
    connection = connect("attendance", **given)
    present(connection, (OLENA, "", "", 0, minutes))
    assert told(connection) == [("attended", OLENA), (verb, OLENA)]
    if verb == "failed":
        result = said(connection, "failed", OLENA)["result"]
        assert result["duration"] == f"PT{minutes}M"
        assert "below-threshold" in result["extensions"].values()


def test_options_add_registrations_and_movements(connect):
    connection = connect("attendance", movements="yes", registrations="yes")
    planned(connection, "room", roster=[OLENA])
    present(connection, (OLENA, "", "", 0, 10), (OLENA, "", "", 5, 20), (OLENA, "", "", 30, 40))
    verbs = [verb for verb, _ in told(connection)]
    assert verbs == ["attended", "completed", "join", "join", "leave", "leave", "registered"]
    assert all(follows_the_profile(one) for one in statements(connection))


def test_the_session_id_is_that_of_the_opening_and_of_the_session_where_there_were_two(connect):
    connection = connect("attendance", movements="yes")
    head = f"{HEAD},session_id\n"

    def row(run, joined, left):
        times = [(START + timedelta(minutes=minute)).isoformat() for minute in (joined, left)]
        return ",".join([BETWEEN, OLENA, "", "", *times, run]) + "\n"

    def ids(*verbs):
        found = [one for one in statements(connection) if one["verb"]["id"].rpartition("/")[2] in verbs]
        return [one["context"]["extensions"][SESSION] for one in found]

    importing.attendance(connection, (head + row("one", 0, 10)).encode(), END, dry=False)
    [id] = set(ids("attended", "completed", "join", "leave"))
    importing.attendance(connection, (head + row("one", 0, 10) + row("two", 30, 40)).encode(), END, dry=False)
    assert len(set(ids("join"))) == 2
    assert sorted(ids("join")) == sorted(ids("leave"))
    assert id in ids("join")
    [whole] = ids("attended")
    assert whole not in ids("join")


def test_who_gives_the_webinar_is_not_judged_and_two_of_them_are_a_group(connect):
    from lrs.connectors.webinars.attendance import Attendee

    connection = connect("attendance")
    teachers = (Attendee(email="curator@example.com", name="Ірина"), Attendee(email="second@example.com"))
    planned(connection, "room", roster=[OLENA], instructors=teachers)
    present(connection, (OLENA, "", "", 0, 10), ("curator@example.com", "", "Ірина", 0, 60))
    assert told(connection) == [("attended", OLENA), ("completed", OLENA)]
    group = said(connection, "attended", OLENA)["context"]["instructor"]
    assert group["objectType"] == "Group"
    assert [one["mbox"] for one in group["member"]] == ["mailto:curator@example.com", "mailto:second@example.com"]


def test_who_has_no_e_mail_is_an_account_at_the_lms(connect):
    connection = connect("attendance", home_page="https://lms.example.org")
    present(connection, ("", "417", "Olena", 0, 10))
    actor = said(connection, "completed", "417")["actor"]
    assert actor["account"] == {"homePage": "https://lms.example.org", "name": "417"}


def test_somebody_with_an_id_once_and_an_e_mail_once_is_one_person(connect):
    connection = connect("attendance")
    present(connection, (OLENA, "417", "", 0, 10), ("", "417", "", 10, 20), (OLENA, "", "", 20, 30))
    assert told(connection) == [("attended", OLENA), ("completed", OLENA)]
    assert said(connection, "attended", OLENA)["result"]["duration"] == "PT30M"


def test_a_display_name_alone_is_not_told_until_somebody_says_who_it_is(connect):
    connection = connect("attendance")
    session = planned(connection, "room", roster=[OLENA, PETRO])
    present(connection, (OLENA, "", "", 0, 60), ("", "", "Petya", 0, 60))
    assert told(connection) == [("attended", OLENA), ("completed", OLENA), ("failed", PETRO)]
    [row] = session.results.filter(verdict="review")
    assert (row.name, row.handles) == ("Petya", ["name petya"])
    before = {one["id"] for one in statements(connection)}
    assert linking.link(session, "Petya", Identity("", PETRO, ""), END).sessions == [session.pk]
    assert told(connection) == [("attended", OLENA), ("attended", PETRO), ("completed", OLENA), ("completed", PETRO)]
    assert told(connection, voided=True) == [("failed", PETRO)]
    assert not session.results.filter(verdict="review").exists()
    assert len(before & {one["id"] for one in statements(connection)}) == 2


def test_who_cannot_be_told_apart_is_reviewed_once_and_linked_together(connect):
    connection = connect("attendance")
    session = planned(connection, "room", roster=[OLENA, PETRO])
    present(connection, (OLENA, "", "", 0, 60), ("", "", "Guest", 0, 20), ("", "", "guest", 10, 30))
    [row] = session.results.filter(verdict="review")
    assert (row.name, row.seconds, row.handles) == ("Guest", 1800, ["name guest"])
    linking.link(session, "GUEST", Identity("", PETRO, ""), END)
    assert said(connection, "attended", PETRO)["result"]["duration"] == "PT30M"


@pytest.mark.parametrize("named", [Identity("", PETRO, "Petro"), Identity("418", "", "Petro"), Identity("418", PETRO)])
def test_who_is_linked_and_was_there_under_their_own_name_too_is_one_person(connect, named):
    connection = connect("attendance")
    session = planned(connection, "room", roster=[OLENA])
    present(connection, (PETRO, "418", "Petro Bondar", 0, 20), ("", "", "Guest", 10, 30))
    linking.link(session, "Guest", named, END)
    assert told(connection) == [("attended", PETRO), ("completed", PETRO), ("failed", OLENA)]
    assert said(connection, "attended", PETRO)["result"]["duration"] == "PT30M"


def test_a_link_everywhere_holds_in_every_session_of_the_connection(connect):
    connection = connect("attendance")
    first = planned(connection, "room", roster=[OLENA])
    week = timedelta(days=7)
    second = planned(connection, "room", START + week, END + week, roster=[OLENA])
    present(connection, ("", "", "Olya", 0, 60))
    sync.settle(second, END + week)
    text = f"{HEAD}\nroom,{(START + week).isoformat()},{(END + week).isoformat()},,,Olya,{(START + week).isoformat()},"
    importing.attendance(connection, text.encode(), END + week, dry=False)
    assert told(connection) == [("failed", OLENA), ("failed", OLENA)]
    done = linking.link(first, "name olya", Identity("", OLENA, ""), END + week, everywhere=True)
    assert sorted(done.sessions) == [first.pk, second.pk]
    assert told(connection) == [("attended", OLENA)] * 2 + [("completed", OLENA)] * 2


def test_what_did_not_change_is_not_sent_again_and_what_came_back_has_a_new_id(connect):
    connection = connect("attendance")
    planned(connection, "room", roster=[OLENA])
    here, longer = (OLENA, "", "", 0, 30), (OLENA, "", "", 0, 50)
    present(connection, here)
    first = statements(connection)
    present(connection, here)
    assert statements(connection) == first
    present(connection, longer)
    assert said(connection, "attended", OLENA)["result"]["duration"] == "PT50M"
    present(connection, here)
    third = said(connection, "attended", OLENA)
    assert third["result"]["duration"] == "PT30M"
    assert third["id"] not in {one["id"] for one in first}
    assert len([one for one in statements(connection) if one["verb"]["id"].endswith("voided")]) == 4


def test_a_list_of_many_takes_as_many_queries_as_one_of_few(connect, django_assert_max_num_queries):
    connection = connect("attendance")
    many = [(f"l{number}@example.com", "", "", 0, 30) for number in range(300)]
    with django_assert_max_num_queries(60):
        present(connection, *many)
    before = dict(Session.objects.get(connection=connection).results.values_list("email", "changed"))
    longer = (many[0][0], "", "", 0, 50)
    with django_assert_max_num_queries(60):
        present(connection, longer, *many[2:], at=END + timedelta(minutes=1))
    assert len(told(connection)) == 2 * 299
    assert sorted(told(connection, voided=True)) == [
        (verb, who) for verb in ("attended", "completed") for who in (many[0][0], many[1][0])
    ]
    after = dict(Session.objects.get(connection=connection).results.values_list("email", "changed"))
    assert after.keys() == before.keys() - {many[1][0]}
    assert [email for email in after if after[email] != before[email]] == [many[0][0]]


def test_an_address_that_is_none_does_not_stop_the_others(connect):
    connection = connect("attendance")
    present(connection, (OLENA, "", "", 0, 30), ("a@b@c", "", "Odd", 0, 30))
    assert told(connection) == [("attended", OLENA), ("completed", OLENA)]


def command(*words):
    from io import StringIO

    out = StringIO()
    call_command("webinar", *words, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_the_commands_plan_enrol_import_link_and_retry(connect, tmp_path):
    connection = connect("attendance")
    times = ["--start", "2026-01-12T12:00:00+02:00", "--end", "2026-01-12T13:00:00+02:00"]
    made = command(
        "session",
        "create",
        connection.name,
        "--meeting",
        "room",
        "--title",
        "Safety",
        *times,
        "--instructor",
        "c@example.com=C",
    )
    number = str(made["session"])
    assert (made["state"], made["next"]) == ("scheduled", "2026-01-12T11:00:00+00:00")
    roster = tmp_path / "roster.csv"
    roster.write_text("email;external_id;name\nolena.koval@example.com;417;Олена\npetro.bondar@example.com;418;Петро\n")
    assert command("roster", "import", number, str(roster))["expected"] == 2
    assert [one["id"] for one in command("roster", "list", number)] == ["417", "418"]
    file = tmp_path / "attendance.csv"
    file.write_text(
        f"{HEAD}\n{BETWEEN},,417,,{START.isoformat()},{END.isoformat()}\n{BETWEEN},,,Petya,{START.isoformat()},\n"
    )
    tried = command("attendance", "import", connection.name, str(file), "--dry-run")
    assert tried["dry_run"] is True
    assert tried["sessions"][0]["review"] == 1
    assert command("session", "show", number)["results"] == []
    command("attendance", "import", connection.name, str(file))
    shown = command("session", "show", number)
    assert shown["state"] == "final"
    assert sorted((one["person"], one["verdict"]) for one in shown["results"]) == [
        ("Petya", "review"),
        ("Олена", "passed"),
        ("Петро", "failed"),
    ]
    assert command("link", number, "Petya", "--id", "418")["settled_sessions"] == [made["session"]]
    assert told(connection) == [("attended", OLENA), ("attended", PETRO), ("completed", OLENA), ("completed", PETRO)]
    assert command("retry", number)["state"] == "polling"
    assert [one["session"] for one in command("session", "list", connection.name)] == [made["session"]]
    roster.write_text("email\nolena.koval@example.com\n")
    assert command("roster", "import", number, str(roster), "--replace")["expected"] == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["session", "show", "0"], "There is no session"),
        (["session", "list", "nowhere"], "There is no connection"),
        (["retry", "x"], "There is no session"),
    ],
)
def test_the_commands_say_in_a_sentence_what_is_wrong(database, words, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("webinar", *words)


def test_the_commands_show_every_fault_of_a_file(connect, tmp_path):
    connection = connect("attendance")
    file = tmp_path / "bad.csv"
    file.write_text("meeting_id,joined_at\n,yesterday\n")
    with pytest.raises(CommandError) as told_us:
        call_command("webinar", "attendance", "import", connection.name, str(file))
    assert "row 2, joined_at" in str(told_us.value)
    assert "row 2, meeting_id" in str(told_us.value)
    with pytest.raises(CommandError, match="needs a start and an end"):
        call_command(
            "webinar", "session", "create", connection.name, "--meeting", "r",
            "--start", "2026-01-12T12:00:00Z", "--end", "2026-01-12T11:00:00Z",
        )  # fmt: skip


def test_a_proxy_is_used_only_where_the_connection_says_so_and_never_the_environment_s(
    zoom, zoom_side, settings, monkeypatch
):
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert connections.check(zoom)[0]
    settings.LRS_OUTBOUND_PROXY = "http://127.0.0.1:9"
    connections.change(zoom, {"use_proxy": "yes"})
    session = planned(zoom)
    assert not connections.check(zoom)[0]
    sync.run(zoom, END)
    session.refresh_from_db()
    assert (session.state, session.tries) == ("polling", 0)


def test_a_server_inside_of_a_network_is_refused_unless_it_is_listed(zoom, settings):
    settings.LRS_OUTBOUND_ALLOW = []
    session = planned(zoom)
    sync.run(zoom, END)
    session.refresh_from_db()
    assert session.state == "stopped"
    assert "LRS_OUTBOUND_ALLOW" in session.reason


def test_a_session_that_was_told_of_cannot_be_lost(connect):
    from django.db.models import ProtectedError

    connection = connect("attendance")
    present(connection, (OLENA, "", "", 0, 30))
    with pytest.raises(ProtectedError):
        Session.objects.get(connection=connection).delete()
