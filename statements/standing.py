"""Where a learner stands with an activity, folded from the facts of statements in whatever order they come. Pure.

Every field is joined by a rule that does not mind the order: the earliest, the latest, the greatest or a sum. "Latest"
goes by the statements' own timestamps; of two at the same instant the greater value counts, so that nothing depends on
which arrived first. Sums are right because each statement is folded once (statements.store.progress), and standings
of different statements may be merged: those of a person's several identifiers, say.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypeVar

from statements import outcome

_Value = TypeVar("_Value", float, bool, str)


class Status(StrEnum):
    """Where a learner stands, in one word."""

    REGISTERED = "registered"
    IN_PROGRESS = "in_progress"
    PASSED = "passed"
    COMPLETED = "completed"
    FAILED = "failed"
    UNREGISTERED = "unregistered"


class Meaning(NamedTuple):
    """What a verb says by itself, where the statement's result says nothing else.

    `state` is REGISTERED, UNREGISTERED or empty; `begins` and `ends` an attempt; `takes_back` earlier completions.
    """

    state: str = ""
    completed: bool | None = None
    success: bool | None = None
    begins: bool = False
    ends: bool = False
    takes_back: bool = False
    # A score that says how far somebody is, and not how well it was done (statements.outcome).
    measures: bool = False


NOTHING = Meaning()
# By the last word of the verb's IRI (statements.outcome.verb): there are several for most of these, and Udemy's are not
# published.
VERBS = {
    "registered": Meaning(state=Status.REGISTERED),
    "unregistered": Meaning(state=Status.UNREGISTERED),
    "initialized": Meaning(begins=True),
    "attempted": Meaning(begins=True),
    "progressed": Meaning(measures=True),
    "completed": Meaning(completed=True, ends=True),
    "complete": Meaning(completed=True, ends=True),
    # Being there is all that an event asks for.
    "attended": Meaning(completed=True),
    "attend": Meaning(completed=True),
    "passed": Meaning(success=True),
    "failed": Meaning(success=False),
    # cmi5 section 9.3: all that was asked for is done, or was let off.
    "satisfied": Meaning(completed=True),
    "waived": Meaning(completed=True, success=True),
    # How a completion is taken back, as Adobe Learning Manager does when a learning path gets one more course.
    "unsatisfy": Meaning(completed=False, takes_back=True),
}


def meaning(verb: str) -> Meaning:
    """What the verb with this IRI says."""
    return VERBS.get(outcome.verb(verb), NOTHING)


class Fact(NamedTuple):
    """What one statement, not voided, says: `progress` is 0 to 100, `score` scaled, the rest as its columns."""

    timestamp: datetime
    meaning: Meaning = NOTHING
    kind: str = ""
    credential: int | None = None
    platform: str | None = None
    progress: float | None = None
    completed: bool | None = None
    success: bool | None = None
    score: float | None = None


class Whose(NamedTuple):
    """Whose standing, with what, under which registration: keys in hexadecimal digits."""

    person: str
    activity: str
    registration: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one person stands with one activity under one registration.

    first_seen .. last_activity   timestamps of the earliest and the latest statement
    kind                          where statements disagree, the last in the alphabet
    credential, platform          of the latest statement: who says so
    progress, progress_max        the latest and the greatest, 0 to 100; progress_at is when the latest was said
    completed_at                  the first completion that was not taken back afterwards
    rolled_back_at                when completions were last taken back
    success, success_at           the latest verdict, and when
    score                         the best, scaled
    state, state_at               "registered" or "unregistered", whichever is later; empty where neither was said
    statements                    all of them; of these begun, ended (an attempt), judged and enrolments
    """

    first_seen: datetime
    last_activity: datetime
    kind: str = ""
    credential: int | None = None
    platform: str | None = None
    progress: float | None = None
    progress_at: datetime | None = None
    progress_max: float | None = None
    completed_at: datetime | None = None
    rolled_back_at: datetime | None = None
    success: bool | None = None
    success_at: datetime | None = None
    score: float | None = None
    state: str = ""
    state_at: datetime | None = None
    statements: int = 0
    begun: int = 0
    ended: int = 0
    judged: int = 0
    enrolments: int = 0

    @property
    def attempts(self) -> int:
        """How often it was tried: senders tell beginnings, ends or verdicts, few of them all three."""
        tried = 1 if self.statements > self.enrolments else 0
        return max(self.begun, self.ended, self.judged, tried)

    @property
    def status(self) -> Status:
        """Where the learner stands, in one word."""
        if self.success is False:
            return Status.FAILED
        if self.completed_at is not None:
            return Status.COMPLETED
        if self.success:
            return Status.PASSED
        if self.state == Status.UNREGISTERED:
            return Status.UNREGISTERED
        return Status.REGISTERED if self.statements == self.enrolments else Status.IN_PROGRESS


def fold(facts: Iterable[Fact], rolled_back_at: datetime | None = None) -> Standing:
    """The standing of these facts, of which there is at least one.

    `rolled_back_at` is a rollback known besides: completions at or before the last rollback count for nothing.
    """
    told = list(facts)
    back = _latest(rolled_back_at, *(fact.timestamp for fact in told if fact.meaning.takes_back))
    first, *others = told
    standing = _of(first, back)
    for fact in others:
        standing = merge(standing, _of(fact, back))
    return standing


def settled(standing: Standing, rolled_back_at: datetime | None) -> bool:
    """Whether a standing may be merged with others that know of this rollback.

    Not if its completion is taken back: whether a later one follows, only its facts can tell.
    """
    return standing.completed_at is None or rolled_back_at is None or standing.completed_at > rolled_back_at


def merge(one: Standing, other: Standing) -> Standing:
    """The standing of the facts of both; they must be settled with each other's rollback."""
    credential, platform = _source(one, other)
    progress_at, progress = _last(one.progress_at, one.progress, other.progress_at, other.progress)
    success_at, success = _last(one.success_at, one.success, other.success_at, other.success)
    state_at, state = _last(one.state_at, one.state, other.state_at, other.state)
    return Standing(
        first_seen=min(one.first_seen, other.first_seen),
        last_activity=max(one.last_activity, other.last_activity),
        kind=max(one.kind, other.kind),
        credential=credential,
        platform=platform,
        progress=progress,
        progress_at=progress_at,
        progress_max=_most(one.progress_max, other.progress_max),
        completed_at=_earliest(one.completed_at, other.completed_at),
        rolled_back_at=_latest(one.rolled_back_at, other.rolled_back_at),
        success=success,
        success_at=success_at,
        score=_most(one.score, other.score),
        state=state or "",
        state_at=state_at,
        statements=one.statements + other.statements,
        begun=one.begun + other.begun,
        ended=one.ended + other.ended,
        judged=one.judged + other.judged,
        enrolments=one.enrolments + other.enrolments,
    )


def _of(fact: Fact, back: datetime | None) -> Standing:
    at, meaning = fact.timestamp, fact.meaning
    completed = meaning.completed if fact.completed is None else fact.completed
    success = meaning.success if fact.success is None else fact.success
    progress = fact.progress
    score = None if meaning.measures else fact.score
    judged = int(success is not None)
    if completed:
        progress = 100.0 if progress is None else progress
        if back is not None and at <= back:
            completed = progress = success = score = None
    return Standing(
        first_seen=at,
        last_activity=at,
        kind=fact.kind,
        credential=fact.credential,
        platform=fact.platform,
        progress=progress,
        progress_at=None if progress is None else at,
        progress_max=progress,
        completed_at=at if completed else None,
        rolled_back_at=at if meaning.takes_back else None,
        success=success,
        success_at=None if success is None else at,
        score=score,
        state=meaning.state,
        state_at=at if meaning.state else None,
        statements=1,
        begun=int(meaning.begins),
        ended=int(meaning.ends),
        judged=judged,
        enrolments=int(bool(meaning.state)),
    )


def _source(one: Standing, other: Standing) -> tuple[int | None, str | None]:
    def rank(standing: Standing) -> tuple[datetime, int, bool, str]:
        # Credentials are numbered from 1.
        return standing.last_activity, standing.credential or 0, standing.platform is not None, standing.platform or ""

    latest = max(one, other, key=rank)
    return latest.credential, latest.platform


def _last(
    at: datetime | None, value: _Value | None, other_at: datetime | None, other: _Value | None
) -> tuple[datetime | None, _Value | None]:
    if at is None or value is None:
        return other_at, other
    if other_at is None or other is None:
        return at, value
    return max((at, value), (other_at, other))


def _most(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else max(one, other)


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return other if one is None else one if other is None else min(one, other)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)
