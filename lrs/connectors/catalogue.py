"""What is known of a connection's things and people: put in by events, reports and the provider's API."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from lrs.connectors.events import PersonUpdate, Thing, ThingUpdate
from lrs.connectors.models import ExternalUser, Instance
from lrs.connectors.models import Thing as ThingRow

_THING = ("kind", "iri", "names", "state", "seconds", "deleted", "stale", "at")
_INSTANCE = ("thing", "names", "state", "deleted", "seats", "waiting", "enrolled", "at")
_PERSON = ("email", "name", "unique_id", "state", "missing", "read", "wanted")


def names(connection: UUID, externals: Iterable[str]) -> dict[str, dict[str, str]]:
    """The names of these things, by external id; without an entry: the catalogue has never heard of it."""
    rows = ThingRow.objects.filter(connection=connection, external__in=set(externals))
    return dict(rows.values_list("external", "names"))


def emails(connection: UUID, ids: Iterable[str]) -> dict[str, str]:
    """The e-mails of these people, by the provider's id; empty where none is known yet."""
    rows = ExternalUser.objects.filter(connection=connection, external__in=set(ids))
    return dict(rows.values_list("external", "email"))


def note_things(connection: UUID, things: Iterable[Thing]) -> None:
    """Things that were met for the first time: the provider is to be asked about them."""
    rows = {
        thing.external: ThingRow(
            connection_id=connection, external=thing.external, kind=thing.kind, iri=thing.iri, names=dict(thing.names)
        )
        for thing in things
    }
    ThingRow.objects.bulk_create([rows[external] for external in sorted(rows)], ignore_conflicts=True)


def note_people(connection: UUID, ids: Iterable[str], wanted: datetime | None) -> None:
    """People who were met for the first time; with `wanted`, an event waits for them since then."""
    ordered = sorted(set(ids))
    rows = [ExternalUser(connection_id=connection, external=id, wanted=wanted) for id in ordered]
    ExternalUser.objects.bulk_create(rows, ignore_conflicts=True)
    if wanted is not None:
        waiting = ExternalUser.objects.filter(connection=connection, external__in=ordered, wanted=None)
        waiting.update(wanted=wanted)


def things(connection: UUID, updates: Sequence[ThingUpdate], *, read: datetime | None = None) -> None:
    """Put in what was said of things and instances; inside a transaction. `read`: the provider's API said it then.

    What an older event says is passed over; what the API says is as new as the reading.
    """
    whole = [update for update in updates if not update.instance]
    runs = [update for update in updates if update.instance]
    if whole:
        note_things(connection, [Thing(one.iri, external=one.external) for one in whole])
        rows = _locked(ThingRow, connection, {one.external for one in whole})
        for update in whole:
            row = rows[update.external]
            if _put(row, update, _THING) and read is not None:
                row.read, row.missing = read, False
        ThingRow.objects.bulk_update(rows.values(), [*_THING, "read", "missing"])
    if runs:
        made = [Instance(connection_id=connection, external=id) for id in sorted({one.instance for one in runs})]
        Instance.objects.bulk_create(made, ignore_conflicts=True)
        rows = _locked(Instance, connection, {one.instance for one in runs})
        for update in runs:
            _put(rows[update.instance], update, _INSTANCE)
            rows[update.instance].thing = update.external or rows[update.instance].thing
        Instance.objects.bulk_update(rows.values(), _INSTANCE)


def people(connection: UUID, updates: Sequence[PersonUpdate], *, read: datetime) -> None:
    """Put in who people are; inside a transaction. An empty text leaves what is known."""
    if not updates:
        return
    note_people(connection, (one.id for one in updates), None)
    rows = _locked(ExternalUser, connection, {one.id for one in updates})
    for update in updates:
        row = rows[update.id]
        row.email, row.name = update.email or row.email, update.name or row.name
        row.unique_id, row.state = update.unique_id or row.unique_id, update.state or row.state
        row.missing, row.read = update.missing and not row.email, read
        if row.email:
            row.wanted = None
    ExternalUser.objects.bulk_update(rows.values(), _PERSON, batch_size=500)


def missing_things(connection: UUID, externals: Iterable[str], read: datetime) -> None:
    """The provider was asked about these and does not know them; they are not asked about again."""
    ThingRow.objects.filter(connection=connection, external__in=list(externals)).update(
        missing=True, stale=False, read=read
    )


def to_ask_things(connection: UUID, most: int) -> list[str]:
    """Things that the provider is to be asked about."""
    rows = ThingRow.objects.filter(connection=connection, stale=True, deleted=False).order_by("id")
    return list(rows.values_list("external", flat=True)[:most])


def to_ask_people(connection: UUID, most: int, *, before: datetime) -> list[str]:
    """People that the provider is to be asked about: those that events wait for first, then those never read.

    Whom the provider did not know, or knew without e-mail, is asked about again when the last reading is older than
    `before` and an event waits.
    """
    rows = ExternalUser.objects.filter(connection=connection, email="")
    waiting = rows.filter(Q(read=None) | Q(read__lt=before), wanted__isnull=False).order_by("wanted", "id")
    found = list(waiting.values_list("external", flat=True)[:most])
    never = rows.filter(read=None, wanted=None).order_by("id").values_list("external", flat=True)[: most - len(found)]
    return found + list(never)


def _put(row: Any, update: ThingUpdate, fields: Sequence[str]) -> bool:
    if update.at is not None and row.at is not None and update.at < row.at:
        return False
    for name in fields:
        value: object = getattr(update, name, None)
        if value is None or value == "":
            continue
        setattr(row, name, dict(value) if isinstance(value, Mapping) else value)
    return True


def _locked(model: type[Any], connection: UUID, externals: set[str]) -> dict[str, Any]:
    """The rows by external id, locked in the order of it, so that two writers cannot wait for each other."""
    rows = model.objects.filter(connection=connection, external__in=externals).order_by("external")
    return {row.external: row for row in rows.select_for_update()}
