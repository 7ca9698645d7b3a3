"""Counting statements by day and source, each of them once, behind what arrives."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from statements import entry, keys
from statements.counts import Counted, Day
from statements.store.dialect import dialect

# Rows in one INSERT.
_AT_ONCE = 500
_SAID = "stored, key, credential, completed, verb, kind, voided, target"
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


class Alike(NamedTuple):
    """Statements that are counted together in summaries; `verb` is a key in hexadecimal digits."""

    day: date
    credential: int
    verb: str
    kind: str


class Told(NamedTuple):
    """A statement as far as it is counted: its place, what it is alike, and what it voids."""

    place: tuple[datetime, str]
    alike: Alike
    voided: bool
    target: str | None


class Batch(NamedTuple):
    """The amounts of some statements that follow one another, and those themselves; at least one."""

    amounts: dict[Of, Amount]
    told: list[Told]

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self.told)


def advance(store: int, most: int) -> int:
    """Count the next statements, at most so many; how many there were. 0 also where another is at it."""
    stored, key = place(store)
    batch = after(store, stored, key, most, until=dialect().through(store))
    if batch is None:
        return 0
    tally = _tally(store, batch.told)
    with transaction.atomic():
        Counted.objects.bulk_create([Counted(store=store, stored=stored, key=UUID(key))], ignore_conflicts=True)
        moved = Counted.objects.filter(store=store, stored=stored, key=UUID(key))
        stored, key = batch.told[-1].place
        if not moved.update(stored=stored, key=UUID(key)):
            return 0
        for (day, credential), amount in sorted(batch.amounts.items()):
            _add(store, day, credential, amount)
        add(store, tally)
    return batch.size


def add(store: int, tally: Mapping[Alike, int]) -> None:
    """Add these to what summaries count, or with negative amounts take them away."""
    rows = [(store, *alike, amount) for alike, amount in sorted(tally.items()) if amount]
    with connection.cursor() as cursor:
        for at in range(0, len(rows), _AT_ONCE):
            some = rows[at : at + _AT_ONCE]
            cursor.execute(
                "INSERT INTO statements_tally (store, day, credential, verb, kind, statements) VALUES "
                + ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(some))
                + " ON CONFLICT (store, day, credential, verb, kind)"
                " DO UPDATE SET statements = statements_tally.statements + excluded.statements",
                [value.isoformat() if isinstance(value, date) else value for row in some for value in row],
            )


def place(store: int) -> tuple[datetime, str]:
    """Up to where the store is counted: `stored` and the key in hexadecimal digits."""
    row = Counted.objects.filter(store=store).first()
    return (BEGINNING, "0" * 32) if row is None else (row.stored, row.key.hex)


def after(store: int, stored: datetime, key: str, most: int, until: datetime | None = None) -> Batch | None:
    """The amounts of the statements after a place, at most so many; None where there is none."""
    here = dialect()
    bound = "" if until is None else " AND stored <= %s"
    rows = here.select(
        f"SELECT {_SAID} FROM statements_statement WHERE store = %s"
        f" AND (stored, key) > (%s, %s){bound} ORDER BY stored, key LIMIT {most}",
        [store, here.time(stored), key, *([] if until is None else [here.time(until)])],
    )
    if not rows:
        return None
    said = [(here.moment(row[0]), row[2] or 0, bool(row[3])) for row in rows]
    return Batch(_amounts(said), _told(rows))


def _told(rows: Iterable[Sequence[Any]]) -> list[Told]:
    here = dialect()
    as_key, as_moment = here.key, here.moment
    return [
        Told(
            ((at := as_moment(stored)), as_key(key)),
            Alike(at.date(), credential or 0, as_key(verb), kind),
            bool(voided),
            target and as_key(target),
        )
        for stored, key, credential, _, verb, kind, voided, target in rows
    ]


def _tally(store: int, told: Sequence[Told]) -> dict[Alike, int]:
    """What these add. Each place is passed once, so what was voided before it is left out, and after it taken back."""
    found: dict[Alike, int] = defaultdict(int)
    voiding = keys.thing(store, "verb", entry.VOIDED)
    by_target = {one.target: one for one in reversed(told) if one.target and one.alike.verb == voiding}
    taken_back = [one for one in _statements(store, list(by_target)) if one.voided]
    first = _first_voiding(store, [one.place[1] for one in (*taken_back, *told) if one.voided], voiding)
    for one in told:
        if not one.voided or one.place < first[one.place[1]]:
            found[one.alike] += 1
    for one in taken_back:
        key = one.place[1]
        if one.place < first[key] == by_target[key].place:
            found[one.alike] -= 1
    return dict(found)


def _statements(store: int, some: Sequence[str]) -> list[Told]:
    if not some:
        return []
    here = dialect()
    clause, values = here.among("key", some)
    return _told(
        here.select(f"SELECT {_SAID} FROM statements_statement WHERE store = %s AND {clause}", [store, *values])
    )


def _first_voiding(store: int, some: Sequence[str], verb: str) -> dict[str, tuple[datetime, str]]:
    """The place of the first statement that voids each of these."""
    if not some:
        return {}
    here = dialect()
    clause, values = here.among("target", sorted(set(some)))
    sql = f"SELECT target, stored, key FROM statements_statement WHERE store = %s AND {clause} AND verb = %s"
    # One whose voiding statement was erased stays voided: it holds at no time.
    found: dict[str, tuple[datetime, str]] = dict.fromkeys(some, (BEGINNING, ""))
    known = set()
    for target, stored, key in here.select(sql, [store, *values, verb]):
        place, of = (here.moment(stored), here.key(key)), here.key(target)
        found[of] = min(found[of], place) if of in known else place
        known.add(of)
    return found


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
