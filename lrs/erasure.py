"""Erasing a person: everything of theirs in a store, in every table, and nothing that is another's record.

A statement is the record of its actor. Those of the person go; those of others that name the person stay, unless they
are asked for, as a statement is never rewritten. What lists several people (a webinar's list, a refused request) loses
the person's part alone. Everything is done in short transactions, and whoever is stopped begins again with the same
words: the identifiers go last.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha1
from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson
from django.core.files.storage import storages
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from lrs.connectors import connections
from lrs.connectors.models import ERASED, Connection, Delivery, ExternalUser, InboxEvent, Reread, Run, SeenRow, Task
from lrs.connectors.webinars.models import Alias, Expected, Listing, Result, Sent, Session, Trace
from lrs.documents.models import Document
from lrs.models import Refusal, RefusalKind, Shape
from lrs.tasks import BackgroundTask
from statements import glance, journal, keys, people, progress
from statements.models import (
    Act,
    Activity,
    Agent,
    Attachment,
    Erased,
    Identity,
    Link,
    Person,
    Progress,
    Statement,
    Store,
)
from statements.store import erasure
from statements.xapi import actors

_AT_ONCE = 200
_WHOSE = re.compile(r"user|learner|person|member|participant|employee|student", re.IGNORECASE)


class ErasureError(Exception):
    """Why nobody can be erased by this; the text is a sentence."""


@dataclass(frozen=True)
class Who:
    """Somebody in a store: identifiers (statements.xapi.actors), and the people that they are."""

    store: Store
    identifiers: tuple[str, ...]
    persons: tuple[UUID, ...]

    @cached_property
    def agents(self) -> list[str]:
        """The keys of the Agents."""
        return [keys.thing(self.store.pk, "agent", identifier) for identifier in self.identifiers]

    @cached_property
    def accounts(self) -> frozenset[str]:
        """The ids that accounts have at their home pages."""
        named = [actors.named(identifier) for identifier in self.identifiers]
        return frozenset(one["account"]["name"] for one in named if "account" in one)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Texts that nobody else has: addresses and the like, in lower case."""
        found = set()
        for identifier in self.identifiers:
            kind, _, value = identifier.partition(" ")
            value = value.rpartition(" ")[2] if kind == "account" else value.removeprefix("mailto:")
            if kind != "account" or "@" in value:
                found.add(value.lower())
        # As JSON has them whose letters are escaped, and as addresses of pages do.
        spelt = [each for word in found for each in (word, json.dumps(word)[1:-1].lower(), quote(word).lower())]
        return tuple(sorted(set(spelt)))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # Not the end of another's address: ann@example.com is not in joann@example.com.
        either = "|".join(re.escape(word) for word in self.words)
        return re.compile(rf"(?<![\w.+-])(?:{either})(?![\w-]|\.\w)" if either else r"(?!)", re.IGNORECASE)

    def are_in(self, value: Any) -> bool:
        """Whether a word of theirs is in a text, bytes or JSON."""
        return value is not None and self._pattern.search(_text(value)) is not None

    def masked(self, value: Any) -> Any:
        """The same without their words."""
        if isinstance(value, str):
            return self._pattern.sub(ERASED, value)
        if isinstance(value, Mapping):
            return {self.masked(name): self.masked(each) for name, each in value.items()}
        return [self.masked(each) for each in value] if isinstance(value, list) else value

    def are_told_of(self, value: Any) -> bool:
        """Whether JSON says an id of theirs where it says whose it is, or has a word of theirs."""
        if self.are_in(value):
            return True
        return bool(self.accounts) and any(
            _WHOSE.search(name) and str(each) in self.accounts for name, each in _members(value)
        )


Say = Callable[[str, int, int], None]
Counts = dict[str, int]


def who(store: Store, named: str) -> Who:
    """Whom an e-mail address, an identifier of an Agent, its JSON, or a UUID of a person means. Raises ErasureError."""
    given = _identifiers(store, named.strip())
    known = {row.identifier: row for each in given for row in people.same_person(store.pk, each)}
    found = {*given, *known}
    # Other spellings of an address that nobody said a statement with, and its SHA-1.
    for mbox in [each for each in found if each.startswith("mbox ")]:
        spelt = Agent.objects.filter(store=store.pk, identifier__iexact=mbox)
        found.update(spelt.values_list("identifier", flat=True))
        address = mbox.removeprefix("mbox ").lower().encode("utf-8", "replace")
        found.add(f"mbox_sha1sum {sha1(address, usedforsecurity=False).hexdigest()}")
    return Who(store, tuple(sorted(found)), tuple({row.person for row in known.values()}))


def _identifiers(store: Store, named: str) -> list[str]:
    try:
        person = UUID(named)
    except ValueError:
        pass
    else:
        rows = people.identities(store.pk, person)
        if not rows:
            raise ErasureError(f"There is no person {named} in the store {store.name}.")
        return [row.identifier for row in rows]
    if named.startswith("{"):
        try:
            agent = orjson.loads(named)
            identifier = actors.identifier(agent)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            identifier = None
        if identifier is None:
            raise ErasureError("That is no Agent with an mbox, mbox_sha1sum, openid or account.")
        return [identifier]
    if named.partition(" ")[0] in actors.IDENTIFIERS and " " in named:
        return [named]
    address = named.removeprefix("mailto:")
    if "@" not in address or " " in address:
        raise ErasureError(f"{named!r} is no e-mail address, no identifier of an Agent, and no person's UUID.")
    return list(dict.fromkeys([f"mbox mailto:{address}", f"mbox mailto:{address.lower()}"]))


def found(whom: Who) -> Counts:
    """How many rows of each table there are to erase, and how many statements of others name the person."""
    store = whom.store.pk
    own, others = erasure.amount(store, whom.agents), _others(whom)
    return {
        "statements": own,
        "mentions by others": len(others),
        **{name: sum(1 for _ in part(whom)) for name, part in (_OTHERS | _PARTS).items()},
        "progress": Progress.objects.filter(store=store, person__in=whom.persons).count(),
        "links": Link.objects.filter(store=store, identity__in=whom.agents).count(),
        "identities": Identity.objects.filter(store=store, key__in=whom.agents).count(),
        "people": Person.objects.filter(store=store, key__in=whom.persons).count(),
    }


def _others(whom: Who) -> set[UUID]:
    store = whom.store.pk
    told = erasure.mentioning(store, whom.agents)
    likely = sorted(erasure.containing(store, whom.words, whom.agents) - told)
    for at in range(0, len(likely), _AT_ONCE):
        rows = Statement.objects.filter(store=store, key__in=likely[at : at + _AT_ONCE])
        told.update(key for key, text in rows.values_list("key", "text") if whom.are_in(text))
    return told


def erase(whom: Who, *, mentions: bool, say: Say) -> Counts:
    """Erase somebody; with `mentions` also the statements of others that name them. How many rows of each table.

    `say` is told what is being erased, how many are done and of how many.
    """
    store = whom.store.pk
    # What is read but not folded or counted yet would be afterwards, from statements that there are no more.
    glance.follow(store)
    progress.follow(store)
    done: Counts = {}
    done["statements"] = _erase_statements(whom, lambda: erasure.own(store, whom.agents, _AT_ONCE), say)
    if mentions:
        others = sorted(_others(whom))
        some = iter([others[at : at + _AT_ONCE] for at in range(0, len(others), _AT_ONCE)])
        done["mentions by others"] = _erase_statements(whom, lambda: next(some, []), say)
    for name, part in (_PARTS | (_OTHERS if mentions else {})).items():
        done[name] = 0
        for step in part(whom):
            with transaction.atomic():
                step()
            done[name] += 1
            say(name, done[name], 0)
    erasure.people(store, whom.agents, whom.persons)
    return done


def _erase_statements(whom: Who, next_ones: Callable[[], list[UUID]], say: Say) -> int:
    done, store = 0, whom.store.pk
    while wanted := next_ones():
        hashes = erasure.statements(store, wanted, timezone.now(), whom.persons)
        for attachment in erasure.unused(store, hashes):
            _drop(attachment)
        done += len(wanted)
        say("statements", done, 0)
    return done


def _drop(attachment: Attachment) -> None:
    attachment.delete()
    storages["attachments"].delete(attachment.file)


# --- everything but statements and people: for each row that has to do with the person, what is to be done about it

Step = Callable[[], object]
_Part = Callable[[Who], Iterator[Step]]


def _documents(whom: Who) -> Iterator[Step]:
    rows = Document.objects.filter(store=whom.store.pk, agent__in=whom.identifiers)
    yield from (row.delete for row in _each(rows))


def _documents_of_others(whom: Who) -> Iterator[Step]:
    for row in _each(Document.objects.filter(store=whom.store.pk).exclude(agent__in=whom.identifiers)):
        if whom.are_in(row.content) or whom.are_in(f"{row.id} {row.activity} {row.agent}"):
            yield row.delete


def _external_users(whom: Who) -> Iterator[Step]:
    for connection in _connections(whom):
        for row in _each(ExternalUser.objects.filter(connection=connection)):
            if whom.are_in(row.email) or whom.are_in(row.unique_id) or row.external in _ids(whom, connection):
                yield row.delete


def _events(whom: Who) -> Iterator[Step]:
    """What remains is the key, so that the event is not taken in again when it comes once more."""
    for connection in _connections(whom):
        ids, deliveries = _ids(whom, connection), set()
        for rows in _portions(InboxEvent.objects.filter(connection=connection)):
            erased = _erased(whom, rows)
            for row in rows:
                if row.pk in erased or _is_about(whom, ids, row):
                    deliveries.add(row.delivery)
                    if row.rule != ERASED:
                        yield _blanking(row, InboxEvent.State.IGNORED)
        bodies = Delivery.objects.filter(connection=connection)
        for delivery in _each(bodies):
            said = (delivery.body, delivery.query, delivery.message, delivery.headers, delivery.problem)
            if delivery.problem != ERASED and (delivery.pk in deliveries or any(map(whom.are_in, said))):
                yield _blanking(delivery, Delivery.State.CUT)


def _is_about(whom: Who, ids: frozenset[str], row: InboxEvent) -> bool:
    texts = (row.event, row.account, row.name, row.reason, row.traceback, row.waits_for)
    if any(map(whom.are_in, texts)) or row.waits_for.removeprefix("person ") in ids:
        return True
    try:
        return whom.are_told_of(orjson.loads(row.data)) if row.data else False
    except orjson.JSONDecodeError:
        return whom.are_in(row.data)


def _erased(whom: Who, rows: Sequence[InboxEvent]) -> set[int]:
    """Those that became statements of which the key alone is left."""
    namespace = whom.store.namespace.bytes
    made = [(UUID(keys.statement(namespace, str(id))), row.pk) for row in rows for id in row.statements]
    asked = Erased.objects.filter(store=whom.store.pk, key__in={key for key, _ in made})
    gone = set(asked.values_list("key", flat=True))
    return {row for key, row in made if key in gone}


def _blanking(row: InboxEvent | Delivery, state: str) -> Step:
    def blank() -> None:
        if isinstance(row, Delivery):
            row.headers, row.query, row.body, row.problem = {}, "", b"", ERASED
            row.message = ""
        else:
            row.data, row.event, row.reason, row.traceback, row.waits_for = "", ERASED, "", "", ""
            row.rule, row.decided = ERASED, row.decided or timezone.now()
        row.state = state
        row.save()

    return blank


def _read_from_providers(whom: Who) -> Iterator[Step]:
    for connection in _connections(whom):
        for row in _each(SeenRow.objects.filter(connection=connection)):
            if whom.are_in(row.key) or whom.are_told_of(row.data):
                yield row.delete
        yield from (row.delete for row in _each(Reread.objects.filter(connection=connection)) if whom.are_in(row.key))


def _refusals(whom: Who) -> Iterator[Step]:
    for row in _each(Refusal.objects.filter(store=whom.store)):
        texts = (row.path, row.query, row.headers, row.sentence, row.errors, row.note, row.result)
        if any(map(whom.are_in, (*texts, row.body, row.edited))):
            yield _without(whom, row)


def _without(whom: Who, row: Refusal) -> Step:
    """A refused request keeps the statements of others; one that says nothing else goes."""

    def step() -> None:
        body = _others_of(whom, bytes(row.body))
        if not body:
            RefusalKind.objects.filter(pk=row.kind_id).update(bytes=models.F("bytes") - row.bytes)
            row.delete()
            return
        row.body, row.edited = body, row.edited and (_others_of(whom, bytes(row.edited)) or None)
        for name in ("path", "query", "headers", "sentence", "errors", "result"):
            setattr(row, name, whom.masked(getattr(row, name)))
        row.note = "Statements of somebody who was erased were taken out."
        row.save()

    return step


def _others_of(whom: Who, body: bytes) -> bytes:
    """What a body says of others: a list without those that name the person; nothing where it is no list."""
    if not whom.are_in(body):
        return body
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return b""
    left = [one for one in said if not whom.are_in(one)] if isinstance(said, list) else []
    return orjson.dumps(left) if left else b""


def _examples(whom: Who) -> Iterator[Step]:
    for row in _each(Shape.objects.filter(store=whom.store)):
        if whom.are_in(row.example) or whom.are_in(row.places):
            yield _change(row, example="", places=whom.masked(row.places))


def _webinars(whom: Who) -> Iterator[Step]:
    for connection in _connections(whom):
        ids = _ids(whom, connection)
        sessions = Session.objects.filter(connection=connection)
        rows: tuple[models.QuerySet[Any], ...] = (
            Expected.objects.filter(session__in=sessions),
            Result.objects.filter(session__in=sessions),
            Alias.objects.filter(connection=connection),
            Trace.objects.filter(session__in=sessions),
            Sent.objects.filter(session__in=sessions),
        )
        for each in rows:
            yield from (row.delete for row in _each(each) if _names(whom, ids, row))
        for listing in _each(Listing.objects.filter(session__in=sessions)):
            left = [one for one in listing.people if not _is_one(whom, ids, one.get("who", one))]
            if left != listing.people:
                yield _change(listing, people=left)
        for session in _each(sessions):
            left = [one for one in session.instructors if not _is_one(whom, ids, one)]
            if left != session.instructors:
                yield _change(session, instructors=left)


def _names(whom: Who, ids: frozenset[str], row: models.Model) -> bool:
    texts = [getattr(row, name, "") for name in ("email", "handle", "key", "about", "handles", "said", "who")]
    if any(map(whom.are_in, texts)) or getattr(row, "person", "") in ids:
        return True
    handles = [getattr(row, "handle", ""), getattr(row, "key", ""), getattr(row, "about", "")]
    about = {f"id {id}" for id in ids} | {f"id:{id}" for id in ids}
    return any(text and (text in about or text.rpartition(" ")[2] in about) for text in handles) or _is_one(
        whom, ids, getattr(row, "who", None)
    )


def _is_one(whom: Who, ids: frozenset[str], one: Any) -> bool:
    return whom.are_in(one) or (isinstance(one, Mapping) and str(one.get("id") or "") in ids)


def _notes(whom: Who) -> Iterator[Step]:
    """Texts that people and workers wrote: the words go, what happened stays."""
    store, mine = whom.store.pk, [connection.pk for connection in _connections(whom)]
    texts: tuple[tuple[models.QuerySet[Any], tuple[str, ...]], ...] = (
        (Act.objects.filter(Q(store=store) | Q(store=None)), ("label", "before", "after", "reason", "thing", "by")),
        (BackgroundTask.objects.all(), ("title", "arguments", "sentence", "lines", "trace", "link")),
        (RefusalKind.objects.filter(store=store), ("what", "sentence")),
        (Run.objects.filter(connection__in=mine), ("problem", "notes")),
        (Task.objects.filter(connection__in=mine), ("cursor",)),
        (Session.objects.filter(connection__in=mine), ("reason",)),
        (Activity.objects.filter(store=store), ("definition", "name")),
    )
    for rows, names in texts:
        for row in _each(rows):
            if any(whom.are_in(getattr(row, name)) for name in names):
                yield _change(row, **{name: whom.masked(getattr(row, name)) for name in names})
    about = Act.objects.filter(thing__in=[str(key) for key in whom.persons]).exclude(label=ERASED)
    yield from (_change(row, label=ERASED) for row in _each(about))


_OTHERS: dict[str, _Part] = {"documents of others": _documents_of_others}
_PARTS: dict[str, _Part] = {
    "documents": _documents,
    "inbox": _events,
    "read from providers": _read_from_providers,
    "external users": _external_users,
    "quarantine": _refusals,
    "examples of shapes": _examples,
    "webinars": _webinars,
    "notes": _notes,
}


def _connections(whom: Who) -> Iterable[Connection]:
    return Connection.objects.filter(store=whom.store).order_by("pk")


def _ids(whom: Who, connection: Connection) -> frozenset[str]:
    """The ids that the person has at this connection."""
    provider, chosen = connections.provider_of(connection), connections.settings_of(connection)
    named = [actors.named(identifier).get("account") for identifier in whom.identifiers]
    home = str(chosen.get("home_page") or "")
    ids = {one["name"] for one in named if one and one["homePage"] in (home, str(chosen["public_url"]))}
    if provider.account is not None:
        ids |= {one["name"] for one in named if one and f"//{chosen['host']}/" in one["homePage"]}
    return frozenset(ids)


def _change(row: models.Model, **values: Any) -> Step:
    def step() -> None:
        for name, value in values.items():
            setattr(row, name, value)
        row.save(update_fields=list(values))

    return step


def _portions(rows: "models.QuerySet[Any]") -> Iterator[list[Any]]:
    last: Any = None
    while some := list((rows if last is None else rows.filter(pk__gt=last)).order_by("pk")[:_AT_ONCE]):
        last = some[-1].pk
        yield some


def _each(rows: "models.QuerySet[Any]") -> Iterator[Any]:
    for some in _portions(rows):
        yield from some


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    return json.dumps(value, ensure_ascii=False, default=str)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """Every member of JSON whose value is no object and no list."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if isinstance(each, Mapping | list):
                yield from _members(each)
            else:
                yield name, each
    elif isinstance(value, list):
        for each in value:
            yield from _members(each)


def note(whom: Who, done: Counts, *, by: str) -> None:
    """Write down that somebody was erased, and not who."""
    thing = journal.Thing("statements.person", str(whom.persons[0]) if whom.persons else "", ERASED, whom.store.pk)
    journal.note("erase", thing, by=by, before=dict.fromkeys(done, 0), after=done)
