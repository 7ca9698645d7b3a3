"""Entries as rows of the statement and mention tables, in the order of their columns."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from statements.entry import Entry

STATEMENT = (
    "key", "store", "id", "stored", "timestamp", "timestamp_given", "version", "voided", "actor", "verb", "object",
    "target", "registration", "completion", "success", "scaled", "raw", "min", "max", "progress", "completed",
    "duration", "kind", "platform", "language", "credential", "attachments", "text",
)  # fmt: skip
MENTION = ("store", "key", "stored", "statement", "role", "via")

Row = tuple[Any, ...]


def statement(entry: Entry, stored: datetime | None) -> Row:
    """The row of the statement table; without `stored` the database puts that in, and a timestamp nobody gave."""
    given = entry.timestamp is not None
    # Without dashes, as SQLite keeps a UUIDField and finds it again.
    id = entry.id.replace("-", "")
    registration = entry.registration and entry.registration.replace("-", "")
    return (
        entry.key, entry.store, id, stored, entry.timestamp if given else stored, given, entry.version, False,
        entry.actor, entry.verb, entry.object, entry.target, registration, entry.completion, entry.success,
        entry.scaled, entry.raw, entry.min, entry.max, entry.progress, entry.completed, entry.duration, entry.kind,
        entry.platform, entry.language, entry.credential, entry.attachments, entry.text,
    )  # fmt: skip


def mentions(entry: Entry, stored: datetime) -> list[Row]:
    """The rows of the mention table for what the statement says itself."""
    key, store = entry.key, entry.store
    return [(store, mentioned, stored, key, role, key) for mentioned, role in entry.mentions]


def times(entries: Sequence[Entry], now: datetime) -> list[datetime]:
    """When each entry is stored: a microsecond apart, so that a batch keeps its order."""
    return [now + timedelta(microseconds=index) for index in range(len(entries))]
