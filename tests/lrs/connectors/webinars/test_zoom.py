"""Zoom: token and scopes, the report in all its forms, webhooks; from its stand-in to the statements."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from django.utils import timezone

from lrs.connectors import connections, worker
from lrs.connectors.providers.zoom import reports
from lrs.connectors.webinars import linking, sync
from lrs.connectors.webinars.matching import Identity
from tests.lrs.connectors.archive import events, statements
from tests.lrs.connectors.conftest import payload
from tests.lrs.connectors.webinars.conftest import (
    END,
    OLENA,
    PETRO,
    follows_the_profile,
    planned,
    run,
    said,
    told,
)
from tests.standins.zoom import PAST, REPORT, row, signed

UUID = "/4444AAAiAAAAAiAiAiiAii=="
TOKEN = "whsec_example_secret_token"
REJOINED = payload("webinars/zoom/report_meeting_participants.rejoin_external.json")["participants"]


def instance(side, *uuids, meeting="85746065"):
    side.instances[meeting] = [{"uuid": uuid, "start_time": "2026-01-12T10:00:12Z"} for uuid in uuids]


def post(lrs_url, connection, body, secret=TOKEN, stamp=None):
    content = json.dumps(body).encode() if not isinstance(body, bytes) else body
    at = int(timezone.now().timestamp()) if stamp is None else stamp
    return httpx.post(f"{lrs_url}/hooks/{connection.hook}", content=content, headers=signed(content, secret, at))


def test_the_check_names_the_scope_that_is_missing(zoom, zoom_side):
    assert connections.check(zoom) == (True, "ok: the app may read the report of participants.")
    zoom_side.scope = "user:read:admin"
    ok, sentence = connections.check(zoom)
    assert not ok
    assert REPORT in sentence


@pytest.mark.parametrize("field", ["account", "client", "secret"])
def test_the_check_says_that_the_account_is_wrong(zoom, zoom_side, field):
    setattr(zoom_side, field, "another")
    ok, sentence = connections.check(zoom)
    assert not ok
    assert sentence.startswith("failed: Zoom gives no token")


def test_who_joined_again_is_counted_once_and_neither_guest_nor_waiting_room_is_told(zoom, zoom_side):
    session = planned(zoom, roster=[Identity("417", OLENA, "Олена Коваль"), PETRO])
    instance(zoom_side, UUID)
    zoom_side.reports[UUID] = REJOINED
    run(zoom, END)
    assert told(zoom) == [("attended", OLENA), ("completed", OLENA), ("failed", PETRO)]
    assert said(zoom, "attended", OLENA)["result"]["duration"] == "PT56M48S"
    assert said(zoom, "failed", PETRO)["result"]["duration"] == "PT0S"
    assert all(follows_the_profile(one) for one in statements(zoom))
    [guest] = session.results.filter(verdict="review")
    assert (guest.name, guest.seconds) == ("Guest", 120)
    assert "%252F4444" in " ".join(zoom_side.asked)


def test_the_ids_are_the_same_whenever_it_is_asked(zoom, zoom_side):
    planned(zoom)
    instance(zoom_side, UUID)
    zoom_side.reports[UUID] = REJOINED
    run(zoom, END)
    before = statements(zoom)
    assert run(zoom, END + timedelta(hours=1)) == 1
    assert statements(zoom) == before


@pytest.mark.parametrize("name", ["Олена \ud83d", "Олена \0", "Олена" * 100])
def test_a_name_that_no_row_can_hold_is_somebody_s_all_the_same(zoom, zoom_side, name):
    session = planned(zoom)
    instance(zoom_side, UUID)
    times = "2026-01-12T10:00:00Z", "2026-01-12T11:00:00Z"
    zoom_side.reports[UUID] = [
        row(name, *times, user_email=OLENA),
        row(name, *times, customer_key="9"),
        row(name, *times),
    ]
    run(zoom, END)
    session.refresh_from_db()
    assert (session.state, session.reason) == ("final", "")
    assert told(zoom) == [
        ("attended", "9"),
        ("attended", OLENA),
        ("completed", "9"),
        ("completed", OLENA),
        ("failed", PETRO),
    ]
    [guest] = session.results.filter(verdict="review")
    assert guest.name.startswith("Олена")


def test_who_registered_is_known_again_in_the_next_meeting(zoom, zoom_side):
    session = planned(zoom, roster=[OLENA])
    instance(zoom_side, UUID)
    times = "2026-01-12T10:00:00Z", "2026-01-12T11:00:00Z"
    zoom_side.reports[UUID] = [row("O.", *times, registrant_id="abc-42")]
    run(zoom, END)
    [guest] = session.results.filter(verdict="review")
    assert guest.handles == ["handle registrant:abc-42", "name o."]
    linking.link(session, guest.handles[0], Identity("", OLENA, ""), END, everywhere=True)
    planned(zoom, "2", roster=[OLENA])
    instance(zoom_side, "two==", meeting="2")
    zoom_side.reports["two=="] = [row("Olya", *times, registrant_id="abc-42")]
    run(zoom, END)
    assert told(zoom) == [("attended", OLENA), ("attended", OLENA), ("completed", OLENA), ("completed", OLENA)]


def test_pages_are_read_to_their_end(zoom, zoom_side):
    zoom_side.page = 2
    planned(zoom, roster=[f"p{number}@example.com" for number in range(5)])
    instance(zoom_side, UUID)
    zoom_side.reports[UUID] = [
        row(f"P {number}", "2026-01-12T10:00:00Z", "2026-01-12T10:30:00Z", user_email=f"p{number}@example.com")
        for number in range(5)
    ]
    run(zoom, END)
    assert len([one for one in told(zoom) if one[0] == "completed"]) == 5


def test_without_the_scope_of_the_report_past_participants_are_read(zoom, zoom_side):
    zoom_side.scope = PAST
    planned(zoom)
    instance(zoom_side, UUID)
    zoom_side.past[UUID] = payload("webinars/zoom/past_meeting_participants.json")["participants"]
    run(zoom, END)
    assert told(zoom) == [("attended", OLENA), ("completed", OLENA), ("failed", PETRO)]


def test_where_the_report_has_nothing_past_participants_are_read(zoom, zoom_side):
    planned(zoom)
    instance(zoom_side, UUID)
    zoom_side.past[UUID] = payload("webinars/zoom/past_meeting_participants.json")["participants"]
    run(zoom, END)
    assert ("completed", OLENA) in told(zoom)


def test_a_room_that_was_opened_twice_gives_one_presence(zoom, zoom_side):
    planned(zoom)
    instance(zoom_side, "one==", "two==")
    mail = {"user_email": OLENA}
    zoom_side.reports["one=="] = [row("Olena", "2026-01-12T10:00:00Z", "2026-01-12T10:20:00Z", **mail)]
    zoom_side.reports["two=="] = [row("Olena", "2026-01-12T10:25:00Z", "2026-01-12T10:55:00Z", **mail)]
    run(zoom, END)
    assert said(zoom, "attended", OLENA)["result"]["duration"] == "PT50M"


def test_a_report_that_grew_until_the_hour_was_over_voids_the_old_verdict_and_sends_a_revision(zoom, zoom_side):
    session = planned(zoom)
    instance(zoom_side, UUID)
    zoom_side.reports[UUID] = [row("O", "2026-01-12T10:00:00Z", "2026-01-12T11:00:00Z", user_email=OLENA)]
    run(zoom, END)
    assert ("failed", PETRO) in told(zoom)
    zoom_side.reports[UUID].append(row("P", "2026-01-12T10:30:00Z", "2026-01-12T11:00:00Z", user_email=PETRO))
    run(zoom, END + timedelta(minutes=60))
    assert told(zoom) == [("attended", OLENA), ("attended", PETRO), ("completed", OLENA), ("completed", PETRO)]
    assert told(zoom, voided=True) == [("failed", PETRO)]
    assert session.sent.get(about=f"failed mailto:{PETRO}").voided is not None


def test_a_token_that_was_withdrawn_is_renewed(zoom, zoom_side):
    planned(zoom)
    instance(zoom_side, UUID)
    zoom_side.reports[UUID] = REJOINED
    assert connections.check(zoom)[0]
    zoom_side.token = "another"
    run(zoom, END)
    assert ("completed", OLENA) in told(zoom)
    assert zoom_side.tokens == 2


def test_a_refused_sign_in_stops_and_says_why(zoom, zoom_side):
    zoom_side.secret = "another"
    session = planned(zoom)
    run(zoom, END)
    session.refresh_from_db()
    assert (session.state, session.due) == ("stopped", None)
    assert "client_secret" in session.reason
    assert told(zoom) == []


def test_a_limit_is_waited_for_without_a_try(zoom, zoom_side):
    session = planned(zoom)
    zoom_side.next("past_meetings", (429, {"Retry-After": "120"}, {"code": 429}))
    run(zoom, END)
    session.refresh_from_db()
    assert (session.tries, session.state, session.due) == (0, "polling", END + timedelta(seconds=120))


def test_a_daily_limit_is_waited_for_until_the_date_that_zoom_names(zoom, zoom_side):
    session = planned(zoom)
    until = timezone.now() + timedelta(hours=5)
    limited = payload("webinars/zoom/rate_limited.response.json")
    headers = {**limited["headers"], "Retry-After": until.isoformat()}
    zoom_side.next("past_meetings", (429, headers, limited["body"]))
    run(zoom, END)
    session.refresh_from_db()
    assert session.tries == 0
    assert abs(session.due - END - timedelta(hours=5)) < timedelta(minutes=1)


def test_ids_with_slashes_are_encoded_twice():
    assert reports.segment("/abcABC123==") == "%252FabcABC123%253D%253D"
    assert reports.segment("ab//c==") == "ab%252F%252Fc%253D%253D"
    assert reports.segment("abc==") == "abc%3D%3D"


@pytest.mark.parametrize(
    "text",
    [
        "85746065",
        "857 460 65",
        "857-460-65",
        "https://us02web.zoom.us/j/85746065?pwd=abc",
        "https://zoom.us/s/85746065",
        "https://app.zoom.us/wc/85746065/join",
        "https://zoom.us/wc/join/85746065",
    ],
)
def test_what_people_paste_is_the_number_of_the_meeting(text):
    assert reports.meeting(text) == "85746065"


def test_zoom_s_own_example_of_a_signature_is_good(connect):
    from lrs.connectors.contract import Request
    from lrs.connectors.providers.zoom import webhook

    sample = payload("webinars/zoom/webhook.participant_joined.json")
    at = datetime.fromtimestamp(1768212001, UTC)
    body = sample["raw_body"].encode()
    assert webhook.verify(Request(sample["headers"], "", body, at), {"secret_token": sample["secret_token"]})
    again = json.dumps(json.loads(body)).encode()
    assert not webhook.verify(Request(sample["headers"], "", again, at), {"secret_token": sample["secret_token"]})


def test_zoom_s_challenge_is_answered(zoom, lrs_url):
    sample = payload("webinars/zoom/webhook.url_validation.json")
    answer = post(lrs_url, zoom, sample["request"])
    assert (answer.status_code, answer.json()) == (200, sample["response"])
    assert post(lrs_url, zoom, sample["request"], secret="wrong").status_code == 401


def test_a_webhook_without_a_good_signature_is_refused(zoom, connect, lrs_url):
    body = payload("webinars/zoom/webhook.meeting_ended.json")
    now = int(timezone.now().timestamp())
    assert post(lrs_url, zoom, body).status_code == 200
    assert post(lrs_url, zoom, body, secret="wrong").status_code == 401
    assert post(lrs_url, zoom, body, stamp=now - 400).status_code == 401
    assert post(lrs_url, zoom, body, stamp=now + 400).status_code == 401
    off = connect("zoom", account_id="a", client_id="b", client_secret="c")
    assert post(lrs_url, off, body, secret="").status_code == 401


def ended(run, at, meeting="85746065"):
    body = payload("webinars/zoom/webhook.meeting_ended.json")
    about = body["payload"]["object"]
    about |= {
        "id": meeting,
        "uuid": run,
        "end_time": at.isoformat(),
        "start_time": (at - timedelta(minutes=45)).isoformat(),
    }
    return {**body, "event_ts": int(at.timestamp() * 1000)}


def test_the_end_that_zoom_tells_pulls_the_asking_forward_and_nobody_fails_before_the_planned_end(
    zoom, zoom_side, lrs_url
):
    now = timezone.now()
    session = planned(zoom, start=now - timedelta(minutes=50), end=now + timedelta(minutes=10))
    joined, left = (now - timedelta(minutes=45)).isoformat(), now.isoformat()
    zoom_side.reports[UUID] = [row("O", joined, left, user_email=OLENA)]
    assert post(lrs_url, zoom, ended(UUID, now)).status_code == 200
    worker.work_off(timezone.now())
    run(zoom, timezone.now())
    assert told(zoom) == [("attended", OLENA), ("completed", OLENA)]
    session.refresh_from_db()
    assert (session.state, session.due) == ("waiting", session.end)
    run(zoom, session.end)
    assert told(zoom) == [("attended", OLENA), ("completed", OLENA), ("failed", PETRO)]


def test_an_end_before_the_planned_start_is_a_rehearsal(zoom, lrs_url):
    now = timezone.now()
    session = planned(zoom, start=now + timedelta(minutes=10), end=now + timedelta(minutes=70))
    post(lrs_url, zoom, ended(UUID, now))
    worker.work_off(timezone.now())
    session.refresh_from_db()
    assert (session.state, session.due) == ("scheduled", session.end)


def test_what_came_before_the_session_was_planned_is_looked_at_again(zoom, lrs_url):
    now = timezone.now()
    post(lrs_url, zoom, ended(UUID, now))
    worker.work_off(timezone.now())
    assert [(one.state, one.rule) for one in events(zoom)] == [("ignored", "no session")]
    session = planned(zoom, start=now - timedelta(minutes=50), end=now - timedelta(minutes=1))
    worker.work_off(timezone.now())
    assert [(one.state, one.rule) for one in events(zoom)] == [("done", "attendance")]
    assert sync.asked(session).runs == (UUID,)


def test_a_delivery_that_zoom_sends_again_is_one_event(zoom, lrs_url):
    body = ended(UUID, timezone.now())
    for _ in range(3):
        post(lrs_url, zoom, body)
    worker.work_off(timezone.now())
    assert len(events(zoom)) == 1
