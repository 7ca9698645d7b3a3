"""The inbox is worked off: deliveries are cut into events, events become statements, in order, each exactly once.

What an event means and whether it counts is decided without writing; then statements, decisions and what is remembered
are written in one transaction. Nothing here asks anybody outside.
"""

import logging
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from django.conf import settings
from django.db import DatabaseError, DataError, IntegrityError, OperationalError, transaction
from django.utils import timezone

from lrs import auth
from lrs.connectors import addresses, catalogue, compose, connections, inbox
from lrs.connectors.contract import Decision, Provider, Refused, Settings, Standing, Unreadable
from lrs.connectors.events import Event, Hint, Note, PersonUpdate, Thing, ThingUpdate
from lrs.connectors.inbox import Arrival, Held, LostLease
from lrs.connectors.models import Connection, Delivery, InboxEvent, OrderingState, Reread
from lrs.connectors.webinars import intake
from lrs.connectors.webinars.attendance import RoomHappening
from statements.errors import StatementError
from statements.ingest import Source, ingest
from statements.xapi.text import Given
from statements.xapi.versions import Version

log = logging.getLogger(__name__)

BATCH = 300
_LANES = 8
_DELIVERIES = 100
_TRIES = 4
# Hints that come within this time are one reading.
JOIN = timedelta(seconds=5)
_State = InboxEvent.State


def work_off(now: datetime) -> int:
    """Work off everything that waits and that nobody else is at; how many events."""
    done = 0
    while True:
        cut, worked = _cut_some(), _work_some()
        done += worked
        if not cut and not worked:
            return done


def work_off_all(now: datetime) -> int:
    """Work off everything that waits, also what a worker that was killed had held; how many events."""
    done = work_off(now)
    until = time.monotonic() + 2 * settings.LRS_INBOX_LEASE
    while inbox.waits() and time.monotonic() < until:
        time.sleep(0.2)
        done += work_off(timezone.now())
    return done


# --- deliveries


def _cut_some() -> int:
    held = inbox.claim_door(timezone.now())
    if held is None:
        return 0
    deliveries = inbox.uncut(_DELIVERIES)
    try:
        try:
            _keep(held, deliveries, _cut_all(deliveries), last=True)
        except (LostLease, OperationalError):
            raise
        except Exception:  # noqa: BLE001
            # One of them holds what no row can: which one shows, and is logged, when each is kept alone.
            for delivery in deliveries:
                _keep_alone(held, delivery)
            inbox.release(held)
    except LostLease:
        return 0
    return len(deliveries)


def _cut_all(deliveries: Sequence[Delivery]) -> list[Arrival]:
    """The events of the deliveries; of one that cannot be read none, and it says so."""
    known = _Known()
    arrivals: list[Arrival] = []
    for delivery in deliveries:
        id = delivery.connection_id
        try:
            source = known.source(id)
            received = source.provider.cut(inbox.request_of(delivery), source.settings)
        except Unreadable as problem:
            delivery.state, delivery.problem = Delivery.State.UNREADABLE, str(problem)
        except Exception as problem:
            # Whatever a body holds, it is kept and shown, and the next one is cut.
            log.exception("Delivery %s cannot be read.", delivery.pk)
            delivery.state, delivery.problem = Delivery.State.UNREADABLE, repr(problem)
        else:
            delivery.state, delivery.repeated = Delivery.State.CUT, len(received)
            arrivals += [Arrival(id, one, delivery.received, delivery.pk) for one in received]
    return arrivals


def _keep(held: Held, deliveries: Sequence[Delivery], arrivals: Sequence[Arrival], *, last: bool) -> None:
    with transaction.atomic():
        inbox.require(held)
        new = inbox.put_all(arrivals)
        for delivery in deliveries:
            delivery.events = new[delivery.pk]
            delivery.repeated -= delivery.events
        inbox.cut(deliveries)
        if last:
            inbox.release(held)


def _keep_alone(held: Held, delivery: Delivery) -> None:
    try:
        _keep(held, [delivery], _cut_all([delivery]), last=False)
    except (LostLease, OperationalError):
        raise
    except Exception as problem:
        log.exception("Delivery %s cannot be kept as events.", delivery.pk)
        delivery.state, delivery.problem = Delivery.State.UNREADABLE, repr(problem)
        delivery.events = delivery.repeated = 0
        with transaction.atomic():
            inbox.require(held)
            inbox.cut([delivery])


# --- events


@dataclass
class _Source:
    """A connection and what is needed of it for each event."""

    connection: Connection
    provider: Provider
    settings: Settings
    ingest: Source


class _Known:
    """The connections of a batch, each looked up once."""

    def __init__(self) -> None:
        self._found: dict[UUID, _Source] = {}

    def source(self, id: UUID) -> _Source:
        """The connection with this id."""
        if id not in self._found:
            connection = Connection.objects.select_related("credential__store").get(pk=id)
            caller = auth.caller_of(connection.credential)
            self._found[id] = _Source(
                connection,
                connections.provider_of(connection),
                connections.settings_of(connection),
                Source(caller.tenant, caller.credential, caller.authority),
            )
        return self._found[id]


@dataclass
class Plan:
    """What is to be written for some events of one batch: everything that was decided, nothing of it done."""

    rows: list[InboxEvent] = field(default_factory=list)
    statements: dict[UUID, list[Given]] = field(default_factory=dict)
    standings: dict[UUID, tuple[UUID, Standing]] = field(default_factory=dict)
    things: dict[UUID, list[ThingUpdate]] = field(default_factory=dict)
    people: dict[UUID, list[PersonUpdate]] = field(default_factory=dict)
    met: dict[UUID, dict[str, Thing]] = field(default_factory=dict)
    people_met: dict[UUID, set[str]] = field(default_factory=dict)
    wanted: dict[UUID, set[str]] = field(default_factory=dict)
    hints: list[tuple[UUID, str]] = field(default_factory=list)
    rooms: list[tuple[InboxEvent, RoomHappening]] = field(default_factory=list)


def _work_some() -> int:
    held = inbox.claim(timezone.now(), _LANES)
    if held is None:
        return 0
    rows = inbox.waiting(held, BATCH)
    try:
        try:
            _write_with_patience(held, rows, last=True)
        except LostLease:
            return 0
        except (StatementError, DataError, Exception) as problem:
            if isinstance(problem, DatabaseError) and not isinstance(problem, DataError):
                raise
            # One of them cannot be written: which one, and why, shows when each is written alone.
            for row in rows:
                _alone(held, row)
            inbox.release(held)
    except LostLease:
        return 0
    return len(rows)


def _alone(held: Held, row: InboxEvent) -> None:
    try:
        _write_with_patience(held, [row], last=False)
    except (LostLease, OperationalError, IntegrityError):
        raise
    except Exception as problem:  # noqa: BLE001  (kept and shown with its traceback; the next one is not to wait)
        _refuse(row, "statement", str(problem), traceback.format_exc())
        with transaction.atomic():
            inbox.require(held)
            inbox.finish([row], timezone.now())


def _write_with_patience(held: Held, rows: Sequence[InboxEvent], *, last: bool) -> None:
    for attempt in range(_TRIES):
        plan = decide(rows, _Known())
        try:
            with transaction.atomic():
                inbox.require(held)
                _write(plan)
                if last:
                    inbox.release(held)
        except (OperationalError, IntegrityError):
            # Deadlock, serialisation, the same row made meanwhile: another try can turn out differently.
            if attempt == _TRIES - 1:
                raise
            time.sleep(0.02 * 2**attempt)
        else:
            return


def decide(rows: Sequence[InboxEvent], known: _Known) -> Plan:
    """What is to become of these events, in their order. Reads, and writes nothing."""
    plan = Plan(rows=list(rows))
    held_up = inbox.deferred({row.ordering for row in rows})
    standings = remembered({row.ordering for row in rows})
    meant: list[tuple[InboxEvent, _Source, list[Event]]] = []
    for row in rows:
        source = known.source(row.connection_id)
        meant.append((row, source, _read(row, source, plan)))
    names, emails = _look_up(meant, plan)
    for row, source, events in meant:
        for event in events:
            _decide_one(row, source, event, plan, standings, held_up, names, emails)
    return plan


def remembered(orderings: set[UUID]) -> dict[UUID, Standing]:
    """What is remembered of these orderings."""
    rows = OrderingState.objects.filter(ordering__in=orderings)
    return {row.ordering: Standing(row.at, row.progressed, row.completed, tuple(row.told)) for row in rows}


def _read(row: InboxEvent, source: _Source, plan: Plan) -> list[Event]:
    """Ask the provider what the event means; what is no Event is put down at once."""
    row.statements, row.traceback, row.waits_for = [], "", ""
    try:
        happenings = source.provider.read(inbox.received_of(row), source.settings)
    except Refused as problem:
        _refuse(row, "unreadable", str(problem), "")
        return []
    except Exception as problem:  # noqa: BLE001  (one event that trips its provider must not stop the others)
        _refuse(row, "failed", repr(problem), traceback.format_exc())
        return []
    row.state, row.rule, row.reason = _State.DONE, "", ""
    events: list[Event] = []
    for happening in happenings:
        match happening:
            case Event():
                events.append(happening)
            case ThingUpdate():
                plan.things.setdefault(row.connection_id, []).append(happening)
                row.rule = "catalogue"
            case PersonUpdate():
                plan.people.setdefault(row.connection_id, []).append(happening)
                row.rule = "people"
            case Hint():
                plan.hints.append((row.connection_id, happening.key))
                row.rule = "hint"
            case Note():
                row.state, row.rule = _State.IGNORED, happening.rule
                row.reason = f"{row.reason} {happening.reason}".lstrip()
            case _:
                plan.rooms.append((row, happening))
    if events:
        # Then a note is a warning.
        row.state = _State.DONE
    return events


def _look_up(
    meant: Sequence[tuple[InboxEvent, _Source, list[Event]]], plan: Plan
) -> tuple[dict[UUID, dict[str, dict[str, str]]], dict[UUID, dict[str, str]]]:
    """Names and e-mails for all events of the batch; what nobody knows yet is noted to be asked for."""
    things: dict[UUID, dict[str, Thing]] = {}
    people: dict[UUID, set[str]] = {}
    for row, _, events in meant:
        for event in events:
            if event.thing is not None and event.thing.external:
                things.setdefault(row.connection_id, {})[event.thing.external] = event.thing
            if event.person.id and not event.person.email:
                people.setdefault(row.connection_id, set()).add(event.person.id)
    names = {id: catalogue.names(id, found) for id, found in things.items()}
    emails = {id: catalogue.emails(id, found) for id, found in people.items()}
    for id, found in things.items():
        plan.met[id] = {external: thing for external, thing in found.items() if external not in names[id]}
    for id, asked in people.items():
        plan.people_met[id] = asked - emails[id].keys()
    return names, emails


def _decide_one(
    row: InboxEvent,
    source: _Source,
    event: Event,
    plan: Plan,
    standings: dict[UUID, Standing],
    held_up: dict[UUID, str],
    names: dict[UUID, dict[str, dict[str, str]]],
    emails: dict[UUID, dict[str, str]],
) -> None:
    id = row.connection_id
    if event.person.needs_email and not event.person.email:
        email = emails[id].get(event.person.id, "")
        if not email or row.ordering in held_up:
            _defer(row, event.person.id)
            held_up[row.ordering] = row.waits_for
            plan.wanted.setdefault(id, set()).add(event.person.id)
            return
        event = replace(event, person=replace(event.person, email=email))
    if source.provider.decide is not None:
        received = inbox.received_of(row)
        decision: Decision = source.provider.decide(standings.get(row.ordering, Standing()), received, event)
        row.rule, row.reason = decision.rule, decision.reason
        if decision.same:
            row.statements = [*row.statements, compose.statement_id(id, decision.same)]
            return
        if not decision.counts:
            row.state = _State.IGNORED
            return
        standings[row.ordering] = decision.standing
        plan.standings[row.ordering] = (id, decision.standing)
    statement = composed(event, source.connection, source.provider.name, names.get(id, {}))
    row.statements = [*row.statements, statement["id"]]
    raw = orjson.dumps(statement)
    given = plan.statements.setdefault(id, [])
    given.append(Given(raw, statement, f"/{len(given)}"))


def composed(
    event: Event, connection: Connection, provider: str, names: dict[str, dict[str, str]]
) -> compose.Statement:
    """The statement of an event, with the name of its thing where the catalogue knows it."""
    thing = event.thing
    if thing is not None and not thing.names and names.get(thing.external):
        event = replace(event, thing=replace(thing, names=names[thing.external]))
    return compose.statement(event, connection=connection.pk, provider=provider, public_url=settings.LRS_PUBLIC_URL)


def _defer(row: InboxEvent, person: str) -> None:
    row.state, row.waits_for, row.rule = _State.DEFERRED, waits_for_person(person), "e-mail"
    row.reason = f"The e-mail of the user {person} is not known yet."


def waits_for_person(id: str) -> str:
    """What an event waits for that lacks the e-mail of a person."""
    return f"person {id}"[:200]


def _refuse(row: InboxEvent, rule: str, reason: str, trace: str) -> None:
    row.state, row.rule, row.reason, row.statements = _State.REFUSED, rule, reason, []
    row.traceback = trace


def _write(plan: Plan) -> None:
    now = timezone.now()
    known = _Known()
    # Sessions are locked before what statements share, as those who settle sessions do.
    intake.keep(plan.rooms, now)
    for id, given in sorted(plan.statements.items()):
        ingest(given, source=known.source(id).ingest, version=Version.V1)
    for id, updates in sorted(plan.things.items()):
        catalogue.things(id, updates)
    for id, people in sorted(plan.people.items()):
        catalogue.people(id, people, read=now)
    for id, met in sorted(plan.met.items()):
        catalogue.note_things(id, met.values())
    for id, ids in sorted(plan.people_met.items()):
        catalogue.note_people(id, ids, None)
    for id, ids in sorted(plan.wanted.items()):
        catalogue.note_people(id, ids, now)
    for id, people in sorted(plan.people.items()):
        addresses.learnt(id, people)
    hint(plan.hints, now)
    remember(plan.standings)
    inbox.finish(plan.rows, now)


def remember(standings: dict[UUID, tuple[UUID, Standing]]) -> None:
    """Keep what is to be remembered of orderings."""
    rows = [
        OrderingState(ordering=ordering, connection_id=id, **standing._asdict())
        for ordering, (id, standing) in sorted(standings.items())
    ]
    if rows:
        fields = list(Standing._fields)
        OrderingState.objects.bulk_create(
            rows, batch_size=1000, update_conflicts=True, unique_fields=["ordering"], update_fields=fields
        )


def hint(hints: Sequence[tuple[UUID, str]], now: datetime) -> None:
    """Note what is to be read again; a hint that comes while another waits joins it."""
    for id, key in sorted(set(hints)):
        row, made = Reread.objects.select_for_update().get_or_create(
            connection_id=id, key=key, defaults={"due": now + JOIN}
        )
        if not made:
            Reread.objects.filter(pk=row.pk).update(hints=row.hints + 1)
