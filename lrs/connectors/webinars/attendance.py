"""What a provider says of a webinar: that a room opened, who came and went, who was there. Pure: no Django, no clock.

Providers use these words; they know neither sessions nor people of ours.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Source(StrEnum):
    """Where attendance is known from. Of the same run, the first of these that there is counts, and no other."""

    CSV = "csv"
    WEBHOOK = "webhook"
    REPORT = "report"
    CALLBACK = "callback"
    HOOK = "hook"
    POLL = "poll"


class Role(StrEnum):
    """What somebody was there for."""

    ATTENDEE = "attendee"
    PRESENTER = "presenter"


class Room(NamedTuple):
    """Which room: `meeting` is the id that a session is made with, `run` the provider's id of one opening of it."""

    meeting: str
    run: str = ""


@dataclass(frozen=True, slots=True)
class Attendee:
    """A person as a room knows them.

    `id` is the user id that our own side gave when they joined (BigBlueButton userID, Zoom customer_key); it must be
    empty where the provider made it up. `handles` are lasting ids of the provider's, each with a prefix that says what
    it is ("zoom:30R7kT7b", "registrant:abc"), for aliases.
    """

    id: str = ""
    email: str = ""
    name: str = ""
    role: str = Role.ATTENDEE
    handles: tuple[str, ...] = ()


def storable(who: Attendee) -> Attendee:
    """The same person with texts that a database takes.

    A NUL, or half of a pair where a provider cut a name in the middle of a letter, is written as U+FFFD.
    """

    def kept(text: str) -> str:
        return _UNKEPT.sub("\ufffd", text)[:_LONGEST]

    handles = tuple(map(kept, who.handles))
    return Attendee(kept(who.id), kept(who.email), kept(who.name), kept(who.role), handles)


# What neither of the databases takes in a text, and how much of a text both do.
_UNKEPT = re.compile("[\0\ud800-\udfff]")
_LONGEST = 400


class Stay(NamedTuple):
    """A time in the room (UTC); `left` is None while it is not known."""

    joined: datetime
    left: datetime | None


@dataclass(frozen=True, slots=True)
class Attended:
    """That somebody was there; `seconds` is for providers that tell the sum and no times."""

    who: Attendee
    stays: tuple[Stay, ...] = ()
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be known of a session beforehand; None or empty: not said."""

    title: str = ""
    start: datetime | None = None
    end: datetime | None = None
    activity: str = ""
    instructors: tuple[Attendee, ...] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """A room was opened."""

    room: Room
    at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """A room was left by everybody, or closed: the list may be there now. `opened`, where the provider says it."""

    room: Room
    at: datetime
    opened: datetime | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody came (`joined`) or went. `key` tells one stay's device or window from another's."""

    room: Room
    at: datetime
    who: Attendee
    joined: bool
    key: str


@dataclass(frozen=True, slots=True)
class Seen:
    """Who was in a room when it was looked into, all of them; `opened` is when the room was opened."""

    room: Room
    at: datetime
    people: tuple[Attendee, ...]
    opened: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """The list of a run, or of all of the session where the room has no run: it takes the place of an earlier one.

    A list without people is no list. `roster` is added to who is expected, `plan` makes or changes the session.
    """

    room: Room
    source: Source
    people: tuple[Attended, ...]
    opened: datetime | None = None
    ended: datetime | None = None
    roster: tuple[Attendee, ...] = ()
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """Who is expected, and what is planned; makes the session where `plan` says when it is."""

    room: Room
    roster: tuple[Attendee, ...] = ()
    plan: Plan | None = None


RoomHappening = Opened | Ended | Moved | Seen | Listed | Announced


class Asked(NamedTuple):
    """The session that a provider is asked about. `runs` are the runs known so far, the oldest first."""

    meeting: str
    start: datetime
    end: datetime
    runs: tuple[str, ...] = ()
    instructors: tuple[Attendee, ...] = ()
