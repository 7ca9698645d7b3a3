"""The inbox with a provider of the tests' own, which says of each event what the event tells it to."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from lrs.connectors import connections, inbox, worker
from lrs.connectors.contract import Provider, Received, Refused, Unreadable
from lrs.connectors.events import Event, Hint, Kind, Note, Person, PersonUpdate, Thing, ThingKind, ThingUpdate
from lrs.connectors.models import Delivery, InboxEvent, Lane, Reread
from lrs.connectors.providers import PROVIDERS
from tests.lrs.connectors.archive import deliver, events, statements, work_off

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def cut(request, settings):
    listed = json.loads(request.body)
    if not isinstance(listed, list):
        raise Unreadable("no list")
    return [
        Received("a", one["is"], str(number), MOMENT, one.get("about", "x"), one) for number, one in enumerate(listed)
    ]


def event(received, **changed):
    person = Person(id="7", home_page="https://example.com")
    thing = Thing("https://example.com/course", ThingKind.COURSE)
    given = {"key": f"{received.name}-{received.id}", "kind": Kind.COMPLETED, "at": MOMENT, "person": person}
    return Event(**{**given, "thing": thing, "platform": "Example", **changed})


def read(received, settings):
    match received.name:
        case "good":
            return [event(received)]
        case "two":
            return [event(received), event(received, key="second", kind=Kind.PASSED)]
        case "same id":
            return [event(received, key="same", kind=Kind.PASSED if received.id == "0" else Kind.FAILED)]
        case "invalid":
            return [event(received, thing=Thing("no IRI"))]
        case "broken":
            return [1 // 0]
        case "refused":
            raise Refused("for a reason")
        case "hint":
            return [Hint("course:7")]
        case "note":
            return [Note("nothing", "to do")]
        case "news":
            return [ThingUpdate("course:7", MOMENT, names={"en": "Seven"}), PersonUpdate("7", "ann@example.com")]
    return []


PROVIDER = Provider("example", "Example", (), lambda request, settings: True, cut, read, lambda context: "fine")


@pytest.fixture
def connection(connect, monkeypatch):
    monkeypatch.setattr(connections, "PROVIDERS", {**PROVIDERS, "example": PROVIDER})
    return connect("example")


def told(connection, *names):
    deliver(connection, [{"is": name, "about": f"{name} {number}"} for number, name in enumerate(names)])
    work_off()
    return {row.name: row for row in events(connection)}


def test_one_event_that_trips_its_provider_is_refused_with_its_traceback_and_stops_nothing(connection):
    rows = told(connection, "good", "broken", "refused", "two")
    assert {name: row.state for name, row in rows.items()} == {
        "good": "done",
        "broken": "refused",
        "refused": "refused",
        "two": "done",
    }
    assert "ZeroDivisionError" in rows["broken"].traceback
    assert rows["refused"].reason == "for a reason"
    assert len(rows["two"].statements) == 2
    assert len(statements(connection)) == 3


def test_a_statement_that_cannot_be_stored_is_refused_and_those_beside_it_are_stored(connection):
    rows = told(connection, "good", "invalid", "two")
    assert [rows[name].state for name in ("good", "invalid", "two")] == ["done", "refused", "done"]
    assert "/object/id" in rows["invalid"].reason or "no IRI" in rows["invalid"].reason
    assert rows["invalid"].traceback
    assert len(statements(connection)) == 3


def test_an_id_that_says_something_else_already_is_refused(connection):
    deliver(connection, [{"is": "same id", "about": "1"}, {"is": "same id", "about": "2"}])
    work_off()
    assert sorted(row.state for row in events(connection)) == ["done", "refused"]
    assert len(statements(connection)) == 1


def test_hints_for_one_thing_are_one_reading(connection):
    told(connection, "hint", "hint")
    [row] = Reread.objects.filter(connection=connection)
    assert row.due > timezone.now()
    deliver(connection, [{"is": "hint", "about": "x"}, {"is": "hint"}, {"is": "hint"}])
    work_off()
    row.refresh_from_db()
    assert row.hints == 2


def test_notes_and_news_are_put_down(connection):
    rows = told(connection, "note", "news")
    assert (rows["note"].state, rows["note"].rule, rows["note"].reason) == ("ignored", "nothing", "to do")
    assert rows["news"].state == "done"
    assert connection.thing_set.get().names == {"en": "Seven"}
    assert connection.externaluser_set.get().email == "ann@example.com"


def test_what_was_refused_can_be_tried_again(connection, monkeypatch):
    told(connection, "refused")
    monkeypatch.setattr(
        connections, "PROVIDERS", {"example": Provider(**{**_fields(), "read": lambda received, _: [event(received)]})}
    )
    assert inbox.again(InboxEvent.objects.filter(connection=connection)) == 1
    work_off()
    [row] = events(connection)
    assert (row.state, row.attempts, len(statements(connection))) == ("done", 2, 1)


def _fields():
    return {name: getattr(PROVIDER, name) for name in PROVIDER.__slots__}


def test_a_worker_that_held_its_lanes_too_long_writes_nothing(connection):
    deliver(connection, [{"is": "good"}])
    worker._cut_some()
    now = timezone.now()
    held = inbox.claim(now, inbox.LANES)
    assert held is not None
    assert inbox.claim(now, inbox.LANES) is None
    # Its time is over, and another takes the lanes and does the work.
    Lane.objects.filter(number__in=held.lanes).update(until=now - timedelta(seconds=1))
    work_off()
    assert len(statements(connection)) == 1
    InboxEvent.objects.filter(connection=connection).update(state="waiting")
    rows = inbox.waiting(held, 10)
    with pytest.raises(inbox.LostLease):
        worker._write_with_patience(held, rows, last=True)
    assert [row.attempts for row in events(connection)] == [1]
    work_off()


def test_lanes_that_a_killed_worker_held_are_worked_off_when_their_time_is_over(connection, settings):
    settings.LRS_INBOX_LEASE = 1
    deliver(connection, [{"is": "good"}])
    worker._cut_some()
    assert inbox.claim(timezone.now(), inbox.LANES) is not None
    assert worker.work_off(timezone.now()) == 0
    assert worker.work_off_all(timezone.now()) == 1
    assert len(statements(connection)) == 1


def test_a_delivery_that_no_row_can_hold_does_not_stop_those_behind_it(connection, monkeypatch):
    def wide(request, settings):
        if b"wide" in request.body:
            return [Received("a", "good", "1", datetime(1, 1, 1, tzinfo=UTC), "x", {1, 2})]
        return cut(request, settings)

    monkeypatch.setattr(connections, "PROVIDERS", {"example": Provider(**{**_fields(), "cut": wide})})
    deliver(connection, b'"wide"')
    deliver(connection, [{"is": "good"}])
    work_off()
    states = list(Delivery.objects.filter(connection=connection).order_by("id").values_list("state", flat=True))
    assert states == ["unreadable", "cut"]
    assert len(statements(connection)) == 1


def put(connection, number, lane_of, state="waiting"):
    now = timezone.now()
    received = [Received("a", "good", f"{state}-{i}", MOMENT, str(i), {"is": "good"}) for i in range(number)]
    inbox.put(connection.pk, received, now=now)
    rows = events(connection)[-number:]
    for i, row in enumerate(rows):
        row.lane, row.state = lane_of(i), state
    InboxEvent.objects.bulk_update(rows, ["lane", "state"])
    return rows


def test_the_oldest_events_of_the_lanes_that_are_held_come_first(connection):
    rows = put(connection, 12, lambda i: (5, 1, 3)[i % 3])
    held = inbox.Held("me", (1, 5))
    assert [row.pk for row in inbox.waiting(held, 5)] == [row.pk for i, row in enumerate(rows) if i % 3 != 2][:5]
    Lane.objects.update(until=timezone.now() + timedelta(hours=1))
    Lane.objects.filter(number__in=(1, 3)).update(until=None)
    first = inbox.claim(timezone.now(), 1)
    Lane.objects.update(holder="", until=None)
    InboxEvent.objects.filter(connection=connection).update(state="ignored")
    assert first is not None
    assert first.lanes == (1,)


def test_large_deliveries_are_cut_a_few_at_a_time(connection):
    """A hundred of eight megabytes at once would neither fit into the memory nor be done within the lease."""
    sizes = (5, 2, 2, 9, 1, 1)
    for megabytes in sizes:
        deliver(connection, b"[]".ljust(megabytes * 2**20))
    taken = []
    while rows := inbox.uncut(100):
        taken.append([len(row.body) // 2**20 for row in rows])
        assert worker._cut_some() == len(rows)
    assert taken == [[5, 2], [2], [9], [1, 1]]
    assert set(Delivery.objects.filter(connection=connection).values_list("state", flat=True)) == {"cut"}
