"""A follower of the change feed misses nothing, doubles nothing and sees it in order."""

import threading
import time
from uuid import uuid4

import orjson
import pytest
from django.db import connection

from tests.lrs.reports.conftest import reader_of

WRITERS = 4
BATCHES = 12


def statement(number):
    return {
        "id": str(uuid4()),
        "actor": {"mbox": f"mailto:{number}@example.com"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/attempted"},
        "object": {"id": f"https://example.com/{number}"},
    }


def keep(source, size, number=0):
    """Keep so many statements; their ids."""
    from statements.ingest import ingest
    from statements.xapi import text
    from statements.xapi.versions import Version

    body = orjson.dumps([statement(number) for _ in range(size)])
    return ingest(text.cut(body, nesting=64, most=1000), source=source, version=Version.V1)


def write(source, size, sent):
    try:
        for number in range(BATCHES):
            sent.extend(keep(source, size, number))
    finally:
        connection.close()


@pytest.fixture
def source(store, credential):
    from lrs import auth
    from statements.ingest import Source

    caller = auth.caller_of(credential.credential)
    return Source(caller.tenant, caller.credential, caller.authority)


def follow(feed, until):
    """Every id that the feed gives, and `until` says when that is enough."""
    found, rows = [], []
    after: dict[str, str] = {}
    while True:
        enough = until()
        answer = feed.get("changes", limit=13, **after).json()
        rows += answer["results"]
        found += [row["id"] for row in answer["results"]]
        if answer["after"]:
            after = {"after": answer["after"]}
        if enough and not answer["results"]:
            return found, rows


def test_a_follower_sees_every_statement_once_and_in_order_while_writers_are_busy(store, source):
    sent: list[str] = []
    writers = [threading.Thread(target=write, args=(source, size, sent)) for size in (1, 3, 25, 40)]
    for writer in writers:
        writer.start()
    feed = reader_of(store.name, "reports/read")
    found, rows = follow(feed, lambda: not any(writer.is_alive() for writer in writers))
    assert len(sent) == BATCHES * (1 + 3 + 25 + 40)
    assert len(found) == len(set(found))
    assert set(found) == set(sent)
    assert [row["stored"] for row in rows] == sorted((row["stored"] for row in rows), key=_exact)


def _exact(text):
    from datetime import datetime

    return datetime.fromisoformat(text)


def test_nothing_is_given_that_an_open_write_may_still_precede(store, source):
    from django.db import transaction

    # What they mention is known already: otherwise the second would wait for the first to have named it.
    before = keep(source, 1)
    feed = reader_of(store.name, "reports/read")
    assert [row["id"] for row in feed.get("changes").json()["results"]] == before
    first: list[str] = []
    second: list[str] = []
    written, go_on = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            first.extend(keep(source, 1))
            written.set()
            go_on.wait(20)
        connection.close()

    def quick():
        second.extend(keep(source, 1))
        connection.close()

    writers = [threading.Thread(target=slow), threading.Thread(target=quick)]
    writers[0].start()
    assert written.wait(20)
    # On PostgreSQL it is there at once; on SQLite it waits for the first.
    writers[1].start()
    writers[1].join(1)
    early = feed.get("changes").json()["results"]
    go_on.set()
    for writer in writers:
        writer.join(20)
    assert [row["id"] for row in early] == before
    assert [row["id"] for row in feed.get("changes").json()["results"]] == before + first + second


def test_who_waits_is_answered_as_soon_as_something_comes(store, source):
    feed = reader_of(store.name, "reports/read")
    later = threading.Timer(0.7, write, (source, 1, []))
    later.start()
    begun = time.monotonic()
    answer = feed.get("changes", wait=20).json()
    assert answer["results"]
    assert 0.5 < time.monotonic() - begun < 10
    later.join()


def test_who_waits_in_vain_gets_the_same_cursor_back(store, source):
    write(source, 1, [])
    feed = reader_of(store.name, "reports/read")
    cursor = feed.get("changes").json()["after"]
    begun = time.monotonic()
    answer = feed.get("changes", after=cursor, wait=1).json()
    assert answer["results"] == []
    assert answer["after"] == cursor
    assert time.monotonic() - begun >= 1


def test_a_statement_taken_back_later_is_told_by_the_one_that_does_so(store, source):
    from statements.ingest import ingest
    from statements.xapi import text
    from statements.xapi.versions import Version

    wrong: list[str] = []
    write(source, 1, wrong)
    feed = reader_of(store.name, "reports/read")
    cursor = feed.get("changes").json()["after"]
    voiding = {
        "actor": {"mbox": "mailto:a@example.com"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/voided"},
        "object": {"objectType": "StatementRef", "id": wrong[0]},
    }
    ingest(text.cut(orjson.dumps(voiding), nesting=64, most=1), source=source, version=Version.V1)
    (row,) = feed.get("changes", after=cursor, fields="voids,statement").json()["results"]
    assert row["voids"] == wrong[0]
    assert orjson.loads(row["statement"])["object"]["id"] == wrong[0]
    first = feed.get("changes", limit=1).json()["results"][0]
    assert first["id"] == wrong[0]
    assert first["voided"] is True
