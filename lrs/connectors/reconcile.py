"""What a provider has of a person or a thing, compared with what was received: the gaps, and how to close them.

A gap is an event that must have happened and that no received event tells: none of the same kind in the same ordering
at the same time (to the minute) or later, and for progress none that reached as far.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid5

from django.utils import timezone

from lrs.connectors import compose, connections, inbox, worker
from lrs.connectors.connections import ConnectionProblem
from lrs.connectors.contract import Provider, Received, Refused, Settings
from lrs.connectors.events import Event, Kind
from lrs.connectors.models import ERASED, Connection, InboxEvent

_SAME = timedelta(minutes=1)


class Gap(NamedTuple):
    """An event that never came."""

    received: Received
    event: Event


class Comparison(NamedTuple):
    """How many events the provider's side amounts to, and which of them are missing here."""

    compared: int
    gaps: list[Gap]


def compare(connection: Connection, *, person: str = "", thing: str = "") -> Comparison:
    """The gaps of a person (the provider's id or an e-mail), or of a thing. Raises ConnectionProblem and what
    the way out raises.
    """
    provider = connections.provider_of(connection)
    if provider.enrolments is None:
        raise ConnectionProblem(f"{provider.title} cannot be reconciled.")
    if not person and not thing:
        raise ConnectionProblem("Say whose enrolments are compared: --user ID, or --thing ID.")
    gaps, compared = [], 0
    with connections.context(connection) as outside:
        for received in provider.enrolments(outside, _id(connection, person), thing):
            for event in _events(provider, received, outside.settings):
                compared += 1
                if not _here(connection, provider, outside.settings, received, event):
                    gaps.append(Gap(received, event))
    return Comparison(compared, gaps)


def backfill(connection: Connection, gaps: Sequence[Gap]) -> int:
    """Put the missing events into the inbox and work it off; how many were new."""
    now = timezone.now()
    new = inbox.put(connection.pk, [gap.received for gap in gaps], now=now)
    worker.work_off_all(now)
    return new


def described(connection: Connection, gap: Gap) -> dict[str, Any]:
    """A gap for people."""
    return {
        "event": gap.received.name,
        "user": gap.event.person.id or gap.event.person.email,
        "thing": gap.event.thing.external or gap.event.thing.iri if gap.event.thing else "",
        "happened": compose.moment(gap.event.at),
        "statement": compose.statement_id(connection.pk, gap.event.key),
    }


def _id(connection: Connection, person: str) -> str:
    if "@" not in person:
        return person
    found = connection.externaluser_set.filter(email__iexact=person).first()
    if found is None:
        raise ConnectionProblem(f"Nobody with the e-mail {person} is known to this connection; give the id.")
    return str(found.external)


def _here(connection: Connection, provider: Provider, settings: Settings, wanted: Received, event: Event) -> bool:
    ordering = uuid5(connection.pk, f"ordering\n{wanted.ordering}")
    rows = InboxEvent.objects.filter(ordering=ordering).exclude(state=InboxEvent.State.REFUSED)
    # What was erased was here; what it said is gone, and is not to come back this way.
    return any(
        row.rule == ERASED or any(_tells(one, event) for one in _events(provider, inbox.received_of(row), settings))
        for row in rows
    )


def _tells(one: Event, event: Event) -> bool:
    if event.kind is Kind.PROGRESSED:
        return one.kind is Kind.COMPLETED or (
            one.kind is Kind.PROGRESSED and (one.progress or 0) >= (event.progress or 0)
        )
    return one.kind is event.kind and one.at > event.at - _SAME


def _events(provider: Provider, received: Received, settings: Settings) -> list[Event]:
    try:
        return [one for one in provider.read(received, settings) if isinstance(one, Event)]
    except Refused:
        return []
