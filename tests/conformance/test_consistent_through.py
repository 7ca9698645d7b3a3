"""X-Experience-API-Consistent-Through is a promise: nothing appears later at or before it (xAPI 1.0.3 Comm. 2.1.3)."""

import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Event

import orjson
import pytest

from tests.client import Client, Statement
from tests.conformance.examples import ids, reference, statement

HEADER = "X-Experience-API-Consistent-Through"


class GivenUp(Exception):
    """A writer rolls back."""


def through(client: Client) -> datetime:
    return datetime.fromisoformat(client.get_statements({"limit": "1"}).headers[HEADER])


def through_after(client: Client, time_past: datetime) -> datetime:
    """What is told a moment later, where it is not after that time at once.

    The service itself writes down now and then who used it, and on SQLite any writer holds the present back.
    """
    end = time.monotonic() + 5
    while (told := through(client)) <= time_past and time.monotonic() < end:
        time.sleep(0.02)
    return told


def test_every_answer_about_statements_has_it(client: Client):
    one = statement()
    answers = [
        client.post_statements(one),
        client.post_statements({**one, "verb": {}}),
        client.put_statement(one["id"], one),
        client.get_statements({"statementId": one["id"]}),
        client.get_statements({"statementId": str(uuid.uuid4())}),
        client.get_statements({"nonsense": "1"}),
        client.http.get("statements?limit=1&limit=2"),
        client.http.get("statements", headers={"X-Experience-API-Version": "0.95"}),
        client.http.get("statements", auth=("nobody", "wrong")),
        client.http.delete("statements"),
        client.http.head("statements"),
        client.http.get("statements/more/nonsense"),
    ]

    assert [answer.status_code for answer in answers] == [200, 400, 204, 200, 404, 400, 400, 400, 401, 405, 200, 404]
    told = [datetime.fromisoformat(answer.headers[HEADER]) for answer in answers]
    assert all(told_one < datetime.now(UTC) for told_one in told)


def test_what_the_answer_to_a_post_tells_is_kept_as_well(client: Client):
    told = []
    for _ in range(30):
        answer = client.post_statements(one := statement())
        told.append(datetime.fromisoformat(answer.headers[HEADER]))
        assert all(before < stored(client, one["id"]) for before in told)
        time.sleep(0.05)

    # Asked seldom, and not once for all.
    assert 1 < len(set(told)) < len(told)


def stored(client: Client, id: str) -> datetime:
    return datetime.fromisoformat(client.get_statements({"statementId": id}).json()["stored"])


@contextmanager
def being_written(store, *statements: Statement) -> Iterator[datetime]:
    """A writer in the midst of its transaction: the statements are written, and are seen when the block ends."""
    # Models can be imported only when Django is set up.
    from statements import entry
    from statements.entry import Tenant
    from statements.store import references, rows
    from statements.store.dialect import dialect
    from statements.xapi.versions import Version

    tenant = Tenant(store.pk, store.namespace.bytes)
    entries = [
        entry.of(
            each,
            id=each["id"],
            text=orjson.dumps(each),
            version=Version.V1,
            authority={"mbox": "mailto:a@example.com"},
            tenant=tenant,
            credential=None,
        )
        for each in statements
    ]
    with dialect().transaction(store.pk, any(each.target for each in entries)) as now:
        times = rows.times(entries, now)
        with dialect().writing(
            [rows.statement(each, at) for each, at in zip(entries, times, strict=True)],
            [row for each, at in zip(entries, times, strict=True) for row in rows.mentions(each, at)],
        ):
            pass
        references.link(store.pk, entries)
        yield now


def test_without_a_writer_it_is_the_present(client: Client):
    client.post_statements(statement())
    before = datetime.now(UTC)

    told = through_after(client, before - timedelta(milliseconds=1))

    assert before - timedelta(milliseconds=1) < told <= datetime.now(UTC)


@pytest.mark.parametrize("path", ["statements", "statements?limit=-1", "statements?statementId=nonsense"])
def test_it_is_told_with_every_answer(client: Client, path):
    assert datetime.fromisoformat(client.request("GET", path).headers[HEADER]).tzinfo is not None
    assert HEADER in client.request("HEAD", path).headers


def test_a_stored_statement_is_within_it(client: Client):
    for _ in range(5):
        (id,) = client.post_statements(statement()).json()

        assert through(client) >= stored(client, id)


@pytest.mark.parametrize("written", ["a statement", "a batch", "a reference"])
def test_it_stays_before_what_a_writer_has_not_committed(client: Client, store, written):
    there = statement()
    client.post_statements(there)
    given = {
        "a statement": [statement()],
        "a batch": [statement() for _ in range(30)],
        "a reference": [reference(there["id"])],
    }[written]
    told = []
    with being_written(store, *given) as now:
        for _ in range(3):
            told.append(through(client))
            time.sleep(0.02)
        assert set(ids(client.all_statements())) == {there["id"]}

    first = min(stored(client, each["id"]) for each in given)
    assert first == now
    assert max(told) < first
    assert through_after(client, first) > first


def test_it_stays_before_what_another_writer_commits_while_the_first_is_open(client: Client, store, database: str):
    first, second = statement(), statement()
    with ThreadPoolExecutor(1) as pool, being_written(store, first):
        other = pool.submit(client.post_statements, second)
        if database == "postgresql":
            # There the other one need not wait.
            other.result()
        told = through(client)
    other.result().raise_for_status()

    assert told < min(stored(client, first["id"]), stored(client, second["id"]))


def test_it_stays_before_what_waits_for_a_writer_of_the_same_statement(client: Client, store):
    given = statement()
    with ThreadPoolExecutor(1) as pool:
        with suppress(GivenUp), being_written(store, given):
            waiting = pool.submit(client.post_statements, given)
            with client.speaking("1.0.3") as reader:
                # Until the other one has come as far as it can.
                time.sleep(0.3)
                told = through(reader)
            assert not waiting.done()
            raise GivenUp
        waiting.result().raise_for_status()

    assert told < stored(client, given["id"])


def test_a_writer_in_another_store_takes_nothing_back(client: Client, stranger: Client, store):
    with being_written(store, statement()) as now:
        told = through(stranger)

    assert told < now
    assert through_after(stranger, now) > now


def test_who_reads_up_to_it_and_goes_on_from_there_misses_nothing(client: Client):
    stop = Event()

    def write(number: int) -> list[str]:
        written = []
        with client.speaking("1.0.3") as writer:
            while not stop.is_set():
                batch = [statement() for _ in range(1 + (number % 3) * 15)]
                if number % 4 == 0:
                    batch.append(reference(str(uuid.uuid4())))
                written += writer.post_statements(batch).raise_for_status().json()
        return written

    seen: list[str] = []
    since = datetime(2020, 1, 1, tzinfo=UTC)

    def read() -> None:
        nonlocal since
        until = through(client)
        asked = {"since": since.isoformat(), "until": until.isoformat(), "limit": "0", "ascending": "true"}
        seen.extend(ids(client.all_statements(asked)))
        since = max(until, since)

    with ThreadPoolExecutor(6) as pool:
        writers = [pool.submit(write, number) for number in range(6)]
        end = time.monotonic() + 2
        try:
            while time.monotonic() < end:
                read()
        finally:
            stop.set()
        written = [id for writer in writers for id in writer.result()]
    time.sleep(0.01)
    read()

    assert len(written) > 50
    assert Counter(seen) == Counter(written)
