"""What operators ask: what was refused, how connections do, and what came between two times."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from lrs import credentials
from lrs.connectors import connections
from lrs.connectors.models import Delivery, InboxEvent
from lrs.models import Refusal, RefusalKind

NOW = datetime.fromisoformat("2026-03-01T12:00:00+00:00")


@pytest.fixture
def refusing(empty, store):
    """A store with a source that was refused three times, for two reasons."""
    source = credentials.create(f"source {uuid.uuid4()}", store=store.name).credential
    for number, (reason, state) in enumerate([("one", "open"), ("one", "dismissed"), ("two", "open")]):
        at = NOW + timedelta(minutes=number)
        kind, _ = RefusalKind.objects.get_or_create(
            credential=source,
            fingerprint=reason,
            defaults={"store": store, "what": reason, "sentence": reason, "status": 400, "first": NOW, "last": at},
        )
        Refusal.objects.create(
            kind=kind, store=store, credential=source, digest=str(number), received=NOW, last=at, times=number + 1,
            method="POST", path="/xapi/statements", body=b"secret of the body", status=400, sentence=f"no {reason}",
            state=state,
        )  # fmt: skip
    return empty, source


def test_refused_requests_are_told_the_last_first_and_without_their_bodies(refusing):
    api, source = refusing
    rows = api.rows("quarantine", limit=2)
    assert [(row["times"], row["state"], row["reason"]) for row in rows] == [
        (3, "open", "two"),
        (2, "dismissed", "one"),
        (1, "open", "one"),
    ]
    assert {row["source"] for row in rows} == {source.name}
    assert rows[0] | {"number": 0} == {
        "number": 0,
        "source": source.name,
        "first": "2026-03-01T12:00:00Z",
        "last": "2026-03-01T12:02:00Z",
        "times": 3,
        "method": "POST",
        "path": "/xapi/statements",
        "status": 400,
        "sentence": "no two",
        "reason": "two",
        "state": "open",
    }
    assert b"secret of the body" not in api.get("quarantine").content


@pytest.mark.parametrize(
    ("given", "found"),
    [({"state": "open"}, [3, 1]), ({"reason": "one"}, [2, 1]), ({"state": "open", "reason": "one"}, [1])],
)
def test_refused_requests_can_be_narrowed(refusing, given, found):
    api, source = refusing
    assert [row["times"] for row in api.rows("quarantine", **given)] == found
    assert [row["times"] for row in api.rows("quarantine", source=source.name, **given)] == found
    assert api.rows("quarantine", source="nobody", **given) == []


def test_the_refusals_of_a_store_are_its_own(refusing, demo):
    _, source = refusing
    assert source.name not in {row["source"] for row in demo.rows("quarantine")}


@pytest.fixture
def connected(empty, store):
    """Two connections: one with a backlog, one that is paused."""
    busy = connections.create("alm", f"busy {uuid.uuid4()}", {"store": store.name})
    paused = connections.create("attendance", f"paused {uuid.uuid4()}", {"store": store.name})
    paused.state, paused.check_ok, paused.check_sentence = "paused", False, "failed: nobody is there"
    paused.save()
    for number, state in enumerate(["waiting", "waiting", "refused", "done"]):
        InboxEvent.objects.create(
            connection=busy, key=uuid.uuid4(), account="1", name="n", event=str(number), ordering=uuid.uuid4(), lane=0,
            data="{}", received=NOW, state=state,
        )  # fmt: skip
    for at in (NOW, NOW + timedelta(hours=1)):
        Delivery.objects.create(connection=busy, received=at, body=b"{}", state="cut")
    return empty, busy, paused


def test_connections_tell_how_far_they_are(connected):
    api, busy, paused = connected
    rows = {row["name"]: row for row in api.rows("connections")}
    assert set(rows) == {busy.name, paused.name}
    one = rows[busy.name]
    assert (one["provider"], one["state"], one["waiting"], one["refused"]) == ("alm", "active", 2, 1)
    assert (one["last_delivery"], one["connection"]) == ("2026-03-01T13:00:00Z", str(busy.pk))
    other = rows[paused.name]
    assert (other["state"], other["check_ok"], other["waiting"], other["last_delivery"]) == ("paused", False, 0, None)
    assert other["check_sentence"] == "failed: nobody is there"


def test_one_connection_is_found_by_its_source(connected):
    api, busy, _ = connected
    assert [row["name"] for row in api.rows("connections", source=busy.credential.name)] == [busy.name]
    assert api.rows("connections", source="nobody") == []


def test_more_rows_take_no_more_queries_than_one_for_each_connection(remembering, connected):
    api, busy, _ = connected
    api.get("connections")
    counted = []
    for _ in range(2):
        with CaptureQueriesContext(database) as queries:
            assert api.get("connections").status_code == 200
        counted.append(len(queries))
        for _each in range(20):
            Delivery.objects.create(connection=busy, received=NOW, body=b"", state="cut", message=uuid.uuid4().hex)
    assert counted[0] == counted[1]


@pytest.mark.parametrize("ordering", ["stored", "-stored"])
def test_what_was_stored_between_two_times_is_found_and_the_first_of_them_is_not_in_it(demo, ordering):
    every = demo.rows("statements", limit=1000, ordering="stored")
    times = [row["stored"] for row in every]
    since, until = times[500], times[1500]
    found = demo.rows("statements", limit=333, ordering=ordering, since=since, until=until)
    wanted = [row["id"] for row in every if since < row["stored"] <= until]
    assert [row["id"] for row in found] == (wanted if ordering == "stored" else wanted[::-1])
    assert len(wanted) > 900


@pytest.mark.parametrize(
    "other", [{"kind": "webinar"}, {"verb": "http://adlnet.gov/expapi/verbs/completed"}, {"platform": "Zoom"}]
)
def test_a_range_and_another_filter_hold_both(demo, other):
    every = demo.rows("statements", limit=1000, ordering="stored", **other)
    since = every[len(every) // 3]["stored"]
    until = every[2 * len(every) // 3]["stored"]
    found = demo.rows("statements", limit=1000, since=since, until=until, **other)
    assert {row["id"] for row in found} == {row["id"] for row in every if since < row["stored"] <= until}
    assert found


def test_a_range_in_which_nothing_was_stored_is_empty(demo):
    assert demo.rows("statements", since="2100-01-01T00:00:00Z") == []
    assert demo.rows("statements", until="2000-01-01T00:00:00Z") == []
    assert demo.get("statements", since="yesterday").status_code == 400
