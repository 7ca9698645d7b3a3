"""The raw archive read again with today's mapping: what would be different, and, if that is wanted, making it so.

Statements are never changed. One that would say something else is voided and takes a new id, of a revision of its
event; one that would not be there is voided; one that was missing is stored. What waits or is deferred is left to the
worker, which decides it by today's mapping anyway.
"""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from lrs import auth
from lrs.connectors import catalogue, compose, connections, inbox, worker
from lrs.connectors.connections import ConnectionProblem
from lrs.connectors.contract import Provider, Received, Refused, Settings, Standing, Unreadable
from lrs.connectors.events import Event, Kind, Note, ThingUpdate
from lrs.connectors.models import ERASED, Connection, Delivery, InboxEvent
from statements import keys
from statements.entry import Tenant
from statements.errors import Invalid
from statements.ingest import Source, ingest
from statements.models import Statement
from statements.xapi import validate
from statements.xapi.text import Given
from statements.xapi.versions import Version

_State = InboxEvent.State
_AT_ONCE = 500


@dataclass
class Difference:
    """One event that would be decided otherwise today."""

    row: InboxEvent
    state: str
    rule: str
    reason: str
    now: list[compose.Statement]
    void: list[str]
    store: list[Event]
    what: str
    changed: list[str] = field(default_factory=list)


@dataclass
class Preview:
    """What a replay found; `readable` are deliveries that could not be read before, with their number of events."""

    events: int = 0
    differences: list[Difference] = field(default_factory=list)
    readable: list[tuple[Delivery, list[Received]]] = field(default_factory=list)
    standings: dict[UUID, tuple[UUID, Standing]] = field(default_factory=dict)
    things: list[ThingUpdate] = field(default_factory=list)


def preview(connection: Connection, *, stay: Callable[[], None] = lambda: None) -> Preview:
    """Read the archive with today's mapping; writes nothing. `stay` is called again and again meanwhile."""
    provider, chosen = connections.provider_of(connection), connections.settings_of(connection)
    found = Preview()
    found.readable = list(_readable_now(connection, provider, chosen))
    standings: dict[UUID, Standing] = {}
    for rows in _batches(connection):
        stay()
        cut = _cut_again(rows, provider, chosen)
        texts = _texts(connection, [id for row in rows for id in row.statements])
        found.events += len(rows)
        meant = [
            _read(provider, chosen, row, cut.get(row.key) or inbox.received_of(row))
            for row in rows
            if row.state not in (_State.WAITING, _State.DEFERRED)
        ]
        emails = _emails(connection, meant)
        for one in meant:
            found.things += one.things
            difference = _compare(connection, provider, one, standings, texts, emails)
            if difference is not None:
                found.differences.append(difference)
    found.standings = {ordering: (connection.pk, standing) for ordering, standing in standings.items()}
    return found


def apply(connection: Connection) -> Preview:
    """Make it so in one transaction, while no worker decides anything; what was different. Raises ConnectionProblem."""
    try:
        with inbox.Alone() as alone:
            found = preview(connection, stay=alone.stay)
            with transaction.atomic():
                inbox.require(alone.held)
                _make_it_so(connection, found)
    except inbox.LostLease:
        raise ConnectionProblem("The machine was too busy, and nothing was changed: try it again.") from None
    return found


def _make_it_so(connection: Connection, found: Preview) -> None:
    caller = auth.caller_of(connection.credential)
    source = Source(caller.tenant, caller.credential, caller.authority)
    now = timezone.now()
    statements = [one for difference in found.differences for one in _written(connection, difference)]
    for start in range(0, len(statements), _AT_ONCE):
        given = [Given(orjson.dumps(one), one, f"/{i}") for i, one in enumerate(statements[start : start + _AT_ONCE])]
        ingest(given, source=source, version=Version.V1)
    inbox.finish([_decided(difference) for difference in found.differences], now)
    worker.remember(found.standings)
    for start in range(0, len(found.things), _AT_ONCE):
        catalogue.things(connection.pk, found.things[start : start + _AT_ONCE])
    for delivery, received in found.readable:
        fresh = inbox.put(connection.pk, received, now=delivery.received, delivery=delivery.pk)
        delivery.state, delivery.problem = Delivery.State.CUT, ""
        delivery.events, delivery.repeated = fresh, len(received) - fresh
        delivery.save(update_fields=["state", "problem", "events", "repeated"])


def described(difference: Difference) -> dict[str, Any]:
    """A difference for people."""
    row = difference.row
    return {
        "event": row.name,
        "id": row.event,
        "account": row.account,
        "was": f"{row.state}{f' ({row.rule})' if row.rule else ''}",
        "would_be": f"{difference.state}{f' ({difference.rule})' if difference.rule else ''}",
        "what": difference.what,
        "changed": difference.changed,
        "void": difference.void,
    }


def _written(connection: Connection, difference: Difference) -> Iterator[compose.Statement]:
    for id in difference.void:
        yield _voiding(connection, id)
    yield from difference.now


def _decided(difference: Difference) -> InboxEvent:
    row = copy(difference.row)
    row.state, row.rule, row.reason = difference.state, difference.rule, difference.reason
    row.traceback, row.waits_for = "", ""
    row.statements = [*row.statements, *(statement["id"] for statement in difference.now)]
    return row


def _voiding(connection: Connection, id: str) -> compose.Statement:
    return {
        "id": compose.statement_id(connection.pk, f"void\n{id}"),
        "actor": orjson.loads(auth.caller_of(connection.credential).authority),
        "verb": {"id": compose.VERBS[Kind.VOIDED][0], "display": {"en-US": "voided"}},
        "object": {"objectType": "StatementRef", "id": id},
        "version": compose.VERSION,
    }


@dataclass
class _Meant:
    """What an event means today, before it is decided about."""

    row: InboxEvent
    received: Received
    state: str = _State.DONE.value
    rule: str = ""
    reason: str = ""
    events: list[Event] = field(default_factory=list)
    things: list[ThingUpdate] = field(default_factory=list)


def _read(provider: Provider, chosen: Settings, row: InboxEvent, received: Received) -> _Meant:
    meant = _Meant(row, received)
    try:
        for happening in provider.read(received, chosen):
            if isinstance(happening, Note):
                meant.state, meant.rule = _State.IGNORED.value, happening.rule
                meant.reason = f"{meant.reason} {happening.reason}".lstrip()
            elif isinstance(happening, Event):
                meant.events.append(happening)
            elif isinstance(happening, ThingUpdate):
                meant.rule = "catalogue"
                meant.things.append(happening)
    except Refused as problem:
        return _Meant(row, received, _State.REFUSED.value, "unreadable", str(problem), things=meant.things)
    if meant.events:
        # Beside an event, a note is a warning, as for the worker.
        meant.state = _State.DONE.value
    return meant


def _emails(connection: Connection, meant: list[_Meant]) -> dict[str, str]:
    lacking = {event.person.id for one in meant for event in one.events if _lacks_email(event)}
    return catalogue.emails(connection.pk, lacking) if lacking else {}


def _lacks_email(event: Event) -> bool:
    return event.person.needs_email and not event.person.email


def _compare(
    connection: Connection,
    provider: Provider,
    meant: _Meant,
    standings: dict[UUID, Standing],
    texts: dict[str, dict[str, Any]],
    emails: dict[str, str],
) -> Difference | None:
    row, state, rule, reason = meant.row, meant.state, meant.rule, meant.reason
    unknown = any(_lacks_email(event) and not emails.get(event.person.id) for event in meant.events)
    if unknown and row.state != _State.DONE:
        # It did not count, and cannot yet: neither do those after it know of it.
        return None
    counted: list[Event] = []
    elsewhere: list[str] = []
    for event in meant.events:
        if provider.decide is not None:
            decision = provider.decide(standings.get(row.ordering, Standing()), meant.received, event)
            rule, reason = decision.rule, decision.reason
            if decision.same:
                elsewhere.append(compose.statement_id(connection.pk, decision.same))
                continue
            if not decision.counts:
                state = _State.IGNORED.value
                continue
            standings[row.ordering] = decision.standing
        if _lacks_email(event):
            event = replace(event, person=replace(event.person, email=emails.get(event.person.id, "")))
        counted.append(event)
    if unknown:
        return None
    composed = [_composed(connection, provider, event) for event in counted]
    unsound = [fault for one in composed for fault in validate.faults(one, Version.V1)]
    if unsound:
        state, rule, reason, counted = _State.REFUSED.value, "statement", str(Invalid(*unsound)), []
    # What another event's statement says goes the way of that event.
    here = [id for id in row.statements if id in texts and id not in elsewhere]
    return _difference(connection, provider, row, (state, rule, reason), counted, texts, here)


def _difference(
    connection: Connection,
    provider: Provider,
    row: InboxEvent,
    decided: tuple[str, str, str],
    counted: list[Event],
    texts: dict[str, dict[str, Any]],
    here: list[str],
) -> Difference | None:
    state, rule, reason = decided
    if not counted:
        if row.state == state and not here:
            return None
        what = f"{len(here)} statements would be voided" if here else "another decision"
        return Difference(row, state, rule, reason, [], here, [], what)
    fresh, void, changed = [], [], []
    for event in counted:
        wanted = _composed(connection, provider, event)
        kept = next((texts[id] for id in reversed(here)), None) if len(counted) == 1 else texts.get(wanted["id"])
        if kept is None:
            fresh.append(_revised(connection, provider, event, len(row.statements)))
            continue
        names = _differing(kept, wanted)
        if names:
            void.append(kept["id"])
            changed += names
            fresh.append(_revised(connection, provider, event, len(row.statements)))
    if not fresh and row.state == state:
        return None
    what = "another statement" if void else "a new statement" if fresh else "another decision"
    return Difference(row, state, rule, reason, fresh, void, [], what, changed)


def _composed(connection: Connection, provider: Provider, event: Event) -> compose.Statement:
    return compose.statement(
        event, connection=connection.pk, provider=provider.name, public_url=settings.LRS_PUBLIC_URL
    )


def _revised(connection: Connection, provider: Provider, event: Event, before: int) -> compose.Statement:
    """The statement, with an id of its own where the event has had one already."""
    return _composed(connection, provider, replace(event, key=f"{event.key}\n{before + 1}") if before else event)


def _differing(kept: dict[str, Any], wanted: compose.Statement) -> list[str]:
    """Which properties differ. Names of activities do not count: the catalogue may have learnt them since."""
    return sorted(
        name
        for name in ("actor", "verb", "object", "result", "context", "timestamp")
        if _nameless(kept.get(name)) != _nameless(wanted.get(name))
    )


def _nameless(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("objectType") == "Activity" and isinstance(value.get("definition"), dict):
            definition = {key: each for key, each in value["definition"].items() if key != "name"}
            rest = {key: _nameless(each) for key, each in value.items() if key != "definition"}
            return {**rest, **({"definition": definition} if definition else {})}
        return {key: _nameless(each) for key, each in value.items()}
    return [_nameless(each) for each in value] if isinstance(value, list) else value


def _archive(connection: Connection) -> "QuerySet[InboxEvent]":
    """The events whose data is there: those of people who were erased have none."""
    return InboxEvent.objects.filter(connection=connection).exclude(rule=ERASED)


def _batches(connection: Connection) -> Iterator[list[InboxEvent]]:
    last = 0
    while rows := list(_archive(connection).filter(id__gt=last).order_by("id")[:_AT_ONCE]):
        yield rows
        last = rows[-1].pk


def _cut_again(rows: list[InboxEvent], provider: Provider, chosen: Settings) -> dict[UUID, Received]:
    ids = {row.delivery for row in rows if row.delivery is not None}
    found: dict[UUID, Received] = {}
    for delivery in Delivery.objects.filter(pk__in=ids):
        for received in _cut(delivery, provider, chosen) or []:
            found.setdefault(inbox.key(delivery.connection_id, received), received)
    return found


def _readable_now(
    connection: Connection, provider: Provider, chosen: Settings
) -> Iterator[tuple[Delivery, list[Received]]]:
    for delivery in Delivery.objects.filter(connection=connection, state=Delivery.State.UNREADABLE).order_by("id"):
        received = _cut(delivery, provider, chosen)
        if received is not None:
            yield delivery, received


def _cut(delivery: Delivery, provider: Provider, chosen: Settings) -> list[Received] | None:
    try:
        return list(provider.cut(inbox.request_of(delivery), chosen))
    except Unreadable:
        return None


def _texts(connection: Connection, ids: list[str]) -> dict[str, dict[str, Any]]:
    """The statements that are stored and not voided, by id."""
    tenant = Tenant(connection.store_id, connection.store.namespace.bytes)
    wanted = [keys.statement(tenant.namespace, id) for id in ids]
    rows = Statement.objects.filter(store=tenant.store, key__in=wanted, voided=False)
    return {str(row.id): orjson.loads(row.text) for row in rows}
