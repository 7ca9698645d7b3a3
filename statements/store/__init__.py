"""Every write of statements."""

import random
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from django.db import IntegrityError, OperationalError, connection

from statements.entry import Entry
from statements.errors import Conflict
from statements.store import arrival, directory, references, rows
from statements.store.dialect import dialect
from statements.xapi import equality, text

_TRIES = 8
# What another writer caused and a new try can avoid: serialisation failure, deadlock, a row stored meanwhile.
_RETRIED = {"40001", "40P01", "23505"}
# SQLite has no codes that Django's exceptions carry, but these words.
_SQLITE_RETRIED = ("locked", "UNIQUE constraint failed")


class _Stored(NamedTuple):
    """What is kept of a statement; without a text it was erased."""

    text: str | None
    timestamp: datetime
    timestamp_given: bool


def insert(store: int, entries: Sequence[Entry]) -> None:
    """Store the entries: all of them or, with an exception, none.

    One that is stored already and says the same is passed over, and so is one that was erased; raises Conflict where
    one says something else.
    """
    if not entries:
        return
    for attempt in range(_TRIES):
        try:
            _insert(store, entries)
        except (OperationalError, IntegrityError) as problem:
            if attempt == _TRIES - 1 or not _worth_another_try(problem):
                raise
            time.sleep(random.uniform(0, 0.01 * 2**attempt))
        else:
            return


def _insert(store: int, entries: Sequence[Entry]) -> None:
    here = dialect()
    if len(entries) == 1 and _is_plain(entries[0]) and not connection.in_atomic_block:
        told = directory.news(store, entries)
        if here.quick(entries[0], partial(directory.write, store, told) if told else None):
            return
    # Before the transaction: what is kept stays as it is, so that a retry writes nothing and waits for nobody. What
    # another writer stores meanwhile is a row that is there already, and leads to another try.
    fresh = _fresh(store, entries)
    new = {entry.key for entry in fresh}
    again = [entry for entry in entries if entry.counted and entry.key not in new]
    if not fresh and not again:
        return
    with here.transaction(store, refers=any(entry.target for entry in entries)) as now:
        arrival.again(store, again, now)
        if fresh:
            _write(store, fresh, now)


def _write(store: int, fresh: Sequence[Entry], now: datetime) -> None:
    stored = dict(zip((entry.key for entry in fresh), rows.times(fresh, now), strict=True))
    # In the order of their keys: two batches with the same statements meet in the same order.
    ordered = sorted(fresh, key=lambda entry: entry.key)
    with dialect().writing(
        (rows.statement(entry, stored[entry.key]) for entry in ordered),
        (row for entry in ordered for row in rows.mentions(entry, stored[entry.key])),
    ):
        told = directory.news(store, fresh)
    arrival.write(store, ordered, stored)
    references.link(store, ordered)
    directory.write(store, told)


def _is_plain(entry: Entry) -> bool:
    """Whether the entry is its rows alone."""
    return entry.target is None and not entry.findings and entry.provenance is None


def _fresh(store: int, entries: Sequence[Entry]) -> list[Entry]:
    """The entries that are not stored yet; raises Conflict for those that differ from what is."""
    kept = _kept(store, [entry.key for entry in entries])
    differing = [entry.id for entry in entries if entry.key in kept and not _same(kept[entry.key], entry)]
    if differing:
        raise Conflict(tuple(differing))
    return [entry for entry in entries if entry.key not in kept]


def _kept(store: int, wanted: Sequence[str]) -> dict[str, _Stored]:
    here = dialect()
    among, values = here.among("key", wanted)
    found = here.select(
        f"SELECT key, text, timestamp, timestamp_given FROM statements_statement WHERE store = %s AND {among}"
        f" UNION ALL SELECT key, NULL, at, 1 = 0 FROM statements_erased WHERE store = %s AND {among}",
        [store, *values, store, *values],
    )
    return {here.key(key): _Stored(kept, here.moment(timestamp), bool(given)) for key, kept, timestamp, given in found}


def _same(kept: _Stored, entry: Entry) -> bool:
    # As a rule what is sent again is the same to the letter, timestamp and all.
    if entry.derived or kept.text is None or kept.text == entry.text:
        return True
    given = text.read(entry.text.encode())
    if not equality.same_time(kept.timestamp, kept.timestamp_given, given.get("timestamp")):
        return False
    return equality.same(text.read_exactly(kept.text.encode()), text.read_exactly(entry.text.encode()))


def _worth_another_try(problem: Exception) -> bool:
    if connection.in_atomic_block:
        return False
    cause = problem.__cause__
    return getattr(cause, "sqlstate", None) in _RETRIED or any(sign in str(problem) for sign in _SQLITE_RETRIED)
