"""Where a page of a list begins, as text that is given back for the next one."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Q

from statements.errors import Fault, Invalid

# The values of the order's fields in one row: a time and a key, or a key alone.
Place = tuple[Any, ...]


def beyond(fields: Sequence[str], after: Place, *, descending: bool) -> Q:
    """What comes after a place, in the order of one field or of two, the last of them unique."""
    than = "lt" if descending else "gt"
    if len(fields) == 1:
        return Q(**{f"{fields[0]}__{than}": after[0]})
    first, last = fields
    same = Q(**{f"{first}__{than}": after[0]}) | Q(**{first: after[0], f"{last}__{than}": after[1]})
    # Said twice, because the databases use an index for this half only.
    return Q(**{f"{first}__{than}e": after[0]}) & same


def write(after: Place | None, order: str) -> str | None:
    """A place as a cursor, which nobody need understand."""
    if after is None:
        return None
    values = [
        value.isoformat() if isinstance(value, datetime) else value.hex if isinstance(value, UUID) else value
        for value in after
    ]
    return base64.urlsafe_b64encode(orjson.dumps([order, *values])).decode().rstrip("=")


def read(cursor: str, order: str, kinds: Sequence[type], name: str = "cursor") -> Place:
    """The place of a cursor that was made for this order. Raises Invalid."""
    try:
        made_for, *values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = tuple(_READ[kind](value) for kind, value in zip(kinds, values, strict=True))
    except (binascii.Error, ValueError, TypeError, AttributeError, OverflowError):
        raise Invalid(Fault(f"?{name}", name, "is not a cursor that was given here")) from None
    if made_for != order:
        raise Invalid(Fault(f"?{name}", name, "was given for another list or order"))
    return place


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _whole(value: Any) -> int:
    if type(value) is not int or abs(value) >= 2**63:
        raise ValueError("not a number of a row")
    return value


_READ: dict[type, Callable[[Any], Any]] = {datetime: _time, UUID: UUID, int: _whole, str: str}
