"""Every write of progress: statements are folded into rows in the order of (stored, key), each of them once.

The checkpoint moves in the transaction of the rows, and whoever writes holds its lock: several workers fold nothing
twice, and one that is killed has lost nothing. Rows that cannot be folded further (a statement was voided, a completion
taken back, an identity given to somebody else) are made anew from their statements up to the checkpoint.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from statements import entry, keys, standing
from statements.models import Checkpoint, Verb
from statements.standing import NOTHING, Fact, Meaning, Standing, Whose
from statements.store import funnels, people
from statements.store.dialect import dialect
from statements.xapi.roles import Role

_MOST_REMEMBERED = 10_000
# Keys in one IN (...), and rows fetched at a time.
_CHUNK = 2_000
_FOLDED = (
    "kind", "credential", "platform", "first_seen", "last_activity", "progress", "progress_at", "progress_max",
    "completed_at", "rolled_back_at", "success", "success_at", "score", "state", "state_at", "statements", "begun",
    "ended", "judged", "enrolments",
)  # fmt: skip
_COLUMNS = ("key", "store", "person", "activity", "registration", "status", "attempts", *_FOLDED)
_TIMES = {"first_seen", "last_activity", "progress_at", "completed_at", "rolled_back_at", "success_at", "state_at"}
_TOLD = (
    "s.key, s.stored, s.voided, s.actor, s.verb, s.object, s.target, s.registration, s.timestamp, s.kind,"
    " s.credential, s.platform, s.progress, s.completed, s.success, s.scaled, s.raw, s.min, s.max"
)

# key of a verb -> what it says
_meanings: dict[str, Meaning] = {}


class Place(NamedTuple):
    """After the statement that was stored then and has this key."""

    stored: datetime
    key: str


BEGINNING = Place(datetime.fromtimestamp(0, UTC), "0" * 32)


class _Told(NamedTuple):
    """A statement of the table, as far as progress needs it; what makes a Fact is still as the database gave it."""

    place: Place
    voided: bool
    actor: str | None
    verb: str
    object: str | None
    target: str | None
    registration: str | None
    fact: tuple[Any, ...]


def advance(store: int, most: int) -> int:
    """Fold the next statements, at most so many; how many there were. 0 also where another is at it."""
    place = checkpoint(store)
    # Read before the lock is taken: on SQLite it keeps out whoever wants to store something.
    batch = _next(store, place, dialect().through(store), most)
    if not batch:
        return 0
    with transaction.atomic():
        if not _take(store, place):
            return 0
        _fold(store, batch)
        last = batch[-1].place
        Checkpoint.objects.filter(store=store).update(stored=last.stored, key=last.key)
    return len(batch)


@contextmanager
def locked(store: int) -> Iterator[Place]:
    """A transaction in which nobody else changes progress or people of the store; up to where it is folded."""
    checkpoint(store)
    with transaction.atomic():
        row = Checkpoint.objects.select_for_update().get(store=store)
        yield Place(row.stored, row.key.hex)


def refold(store: int, persons: Iterable[UUID], until: Place) -> None:
    """Make all progress of these people anew, from their statements up to the checkpoint; inside `locked`."""
    wanted = sorted({person.hex for person in persons})
    for some in _chunks(wanted):
        before = _standings(store, "person", some)
        _execute(f"DELETE FROM statements_progress WHERE store = %s AND person IN ({_marks(some)})", [store, *some])
        facts: dict[Whose, list[Fact]] = {}
        for row, fact in _facts(store, _actors(store, some), until):
            facts.setdefault(row, []).append(fact)
        after = {row: standing.fold(told) for row, told in facts.items()}
        _write(store, after)
        funnels.follow(store, before, after)


def checkpoint(store: int) -> Place:
    """Up to where the store's progress is folded."""
    row = Checkpoint.objects.filter(store=store).first()
    if row is None:
        beginning = Checkpoint(store=store, stored=BEGINNING.stored, key=UUID(BEGINNING.key))
        Checkpoint.objects.bulk_create([beginning], ignore_conflicts=True)
        row = Checkpoint.objects.get(store=store)
    return Place(row.stored, row.key.hex)


def remove_strangers(store: int) -> int:
    """Delete progress of people that there are no more; how many rows. Inside `locked`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM statements_progress WHERE store = %s AND NOT EXISTS (SELECT 1 FROM statements_identity i"
            " WHERE i.store = statements_progress.store AND i.person = statements_progress.person)",
            [store],
        )
        return int(cursor.rowcount)


# --- reading statements


def _next(store: int, place: Place, through: datetime, most: int) -> list[_Told]:
    here = dialect()
    return _told(
        here.select(
            f"SELECT {_TOLD} FROM statements_statement s WHERE s.store = %s AND (s.stored, s.key) > (%s, %s)"
            f" AND s.stored <= %s ORDER BY s.stored, s.key LIMIT {most}",
            [store, here.time(place.stored), place.key, here.time(through)],
        )
    )


def _facts(
    store: int, actors: Mapping[str, str], until: Place, activities: Iterable[str] | None = None
) -> Iterator[tuple[Whose, Fact]]:
    """What these actors' statements say up to a place; `actors` gives the person of each."""
    here = dialect()
    about = sorted(activities or ())
    for some in _chunks(sorted(actors)):
        told = _stream(
            f"SELECT {_TOLD} FROM statements_mention m"
            " JOIN statements_statement s ON s.store = m.store AND s.key = m.statement"
            f" WHERE m.store = %s AND m.key IN ({_marks(some)}) AND m.role = {int(Role.AGENT)} AND m.via = m.statement"
            " AND (m.stored, m.statement) <= (%s, %s) AND s.actor = m.key AND s.object IS NOT NULL AND NOT s.voided"
            + (f" AND s.object IN ({_marks(about)})" if about else ""),
            [store, *some, here.time(until.stored), until.key, *about],
        )
        for batch in told:
            yield from _by_row(store, _told(batch), actors)


def _by_row(store: int, told: Sequence[_Told], persons: Mapping[str, str]) -> Iterator[tuple[Whose, Fact]]:
    """The facts of what is not voided and says something of a person and an activity."""
    as_moment = dialect().moment
    activities = _activities(store, {one.object for one in told if one.object})
    _learn(store, {one.verb for one in told})
    for one in told:
        person = persons.get(one.actor) if one.actor else None
        if one.voided or person is None or one.object is None or one.object not in activities:
            continue
        yield (
            Whose(person, one.object, one.registration),
            _fact(as_moment(one.fact[0]), _meanings.get(one.verb, NOTHING), *one.fact[1:]),
        )


def _told(rows: Iterable[Sequence[Any]]) -> list[_Told]:
    here = dialect()
    as_key, as_moment = here.key, here.moment
    return [
        _Told(
            Place(as_moment(stored), as_key(key)),
            bool(voided),
            actor and as_key(actor),
            as_key(verb),
            thing and as_key(thing),
            target and as_key(target),
            registration and _bare(as_key(registration)),
            tuple(fact),
        )
        for key, stored, voided, actor, verb, thing, target, registration, *fact in rows
    ]


def _bare(registration: str) -> str:
    """Without the dashes that SQLite has as they came."""
    return registration.replace("-", "")


def _fact(
    timestamp: datetime, meaning: Meaning, kind: str, credential: int | None, platform: str | None,
    progress: float | None, completed: Any, success: Any, scaled: float | None, raw: float | None, least: float | None,
    most: float | None,
) -> Fact:  # fmt: skip
    score = scaled
    if score is None and raw is not None and most is not None and most > (least or 0.0):
        score = (raw - (least or 0.0)) / (most - (least or 0.0))
    return Fact(timestamp, meaning, kind, credential, platform, progress, _bool(completed), _bool(success), score)


def _bool(value: Any) -> bool | None:
    return None if value is None else bool(value)


def _activities(store: int, things: Iterable[str]) -> set[str]:
    """Those of the keys that are Activities' and not Agents'."""
    here = dialect()
    found: set[str] = set()
    for some in _chunks(sorted(things)):
        among, values = here.among("key", some)
        sql = f"SELECT key FROM statements_activity WHERE store = %s AND {among}"
        found |= {here.key(key) for (key,) in here.select(sql, [store, *values])}
    return found


def _learn(store: int, verbs: Iterable[str]) -> None:
    unknown = [verb for verb in verbs if verb not in _meanings]
    if not unknown:
        return
    if len(_meanings) > _MOST_REMEMBERED:
        _meanings.clear()
    for key, iri in Verb.objects.filter(store=store, pk__in=unknown).values_list("key", "iri"):
        _meanings[key.hex] = standing.meaning(iri)


def _actors(store: int, persons: Sequence[str]) -> dict[str, str]:
    """Every identity of these people, and whose it is."""
    here = dialect()
    found: dict[str, str] = {}
    for some in _chunks(persons):
        among, values = here.among("person", some)
        sql = f"SELECT key, person FROM statements_identity WHERE store = %s AND {among}"
        found |= {here.key(key): here.key(person) for key, person in here.select(sql, [store, *values])}
    return found


# --- folding


def _take(store: int, place: Place) -> bool:
    """Lock the checkpoint, if it is still there and nobody else has it."""
    row = Checkpoint.objects.select_for_update(skip_locked=True).filter(store=store).first()
    return row is not None and Place(row.stored, row.key.hex) == place


def _fold(store: int, batch: Sequence[_Told]) -> None:
    actors = {one.actor for one in batch if one.actor and one.object}
    persons = people.of(store, actors)
    people.name(store, actors)
    facts: dict[Whose, list[Fact]] = {}
    for row, fact in _by_row(store, batch, persons):
        facts.setdefault(row, []).append(fact)
    known = _standings(store, "key", [_key(store, row) for row in facts])
    again = _voided(store, batch)
    folded: dict[Whose, Standing] = {}
    for row, told in facts.items():
        before = known.get(row)
        new = standing.fold(told, before.rolled_back_at if before else None)
        if before is None:
            folded[row] = new
        elif standing.settled(before, new.rolled_back_at):
            folded[row] = standing.merge(before, new)
        else:
            again.add(row)
    if again:
        anew = _anew(store, again, batch[-1].place)
        known |= _standings(store, "key", [_key(store, row) for row in again - known.keys()])
        _delete(store, again - anew.keys())
        folded = {row: told for row, told in folded.items() if row not in again} | anew
    _write(store, folded)
    funnels.follow(store, known, folded)


def _voided(store: int, batch: Sequence[_Told]) -> set[Whose]:
    """The rows that statements were folded into which this batch voids."""
    verb = keys.thing(store, "verb", entry.VOIDED)
    targets = sorted({one.target for one in batch if one.target and one.verb == verb})
    found: list[tuple[str, str, str | None]] = []
    here = dialect()
    for some in _chunks(targets):
        among, values = here.among("key", some)
        sql = (
            "SELECT actor, object, registration FROM statements_statement WHERE store = %s"
            f" AND {among} AND actor IS NOT NULL AND object IS NOT NULL"
        )
        for actor, thing, registration in here.select(sql, [store, *values]):
            found.append((here.key(actor), here.key(thing), registration and _bare(here.key(registration))))
    persons = people.of(store, {actor for actor, _, _ in found}) if found else {}
    return {Whose(persons[actor], thing, registration) for actor, thing, registration in found if actor in persons}


def _anew(store: int, rows: set[Whose], until: Place) -> dict[Whose, Standing]:
    """These rows from their statements; those of which none is left are missing."""
    actors = _actors(store, sorted({row.person for row in rows}))
    facts: dict[Whose, list[Fact]] = {}
    for row, fact in _facts(store, actors, until, {row.activity for row in rows}):
        if row in rows:
            facts.setdefault(row, []).append(fact)
    return {row: standing.fold(told) for row, told in facts.items()}


def _standings(store: int, column: str, keys: Iterable[str]) -> dict[Whose, Standing]:
    """The rows that have one of these keys in a column, as they are kept."""
    here = dialect()
    found: dict[Whose, Standing] = {}
    for some in _chunks(sorted(keys)):
        among, wanted = here.among(column, some)
        sql = (
            f"SELECT person, activity, registration, {_names(_FOLDED)} FROM statements_progress"
            f" WHERE store = %s AND {among}"
        )
        for person, activity, registration, *values in here.select(sql, [store, *wanted]):
            said = dict(zip(_FOLDED, values, strict=True))
            for name in _TIMES:
                if said[name] is not None:
                    said[name] = here.moment(said[name])
            said["success"] = _bool(said["success"])
            row = Whose(here.key(person), here.key(activity), registration and here.key(registration))
            found[row] = Standing(**said)
    return found


def _write(store: int, folded: Mapping[Whose, Standing]) -> None:
    rows = [
        (
            _key(store, row),
            store,
            *row,
            told.status.value,
            told.attempts,
            *[getattr(told, name) for name in _FOLDED],
        )
        for row, told in folded.items()
    ]
    for some in _chunks(sorted(rows, key=lambda row: row[0])):
        dialect().replace("statements_progress", _COLUMNS, some)


def _delete(store: int, rows: Iterable[Whose]) -> None:
    for some in _chunks(sorted(_key(store, row) for row in rows)):
        _execute(f"DELETE FROM statements_progress WHERE store = %s AND key IN ({_marks(some)})", [store, *some])


def _key(store: int, row: Whose) -> str:
    return keys.progress(store, *row)


# --- the database


def _stream(sql: str, values: Sequence[Any]) -> Iterator[list[tuple[Any, ...]]]:
    """The rows in portions: somebody may have millions of statements."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, values)
        while rows := cursor.fetchmany(_CHUNK):
            yield rows


def _execute(sql: str, values: Sequence[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[at : at + _CHUNK] for at in range(0, len(values), _CHUNK))


def _marks(values: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(values))


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
