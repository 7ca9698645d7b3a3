"""BigBlueButton: checksums, hooks, the analytics callback, looking in, its own exporter; over real sockets."""

import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.utils import timezone

from lrs.connectors import connections, schedule, worker
from lrs.connectors.contract import Request
from lrs.connectors.models import Run
from lrs.connectors.providers.bigbluebutton import client, webhook
from lrs.connectors.webinars import linking, sync
from lrs.connectors.webinars.matching import Identity
from tests.lrs.connectors.archive import events, statements
from tests.lrs.connectors.conftest import payload
from tests.lrs.connectors.webinars.conftest import follows_the_profile, planned, run, said, told
from tests.standins.bigbluebutton import Open, event
from tests.standins.loopback import Said

MINUTE = timedelta(minutes=1)
ROOM, RUN = "room-7", "8043c8452ae9830aac14c517adff3839dbd9228f-1698771157700"
OLENA = Identity("417", "olena.koval@example.com", "Олена Коваль")
PETRO = Identity("418", "petro.bondar@example.com", "Петро Бондар")
HERE = "Somebody is still in the room, or its end was not told."


def ms(at):
    return round(at.timestamp() * 1000)


def session_around(bbb, now, *, began=70, over=10, roster=(OLENA, PETRO)):
    return planned(bbb, ROOM, now - began * MINUTE, now - over * MINUTE, roster)


def test_the_checksum_is_that_of_the_documentation():
    sample = payload("webinars/bigbluebutton/checksum_vector.json")
    for algorithm in ("sha1", "sha256", "sha512"):
        found = client.checksum(sample["call"], sample["query"], sample["secret"], algorithm)
        assert found == sample[algorithm]


@pytest.mark.parametrize(
    "server", ["https://b.example", "https://b.example/bigbluebutton/", "https://b.example/bigbluebutton/api"]
)
def test_the_server_may_be_given_in_each_of_its_forms(server):
    given = {"server": server, "secret": "639259d4-9dd8-4b25-bf01-95f9567eaf4b", "hash": "sha1"}
    url = client.address(
        given, "hooks/create", {"callbackURL": "https://lrs.example.org/hooks/bbb/7", "getRaw": "false"}
    )
    sample = payload("webinars/bigbluebutton/hooks_create_checksum_vector.json")
    wanted = sample["url"].replace("https://bbb.example.org", "https://b.example")
    assert url == f"{wanted}&checksum={sample['sha1']}"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_the_check_knows_whether_the_secret_is_right_by_every_algorithm(connect, bbb_side, algorithm):
    bbb_side.algorithms = (algorithm,)
    connection = connect("bigbluebutton", server=bbb_side.url, secret=bbb_side.secret, hash=algorithm)
    ok, sentence = connections.check(connection)
    assert (ok, sentence.partition(";")[0]) == (True, "ok: the secret is right")


def test_the_check_tells_a_wrong_secret_from_a_wrong_algorithm(bbb, bbb_side):
    bbb_side.algorithms = ("sha1",)
    assert "set hash=sha1" in connections.check(bbb)[1]
    bbb_side.secret = "another"
    assert "not the server's" in connections.check(bbb)[1]


def test_an_answer_with_a_document_type_is_not_read(bbb, bbb_side):
    bomb = b'<!DOCTYPE r [<!ENTITY a "aaaa">]><response><returncode>SUCCESS</returncode>&a;</response>'
    bbb_side.answers = [Said(200, bomb)]
    ok, sentence = connections.check(bbb)
    assert not ok
    assert "document type" in sentence


def test_the_hook_is_registered_again_and_again(bbb, bbb_side):
    for _ in range(2):
        bbb_side.hooks.clear()
        schedule.sweep_now(bbb, lambda rows, total: None)
        assert bbb_side.hooks == [connections.webhook_url(bbb)]
    assert timedelta(minutes=5) == client.EVERY


def test_a_server_without_hooks_is_looked_into(bbb, bbb_side):
    bbb_side.has_hooks = False
    ok, sentence = connections.check(bbb)
    assert ok
    assert "every minute" in sentence
    schedule.sweep_now(bbb, lambda rows, total: None)
    assert "every minute" in Run.objects.filter(connection=bbb).latest("id").notes


@pytest.mark.parametrize("name", ["user_joined.sha1", "user_left.sha256", "meeting_ended.bearer"])
def test_deliveries_that_bbb_webhooks_sent_are_good_and_changed_ones_are_not(name):
    sample = payload(f"webinars/bigbluebutton/hook_callback.{name}.json")
    sent = sample["received"]
    given = {"webhook_url": sample["registered_callback_url"], "secret": sample["shared_secret"]}
    headers = {name.lower(): value for name, value in sent["headers"].items()}
    request = Request(headers, urlsplit(sent["path"]).query, sent["body"].encode(), timezone.now())
    assert webhook.verify(request, given)
    assert len(webhook.cut(request, given)) == 1
    assert not webhook.verify(request, given | {"secret": "another"})
    if "checksum" in sent["path"]:
        assert not webhook.verify(request._replace(body=request.body + b"&a=b"), given)
        assert not webhook.verify(request, given | {"webhook_url": "https://lrs.example.org/hooks/x"})
        assert not webhook.verify(request._replace(query="conn=abc"), given)


def test_what_hooks_told_becomes_attendance_when_the_room_has_ended(bbb, bbb_side, lrs_url):
    now = timezone.now()
    session = session_around(bbb, now)
    url = connections.webhook_url(bbb)
    start, olena = ms(session.start), {"internal_user_id": "w_1", "external_user_id": "417"}
    again = {"internal_user_id": "w_2", "external_user_id": "417"}
    guest = {"internal_user_id": "w_3", "external_user_id": "w_3"}
    told_us = [
        event("meeting-created", ROOM, RUN, start),
        event("user-joined", ROOM, RUN, start + 60_000, name="Олена Коваль", role="VIEWER", guest=False, **olena),
        event("user-joined", ROOM, RUN, start + 120_000, name="Олена Коваль", role="VIEWER", guest=False, **again),
        event("user-joined", ROOM, RUN, start + 120_000, name="Hello", role="VIEWER", guest=True, **guest),
        event("user-left", ROOM, RUN, start + 180_000, **olena),
        event("chat-group-message-sent", ROOM, RUN, start + 190_000),
        event("user-left", ROOM, RUN, start + 1_860_000, **again),
        event("user-left", ROOM, RUN, start + 1_870_000, **guest),
    ]
    for one in [*told_us, *told_us[1:3]]:
        assert bbb_side.deliver(lrs_url, url, one).status_code == 202
    worker.work_off(timezone.now())
    run(bbb, timezone.now())
    assert told(bbb) == []
    session.refresh_from_db()
    assert session.reason == HERE
    bbb_side.deliver(lrs_url, url, event("meeting-ended", ROOM, RUN, start + 1_900_000), algorithm="sha256")
    worker.work_off(timezone.now())
    run(bbb, timezone.now())
    mails = OLENA.email, PETRO.email
    assert told(bbb) == [("attended", mails[0]), ("completed", mails[0]), ("failed", mails[1])]
    assert said(bbb, "attended", "olena")["result"]["duration"] == "PT30M"
    assert all(follows_the_profile(one) for one in statements(bbb))
    verbs = [one["verb"]["id"].rpartition("/")[2] for one in statements(bbb)]
    assert (verbs.count("initialized"), verbs.count("terminated")) == (1, 1)
    assert [row.name for row in session.results.filter(verdict="review")] == ["Hello"]


def test_nobody_fails_by_hooks_that_were_not_there_from_the_beginning(bbb, bbb_side, lrs_url):
    now = timezone.now()
    session = session_around(bbb, now)
    url, start = connections.webhook_url(bbb), ms(session.start)
    olena = {"internal_user_id": "w_1", "external_user_id": "417"}
    for one in (
        event("user-left", ROOM, RUN, start + 600_000, **olena),
        event("meeting-ended", ROOM, RUN, start + 700_000),
    ):
        bbb_side.deliver(lrs_url, url, one)
    worker.work_off(timezone.now())
    run(bbb, timezone.now())
    assert told(bbb) == [("attended", OLENA.email), ("completed", OLENA.email)]


def test_a_delivery_with_a_wrong_checksum_is_refused(bbb, bbb_side, lrs_url):
    one = event("meeting-ended", ROOM, RUN, ms(timezone.now()))
    url = connections.webhook_url(bbb)
    assert bbb_side.deliver(lrs_url, url, one, secret="another").status_code == 401
    assert bbb_side.deliver(lrs_url, "https://lrs.example.org" + urlsplit(url).path, one).status_code == 401


def callback(name, session):
    """The analytics callback of a sample, moved to the session's time and room."""
    body = payload(f"webinars/bigbluebutton/{name}.json")
    began = datetime.fromisoformat(body["data"]["start"])
    shift = session.start - began

    def moved(text):
        return (datetime.fromisoformat(text) + shift).replace(microsecond=0).isoformat()

    body["meeting_id"] = session.external
    data = body["data"]
    data["start"], data["finish"] = moved(data["start"]), moved(data["finish"])
    for one in data["attendees"]:
        one["joins"], one["leaves"] = list(map(moved, one["joins"])), list(map(moved, one["leaves"]))
    return body


def test_the_analytics_callback_gives_the_durations_that_bigbluebutton_counted(bbb, bbb_side, lrs_url):
    now = timezone.now().replace(microsecond=0)
    professor = Identity("gl-pmfhtsgaicpy", "profesor@example.com", "")
    session = session_around(bbb, now, roster=[professor, Identity("1", "julia@example.com", "Julia Franco")])
    body = callback("analytics_callback.rejoin.body", session)
    ends = now.timestamp() + 86_400
    url = connections.webhook_url(bbb)
    assert bbb_side.tell(lrs_url, url, body, ends=ends).status_code == 202
    assert bbb_side.tell(lrs_url, url, body, ends=ends).status_code == 202
    worker.work_off(timezone.now())
    run(bbb, timezone.now())
    assert {row.name or row.email: row.seconds for row in session.results.all()} == {
        "profesor@example.com": 3171,
        "Julia Franco": 2993,
    }
    # She had no userID, and her name is on the roster once.
    assert session.results.get(email="julia@example.com").how == "name"
    assert len(events(bbb)) == 1


def test_a_callback_that_is_not_signed_with_the_secret_is_refused(bbb, bbb_side, lrs_url):
    now = timezone.now()
    body, url = payload("webinars/bigbluebutton/analytics_callback.body.json"), connections.webhook_url(bbb)
    day = now.timestamp() + 86_400
    assert bbb_side.tell(lrs_url, url, body, ends=day, secret="another-secret-of-some-length").status_code == 401
    assert bbb_side.tell(lrs_url, url, body, ends=now.timestamp() - 60).status_code == 401
    assert bbb_side.tell(lrs_url, url, body, ends=day, alg="HS256").status_code == 401
    path = urlsplit(url).path
    assert httpx.post(f"{lrs_url}{path}", json=body).status_code == 401
    assert httpx.post(f"{lrs_url}{path}", json=body, headers={"authorization": "Bearer e30.e30."}).status_code == 401


def test_the_callback_counts_more_than_hooks_and_a_second_of_difference_is_no_revision(bbb, bbb_side, lrs_url):
    now = timezone.now().replace(microsecond=0)
    session = session_around(bbb, now, roster=[Identity("gl-lusgsxhnlutw", "tim@example.com", "")])
    url, start = connections.webhook_url(bbb), ms(session.start)
    body = callback("analytics_callback.body", session)
    tim = {"internal_user_id": "w_k961xjhcwvn2", "external_user_id": "gl-lusgsxhnlutw", "name": "Tim"}
    run_id = body["internal_meeting_id"]
    for one in (
        event("meeting-created", ROOM, run_id, start),
        event("user-joined", ROOM, run_id, start + 400, **tim),
        event("user-left", ROOM, run_id, start + 96_900, **tim),
        event("meeting-ended", ROOM, run_id, start + 97_000),
    ):
        bbb_side.deliver(lrs_url, url, one)
    worker.work_off(timezone.now())
    run(bbb, timezone.now())
    before = statements(bbb)
    assert len(before) == 4
    bbb_side.tell(lrs_url, url, body, ends=now.timestamp() + 86_400)
    worker.work_off(timezone.now())
    run(bbb, timezone.now())
    assert session.results.get(email="tim@example.com").seconds == 97
    assert statements(bbb) == before
    assert session.listings.count() == 1


def test_the_end_callback_is_a_hint_that_credits_nobody(bbb, lrs_url):
    now = timezone.now()
    session = planned(bbb, ROOM, now - 60 * MINUTE, now + 10 * MINUTE, [OLENA])
    path = urlsplit(connections.webhook_url(bbb)).path
    assert httpx.get(f"{lrs_url}{path}?meetingID={ROOM}&recordingmarks=false").status_code == 202
    assert httpx.get(f"{lrs_url}{path}").status_code == 401
    worker.work_off(timezone.now())
    session.refresh_from_db()
    assert session.due <= timezone.now()
    run(bbb, timezone.now())
    assert told(bbb) == []


def peep_until(bbb, bbb_side, start, minutes, people):
    """Look in every minute; `people` says who is there at a minute, None: the room is closed."""
    for minute in range(minutes):
        here = people(minute)
        bbb_side.rooms.clear()
        if here is not None:
            bbb_side.rooms[ROOM] = Open(RUN, ms(start), here)
        sync.peep(bbb, start + minute * MINUTE)


def test_without_hooks_looking_in_every_minute_gives_the_times(bbb, bbb_side):
    start = datetime(2026, 1, 12, 10, 0, tzinfo=UTC)
    session = planned(bbb, ROOM, start, start + 60 * MINUTE, [OLENA, PETRO])

    def people(minute):
        if minute > 55:
            return None
        away = 20 <= minute < 30
        return [] if away else [("417", "Олена Коваль", "VIEWER")]

    peep_until(bbb, bbb_side, start, 60, people)
    run(bbb, session.end)
    assert told(bbb) == [("attended", OLENA.email), ("completed", OLENA.email), ("failed", PETRO.email)]
    assert said(bbb, "attended", "olena")["result"]["duration"] == "PT44M"
    assert (
        said(bbb, "attended", "olena")["context"]["extensions"]["http://localhost:8000/xapi/webinar/extensions/source"]
        == "poll"
    )


def test_a_room_that_is_still_open_after_the_planned_end_is_waited_for(bbb, bbb_side):
    start = datetime(2026, 1, 12, 10, 0, tzinfo=UTC)
    session = planned(bbb, ROOM, start, start + 60 * MINUTE, [OLENA])
    peep_until(bbb, bbb_side, start, 75, lambda minute: [("417", "O", "VIEWER")])
    for minute in range(60, 75, 5):
        run(bbb, start + minute * MINUTE)
    session.refresh_from_db()
    assert (session.tries, session.state, session.reason) == (0, "waiting", HERE)
    assert told(bbb) == []
    run(bbb, start + 80 * MINUTE)
    assert told(bbb) == [("attended", OLENA.email), ("completed", OLENA.email)]


def test_nobody_fails_when_looking_in_began_late(bbb, bbb_side):
    start = datetime(2026, 1, 12, 10, 0, tzinfo=UTC)
    session = planned(bbb, ROOM, start, start + 60 * MINUTE, [OLENA, PETRO])
    bbb_side.rooms[ROOM] = Open(RUN, ms(start), [("417", "O", "VIEWER")])
    sync.peep(bbb, start + 20 * MINUTE)
    sync.peep(bbb, start + 21 * MINUTE)
    run(bbb, session.end)
    assert told(bbb) == [("attended", OLENA.email), ("completed", OLENA.email)]


def test_a_gap_in_looking_in_is_nobody_s_presence_and_nobody_s_absence(bbb, bbb_side):
    connections.change(bbb, {"credit_minutes": "30"})
    start = datetime(2026, 1, 12, 10, 0, tzinfo=UTC)
    session = planned(bbb, ROOM, start, start + 60 * MINUTE, [OLENA, PETRO])
    bbb_side.rooms[ROOM] = Open(RUN, ms(start), [("417", "O", "VIEWER")])
    for minute in (0, 1, 2, 20, 21):
        sync.peep(bbb, start + minute * MINUTE)
    run(bbb, session.end)
    assert told(bbb) == [("attended", OLENA.email)]
    assert said(bbb, "attended", "olena")["result"]["duration"] == "PT3M"


def test_rooms_are_looked_into_once_a_minute_and_only_in_their_time(bbb, bbb_side):
    start = datetime(2026, 1, 12, 10, 0, tzinfo=UTC)
    planned(bbb, ROOM, start, start + 60 * MINUTE, [OLENA])
    for seconds in range(0, 120, 5):
        sync.peep(bbb, start + timedelta(seconds=seconds))
    assert len(bbb_side.asked) == 3
    sync.peep(bbb, start - 31 * MINUTE)
    sync.peep(bbb, start + 121 * MINUTE)
    assert len(bbb_side.asked) == 3
    assert parse_qs(urlsplit(bbb_side.asked[0]).query)["meetingID"] == [ROOM]


def test_a_room_that_cannot_be_looked_into_does_not_hide_the_others(bbb, bbb_side):
    start = datetime(2026, 1, 12, 10, 0, tzinfo=UTC)
    planned(bbb, "x", start, start + 60 * MINUTE, [OLENA])
    planned(bbb, "y", start, start + 60 * MINUTE, [OLENA])
    session = planned(bbb, ROOM, start, start + 60 * MINUTE, [OLENA])
    bbb_side.rooms[ROOM] = Open(RUN, ms(start), [("417", "O", "VIEWER")])
    refused = b"<response><returncode>FAILED</returncode><messageKey>validationError</messageKey></response>"
    odd = b"<response><returncode>SUCCESS</returncode><startTime>99999999999999999999</startTime></response>"
    bbb_side.answers = [Said(200, refused), Said(200, odd)]
    assert sync.peep(bbb, start + MINUTE) == 1
    assert session.traces.get().who["id"] == "417"


def test_a_server_that_is_not_reached_is_looked_into_once_a_minute(bbb, bbb_side):
    start = datetime(2026, 1, 12, 10, 0, tzinfo=UTC)
    for room in ("room-7", "room-8"):
        planned(bbb, room, start, start + 60 * MINUTE, [OLENA])
    bbb_side.answers = [Said(400, b"") for _ in range(100)]
    for seconds in range(0, 120, 5):
        sync.peep(bbb, start + timedelta(seconds=seconds))
    assert len(bbb_side.asked) == 3


def test_a_room_whose_end_was_not_told_is_over_when_all_have_been_gone_for_an_hour(bbb, bbb_side, lrs_url):
    session = session_around(bbb, timezone.now())
    url, start = connections.webhook_url(bbb), ms(session.start)
    olena = {"internal_user_id": "w_1", "external_user_id": "417"}
    for one in (
        event("meeting-created", ROOM, RUN, start),
        event("user-joined", ROOM, RUN, start, name="Олена Коваль", role="VIEWER", **olena),
        event("user-left", ROOM, RUN, start + 50 * 60_000, **olena),
    ):
        bbb_side.deliver(lrs_url, url, one)
    worker.work_off(timezone.now())
    for minute in range(0, 50, 5):
        run(bbb, session.end + minute * MINUTE)
    session.refresh_from_db()
    assert (session.tries, session.reason, told(bbb)) == (0, HERE, [])
    run(bbb, session.end + 55 * MINUTE)
    assert told(bbb) == [("attended", OLENA.email), ("completed", OLENA.email), ("failed", PETRO.email)]


def test_bigbluebutton_s_own_exporter_posts_unchanged_and_a_display_name_can_be_linked(bbb, credential, lrs_url):
    from statements import people

    for name in ("initialized", "join", "leave", "terminated"):
        sample = payload(f"webinars/bigbluebutton/xapi_out.{name}.json")
        headers = {key: value for key, value in sample["request"]["headers"].items() if key != "authorization"}
        answer = httpx.post(
            f"{lrs_url}{sample['request']['path']}",
            json=sample["statement"],
            headers=headers,
            auth=(credential.credential.key, credential.secret),
        )
        assert answer.status_code == 200, answer.text
        assert len(answer.json()) == 1
    connections.change(bbb, {"server": "https://bbb.example.org/bigbluebutton/"})
    done = linking.name_at(bbb, "Олена Коваль", OLENA, by="test")
    account = "account https://bbb.example.org Олена Коваль"
    assert done.identifiers == [f"mbox mailto:{OLENA.email}", account]
    one = people.person_of(bbb.store_id, account)
    assert one == people.person_of(bbb.store_id, f"mbox mailto:{OLENA.email}")


def test_the_algorithm_of_a_hook_is_told_by_its_length():
    given = {"webhook_url": "https://l.example/hooks/k", "secret": "s"}
    for algorithm in ("sha1", "sha256", "sha384", "sha512"):
        sum = hashlib.new(algorithm, b"https://l.example/hooks/kevent=%5B%5Ds").hexdigest()
        assert webhook.verify(Request({}, f"checksum={sum}", b"event=%5B%5D", timezone.now()), given)
    assert not webhook.verify(Request({}, "checksum=00", b"event=%5B%5D", timezone.now()), given)
