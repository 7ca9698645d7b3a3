"""The generic way in: the signed webhook over a real socket, and CSV files tried first."""

import copy
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from lrs.connectors import connections, pace, worker
from lrs.connectors.contract import Request
from lrs.connectors.models import Delivery
from lrs.connectors.providers.attendance import body as shape
from lrs.connectors.providers.attendance import sheet, signature
from lrs.connectors.webinars import importing
from lrs.connectors.webinars.models import Session
from tests.lrs.connectors.archive import events, statements
from tests.lrs.connectors.conftest import PAYLOADS, payload
from tests.lrs.connectors.webinars.conftest import END, OLENA, PETRO, follows_the_profile, planned, run, said, told

SAMPLE = payload("webinars/generic/attendance.webhook.json")
BODY = payload("webinars/generic/attendance.webhook.body.json")
CSV = (PAYLOADS / "webinars/generic/attendance.import.csv").read_bytes()
SECRET = SAMPLE["secret"]


@pytest.fixture
def attendance(connect):
    return connect("attendance", secret=f"{SECRET} a-second-secret")


def headers(content, id="msg_1", secret=SECRET, stamp=None):
    at = str(int(timezone.now().timestamp()) if stamp is None else stamp)
    signed = f"{id}.{at}.".encode() + content
    return {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{signature.sign(signed, secret).decode()}",
    }


def post(lrs_url, connection, body, **signing):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{lrs_url}/hooks/{connection.hook}", content=content, headers=headers(content, **signing))


def test_the_sample_s_own_signature_is_good():
    at = datetime.fromtimestamp(1768215660, UTC)
    request = Request(SAMPLE["headers"], "", SAMPLE["raw_body"].encode(), at)
    assert signature.good(request, SECRET)
    assert signature.good(request, f"another {SECRET}")
    assert not signature.good(request, "")
    assert not signature.good(request._replace(body=request.body + b" "), SECRET)
    assert not signature.good(request._replace(received=at + timedelta(seconds=301)), SECRET)


def test_a_list_becomes_a_session_a_roster_and_statements(attendance, lrs_url):
    assert post(lrs_url, attendance, BODY).status_code == 202
    worker.work_off(timezone.now())
    run(attendance, timezone.now())
    assert told(attendance) == [("attended", OLENA), ("completed", OLENA), ("failed", PETRO)]
    one = said(attendance, "attended", OLENA)
    assert one["object"]["id"] == "https://lms.example.org/webinar/77"
    assert one["context"]["instructor"]["mbox"] == "mailto:curator@example.com"
    assert one["result"] == {
        "completion": True,
        "duration": "PT56M48S",
        "extensions": {
            "http://localhost:8000/xapi/webinar/extensions/attendance-ratio": 0.9467,
            "http://localhost:8000/xapi/webinar/extensions/intervals": [
                {"join": "2026-01-12T10:01:12.000Z", "leave": "2026-01-12T10:58:00.000Z"}
            ],
        },
    }
    extensions = one["context"]["extensions"]
    assert extensions["http://id.tincanapi.com/extension/planned-duration"] == "PT1H"
    assert extensions["http://id.tincanapi.com/extension/planned-start-time"] == "2026-01-12T10:00:00.000Z"
    assert said(attendance, "completed", OLENA)["result"] == {
        "completion": True,
        "success": True,
        "duration": "PT56M48S",
    }
    assert said(attendance, "failed", PETRO)["result"] == {
        "completion": False,
        "success": False,
        "duration": "PT0S",
        "extensions": {"http://localhost:8000/xapi/webinar/extensions/reason": "absent"},
    }
    assert all(follows_the_profile(one) for one in statements(attendance))


def test_answers_are_those_that_are_promised(attendance, lrs_url):
    assert post(lrs_url, attendance, BODY).status_code == 202
    assert post(lrs_url, attendance, BODY).json() == {"accepted": True, "repeated": True}
    other = copy.deepcopy(BODY)
    other["session"]["title"] = "Another"
    assert post(lrs_url, attendance, other).status_code == 409
    assert post(lrs_url, attendance, other, id="msg_2", secret="a-second-secret").status_code == 202
    assert post(lrs_url, attendance, other, id="msg_3", secret="wrong").status_code == 401
    now = int(timezone.now().timestamp())
    assert post(lrs_url, attendance, other, id="msg_3", stamp=now - 400).status_code == 401
    content = json.dumps(BODY).encode()
    plain = headers(content, "msg_4") | {"content-type": "text/plain"}
    assert httpx.post(f"{lrs_url}/hooks/{attendance.hook}", content=content, headers=plain).status_code == 415
    big = json.dumps(BODY | {"more": "x" * 9 * 2**20}).encode()
    assert post(lrs_url, attendance, big, id="msg_5").status_code == 413
    assert Delivery.objects.filter(connection=attendance).count() == 2


def test_more_deliveries_than_are_taken_in_a_minute_are_asked_to_wait(attendance, connect, settings):
    settings.LRS_WEBHOOK_RATE = 2
    content = json.dumps(BODY).encode()

    def send(connection, id, secret=SECRET):
        signed = headers(content, id, secret)
        return Client().post(f"/hooks/{connection.hook}", content, "application/json", headers=signed)

    for number in (1, 2):
        # Whoever has no secret takes nothing of it.
        assert send(attendance, f"msg_{number}", "wrong").status_code == 401
        assert send(attendance, f"msg_{number}").status_code == 202
    answer = send(attendance, "msg_3")
    assert (answer.status_code, answer.headers["Retry-After"]) in ((429, "30"), (429, "29"))
    assert send(connect("attendance", secret=SECRET), "msg_1").status_code == 202
    assert Delivery.objects.filter(connection=attendance).count() == 2


def test_a_pause_gives_deliveries_back_and_never_more_than_a_minute_s():
    connection = uuid4()
    assert [pace.wait(connection, 2, now=0.0) for _ in range(3)] == [0.0, 0.0, 30.0]
    assert [pace.wait(connection, 2, now=30.0), pace.wait(connection, 2, now=30.0)] == [0.0, 30.0]
    assert [pace.wait(connection, 2, now=9e3) for _ in range(3)] == [0.0, 0.0, 30.0]
    assert not any(pace.wait(connection, 0, now=9e3) for _ in range(1000))


def test_what_is_wrong_with_a_body_is_told_with_paths(attendance, lrs_url):
    wrong = copy.deepcopy(BODY)
    wrong["version"] = "2.0"
    wrong["session"]["scheduled_end"] = "2026-01-12T09:00:00Z"
    wrong["participants"][0]["intervals"][0]["join"] = "2026-01-12 10:01"
    wrong["participants"].append({"role": "attendee"})
    wrong["roster"][1] = {"name": "Petro"}
    answer = post(lrs_url, attendance, wrong)
    assert answer.status_code == 400
    assert [one["path"] for one in answer.json()["errors"]] == [
        "version",
        "session.scheduled_end",
        "participants[0].intervals[0].join",
        "participants[1]",
        "roster[1]",
    ]
    assert post(lrs_url, attendance, b"{", id="msg_6").status_code == 400
    assert not Delivery.objects.filter(connection=attendance).exists()


@pytest.mark.parametrize("given", [[], None, {"session": []}, {"session": {"meeting_id": 7}}, {"participants": [1]}])
def test_a_body_of_any_shape_has_faults_and_no_traceback(given):
    assert shape.faults(given)


@pytest.mark.parametrize("stamp", ["9" * 400, "9" * 5000, "-1", "1e9", "\u0661"])
def test_a_time_stamp_that_is_none_is_401(attendance, zoom, lrs_url, stamp):
    for connection, header in ((attendance, "webhook-timestamp"), (zoom, "x-zm-request-timestamp")):
        sent = headers(b"{}") | {"x-zm-signature": "v0=0", header: stamp.encode()}
        if connection == zoom:
            del sent["webhook-signature"]
        assert httpx.post(f"{lrs_url}/hooks/{connection.hook}", content=b"{}", headers=sent).status_code == 401


def test_what_no_row_can_hold_is_told_with_paths(attendance, lrs_url):
    wrong = copy.deepcopy(BODY)
    wrong["session"]["session_id"] = "s" * 401
    person = wrong["participants"][0]
    person |= {"external_id": "1" * 401, "email": f"{'o' * 320}@example.com", "name": "n" * 401}
    person |= {"total_seconds": 10**12}
    person["intervals"] = [{"join": "2026-01-12T10:00:00Z", "leave": "2027-01-14T10:00:00Z"}]
    assert [one["path"] for one in post(lrs_url, attendance, wrong).json()["errors"]] == [
        "session.session_id",
        "participants[0].external_id",
        "participants[0].email",
        "participants[0].name",
        "participants[0].total_seconds",
        "participants[0].intervals[0].leave",
    ]


def test_a_correction_voids_and_revises(attendance, lrs_url):
    post(lrs_url, attendance, BODY)
    worker.work_off(timezone.now())
    run(attendance, timezone.now())
    corrected = copy.deepcopy(BODY)
    times = {"join": "2026-01-12T10:30:00Z", "leave": "2026-01-12T11:00:00Z"}
    corrected["participants"].append({"external_id": "418", "intervals": [times]})
    post(lrs_url, attendance, corrected, id="msg_2")
    worker.work_off(timezone.now())
    run(attendance, timezone.now())
    assert told(attendance) == [("attended", OLENA), ("attended", PETRO), ("completed", OLENA), ("completed", PETRO)]
    assert told(attendance, voided=True) == [("failed", PETRO)]
    post(lrs_url, attendance, BODY, id="msg_3")
    worker.work_off(timezone.now())
    run(attendance, timezone.now())
    assert told(attendance) == [("attended", OLENA), ("completed", OLENA), ("failed", PETRO)]
    assert list(
        Session.objects.get(connection=attendance)
        .sent.filter(about__startswith="failed")
        .values_list("revision", flat=True)
        .order_by("revision")
    ) == [1, 2]


def test_comings_and_goings_can_be_told_as_they_happen(attendance, lrs_url):
    session = planned(attendance, "room-77")
    times = {"join": "2026-01-12T10:01:00Z", "leave": "2026-01-12T10:31:00Z"}
    about = {"meeting_id": "room-77", "session_id": "s"}
    person = {"email": OLENA, "intervals": [times]}
    for number, event in enumerate(("participant.joined", "participant.left", "session.ended")):
        body = {
            "version": "1.0",
            "event": event,
            "session": about | {"ended_at": END.isoformat()},
            "participants": [person],
        }
        assert post(lrs_url, attendance, body, id=f"msg_{number}").status_code == 202
    worker.work_off(timezone.now())
    run(attendance, timezone.now())
    assert told(attendance) == [("attended", OLENA), ("completed", OLENA)]
    assert said(attendance, "attended", OLENA)["result"]["duration"] == "PT30M"
    session.refresh_from_db()
    assert session.state == "final"


def test_sessions_and_rosters_can_be_planned_and_changed_by_the_webhook(attendance, lrs_url):
    body = {name: BODY[name] for name in ("version", "session", "instructors", "roster")} | {"event": "session.planned"}
    assert post(lrs_url, attendance, body).status_code == 202
    later = copy.deepcopy(body)
    later["session"] |= {"title": "Renamed", "scheduled_end": "2026-01-12T11:30:00Z"}
    later["roster"] = [{"external_id": "418", "email": "petro@new.example"}, {"external_id": "500"}]
    assert post(lrs_url, attendance, later, id="msg_2").status_code == 202
    worker.work_off(timezone.now())
    session = Session.objects.get(connection=attendance)
    assert (session.title, session.end, session.due) == ("Renamed", END + timedelta(minutes=30), session.end)
    assert session.instructors == [{"id": "", "email": "curator@example.com", "name": "Ірина Куратор"}]
    assert [(row.person, row.email) for row in session.roster.order_by("person")] == [
        ("417", OLENA),
        ("418", "petro@new.example"),
        ("500", ""),
    ]
    assert run(attendance, session.end) == 1
    assert told(attendance) == []


def test_every_provider_takes_the_generic_webhook_beside_its_own(connect, lrs_url):
    connection = connect("bigbluebutton", server="https://bbb.example.org", secret="s", attendance_secret=SECRET)
    assert post(lrs_url, connection, BODY, secret="wrong").status_code == 401
    assert post(lrs_url, connection, BODY).status_code == 202
    worker.work_off(timezone.now())
    run(connection, timezone.now())
    assert told(connection) == [("attended", OLENA), ("completed", OLENA), ("failed", PETRO)]
    without = connect("bigbluebutton", server="https://bbb.example.org", secret="s")
    assert post(lrs_url, without, BODY, secret="").status_code == 401


def test_a_room_may_be_written_as_people_paste_it(zoom, lrs_url):
    connections.change(zoom, {"attendance_secret": SECRET})
    session = planned(zoom)
    for number, meeting in enumerate(("857 460 65", "https://zoom.us/j/85746065?pwd=x")):
        about = {"meeting_id": meeting, "started_at": "2026-01-12T10:00:00Z"}
        body = {**BODY, "session": about, "participants": [BODY["participants"][0]] * (number + 1)}
        assert post(lrs_url, zoom, body, id=f"msg_{number}").status_code == 202
    worker.work_off(timezone.now())
    assert [(one.state, one.rule) for one in events(zoom)] == [("done", "attendance")] * 2
    run(zoom, timezone.now())
    assert ("completed", OLENA) in told(zoom)
    content = CSV.replace(b"room-77@2026-01-12", b"").replace(b"room-77", b"857-460-65")
    content = content.replace(b"2026-01-12T10:00:00Z,2026-01-12T11:00:00Z", b",")
    assert [one["session"] for one in importing.attendance(zoom, content, END, dry=True).sessions] == [session.pk]


def test_what_came_of_a_room_as_people_paste_it_waits_for_its_session(zoom, lrs_url):
    connections.change(zoom, {"attendance_secret": SECRET})
    about = {"meeting_id": "857 460 65", "started_at": "2026-01-12T10:00:00Z"}
    post(lrs_url, zoom, {**BODY, "session": about})
    worker.work_off(timezone.now())
    assert [(one.state, one.rule) for one in events(zoom)] == [("ignored", "no session")]
    planned(zoom)
    worker.work_off(timezone.now())
    assert [(one.state, one.rule) for one in events(zoom)] == [("done", "attendance")]


def test_the_check_says_where_to_post(attendance, connect):
    assert connections.webhook_url(attendance) in connections.check(attendance)[1]
    assert connections.check(connect("attendance")) == (
        False,
        "failed: No secret is set: attendance comes by CSV only.",
    )


# --- CSV


def test_a_dry_run_says_what_would_become_and_keeps_nothing(attendance):
    outcome = importing.attendance(attendance, CSV, timezone.now(), dry=True)
    [session] = outcome.sessions
    assert (outcome.rows, outcome.faults) == (2, [])
    assert (session["passed"], session["failed"], session["review"], session["statements"]) == (1, 1, 0, 3)
    assert not Session.objects.filter(connection=attendance).exists()
    assert statements(attendance) == []
    importing.attendance(attendance, CSV, timezone.now(), dry=False)
    assert told(attendance) == [("attended", OLENA), ("completed", OLENA), ("failed", PETRO)]


def test_the_webhook_and_the_file_make_the_same_statements(attendance, connect, lrs_url):
    post(lrs_url, attendance, BODY)
    worker.work_off(timezone.now())
    run(attendance, timezone.now())
    other = connect("attendance")
    importing.attendance(other, CSV, timezone.now(), dry=False)
    # Both connections have one store.
    for verb in ("attended", "completed", "failed"):
        one, two = [each["result"] for each in statements(other) if each["verb"]["id"].endswith(f"/{verb}")]
        assert one == two


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + CSV,
        CSV.replace(b",", b";"),
        CSV.replace(b"\n", b"\r\n"),
        CSV + b"\n\n",
    ],
)
def test_files_of_every_make_are_read(content):
    assert sheet.read(content, END) == sheet.read(CSV, END)
    assert sheet.read(CSV, END).lists


def test_what_is_wrong_with_a_file_is_told_with_rows_and_columns(attendance):
    content = (
        b"meeting_id,email,joined_at,left_at,duration_seconds\n"
        b"1,a@example.com,2026-01-12T10:00:00Z,2026-01-12T09:00:00Z,\n"
        b",b@example.com,2026-01-12T10:00:00Z,,\n"
        b"1,nobody,2026-01-12T10:00:00,,\n"
        b"1,c@example.com,,,many\n"
        b"1,d@example.com\n"
        b"1,,,,\n"
    )
    outcome = importing.attendance(attendance, content, timezone.now(), dry=False)
    assert [(one.row, one.column) for one in outcome.faults] == [
        (2, "left_at"),
        (3, "meeting_id"),
        (4, "email"),
        (4, "joined_at"),
        (5, "duration_seconds"),
        (6, ""),
        (7, ""),
    ]
    assert not Session.objects.filter(connection=attendance).exists()


@pytest.mark.parametrize(
    ("cell", "column"),
    [
        ({"duration_seconds": "9" * 20}, "duration_seconds"),
        ({"duration_seconds": "9" * 5000}, "duration_seconds"),
        ({"joined_at": "9998-12-31T23:59:59Z", "duration_seconds": "86400000"}, "duration_seconds"),
        ({"joined_at": "8999-12-31T23:59:59Z", "duration_seconds": "31622400"}, "left_at"),
        ({"session_id": "s" * 401}, "session_id"),
        ({"name": "n" * 401}, "name"),
    ],
)
def test_a_cell_that_no_row_can_hold_is_named(attendance, cell, column):
    row = {"meeting_id": "1", "session_id": "", "email": OLENA, "name": "", "joined_at": "2026-01-12T10:00:00Z"} | cell
    content = f"{','.join(row)}\n{','.join(row.values())}\n".encode()
    outcome = importing.attendance(attendance, content, timezone.now(), dry=False)
    assert [(one.row, one.column) for one in outcome.faults] == [(2, column)]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"a,b\n1,2\n", b"meeting_id,joined_at,who\n1,2,3\n"])
def test_a_file_that_is_none_is_told_so(content):
    assert sheet.read(content, END).faults


def test_sums_without_times_count(attendance):
    planned(attendance, "room-1", roster=[OLENA])
    content = b"meeting_id,scheduled_start,scheduled_end,email,joined_at,duration_seconds\n"
    content += b"room-1,2026-01-12T10:00:00Z,2026-01-12T11:00:00Z,olena.koval@example.com,,1800\n"
    importing.attendance(attendance, content, timezone.now(), dry=False)
    assert said(attendance, "attended", OLENA)["result"]["duration"] == "PT30M"


def test_an_import_after_an_hour_without_a_list_settles_the_session(zoom):
    session = planned(zoom, "85746065")
    for minute in range(0, 61, 5):
        run(zoom, END + timedelta(minutes=minute))
    session.refresh_from_db()
    assert session.state == "no_data"
    content = CSV.replace(b"room-77@2026-01-12", b"").replace(b"room-77", b"85746065")
    importing.attendance(zoom, content, timezone.now(), dry=False)
    session.refresh_from_db()
    assert session.state == "final"
    assert told(zoom) == [("attended", OLENA), ("completed", OLENA), ("failed", PETRO)]
