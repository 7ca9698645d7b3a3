"""What follows from who was there: for each person whether it counts, and who cannot be recognised. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from lrs.connectors.webinars import intervals, matching
from lrs.connectors.webinars.attendance import Attended, Attendee, Source, Stay
from lrs.connectors.webinars.intervals import Closed, Move
from lrs.connectors.webinars.matching import How, Identity, Known

ABSENT = "absent"
BELOW = "below-threshold"
_RANK = {source: rank for rank, source in enumerate(Source)}
# A report is to the second, a hook to the millisecond: so many seconds are no difference.
NO_DIFFERENCE = 2


class Credit(NamedTuple):
    """What is asked of a person: so many minutes, such a share of the planned time; 0: any presence."""

    minutes: int = 0
    percent: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Who was in one run, as one source knows it.

    `over`: nobody is there any more. `whole`: it was watched from its beginning, so that who is not in it was absent.
    """

    run: str
    source: Source
    people: tuple[Attended, ...]
    opened: datetime | None
    ended: datetime | None
    over: bool = True
    whole: bool = True


class Came(NamedTuple):
    """Somebody came or went, as a hook told it."""

    who: Attendee
    move: Move


class Look(NamedTuple):
    """Somebody was seen at every look from `first` to `last`."""

    who: Attendee
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What holds for a person: `passed`, or not (then `reason` says why), or not judged yet (None)."""

    person: Identity
    present: bool
    seconds: int
    ratio: float
    stays: tuple[Closed, ...]
    passed: bool | None
    reason: str = ""
    how: How | None = None


class Unmatched(NamedTuple):
    """Somebody in the room whom nobody knows, for how long, and why they are not recognised."""

    who: Attendee
    seconds: int
    reason: str


class Judgement(NamedTuple):
    """A verdict for each person, and who is to be reviewed."""

    verdicts: tuple[Verdict, ...]
    unmatched: tuple[Unmatched, ...]


def hooked(run: str, moves: Sequence[Came], opened: datetime | None, ended: datetime | None, now: datetime) -> Evidence:
    """What hooks told of a run; whole where they told of its opening, over where they told of its end.

    Where that was lost, or nobody tells it, it is over when all who came have been gone for an hour.
    """
    by_person: dict[Attendee, list[Move]] = {}
    # Who went is often told with less than who came: the fullest word for a stay is everybody's.
    fullest: dict[str, Attendee] = {}
    for who, move in moves:
        fullest[move.key] = max(fullest.get(move.key, who), who, key=_said)
    for _, move in moves:
        by_person.setdefault(fullest[move.key], []).append(move)
    people = tuple(Attended(who, tuple(intervals.paired(told))) for who, told in by_person.items())
    left = [stay.left for one in people for stay in one.stays]
    gone = max((at for at in left if at is not None), default=None)
    if ended is None and None not in left and gone is not None and now - gone > intervals.AFTER:
        ended = gone
    return Evidence(run, Source.HOOK, people, opened, ended, over=ended is not None, whole=opened is not None)


def looked(
    run: str, looks: Sequence[Look], opened: datetime | None, first: datetime, last: datetime, now: datetime
) -> Evidence:
    """What looking into a room every minute told, from the `first` look to the `last`."""
    people: dict[Attendee, list[Stay]] = {}
    for look in looks:
        people.setdefault(look.who, []).append(Stay(look.first, look.last))
    found = tuple(Attended(who, tuple(stays)) for who, stays in people.items())
    whole = opened is not None and first - opened <= intervals.GAP
    return Evidence(run, Source.POLL, found, opened, last, over=now - last > intervals.GAP, whole=whole)


def best(evidence: Iterable[Evidence]) -> list[Evidence]:
    """Of each run the most trustworthy evidence that names anybody; how its room ended may be known from another.

    A hook that tells of an opening and whose end was lost is over when looking in finds nobody.
    """
    runs: dict[str, list[Evidence]] = {}
    for one in evidence:
        runs.setdefault(one.run, []).append(one)
    answer = []
    for listed in runs.values():
        named = [one for one in listed if one.people]
        if not named:
            continue
        chosen = min(named, key=lambda one: _RANK[one.source])
        gone = [one.ended for one in listed if one.over and one.ended is not None]
        if not chosen.over and gone:
            chosen = replace(chosen, over=True, ended=max(gone))
        answer.append(chosen)
    return answer


def within(evidence: Sequence[Evidence], planned: Closed) -> list[Evidence]:
    """What belongs to the session: runs, or stays, that touch its time."""
    span = intervals.window(planned.joined, planned.left)
    answer = []
    for one in evidence:
        end = one.ended or planned.left
        people = tuple(
            person
            for person in one.people
            if not person.stays or any(intervals.overlaps(stay, span) for stay in intervals.closed(person.stays, end))
        )
        if people:
            answer.append(replace(one, people=people))
    return answer


def judge(
    evidence: Sequence[Evidence],
    known: Known,
    planned: Closed,
    credit: Credit,
    *,
    instructors: Sequence[Identity] = (),
    absence: bool,
) -> Judgement:
    """What holds for everybody. With `absence` also who was not there, or not long enough, is judged, where the
    evidence is whole: of what was not watched, nobody can say that it was missed.

    Instructors are not judged unless they are on the roster.
    """
    absence = absence and all(one.whole for one in evidence)
    people = _together(evidence, planned)
    recognised, unmatched = _recognised(people, known)
    verdicts = [_verdict(person, found, planned, credit, absence) for person, found in recognised.items()]
    here = {verdict.person.key for verdict in verdicts}
    if absence:
        verdicts += [Verdict(one, False, 0, 0.0, (), False, ABSENT) for one in known.roster if one.key not in here]
    expected = {one.key for one in known.roster}
    giving = matching.known(instructors, {})
    return Judgement(
        tuple(
            verdict for verdict in verdicts if verdict.person.key in expected or not _is_one_of(verdict.person, giving)
        ),
        tuple(one for one in unmatched if matching.match(one.who, giving).person is None),
    )


class _Presence(NamedTuple):
    who: Attendee
    stays: tuple[Closed, ...]
    seconds: int


class _Found(NamedTuple):
    presence: _Presence
    how: How


def _said(who: Attendee) -> int:
    return sum(map(bool, (who.id, who.email, who.name, who.handles)))


def _together(evidence: Sequence[Evidence], planned: Closed) -> list[_Presence]:
    answer = []
    for one in evidence:
        end = one.ended or planned.left
        for person in one.people:
            stays = intervals.merged(intervals.closed(person.stays, end))
            answer.append(_Presence(person.who, stays, 0 if stays else person.seconds or 0))
    return answer


def _recognised(people: Sequence[_Presence], known: Known) -> tuple[dict[Identity, list[_Found]], list[Unmatched]]:
    found: list[tuple[Identity, _Found]] = []
    # Whom nothing tells apart is one to be reviewed, however the name is capitalised: a link would be of all of them.
    unmatched: dict[tuple[str, ...], list[_Presence]] = {}
    for presence in people:
        person, how, _ = matching.match(presence.who, known)
        if person is None or how is None:
            unmatched.setdefault(tuple(matching.handles(presence.who)), []).append(presence)
        else:
            found.append((person, _Found(presence, how)))
    # Who joined once with an e-mail and a user id, once with one of them and once by an alias is one person.
    roster = frozenset(known.roster)
    strangers = matching.known(matching.added([], [person for person, _ in found if person not in roster]), {})
    recognised: dict[Identity, list[_Found]] = {}
    for person, one in found:
        whole = person
        if person not in roster:
            whole = strangers.by_id.get(person.id) or strangers.by_email[matching.mail(person.email)]
        recognised.setdefault(whole, []).append(one)
    review = [
        Unmatched(listed[0].who, _sum(listed)[1], matching.match(listed[0].who, known).reason)
        for listed in unmatched.values()
    ]
    return recognised, review


def _sum(listed: Sequence[_Presence]) -> tuple[tuple[Closed, ...], int]:
    stays = intervals.merged(stay for one in listed for stay in one.stays)
    return stays, intervals.seconds(stays) + sum(one.seconds for one in listed)


def _verdict(person: Identity, found: Sequence[_Found], planned: Closed, credit: Credit, absence: bool) -> Verdict:
    stays, seconds = _sum([one.presence for one in found])
    length = (planned.left - planned.joined).total_seconds()
    share = min(1.0, seconds / length) if length else 1.0
    enough = seconds >= credit.minutes * 60 and share * 100 >= credit.percent
    passed = True if enough else False if absence else None
    return Verdict(
        person, True, seconds, round(share, 4), stays, passed, BELOW if passed is False else "", found[0].how
    )


def _is_one_of(person: Identity, known: Known) -> bool:
    return person.id in known.by_id or matching.mail(person.email) in known.by_email
