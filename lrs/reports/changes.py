"""The change feed: every statement once, in the order of (stored, key), and nothing that something may still precede.

What is given was stored no later than Consistent-Through, which was read before: no statement can appear there any
more. A cursor says after which statement to go on and never expires. A statement that is taken back later stays where
it is in the feed; the one that takes it back comes in its own place, and its column `voids` says which.
"""

import time
from datetime import datetime
from threading import BoundedSemaphore
from typing import NamedTuple
from uuid import UUID

from lrs.api import cursors
from lrs.api.cursors import Place
from lrs.reports import rows
from lrs.reports.columns import Row
from lrs.reports.listings import BY_STORED
from statements import query
from statements.models import Statement

LONGEST_WAIT = 60
_PAUSE = 0.25
_ORDER = "changes"
# Somebody who waits occupies a thread, of which a process has eight (config.gunicorn): most stay free for others.
_waiting = BoundedSemaphore(3)


class Found(NamedTuple):
    """Statements as rows, their places, after which to go on, whether there are more already, how far this looks."""

    rows: list[Row]
    places: list[Place]
    after: Place | None
    more: bool
    through: datetime


def wait(store: int, after: Place | None, limit: int, seconds: int, *, texts: bool) -> Found:
    """The next statements; where there are none, those that come within so many seconds.

    Where too many are waiting already the answer is given at once.
    """
    found = find(store, after, limit, texts=texts)
    if found.rows or not seconds or not _waiting.acquire(blocking=False):
        return found
    try:
        until = time.monotonic() + min(seconds, LONGEST_WAIT)
        while not found.rows and (left := until - time.monotonic()) > 0:
            time.sleep(min(_PAUSE, left))
            found = find(store, after, limit, texts=texts)
    finally:
        _waiting.release()
    return found


def find(store: int, after: Place | None, limit: int, *, texts: bool) -> Found:
    """The next statements that are there now."""
    through = query.through(store)
    wanted = Statement.objects.filter(store=store, stored__lte=through)
    if after is not None:
        wanted = wanted.filter(cursors.beyond(BY_STORED.fields, after, descending=False))
    places = list(wanted.order_by(*BY_STORED.fields).values_list(*BY_STORED.fields)[: limit + 1])
    here = places[:limit]
    by_key = rows.statements(
        store, Statement.objects.filter(store=store, key__in=[key for _, key in here]), texts=texts
    )
    return Found([by_key[key] for _, key in here], here, here[-1] if here else after, len(places) > limit, through)


def write(after: Place | None) -> str | None:
    """A place as a cursor."""
    return cursors.write(after, _ORDER)


def read(cursor: str) -> Place:
    """The place of a cursor. Raises Invalid."""
    return cursors.read(cursor, _ORDER, (datetime, UUID), "after")
