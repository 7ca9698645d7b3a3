"""Khalibre's webhook, of which nothing is published: the hint is found wherever it may be, and the API is asked."""

import base64
from datetime import UTC, datetime

import httpx
import orjson
import pytest

from lrs.connectors.contract import Request, Unreadable
from lrs.connectors.events import Hint, Note, ThingUpdate
from lrs.connectors.providers.khalibre import events, webhook
from tests.lrs.connectors import archive
from tests.lrs.connectors.conftest import payload
from tests.lrs.connectors.khalibre.working import SETTINGS, reread, told

NOW = datetime(2025, 4, 1, tzinfo=UTC)


def cut(body, headers=None, query=""):
    text = body if isinstance(body, bytes) else orjson.dumps(body)
    return webhook.cut(Request(headers or {}, query, text, NOW), SETTINGS)


def hints(body, headers=None, query=""):
    return [one for got in cut(body, headers, query) for one in events.read(got, SETTINGS)]


@pytest.mark.parametrize("key", ["eventType", "event", "type", "event_type", "EventType", "event-type", "eventName"])
@pytest.mark.parametrize("name", sorted(webhook.TYPES))
def test_the_type_is_recognised_under_any_known_key(key, name):
    assert [got.name for got in cut({key: name, "courseId": 7})] == [name]
    assert [got.name for got in cut({"data": {key: name.upper(), "courseId": 7}})] == [name]
    assert [got.name for got in cut({"courseId": 7}, {"x-khalibre-event": name})] == [name]
    assert [got.name for got in cut(f"courseId=7&{key}={name}".encode())] == [name]


@pytest.mark.parametrize(
    "body",
    [
        {"eventType": "course.status", "courseId": 7},
        {"eventType": "course.status", "courseId": "7", "emailAddress": "a@example.org"},
        {"eventType": "course.status", "course_id": 7},
        {"eventType": "course.status", "classId": 7},
        {"eventType": "course.status", "course": {"id": 7}},
        {"eventType": "course.status", "course": 7},
        {"eventType": "course.status", "data": {"progress": {"courseId": 7}}},
        {"event": {"type": "course.status", "courseId": 7}},
        [{"eventType": "course.status", "courseId": 7}],
        {"events": [{"eventType": "course.status", "courseId": 7}]},
        b"eventType=course.status&courseId=7",
        b'payload={"eventType": "course.status", "courseId": 7}',
        b"\xef\xbb\xbf" + b'{"type": "course.status", "courseId": 7}',
    ],
)
def test_the_course_is_found_wherever_it_may_be(body):
    assert hints(body) == [Hint("course:7")]


@pytest.mark.parametrize(
    ("charset", "kind"),
    [
        ("utf-8", "application/json"),
        ("latin-1", "application/json; charset=ISO-8859-1"),
        ("latin-1", "application/json"),
        ("latin-1", "application/json; charset=nonsense"),
        ("utf-16", "application/json; charset=utf-16"),
    ],
)
@pytest.mark.parametrize(
    "form", ['{"eventType": "course.status", "courseId": 7, "name": "Søk"}', "name=Søk&type=course.status&courseId=7"]
)
def test_a_body_is_read_in_whatever_charset_it_is(charset, kind, form):
    assert hints(form.encode(charset), {"content-type": kind}) == [Hint("course:7")]


@pytest.mark.parametrize("odd", ['"\\ud83d"', "NaN", '"\\u0000"', "123456789012345678901234567890"])
def test_values_that_no_database_holds_do_not_hide_a_hint(connection, odd):
    from lrs.connectors.models import InboxEvent, Reread

    archive.deliver(connection, f'{{"eventType": "course.status", "courseId": 7, "odd": {odd}}}'.encode())
    archive.work_off()
    assert list(InboxEvent.objects.filter(connection=connection).values_list("state", flat=True)) == ["done"]
    assert Reread.objects.filter(connection=connection, key="course:7").exists()


def test_what_events_of_one_body_have_in_common_is_said_once():
    body = {"eventType": "course.status", "events": [{"courseId": 7}, {"courseId": 8, "eventType": "course.updated"}]}
    assert [got.name for got in cut(body)] == ["course.status", "course.updated"]
    assert hints(body)[0] == Hint("course:7")


def test_a_multipart_form_and_a_query_are_read_too():
    form = b'--x\r\nContent-Disposition: form-data; name="eventType"\r\n\r\ncourse.activity\r\n--x--\r\n'
    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert hints(form, headers, "courseId=7") == [Hint("course:7")]
    assert hints(b"", query="eventType=course.activity&courseId=7") == [Hint("course:7")]


@pytest.mark.parametrize("named", [{"emailAddress": "A@Example.org"}, {"learner": {"email": "a@example.org"}}])
def test_without_a_course_the_learner_is_read_again(named):
    assert hints({"eventType": "course.status", **named}) == [Hint("learner:a@example.org")]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"courseId": True},
        {"courseId": "x"},
        {"courseId": -1},
        {"email": "nobody"},
        {"email": "a@example.org\0"},
        {"email": "a b@example.org"},
    ],
)
def test_a_hint_without_course_and_learner_waits_for_the_next_sweep(body):
    (note,) = hints({"eventType": "course.status", **body})
    assert isinstance(note, Note)
    assert "next sweep" in note.reason


def test_an_unknown_type_is_kept_with_a_note():
    (note,) = hints({"eventType": "quiz.answered", "courseId": 7})
    assert isinstance(note, Note)
    assert (note.rule, "quiz.answered" in note.reason) == ("unknown-type", True)


def test_an_empty_request_is_no_event_and_garbage_is_unreadable():
    assert cut(b"") == []
    assert cut({}) == []
    for garbage in (b"\xff\xfe", b"hello", b"7", b"<a b='c'/>", b"{broken", b"[1, 2]", b'{"a":' * 9000):
        with pytest.raises(Unreadable):
            cut(garbage)


def test_the_same_hint_twice_is_two_hints():
    first, second = (
        webhook.cut(Request({}, "", b'{"type": "course.status", "courseId": 7}', at), SETTINGS)[0].id
        for at in (NOW, datetime(2025, 4, 2, tzinfo=UTC))
    )
    assert first != second


def updates(name):
    return [one for one in hints(payload(f"khalibre/webhook/{name}.json")) if isinstance(one, ThingUpdate)]


def test_course_and_community_events_update_the_catalogue(connection, side):
    from lrs.connectors import sweeps
    from lrs.connectors.models import Instance, Thing

    side.courses[40517] = payload("khalibre/api/course_detail.json")

    def send(name, **changed):
        archive.deliver(connection, payload(f"khalibre/webhook/{name}.json") | changed)
        archive.work_off()

    def course():
        return Thing.objects.get(connection=connection, external="40517")

    def community():
        return Thing.objects.get(connection=connection, external="community/20121")

    send("course.created")
    assert (course().state, course().stale, course().deleted) == ("public", True, False)
    sweeps.look_up(connection)
    assert (course().names, course().stale) == ({"und": "Safeguarding"}, False)
    side.courses[40517]["title"] = "Safeguarding 2"
    send("course.updated")
    sweeps.look_up(connection)
    assert course().names == {"und": "Safeguarding 2"}
    send("course.shared")
    offered = Instance.objects.get(connection=connection, external="40517/20121")
    assert (offered.thing, offered.state, offered.deleted) == ("40517", "shared", False)
    assert community().names == {"und": "Phnom Penh office"}
    send("community.updated", community={"id": 20121, "name": "Siem Reap office"})
    assert community().names == {"und": "Siem Reap office"}
    send("course.unshared")
    offered.refresh_from_db()
    assert (offered.state, offered.deleted) == ("unshared", True)
    send("course.deleted")
    assert (course().state, course().deleted) == ("deleted", True)
    send("course.created")
    assert (course().state, course().deleted) == ("public", False)
    assert archive.statements(connection) == []


def test_every_sample_delivery_is_understood():
    for name in webhook.TYPES:
        found = hints(payload(f"khalibre/webhook/{name}.json"))
        assert found
        assert not any(isinstance(one, Note) for one in found)


def test_many_hints_for_one_course_are_one_reading(connection, side):
    from lrs.connectors.models import Reread

    for number in range(5):
        side.row(f"l{number}@example.org", number)
    for name in ("course.status", "course.activity"):
        for number in range(20):
            archive.deliver(connection, {"eventType": name, "courseId": 40517, "email": f"l{number}@example.org"})
    archive.work_off()
    assert [row.key for row in Reread.objects.filter(connection=connection)] == ["course:40517"]
    reread(connection)
    assert side.pages_asked("/progress/course/40517") == [1]
    verbs = [("l0", "registered", None), *((f"l{n}", "progressed", 20 * n) for n in range(1, 5))]
    assert told(connection) == verbs
    assert not Reread.objects.filter(connection=connection).exists()


def test_a_hint_with_only_an_email_reads_that_learner(connection, side):
    side.row("a@example.org", 2)
    side.row("b@example.org", 2)
    archive.deliver(connection, {"eventType": "course.status", "emailAddress": "a@example.org"})
    archive.work_off()
    reread(connection)
    assert told(connection) == [("a", "progressed", 40)]


def test_a_hint_about_a_course_that_is_not_there_ends(connection, side):
    from lrs.connectors.models import Reread

    archive.deliver(connection, {"eventType": "course.status", "courseId": 9})
    archive.work_off()
    reread(connection)
    assert not Reread.objects.filter(connection=connection).exists()


def test_the_door_takes_basic_where_it_is_set_and_answers_at_once(connect_khalibre, lrs_url):
    from lrs.connectors.models import Delivery

    connection = connect_khalibre(username="khalibre", password="a-password")
    url = f"{lrs_url}/hooks/{connection.hook}"
    body = payload("khalibre/webhook/course.status.json")
    assert httpx.post(url, json=body).status_code == 401
    assert httpx.post(url, json=body, auth=("khalibre", "wrong")).status_code == 401
    wrong = {"authorization": "Basic " + base64.b64encode(b"khalibre:a-password2").decode()}
    assert httpx.post(url, json=body, headers=wrong).status_code == 401
    for content in (orjson.dumps(body), b"anything at all", b""):
        assert httpx.post(url, content=content, auth=("khalibre", "a-password")).status_code == 202
    archive.work_off()
    states = [delivery.state for delivery in Delivery.objects.filter(connection=connection).order_by("id")]
    assert states == ["cut", "unreadable", "cut"]
