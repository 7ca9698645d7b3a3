"""The three forms in which ALM writes a time, even within one event: ISO text, epoch seconds, epoch milliseconds."""

from datetime import UTC, datetime
from typing import Any

# Seconds reach this in the year 5138, milliseconds had it in 1973.
_MILLISECONDS = 10**11


def read(value: Any) -> datetime | None:
    """The time in UTC, to the millisecond; None for anything else."""
    if isinstance(value, str):
        text = value.strip()
        if text.isascii() and text.isdecimal():
            return _epoch(int(text))
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return _milliseconds(moment)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _epoch(value)
    return None


def _epoch(value: float) -> datetime | None:
    try:
        return _milliseconds(datetime.fromtimestamp(value / 1000 if abs(value) >= _MILLISECONDS else value, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _milliseconds(moment: datetime) -> datetime | None:
    try:
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
