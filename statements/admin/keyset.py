"""Lists by "newer" and "older": a page begins after a row, not at a number, so that none is slower than the first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest

AMOUNT = 50
_BETWEEN = "~"

_Row = TypeVar("_Row")
_Model = TypeVar("_Model", bound=Model)


class Place(NamedTuple):
    """After (`older`) or before the row with these values of the fields that order the list, as text."""

    values: tuple[str, ...]
    older: bool


@dataclass(frozen=True, slots=True)
class Part(Generic[_Row]):
    """Some rows of a list, newest first, and the queries of the addresses of those beside them; empty for none."""

    rows: Sequence[_Row]
    newer: str = ""
    older: str = ""


def asked(request: HttpRequest) -> Place | None:
    """The place that the address asks for."""
    for name in ("older", "newer"):
        if value := request.GET.get(name):
            return Place(tuple(value.split(_BETWEEN)), name == "older")
    return None


def text(*values: Any) -> str:
    """The place of a row in an address."""
    return _BETWEEN.join(value.isoformat() if hasattr(value, "isoformat") else str(value) for value in values)


def part(
    request: HttpRequest, rows: "QuerySet[_Model]", fields: tuple[str, ...], amount: int = AMOUNT
) -> "Part[_Model]":
    """The part of a queryset that the address asks for; `fields` order it, descending, and tell rows apart."""
    place = asked(request)
    older = place is None or place.older
    if place is not None and len(place.values) == len(fields):
        rows = _beyond(rows, fields, place)
    order = [f"{'-' if older else ''}{field}" for field in fields]
    found = list(rows.order_by(*order)[: amount + 1])
    return cut(request, found, place, amount, lambda row: text(*[getattr(row, field) for field in fields]))


def cut(
    request: HttpRequest, found: Sequence[_Row], place: Place | None, amount: int, place_of: Callable[[_Row], str]
) -> Part[_Row]:
    """The part of rows that were found from a place on, in the order of walking away from it, and one too many."""
    more = len(found) > amount
    rows = list(found[:amount])
    older = place is None or place.older
    if not older:
        rows.reverse()
    if not rows:
        return Part(rows, newer="" if place is None else query(request))
    has_newer, has_older = (place is not None, more) if older else (more, True)
    return Part(
        rows,
        newer=query(request, newer=place_of(rows[0])) if has_newer else "",
        older=query(request, older=place_of(rows[-1])) if has_older else "",
    )


def query(request: HttpRequest, **changed: str) -> str:
    """The query of the address with another place: what was filtered stays."""
    asked_for = request.GET.copy()
    for name in ("older", "newer"):
        asked_for.pop(name, None)
    for name, value in changed.items():
        asked_for[name] = value
    return "?" + asked_for.urlencode()


def _field(rows: "QuerySet[_Model]", name: str) -> "Field[Any, Any]":
    field = rows.model._meta.get_field(name)
    if not isinstance(field, Field):
        raise TypeError(f"{name} is no column to put a list in order by.")
    return field


def _beyond(rows: "QuerySet[_Model]", fields: tuple[str, ...], place: Place) -> "QuerySet[_Model]":
    try:
        values = [_field(rows, field).to_python(value) for field, value in zip(fields, place.values)]  # noqa: B905
    except Exception:  # noqa: BLE001  (an address that somebody changed by hand begins at the beginning)
        return rows
    side = "lt" if place.older else "gt"
    beyond = Q()
    for number, field in enumerate(fields):
        same = dict(zip(fields[:number], values[:number], strict=True))
        beyond |= Q(**same, **{f"{field}__{side}": values[number]})
    # Said once more of the first field alone: only this makes it one range of an index.
    return rows.filter(beyond, **{f"{fields[0]}__{side}e": values[0]})
