"""The forms of a date that can be read without guessing; Khalibre does not publish which it uses."""

import math
import re
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any

import msgspec

# ISO 8601, with a space for the T too ("yyyy-MM-dd HH:mm:ss"). Not its weeks and days of the year, and no digits alone.
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s?(Z|[+-]\d\d(:?\d\d)?)?)?|\d{8}T\d{6}(Z|[+-]\d{4})?)", re.ASCII
)
# Seconds have ten digits from 2001 to 2286, and milliseconds thirteen. Fewer or more could be anything, a day too.
_SECONDS, _MILLISECONDS = range(10**9, 10**10), range(10**12, 10**13)

# A date as it came, whatever it is.
Written = Annotated[
    Any,
    msgspec.Meta(
        description="a date as Khalibre wrote it, in whatever form",
        extra_json_schema={"type": ["string", "number", "null"]},
    ),
]


def read(value: Written, zone: tzinfo = UTC) -> datetime | None:
    """The time in UTC, told in `zone` where it names none; None where its form is none of those."""
    if isinstance(value, str):
        text = value.strip()
        if text.isascii() and text.isdecimal():
            return _epoch(int(text))
        return _iso(text, zone) if _ISO.fullmatch(text) else None
    return _epoch(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _epoch(number: float) -> datetime | None:
    if int(number) in _SECONDS:
        return datetime.fromtimestamp(number, UTC)
    return datetime.fromtimestamp(number / 1000, UTC) if int(number) in _MILLISECONDS else None


def _iso(text: str, zone: tzinfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(re.sub(r"\s(?=Z|[+-]\d\d)", "", text))
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
