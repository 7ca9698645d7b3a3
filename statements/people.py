"""One person, many identifiers: linked by import, by connectors, by e-mail address or by hand, and always reversible.

Statements are never rewritten: that an identifier is somebody's is a row beside them, and the progress of those whom a
change concerns is made anew from their statements. The rows are keyed by person and not put together while reading:
"latest" and "first" over several identifiers would cost every report what a link costs once.

Every function that changes something is one operation, which `undo` takes back. Identifiers are those of
statements.xapi.actors.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID, uuid4

from django.utils import timezone

from statements.models import Identity, Link, Person
from statements.store import people, progress
from statements.store.people import Move, Seen
from statements.xapi import validate
from statements.xapi.versions import Version

How = Identity.How
# Who overrules whom: a sweep of a connector does not undo what somebody did by hand.
_RANK = {how.value: rank for rank, how in enumerate(How)}


class PeopleError(Exception):
    """What cannot be done, in a sentence."""


class Done(NamedTuple):
    """An operation, for `undo`; the person it was about; and the identifiers that changed hands."""

    operation: UUID
    person: UUID
    moved: tuple[str, ...]


def person_of(store: int, identifier: str) -> Person | None:
    """Who this is; None for an identifier that neither a folded statement nor anybody else named."""
    identity = Identity.objects.filter(store=store, key=people.key(store, identifier)).first()
    return None if identity is None else Person.objects.get(store=store, key=identity.person)


def persons_of(store: int, identifiers: Sequence[str]) -> dict[str, Person]:
    """As `person_of`, for many by two queries; those that nobody named are missing."""
    by_key = {people.key(store, identifier): identifier for identifier in identifiers}
    rows = dict(Identity.objects.filter(store=store, key__in=list(by_key)).values_list("key", "person"))
    found = Person.objects.filter(store=store, key__in=set(rows.values())).in_bulk()
    return {by_key[key]: found[person] for key, person in rows.items()}


def identities(store: int, person: UUID) -> list[Identity]:
    """The identities of a person, the oldest first."""
    return list(Identity.objects.filter(store=store, person=person).order_by("since", "identifier"))


def same_person(store: int, identifier: str) -> list[Identity]:
    """The identities of whoever this identifier is, the oldest first; none for one that nobody named."""
    person = Identity.objects.filter(store=store, key=people.key(store, identifier)).values("person")
    return list(Identity.objects.filter(store=store, person__in=person).order_by("since", "identifier"))


def history(store: int, person: UUID) -> list[Link]:
    """Everything that was linked to a person or taken away, the newest first."""
    rows = Link.objects.filter(store=store)
    return list((rows.filter(before=person) | rows.filter(after=person)).order_by("-at", "-pk"))


def link(
    store: int, identifiers: Sequence[str], person: UUID | None = None, *, how: str = How.HAND, by: str, name: str = ""
) -> Done:
    """Make these identifiers a person's: the given one, or else the first identifier's.

    What was linked by somebody who overrules `how` stays where it is, and a connector's name gives way to one that is
    there. Raises PeopleError for an unknown person, and for identifiers that nobody could read.
    """
    return link_all(store, [Together(tuple(identifiers), person, name)], how=how, by=by)[0]


class Together(NamedTuple):
    """Identifiers of one person: `person` where it is known, else the first identifier's.

    `name` and `reference` are taken where they are not empty.
    """

    identifiers: tuple[str, ...]
    person: UUID | None = None
    name: str = ""
    reference: str = ""


def link_all(store: int, groups: Sequence[Together], *, how: str, by: str) -> list[Done]:
    """As `link`, for many at once, as one operation with a constant number of queries."""
    operation = uuid4()
    with progress.locked(store) as until:
        moves, done = _plan(groups, people.see(store, _seen(store, groups)), how, operation)
        _describe(store, groups, done, how)
        touched = people.move(store, moves, how=how, by=by, operation=operation, at=timezone.now())
        progress.refold(store, touched, until)
    return done


def would_link(store: int, groups: Sequence[Together], *, how: str) -> list[Done]:
    """What `link_all` would do, without doing it."""
    kept, new = people.look(store, _seen(store, groups))
    return _plan(groups, [*kept, *new], how, uuid4())[1]


class Addressed(NamedTuple):
    """That who is known by this identifier has this e-mail address, and is called so; the name may be empty."""

    identifier: str
    email: str
    name: str = ""


def same_emails(store: int, said: Iterable[Addressed], *, by: str) -> list[Done]:
    """Make identifiers those of whom the address is, as connectors look it up; only where that changes anything.

    Whoever is to be changed is asked for without a lock: a lookup mostly says what is known. What is no address, and
    identifiers that nobody could read, are passed over.
    """
    groups = [
        Together((_mbox(one.email), one.identifier), name=one.name)
        for one in said
        if _is_address(one.email) and one.identifier.isprintable()
    ]
    changing = [groups[number] for number in _changing(store, groups)]
    return link_all(store, changing, how=How.CONNECTOR, by=by) if changing else []


def _changing(store: int, groups: Sequence[Together]) -> list[int]:
    kept, new = people.look(store, _seen(store, groups))
    done = _plan(groups, [*kept, *new], How.CONNECTOR, uuid4())[1]
    unnamed = Person.objects.filter(store=store, pk__in={one.person for one in done}, name="")
    nameless, unknown = set(unnamed.values_list("pk", flat=True)), {row.identifier for row in new}
    return [
        number
        for number, (group, one) in enumerate(zip(groups, done, strict=True))
        if one.moved or unknown.intersection(group.identifiers) or (group.name and one.person in nameless)
    ]


def _mbox(email: str) -> str:
    # As connectors write it into statements; an address in other letters is the same person anyway.
    return f"mbox mailto:{email.strip().lower()}"


def _is_address(email: str) -> bool:
    return _mbox(email).isprintable() and not validate.agent({"mbox": _mbox(email)[5:]}, Version.V1, "")


def unlink(store: int, identifier: str, *, by: str) -> Done:
    """Take an identifier away from its person; it is somebody of its own again. Raises PeopleError."""
    with progress.locked(store) as until:
        row = _identity(store, identifier)
        home = people.home(store, row.key, identifier)
        # Whoever shares the home without ever having been linked, as an address and its SHA-1 do, is to be told apart.
        person = home if home != row.person else people.make(store).key
        return _move(store, [row], person, by, until)


def merge(store: int, into: UUID, others: Sequence[UUID], *, by: str) -> Done:
    """Make all that others are known by one person's. Raises PeopleError."""
    with progress.locked(store) as until:
        _require(store, [into, *others])
        rows = Identity.objects.filter(store=store, person__in=set(others) - {into})
        return _move(store, list(rows), into, by, until)


def split(store: int, person: UUID, identifiers: Sequence[str], *, by: str, name: str = "") -> Done:
    """Make these identifiers of a person those of a new one. Raises PeopleError."""
    with progress.locked(store) as until:
        rows = [_identity(store, identifier) for identifier in identifiers]
        for row in rows:
            if row.person != person:
                raise PeopleError(f"{row.identifier} is somebody else's.")
        return _move(store, rows, people.make(store, name).key, by, until)


def undo(store: int, operation: UUID, *, by: str) -> Done:
    """Give the identifiers of an operation back to whom they were taken from.

    Those that were moved on since stay where they are. Raises PeopleError where there is nothing to undo.
    """
    with progress.locked(store) as until:
        links = {row.identity: row for row in Link.objects.filter(store=store, operation=operation)}
        rows = [
            row
            for row in Identity.objects.filter(store=store, key__in=list(links))
            if row.person == links[row.key].after
        ]
        if not rows:
            raise PeopleError("There is nothing to undo: nothing is where this operation put it.")
        again, now = uuid4(), timezone.now()
        back = [Move(row, links[row.key].before) for row in rows]
        touched = people.move(store, back, how=How.HAND, by=by, operation=again, at=now)
        progress.refold(store, touched, until)
        return Done(again, back[0].person, tuple(row.identifier for row in rows))


def _seen(store: int, groups: Sequence[Together]) -> dict[UUID, Seen]:
    found = {}
    for group in groups:
        for identifier in group.identifiers:
            if not identifier.isprintable():
                raise PeopleError(f"{identifier!r} has characters that cannot be seen.")
            found[people.key(store, identifier)] = Seen(identifier, group.name)
    return found


def _plan(
    groups: Sequence[Together], identities: Sequence[Identity], how: str, operation: UUID
) -> tuple[list[Move], list[Done]]:
    by_identifier = {row.identifier: row for row in identities}
    moves: dict[UUID, Move] = {}
    done = []
    for group in groups:
        rows = [by_identifier[identifier] for identifier in group.identifiers]
        person = group.person or (moves[rows[0].key].person if rows[0].key in moves else rows[0].person)
        moving = {row.key: Move(row, person) for row in rows if _RANK[row.how] <= _RANK[how]}
        changed = tuple(move.identity.identifier for move in moving.values() if move.identity.person != person)
        moves |= moving
        done.append(Done(operation, person, changed))
    return list(moves.values()), done


def _move(store: int, rows: Sequence[Identity], person: UUID, by: str, until: progress.Place) -> Done:
    operation = uuid4()
    moved = tuple(row.identifier for row in rows if row.person != person)
    touched = people.move(
        store, [Move(row, person) for row in rows], how=How.HAND, by=by, operation=operation, at=timezone.now()
    )
    progress.refold(store, touched, until)
    return Done(operation, person, moved)


def _describe(store: int, groups: Sequence[Together], done: Sequence[Done], how: str) -> None:
    told = {done.person: group for group, done in zip(groups, done, strict=True)}
    rows = _require(store, told)
    for row in rows:
        fresh = told[row.key].name
        row.name = (row.name or fresh) if _RANK[how] < _RANK[How.IMPORT] else (fresh or row.name)
        row.reference = told[row.key].reference or row.reference
    Person.objects.bulk_update(rows, ["name", "reference"])


def _require(store: int, wanted: Iterable[UUID]) -> list[Person]:
    keys = set(wanted)
    found = list(Person.objects.filter(store=store, key__in=keys))
    missing = keys - {person.key for person in found}
    if missing:
        raise PeopleError(f"There is no person {min(map(str, missing))}.")
    return found


def _identity(store: int, identifier: str) -> Identity:
    row = Identity.objects.filter(store=store, key=people.key(store, identifier)).first()
    if row is None:
        raise PeopleError(f"Nobody is known as {identifier}.")
    return row
