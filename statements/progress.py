"""Where everybody stands, kept up right behind what arrives.

It is folded after a statement is stored and not with it, so that storing one stays one round trip to the database;
how far it is behind is told (`lag`). Reading needs nothing from here: the rows are statements.models.Progress.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from statements.models import Activity, Agent, Checkpoint, Identity
from statements.store import funnels
from statements.store import progress as rows
from statements.store.dialect import dialect

BATCH = 2_000
# Seconds for one store, until the next one and the worker's other jobs have their turn.
_TURN = 1.0
# Above this many the amount is not counted on: what would be read to say it is better folded.
_MOST_COUNTED = 100_000
_REBUILT_AT_ONCE = 200
_FIRST = UUID(int=0)


class Lag(NamedTuple):
    """How many statements are not folded yet (`more`: that many and more), and how long the oldest has waited."""

    statements: int
    more: bool
    waited: timedelta


NONE = Lag(0, False, timedelta())


def follow(store: int, seconds: float | None = None) -> int:
    """Fold what waits in a store, for as long as that takes or for so many seconds; how many statements."""
    until = None if seconds is None else monotonic() + seconds
    done = 0
    while folded := rows.advance(store, BATCH):
        done += folded
        if until is not None and monotonic() > until:
            break
    return done


def follow_all(now: datetime) -> int:
    """The worker's job: fold what waits in every store, for about a second each; how many statements."""
    return sum(follow(store, _TURN) for store in stores_behind())


def catch_up(now: datetime) -> int:
    """As `follow_all`, until nothing waits."""
    return sum(follow(store) for store in stores_behind())


def stores_behind() -> list[int]:
    """The stores in which statements wait, by one query."""
    here = dialect()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.id FROM statements_store s LEFT JOIN statements_checkpoint c ON c.store = s.id"
            " WHERE EXISTS (SELECT 1 FROM statements_statement t WHERE t.store = s.id"
            " AND (t.stored, t.key) > (coalesce(c.stored, %s), coalesce(c.key, %s))) ORDER BY s.id",
            [here.time(rows.BEGINNING.stored), rows.BEGINNING.key],
        )
        return [store for (store,) in cursor.fetchall()]


def lag(store: int, now: datetime | None = None) -> Lag:
    """How far progress is behind the statements of the store."""
    oldest = _oldest(store)
    if oldest is None:
        return NONE
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM (SELECT 1 {_WAITING} LIMIT {_MOST_COUNTED + 1}) waiting", _after(store))
        amount = int(cursor.fetchone()[0])
    return Lag(min(amount, _MOST_COUNTED), amount > _MOST_COUNTED, _since(oldest, now))


def waited(store: int, now: datetime | None = None) -> timedelta:
    """How long the oldest statement has waited that is not folded yet; nothing where none waits."""
    oldest = _oldest(store)
    return timedelta() if oldest is None else _since(oldest, now)


_WAITING = "FROM statements_statement WHERE store = %s AND (stored, key) > (%s, %s)"


def _after(store: int) -> list[Any]:
    place = rows.checkpoint(store)
    return [store, dialect().time(place.stored), place.key]


def _oldest(store: int) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT stored {_WAITING} ORDER BY stored, key LIMIT 1", _after(store))
        found = cursor.fetchone()
    return None if found is None else dialect().moment(found[0])


def _since(oldest: datetime, now: datetime | None) -> timedelta:
    return max(timedelta(), (now or timezone.now()) - oldest)


class Rebuild(NamedTuple):
    """How far a rebuild is: Agents whose people's progress was made anew, of all."""

    done: int
    all: int


def rebuild(store: int, say: Callable[[Rebuild], None]) -> None:
    """Make the progress of a store anew from its statements, some people at a time.

    What was not reached yet stays readable, and new statements are folded meanwhile. One that was stopped is taken up
    where it was.
    """
    agents = Agent.objects.filter(store=store)
    amount = agents.count()
    rows.checkpoint(store)
    after = Checkpoint.objects.get(store=store).rebuild or _FIRST
    while some := _next(agents, after):
        with rows.locked(store) as until:
            # Whoever is not seen yet has no progress yet: their statements are still to be folded.
            seen = Identity.objects.filter(store=store, key__in=some).values_list("person", flat=True)
            rows.refold(store, set(seen), until)
            after = some[-1]
            Checkpoint.objects.filter(store=store).update(rebuild=after)
        say(Rebuild(agents.filter(key__lte=after).count(), amount))
    with rows.locked(store):
        rows.remove_strangers(store)
    after = _FIRST
    while some := _next(Activity.objects.filter(store=store), after):
        with rows.locked(store):
            funnels.recount(store, [key.hex for key in some])
        after = some[-1]
    Checkpoint.objects.filter(store=store).update(rebuild=None)


def _next(found: "QuerySet[Any]", after: UUID) -> list[UUID]:
    return list(found.filter(key__gt=after).order_by("key").values_list("key", flat=True)[:_REBUILT_AT_ONCE])
