"""What a learner's status means: by its text; by its number only where the connection's table says so."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Meaning(StrEnum):
    """What a status can mean."""

    REGISTERED = "registered"
    PROGRESSED = "progressed"
    COMPLETED = "completed"
    PASSED = "passed"
    FAILED = "failed"
    UNREGISTERED = "unregistered"


# Khalibre publishes neither the numbers nor the texts: these are plain English for what the texts can only mean.
TEXTS: Mapping[str, Meaning] = {
    **dict.fromkeys(
        ("not started", "not yet started", "registered", "enrolled", "enroled", "booked"), Meaning.REGISTERED
    ),
    **dict.fromkeys(("in progress", "progressed", "started", "ongoing", "incomplete"), Meaning.PROGRESSED),
    **dict.fromkeys(("completed", "complete", "finished"), Meaning.COMPLETED),
    **dict.fromkeys(("passed", "pass"), Meaning.PASSED),
    **dict.fromkeys(("failed", "fail"), Meaning.FAILED),
    **dict.fromkeys(
        ("cancelled", "canceled", "withdrawn", "expired", "unregistered", "unenrolled"), Meaning.UNREGISTERED
    ),
}


def meaning(status: int | None, text: str | None, table: Mapping[str, Any]) -> Meaning | None:
    """What the status means: by its text in the connection's table, by its text here, by its number in the table.

    None where nobody knows.
    """
    given = {_plain(name): value for name, value in table.items()}
    plain = _plain(text or "")
    for found in (given.get(plain) if plain else None, TEXTS.get(plain), given.get(str(status))):
        if found in set(Meaning):
            return Meaning(found)
    return None


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", text).strip().casefold()
