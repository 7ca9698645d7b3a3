"""Finding statements for a list: conditions walk ranges of the mention table, everything else is looked at row by row.

However large the store is, one page looks at no more than a bounded number of statements; where that was not enough
the page says how far back it has looked, and its "older" goes on from there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import F, Q

from statements.models import Finding, Mention, Statement
from statements.xapi.roles import Role

_FIRST = 200
_MOST = 10_000
_SHOWN = (
    "key", "store", "id", "stored", "timestamp", "voided", "actor", "verb", "object", "target", "completion", "success",
    "scaled", "progress", "completed", "kind", "platform", "credential", "attachments",
)  # fmt: skip


class Mentioned(NamedTuple):
    """The statement itself mentions one of these keys in one of these roles."""

    keys: tuple[UUID | str, ...]
    roles: tuple[Role, ...]


class Spot(NamedTuple):
    """Between two statements."""

    stored: datetime
    key: UUID


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which statements; all of it together. `findings`: those that have any."""

    store: int
    mentioned: tuple[Mentioned, ...] = ()
    credential: int | None = None
    kind: str = ""
    completed: bool | None = None
    voided: bool | None = None
    findings: bool = False
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Statements in the order of the walk; `reached` is where it was given up, None where it came to an end."""

    rows: list[Statement]
    reached: Spot | None


def find(wanted: Wanted, amount: int, spot: Spot | None = None, *, older: bool = True) -> Found:
    """At most `amount` statements from a spot on, newest first, or oldest first where not `older`; without text."""
    rows: list[Statement] = []
    seen, at, size = 0, spot, max(_FIRST, amount)
    while seen < _MOST:
        spots = list(islice(_spots(wanted, at, older, size), size))
        rows += _matching(wanted, spots, older)
        if len(rows) >= amount or len(spots) < size:
            return Found(rows[:amount], None)
        seen, at, size = seen + len(spots), spots[-1], min(4 * size, 5_000)
    return Found(rows, at)


def _spots(wanted: Wanted, spot: Spot | None, older: bool, size: int) -> Iterator[Spot]:
    """Where to look: the range that is walked, of the first condition's keys or of all statements."""
    bounds = _bounds(wanted, spot, older)
    if not wanted.mentioned:
        rows = _beyond(Statement.objects.filter(store=wanted.store, **bounds), "key", spot, older)
        order = ("-stored", "-key") if older else ("stored", "key")
        return (Spot(*row) for row in rows.order_by(*order).values_list("stored", "key")[:size])
    first = wanted.mentioned[0]
    ranges = [_range(wanted.store, key, first.roles, bounds, spot, older, size) for key in first.keys]
    return _once(merge(*ranges, reverse=older))


def _range(
    store: int,
    key: UUID | str,
    roles: tuple[Role, ...],
    bounds: dict[str, Any],
    spot: Spot | None,
    older: bool,
    size: int,
) -> list[Spot]:
    rows = Mention.objects.filter(
        store=store, key=key, role__in=[int(role) for role in roles], via=F("statement"), **bounds
    )
    order = ("-stored", "-statement") if older else ("stored", "statement")
    found = _beyond(rows, "statement", spot, older).order_by(*order).values_list("stored", "statement")[:size]
    return [Spot(*row) for row in found]


def _beyond(rows: Any, key: str, spot: Spot | None, older: bool) -> Any:
    if spot is None:
        return rows
    side = "lt" if older else "gt"
    return rows.filter(Q(**{f"stored__{side}": spot.stored}) | Q(**{"stored": spot.stored, f"{key}__{side}": spot.key}))


def _bounds(wanted: Wanted, spot: Spot | None, older: bool) -> dict[str, Any]:
    since, until = wanted.since, wanted.until
    if spot is not None and older:
        until = spot.stored if until is None else min(until, spot.stored)
    if spot is not None and not older:
        since = spot.stored if since is None else max(since, spot.stored)
    return {**({} if since is None else {"stored__gte": since}), **({} if until is None else {"stored__lte": until})}


def _once(spots: Iterator[Spot]) -> Iterator[Spot]:
    last = None
    for spot in spots:
        if spot != last:
            yield spot
        last = spot


def _matching(wanted: Wanted, spots: list[Spot], older: bool) -> list[Statement]:
    keys = [spot.key for spot in spots]
    if wanted.findings:
        flagged = set(
            Finding.objects.filter(store=wanted.store, statement__in=keys).values_list("statement", flat=True)
        )
        keys = [key for key in keys if key in flagged]
    for mentioned in wanted.mentioned[1:]:
        keys = _mentioning(wanted.store, mentioned, keys)
    if not keys:
        return []
    rows = Statement.objects.filter(store=wanted.store, key__in=keys).only(*_SHOWN)
    for name in ("credential", "completed", "voided"):
        if (value := getattr(wanted, name)) is not None:
            rows = rows.filter(**{name: value})
    if wanted.kind:
        rows = rows.filter(kind=wanted.kind)
    return sorted(rows, key=lambda row: (row.stored, row.key), reverse=older)


def _mentioning(store: int, mentioned: Mentioned, keys: list[UUID]) -> list[UUID]:
    found: set[UUID] = set()
    for key in mentioned.keys:
        rows = Mention.objects.filter(store=store, key=key, role__in=[int(role) for role in mentioned.roles])
        found |= set(rows.filter(statement__in=keys, via=F("statement")).values_list("statement", flat=True))
    return [key for key in keys if key in found]
