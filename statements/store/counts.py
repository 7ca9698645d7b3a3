"""Counting statements by day and source, each of them once, behind what arrives."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from statements.counts import Counted, Day
from statements.store.dialect import dialect

BEGINNING = datetime.fromtimestamp(0, UTC)


class Of(NamedTuple):
    """The day and the credential (0 for none) that are counted together."""

    day: date
    credential: int


class Amount(NamedTuple):
    """How many statements there were, how many of them completions, and when the last was stored."""

    statements: int
    completions: int
    last: datetime


class Batch(NamedTuple):
    """The amounts of some statements that follow one another, how many they are, and the place after the last."""

    amounts: dict[Of, Amount]
    size: int
    stored: datetime
    key: str


def advance(store: int, most: int) -> int:
    """Count the next statements, at most so many; how many there were. 0 also where another is at it."""
    stored, key = place(store)
    batch = after(store, stored, key, most, until=dialect().through(store))
    if batch is None:
        return 0
    with transaction.atomic():
        Counted.objects.bulk_create([Counted(store=store, stored=stored, key=UUID(key))], ignore_conflicts=True)
        moved = Counted.objects.filter(store=store, stored=stored, key=UUID(key))
        if not moved.update(stored=batch.stored, key=UUID(batch.key)):
            return 0
        for (day, credential), amount in sorted(batch.amounts.items()):
            _add(store, day, credential, amount)
    return batch.size


def place(store: int) -> tuple[datetime, str]:
    """Up to where the store is counted: `stored` and the key in hexadecimal digits."""
    row = Counted.objects.filter(store=store).first()
    return (BEGINNING, "0" * 32) if row is None else (row.stored, row.key.hex)


def after(store: int, stored: datetime, key: str, most: int, until: datetime | None = None) -> Batch | None:
    """The amounts of the statements after a place, at most so many; None where there is none."""
    here = dialect()
    bound = "" if until is None else " AND stored <= %s"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT stored, key, credential, completed FROM statements_statement WHERE store = %s"
            f" AND (stored, key) > (%s, %s){bound} ORDER BY stored, key LIMIT {most}",
            [store, here.time(stored), key, *([] if until is None else [here.time(until)])],
        )
        rows = cursor.fetchall()
    if not rows:
        return None
    said = [(here.moment(row[0]), row[2] or 0, bool(row[3])) for row in rows]
    return Batch(_amounts(said), len(rows), said[-1][0], here.key(rows[-1][1]))


def _amounts(said: Iterable[tuple[datetime, int, bool]]) -> dict[Of, Amount]:
    found: dict[Of, Amount] = defaultdict(lambda: Amount(0, 0, BEGINNING))
    for stored, credential, completed in said:
        of = Of(stored.date(), credential)
        known = found[of]
        found[of] = Amount(known.statements + 1, known.completions + completed, stored)
    return dict(found)


def _add(store: int, day: date, credential: int, amount: Amount) -> None:
    row = Day(store=store, day=day, credential=credential, last=amount.last)
    Day.objects.bulk_create([row], ignore_conflicts=True)
    Day.objects.filter(store=store, day=day, credential=credential).update(
        statements=F("statements") + amount.statements,
        completions=F("completions") + amount.completions,
        last=amount.last,
    )
