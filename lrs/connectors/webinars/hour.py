"""When a session's provider is asked for the list: from the end, every few minutes, for an hour. Pure.

The hour begins at the planned end, or when the provider says that the room ended. Only an answer "no list yet" uses up
a try: 429 and 5xx are waited for, a refused sign-in stops. Nobody is judged absent before the planned end, and where a
room ended long before it and no list came, another hour begins then.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

# A provider that cannot be asked for so long is given up; the administrator can always try again.
GIVE_UP = timedelta(days=3)


class State(StrEnum):
    """Where a session stands."""

    SCHEDULED = "scheduled"
    WAITING = "waiting"
    POLLING = "polling"
    FINAL = "final"
    NO_DATA = "no_data"
    STOPPED = "stopped"


class Rules(NamedTuple):
    """How often, and for how long."""

    every: timedelta = timedelta(minutes=5)
    within: timedelta = timedelta(minutes=60)

    @property
    def tries(self) -> int:
        """The first at once, the last when the time is over."""
        return self.within // self.every + 1


class Answered(StrEnum):
    """How an asking went."""

    LISTED = "listed"
    NOTHING = "nothing"
    BUSY = "busy"
    DENIED = "denied"


class Outcome(NamedTuple):
    """How an asking went; `seconds` to wait (BUSY), `reason` in a sentence (BUSY, DENIED)."""

    answered: Answered
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Course:
    """Where a session stands: `end` is planned, `base` is when the hour began, `due` when to ask next (None: never)."""

    end: datetime
    base: datetime
    due: datetime | None
    state: State = State.SCHEDULED
    tries: int = 0
    reason: str = ""


def planned(end: datetime) -> Course:
    """A new session."""
    return Course(end=end, base=end, due=end)


def moved(course: Course, end: datetime, now: datetime) -> Course:
    """The planned end was changed. What was over, and no list came of, and is now to come, begins anew."""
    if course.state in (State.SCHEDULED, State.WAITING) and course.base == course.end:
        return replace(course, end=end, base=end, due=end)
    if course.state in (State.POLLING, State.NO_DATA) and end > now:
        return planned(end)
    return replace(course, end=end)


def opened(course: Course) -> Course:
    """The room is open."""
    return replace(course, state=State.WAITING) if course.state is State.SCHEDULED else course


def ended(course: Course, at: datetime, *, start: datetime, now: datetime) -> Course:
    """The provider says that the room ended: the hour begins then, and the first try is now.

    Before the planned start it was a rehearsal. A stopped session stays so: an end is no better password.
    """
    if at < start or course.state is State.STOPPED:
        return course
    return replace(
        course, state=State.POLLING if now >= course.end else State.WAITING, base=at, due=now, tries=0, reason=""
    )


def brought(course: Course, now: datetime) -> Course:
    """A list, or somebody's word on who is who, came by another way than asking: look at it at once."""
    return replace(course, due=now)


def retried(course: Course, now: datetime) -> Course:
    """Somebody wants to try again: a new hour."""
    return replace(course, state=State.POLLING, base=now, due=now, tries=0, reason="")


def after(course: Course, outcome: Outcome, now: datetime, rules: Rules) -> Course:
    """Where the session stands when it was asked about at `now`."""
    match outcome.answered:
        case Answered.LISTED:
            return _listed(course, now, rules)
        case Answered.NOTHING:
            return _nothing(course, now, rules)
        case Answered.BUSY:
            return _busy(course, outcome, now, rules)
        case Answered.DENIED:
            return replace(course, state=State.STOPPED, due=None, reason=outcome.reason)


def judges_absence(course: Course, now: datetime) -> bool:
    """Whether the time of the session is over, so that who was not there is absent."""
    return now >= course.end


def _listed(course: Course, now: datetime, rules: Rules) -> Course:
    if not judges_absence(course, now):
        return replace(course, state=State.WAITING, due=course.end, reason="")
    # Rooms are opened again, and reports grow: one more look when the hour is over.
    last = course.base + rules.within
    return replace(course, state=State.FINAL, due=last if last > now else None, reason="")


def _nothing(course: Course, now: datetime, rules: Rules) -> Course:
    if course.state is State.FINAL:
        return replace(course, due=None)
    tries = course.tries + 1
    if tries >= rules.tries and now < course.end:
        # It was a try of the room, or a pause: the webinar is still to come.
        return replace(planned(course.end), state=State.WAITING)
    if tries >= rules.tries:
        reason = f"No list came, asked {tries} times."
        return replace(course, state=State.NO_DATA, due=None, tries=tries, reason=reason)
    return replace(course, state=State.POLLING, due=_next(course.base, now, rules), tries=tries, reason="")


def _busy(course: Course, outcome: Outcome, now: datetime, rules: Rules) -> Course:
    if now - course.base > GIVE_UP:
        state = State.FINAL if course.state is State.FINAL else State.NO_DATA
        return replace(course, state=state, due=None, reason=outcome.reason)
    wait = timedelta(seconds=outcome.seconds) if outcome.seconds else rules.every
    waiting = State.POLLING if course.state is State.SCHEDULED else course.state
    return replace(course, state=waiting, due=now + wait, reason=outcome.reason)


def _next(base: datetime, now: datetime, rules: Rules) -> datetime:
    """The next full interval after `now`, counted from `base`, so that the hour does not drift."""
    passed = max(0, (now - base) // rules.every)
    return base + (passed + 1) * rules.every
