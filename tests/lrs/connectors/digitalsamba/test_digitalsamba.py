"""Digital Samba: from webhooks and lists to statements, with its stand-in over a real socket."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from django.utils import timezone

from lrs.connectors import connections, worker
from lrs.connectors.models import Delivery, InboxEvent
from lrs.connectors.providers.digitalsamba.settings import meeting
from lrs.connectors.webinars.matching import Identity
from lrs.connectors.webinars.models import Listing, Result
from tests.lrs.connectors.conftest import payload
from tests.lrs.connectors.webinars.conftest import END, OLENA, PETRO, START, planned, run, said, told
from tests.standins.digitalsamba import ROOM, TEAM, participant
from tests.standins.loopback import Said

SECRET = "Asf#k$%lfCaPe93$a"
ROSTER = (Identity("417", OLENA, "Olena Koval"), Identity("518", PETRO, "Petro Bondar"))


@pytest.fixture
def samba(settings):
    from tests.standins import digitalsamba

    settings.LRS_OUTBOUND_ALLOW = ["127.0.0.1"]
    with digitalsamba.running() as side:
        yield side


@pytest.fixture
def connection(connect, samba):
    return connect("digitalsamba", server=samba.url, api_token=samba.key, team_id=TEAM, webhook_secret=SECRET)


def attended(samba):
    rows = [
        participant("Olena Koval", "2026-01-12 10:02:00", "2026-01-12 10:30:00", external="417"),
        participant("Olena on her phone", "2026-01-12 10:20:00", "2026-01-12 10:52:00", external="417"),
        participant("Somebody", "2026-01-12 10:05:00", "2026-01-12 10:50:00"),
    ]
    samba.session("s-1", "2026-01-12T09:58:00.000000Z", "2026-01-12T11:01:00.000000Z", *rows)


def hook(lrs_url, connection, body, secret=f"Bearer {SECRET}"):
    headers = {} if secret is None else {"authorization": secret}
    return httpx.post(f"{lrs_url}/hooks/{connection.hook}", json=body, headers=headers)


def ended(at=END, room=ROOM, session="s-1"):
    return {"eventType": "session_ended", "sessionId": session, "roomId": room, "timestamp": int(at.timestamp())}


def test_rows_of_one_external_id_are_one_presence_and_others_are_for_review(connection, samba):
    session = planned(connection, ROOM, roster=ROSTER)
    attended(samba)
    run(connection, END)
    assert told(connection) == [("attended", OLENA), ("completed", OLENA), ("failed", PETRO)]
    assert said(connection, "completed", OLENA)["result"]["duration"] == "PT50M"
    assert [row.name for row in Result.objects.filter(session=session, verdict="review")] == ["Somebody"]


def test_an_external_id_that_is_an_email_is_one(connection, samba):
    planned(connection, ROOM)
    samba.session(
        "s-1",
        "2026-01-12 10:00:00",
        "2026-01-12 11:00:00",
        participant("P.", "2026-01-12 10:00:00", "2026-01-12 10:59:00", external=PETRO),
    )
    run(connection, END)
    assert ("completed", PETRO) in told(connection)


@pytest.mark.parametrize("count", [str, int])
def test_all_pages_are_read_whatever_the_count_is_written_as(connection, samba, count):
    samba.most, samba.count = 2, count
    planned(connection, ROOM, roster=())
    people = [participant(f"P {n}", "2026-01-12 10:00:00", "2026-01-12 10:50:00", external=f"{n}") for n in range(5)]
    for number in range(3):
        samba.session(f"other-{number}", "2026-01-12 10:00:00", "2026-01-12 10:50:00", room="another")
    samba.session("s-1", "2026-01-12 10:00:00", "2026-01-12 10:50:00", *people)
    run(connection, END)
    assert [who for verb, who in told(connection) if verb == "completed"] == [f"{n}" for n in range(5)]


def test_other_rooms_and_other_times_are_left_out_and_reopened_rooms_merged(connection, samba):
    planned(connection, ROOM, roster=ROSTER)
    there = participant("Petro", "2026-01-12 10:00:00", "2026-01-12 11:00:00", external="518")
    samba.session("elsewhere", "2026-01-12 10:00:00", "2026-01-12 11:00:00", there, room="another")
    late = participant("Petro", "2026-01-12 15:00:00", "2026-01-12 16:00:00", external="518")
    samba.session("later", "2026-01-12 15:00:00", "2026-01-12 16:00:00", late)
    attended(samba)
    again = participant("Olena", "2026-01-12 11:05:00", "2026-01-12 11:15:00", external="417")
    samba.session("s-2", "2026-01-12 11:04:00", "2026-01-12 11:16:00", again)
    run(connection, END)
    assert said(connection, "completed", OLENA)["result"]["duration"] == "PT1H"
    assert ("failed", PETRO) in told(connection)


def test_while_somebody_is_in_the_room_no_try_is_used(connection, samba):
    session = planned(connection, ROOM, roster=ROSTER)
    rows = [participant("Olena", "2026-01-12 10:00:00", None, external="417")]
    samba.session("s-1", "2026-01-12 10:00:00", None, *rows)
    run(connection, END)
    session.refresh_from_db()
    assert (session.tries, session.due, session.reason) == (
        0,
        END + timedelta(minutes=5),
        "Somebody is still in the room.",
    )
    assert told(connection) == []
    samba.sessions.clear()
    attended(samba)
    run(connection, session.due)
    assert len(told(connection)) == 3


@pytest.mark.parametrize("secret", [f"Bearer {SECRET}", SECRET, f"bearer {SECRET}"])
def test_the_webhooks_secret_is_taken_as_bearer_or_bare(connection, lrs_url, secret):
    assert hook(lrs_url, connection, ended(), secret).status_code == 202


@pytest.mark.parametrize("secret", [None, "", "Bearer", "Bearer wrong", f"Basic {SECRET}", f"{SECRET} "[:-2]])
def test_another_secret_is_401(connection, lrs_url, secret):
    assert hook(lrs_url, connection, ended(), secret).status_code == 401
    assert not Delivery.objects.filter(connection=connection).exists()


def test_without_a_secret_the_webhook_is_closed(connect, samba, lrs_url):
    connection = connect("digitalsamba", server=samba.url, api_token=samba.key, team_id=TEAM)
    for secret in (None, "", "Bearer", "Bearer  x"):
        assert hook(lrs_url, connection, ended(), secret).status_code == 401


def test_the_end_of_a_session_pulls_the_list_forward(connection, samba, lrs_url):
    session = planned(connection, ROOM, roster=ROSTER)
    attended(samba)
    at = START + timedelta(minutes=55)
    assert hook(lrs_url, connection, ended(at)).status_code == 202
    assert hook(lrs_url, connection, ended(at)).status_code == 202
    worker.work_off(timezone.now())
    session.refresh_from_db()
    assert session.due <= timezone.now()
    assert told(connection) == []
    run(connection, timezone.now())
    assert len(told(connection)) == 3
    assert InboxEvent.objects.filter(connection=connection).count() == 1


def test_nobody_is_credited_by_what_a_webhook_says(connection, samba, lrs_url):
    session = planned(connection, ROOM, roster=ROSTER)
    joined = payload("webinars/digitalsamba/webhook_delivery.participant_joined.json")
    at = int((START + timedelta(minutes=1)).timestamp())
    for name in ("participant_joined", "participant_left", "session_started"):
        assert hook(lrs_url, connection, {**joined, "eventType": name, "timestamp": at}).status_code == 202
    other = payload("webinars/digitalsamba/webhook_delivery.other_example.json")
    phone = payload("webinars/digitalsamba/webhook_delivery.phone_participant_muted.json")
    assert hook(lrs_url, connection, other).status_code == 202
    assert hook(lrs_url, connection, phone).status_code == 202
    worker.work_off(timezone.now())
    rows = InboxEvent.objects.filter(connection=connection)
    assert {(row.state, row.rule) for row in rows} == {("ignored", "not needed")}
    assert rows.count() == 5
    run(connection, END)
    session.refresh_from_db()
    assert told(connection) == []
    assert not Listing.objects.filter(session=session).exists()
    assert session.tries == 1


@pytest.mark.parametrize("body", [[], "text", {}, {"eventType": ""}, {"eventType": 7}])
def test_a_body_that_is_no_event_is_kept_as_unreadable(connection, lrs_url, body):
    assert hook(lrs_url, connection, body).status_code == 202
    worker.work_off(timezone.now())
    assert Delivery.objects.get(connection=connection).state == "unreadable"


def test_a_refused_key_stops_the_session(connection, samba):
    session = planned(connection, ROOM)
    samba.key = "another"
    run(connection, END)
    session.refresh_from_db()
    assert session.state == "stopped"
    assert "developer key" in session.reason


def test_a_busy_service_uses_no_try(connection, samba):
    session = planned(connection, ROOM)
    samba.script.append(Said(429, {}, {"retry-after": "100"}))
    run(connection, END)
    session.refresh_from_db()
    assert (session.tries, session.due) == (0, END + timedelta(seconds=100))


def test_the_check_reads_the_team(connection, connect, samba):
    assert connections.check(connection) == (True, "ok: signed in to Digital Samba as team local.")
    samba.team = payload("webinars/digitalsamba/team_defaults.get.json") | {"id": "another"}
    ok, sentence = connections.check(connection)
    assert ok
    assert f"the key's team is another, not {TEAM}" in sentence
    connections.change(connection, {"api_token": "wrong"})
    ok, sentence = connections.check(connection)
    assert not ok
    assert "team_id and api_token" in sentence


def test_an_address_that_is_too_long_for_its_webhooks_is_said(connection, settings):
    settings.LRS_PUBLIC_URL = f"https://{'long.' * 12}example.org"
    assert "at most 100 characters" in connections.check(connection)[1]


def test_the_vendors_examples_are_read(connection, samba):
    runs = payload("webinars/digitalsamba/room.sessions.list.json")["data"][1:]
    run_id = runs[0]["id"]
    rows = payload("webinars/digitalsamba/session.participants.json")["data"]
    for row in rows:
        row["join_time"], row["leave_time"] = "2024-03-21 05:20:00", "2024-03-21 05:29:00"
    samba.sessions, samba.participants = runs, {run_id: rows}
    start, end = datetime(2024, 3, 21, 5, tzinfo=UTC), datetime(2024, 3, 21, 5, 30, tzinfo=UTC)
    planned(connection, runs[0]["room_id"], start=start, end=end, roster=())
    run(connection, end)
    assert told(connection) == [("attended", "EXTID1625629384"), ("completed", "EXTID1625629384")]
    assert said(connection, "completed", "EXTID1625629384")["result"]["duration"] == "PT9M"


@pytest.mark.parametrize(
    ("text", "room"),
    [
        (ROOM.upper(), ROOM),
        (f"https://local.digitalsamba.com/{ROOM}?token=x", ROOM),
        ("https://local.digitalsamba.com/myRoom", "myRoom"),
        (" myRoom ", "myRoom"),
    ],
)
def test_the_room_is_found_in_what_people_paste(text, room):
    assert meeting(text) == room


def test_a_room_may_be_named_by_its_address(connection, samba):
    planned(connection, "https://local.digitalsamba.com/myRoom", roster=ROSTER)
    attended(samba)
    run(connection, END)
    assert len(told(connection)) == 3


@pytest.mark.parametrize("server", ["", "api.digitalsamba.com", "https://api.digitalsamba.com/api/v1/"])
def test_the_server_may_be_written_in_many_ways(server):
    from lrs.connectors.providers.digitalsamba.settings import url

    assert url({"server": server}, "/sessions") == "https://api.digitalsamba.com/api/v1/sessions"
