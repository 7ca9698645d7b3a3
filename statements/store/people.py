"""Every write of people and their identities; inside statements.store.progress.locked, as progress follows them.

Who nobody linked is a person of their own, whose key is computed (`home`). There an e-mail address, whatever its
case, and its SHA-1 meet without anybody having said so.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha1
from typing import NamedTuple
from uuid import UUID, uuid4

from django.db.models import F
from django.utils import timezone

from statements import keys
from statements.models import Agent, Identity, Link, Mention, Person, Statement
from statements.store import directory
from statements.store.dialect import dialect
from statements.xapi import text
from statements.xapi.roles import Role

_MBOX = "mbox "
_SHA1 = "mbox_sha1sum "


class Seen(NamedTuple):
    """How an Agent is identified and called; the name may be empty."""

    identifier: str
    name: str


class Move(NamedTuple):
    """An identity and the person that it is given to."""

    identity: Identity
    person: UUID


def key(store: int, identifier: str) -> UUID:
    """The key of the identity with this identifier (statements.xapi.actors)."""
    return UUID(keys.thing(store, "agent", identifier))


def home(store: int, agent: UUID, identifier: str) -> UUID:
    """The person that an Agent, given by its key, is where nobody said who it is."""
    if identifier.startswith(_MBOX):
        # People do not mind the case of addresses, and SHA-1 sums are as a rule made of the lower-cased one.
        digest = sha1(identifier.removeprefix(_MBOX).lower().encode("utf-8", "replace"), usedforsecurity=False)
        return key(store, _SHA1 + digest.hexdigest())
    return key(store, identifier.lower()) if identifier.startswith(_SHA1) else agent


def of(store: int, actors: Iterable[str]) -> dict[str, str]:
    """The person of each Agent by its key, in hexadecimal digits; who was never seen becomes one."""
    wanted = sorted(actors)
    found = _persons(store, wanted)
    unknown = [actor for actor in wanted if actor not in found]
    if unknown:
        agents = Agent.objects.filter(store=store, pk__in=unknown).values_list("key", "identifier", "name")
        seen = {key: Seen(identifier, name) for key, identifier, name in agents}
        if len(seen) < len(unknown):
            seen |= _again(store, {UUID(actor) for actor in unknown} - seen.keys())
        found |= {row.key.hex: row.person.hex for row in see(store, seen)}
    return found


def _again(store: int, agents: set[UUID]) -> dict[UUID, Seen]:
    """Agents that were erased and are in statements once more, which another process believed to be written."""
    told = Mention.objects.filter(store=store, key__in=agents, role=Role.AGENT, via=F("statement"))
    rows = Statement.objects.filter(store=store, actor__in=agents, key__in=told.values("statement"))
    said = {row.actor: text.read(row.text.encode())["actor"] for row in rows if row.actor}
    directory.restore(store, {key.hex: agent for key, agent in said.items()})
    found = Agent.objects.filter(store=store, pk__in=list(said)).values_list("key", "identifier", "name")
    return {key: Seen(identifier, name) for key, identifier, name in found}


def see(store: int, seen: Mapping[UUID, Seen]) -> list[Identity]:
    """The identities of Agents by their keys; new ones are made, each at its home."""
    kept, new = look(store, seen)
    people = {
        row.person: Person(key=row.person, store=store, name=seen[row.key].name, created=row.since) for row in new
    }
    Person.objects.bulk_create([people[key] for key in sorted(people)], ignore_conflicts=True)
    Identity.objects.bulk_create(new)
    return [*kept, *new]


def look(store: int, seen: Mapping[UUID, Seen]) -> tuple[list[Identity], list[Identity]]:
    """The identities of Agents by their keys: those that are there, and those that `see` would make."""
    kept = {row.key: row for row in Identity.objects.filter(store=store, pk__in=list(seen))}
    now = timezone.now()
    new = [
        Identity(
            key=key,
            store=store,
            identifier=identifier,
            person=home(store, key, identifier),
            how=Identity.How.SEEN,
            since=now,
        )
        for key, (identifier, _) in sorted(seen.items())
        if key not in kept
    ]
    return list(kept.values()), new


def name(store: int, actors: Iterable[str]) -> None:
    """Call people as their Agents (keys in hexadecimal digits) are called by now, where they had no name before."""
    wanted = sorted(actors)
    if not wanted:
        return
    here = dialect()
    among, values = here.among("i.key", wanted)
    rows = here.select(
        "SELECT p.key, a.name FROM statements_identity i"
        " JOIN statements_person p ON p.store = i.store AND p.key = i.person"
        " JOIN statements_agent a ON a.store = i.store AND a.key = i.key"
        f" WHERE i.store = %s AND {among} AND p.name = '' AND a.name <> '' ORDER BY p.key, a.key",
        [store, *values],
    )
    found = {UUID(here.key(person)): called for person, called in rows}
    Person.objects.bulk_update([Person(key=person, name=called) for person, called in found.items()], ["name"])


def make(store: int, name: str = "", reference: str = "") -> Person:
    """A new person without identities."""
    return Person.objects.create(key=uuid4(), store=store, name=name, reference=reference, created=timezone.now())


def move(store: int, moves: Sequence[Move], *, how: str, by: str, operation: UUID, at: datetime) -> set[UUID]:
    """Give identities to other people and note it; the people that lost or gained one. Whoever stays is left alone."""
    moving = [move for move in moves if move.identity.person != move.person]
    links = [
        Link(
            store=store,
            operation=operation,
            identity=identity.key,
            identifier=identity.identifier,
            before=identity.person,
            after=person,
            how=how,
            by=by,
            at=at,
        )
        for identity, person in moving
    ]
    touched = {person for link in links for person in (link.before, link.after)}
    for identity, person in moves:
        if identity.person != person:
            identity.person, identity.since = person, at
        identity.how, identity.by = how, by
    Identity.objects.bulk_update([identity for identity, _ in moves], ["person", "how", "by", "since"])
    Link.objects.bulk_create(links)
    return touched


def _persons(store: int, actors: Sequence[str]) -> dict[str, str]:
    if not actors:
        return {}
    here = dialect()
    among, values = here.among("key", actors)
    rows = here.select(f"SELECT key, person FROM statements_identity WHERE store = %s AND {among}", [store, *values])
    return {here.key(actor): here.key(person) for actor, person in rows}
