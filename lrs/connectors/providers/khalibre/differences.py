"""What happened between two states of a progress row: the statements that a changed row makes, and no others.

A learner stands at one stage: registered, progressed (0 < completedActivity < totalActivity), completed (all of them,
or the status says so), or unregistered (the status says so). Going forward is a statement, of the stage that was
reached and of none that was passed over. Going back is none; it is noted.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from lrs.connectors.contract import Received, Row, Settings
from lrs.connectors.events import Kind, Note
from lrs.connectors.providers.khalibre import settings as chosen
from lrs.connectors.providers.khalibre import shapes, times
from lrs.connectors.providers.khalibre.shapes import ProgressRow
from lrs.connectors.providers.khalibre.statuses import Meaning, meaning
from lrs.connectors.providers.khalibre.times import Written

NAME = "progress"
_ORDER = {Kind.REGISTERED: 0, Kind.PROGRESSED: 1, Kind.COMPLETED: 2}
_DONE = {Meaning.COMPLETED: None, Meaning.PASSED: True, Meaning.FAILED: False}


class Stage(NamedTuple):
    """Where a learner stands. `success` is said only where the status says passed or failed."""

    kind: Kind
    success: bool | None = None


class Verdict(NamedTuple):
    """What a change of a row comes to: at most one statement, and what people should know."""

    stage: Stage | None
    notes: tuple[Note, ...] = ()


def stage(row: ProgressRow, settings: Settings) -> Stage:
    """Where the learner of this row stands."""
    done, total = _counts(row)
    meant = _meaning(row, settings)
    if meant is Meaning.UNREGISTERED:
        return Stage(Kind.UNREGISTERED)
    if meant in _DONE or done >= total > 0:
        return Stage(Kind.COMPLETED, _DONE.get(meant) if meant else None)
    return Stage(Kind.PROGRESSED) if 0 < done < total else Stage(Kind.REGISTERED)


def percent(row: ProgressRow) -> int:
    """The progress of a row at the stage progressed, 0 to 99: 100 is said by the completion alone."""
    done, total = _counts(row)
    return min(99, round(100 * done / total))


def verdict(before: ProgressRow | None, row: ProgressRow, settings: Settings) -> Verdict:
    """What happened since `before` (None: the row is new)."""
    notes = _unknown_status(before, row, settings)
    now = stage(row, settings)
    was = None if before is None else stage(before, settings)
    if before is None or was is None or (was.kind is Kind.UNREGISTERED and now.kind is not Kind.UNREGISTERED):
        # After an unregistration, the booking is a new one.
        return Verdict(now, notes)
    if now.kind is Kind.UNREGISTERED:
        return Verdict(None if was.kind is Kind.UNREGISTERED else now, notes)
    forward = _ORDER[now.kind] - _ORDER[was.kind] or _forward(before, row, was, now)
    if forward < 0:
        back = f"The row went back from {_told(before)} to {_told(row)}; no statement is made of that."
        return Verdict(None, (*notes, Note("backwards", back)))
    return Verdict(now if forward else None, notes)


def when(row: ProgressRow, kind: Kind, settings: Settings) -> tuple[datetime | None, Note | None]:
    """The time of a statement, by the row's own dates; or None and why."""
    name, written = ("bookingDate", row.booking_date)
    if kind is not Kind.REGISTERED:
        name, written = ("recentUpdateDate", row.recent_update_date)
    at = times.read(written, chosen.timezone(settings))
    if at is not None:
        return at, None
    how = "missing" if _nothing(written) else f"{written!r}, a form that is not known"
    return None, Note("date", f"{name} is {how}; the statement has the time at which the row was seen.")


def compare(old: Row | None, row: Row, settings: Settings, now: datetime) -> Sequence[Received]:
    """A row of the API against the one that was seen last, as an event for the inbox; none where nothing happened."""
    after = shapes.read(row.data, ProgressRow)
    before = None if old is None else shapes.read(old.data, ProgressRow)
    found = verdict(before, after, settings)
    if found.stage is None and not found.notes:
        return []
    at = when(after, found.stage.kind if found.stage else Kind.PROGRESSED, settings)[0]
    return [
        Received(
            account=chosen.host(settings),
            name=NAME,
            id=event_key(after, found),
            at=at or now,
            ordering=after.key,
            data={"row": row.data, "before": old.data if old else None, "seen": now.isoformat()},
        )
    ]


def event_key(row: ProgressRow, found: Verdict) -> str:
    """What names the event: the same state of a row, reached again, is the same event and the same statement."""
    word = found.stage.kind if found.stage else found.notes[0].rule
    status = f"{row.status} {row.status_description}"
    return f"{row.key}\n{word}\n{row.completed_activity}/{row.total_activity}\n{status}\n{row.recent_update_date}"


def _forward(before: ProgressRow, row: ProgressRow, was: Stage, now: Stage) -> int:
    """At the same stage: 1 for a statement more, -1 for a step back, 0 for nothing."""
    if now.kind is Kind.COMPLETED:
        # The same completion again is none; that it was passed or failed is news.
        return int(now.success is not None and now.success != was.success)
    if now.kind is not Kind.PROGRESSED:
        return 0
    (done_before, total_before), (done, total) = _counts(before), _counts(row)
    # An activity more is progress, even where the course became longer meanwhile and the percentage fell.
    return _sign(done - done_before) or _sign(done * total_before - done_before * total)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _unknown_status(before: ProgressRow | None, row: ProgressRow, settings: Settings) -> tuple[Note, ...]:
    if _meaning(row, settings) is not None:
        return ()
    if before is not None and (before.status, before.status_description) == (row.status, row.status_description):
        return ()
    return (Note("unknown-status", f"{unknown(row)}; the numbers of activities decided."),)


def unknown(row: ProgressRow) -> str:
    """A sentence about a status that nobody knows, and what to do; without its full stop."""
    status = f"The status {row.status} {row.status_description or 'without text'!r}"
    return f"{status} is not known here: say in status_table what it means"


def is_unknown(row: ProgressRow, settings: Settings) -> bool:
    """Whether the row's status is not known here."""
    return _meaning(row, settings) is None


def _meaning(row: ProgressRow, settings: Settings) -> Meaning | None:
    return meaning(row.status, row.status_description, settings["status_table"] or {})


def _counts(row: ProgressRow) -> tuple[int, int]:
    return max(0, row.completed_activity or 0), max(0, row.total_activity or 0)


def _told(row: ProgressRow) -> str:
    return f"{row.completed_activity}/{row.total_activity} {row.status_description or row.status}"


def _nothing(written: Written) -> bool:
    return written is None or written == ""
