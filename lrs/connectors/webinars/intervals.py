"""Times in a room: put together, cut to a session, counted. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from lrs.connectors.webinars.attendance import Stay

# Rooms open early and webinars run late; what lies wholly outside of this is another meeting in the same room.
BEFORE = timedelta(minutes=30)
AFTER = timedelta(minutes=60)
# Looking into a room once a minute, this long a gap is an absence.
GAP = timedelta(minutes=3)


class Closed(NamedTuple):
    """A time in the room that is over."""

    joined: datetime
    left: datetime


class Move(NamedTuple):
    """Somebody came or went, on one device."""

    key: str
    at: datetime
    joined: bool


def window(start: datetime, end: datetime) -> Closed:
    """The time in which a room belongs to a session that is planned from `start` to `end`."""
    return Closed(start - BEFORE, end + AFTER)


def overlaps(stay: Closed, other: Closed) -> bool:
    """Whether the two have a moment in common."""
    return stay.joined <= other.left and other.joined <= stay.left


def belongs(run: Closed, planned: Closed, others: Iterable[Closed]) -> bool:
    """Whether an opening of a room is this session's, where others are planned for the same room.

    It is the session's that it has most of its time in common with; and another's with as much as half of that.
    """
    return 2 * _common(run, planned) >= max((_common(run, one) for one in others), default=timedelta())


def _common(one: Closed, other: Closed) -> timedelta:
    return max(timedelta(), min(one.left, other.left) - max(one.joined, other.joined))


def closed(stays: Iterable[Stay], ended: datetime) -> list[Closed]:
    """The stays with an end: who is not known to have left stayed until the room `ended`."""
    return [Closed(one.joined, max(one.joined, one.left or ended)) for one in stays]


def merged(stays: Iterable[Closed]) -> tuple[Closed, ...]:
    """The same time without overlaps, in order: two devices at once are one presence."""
    answer: list[Closed] = []
    for stay in sorted(stays):
        if answer and stay.joined <= answer[-1].left:
            answer[-1] = Closed(answer[-1].joined, max(answer[-1].left, stay.left))
        else:
            answer.append(stay)
    return tuple(answer)


def seconds(stays: Sequence[Closed]) -> int:
    """How long merged stays are together."""
    return round(sum((stay.left - stay.joined).total_seconds() for stay in stays))


def covered(joins: Iterable[datetime], leaves: Iterable[datetime]) -> list[Stay]:
    """The times in which anybody's device was in the room, where it is not told which device came and went."""
    moves = sorted([*((at, False) for at in joins), *((at, True) for at in leaves)])
    answer: list[Stay] = []
    begun: datetime | None = None
    here = 0
    for at, left in moves:
        here = max(0, here - 1) if left else here + 1
        if begun is None:
            begun = at
        if here == 0:
            answer.append(Stay(begun, at))
            begun = None
    return answer + ([Stay(begun, None)] if begun is not None else [])


def paired(moves: Iterable[Move]) -> list[Stay]:
    """Comings and goings as stays, whatever order they were told in.

    Who went without having come was there at that moment at least.
    """
    answer: list[Stay] = []
    here: dict[str, datetime] = {}
    for move in sorted(moves, key=lambda move: (move.at, not move.joined)):
        if move.joined:
            here.setdefault(move.key, move.at)
        else:
            answer.append(Stay(here.pop(move.key, move.at), move.at))
    return answer + [Stay(joined, None) for joined in here.values()]
