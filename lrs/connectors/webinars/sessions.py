"""Sessions and rosters are made, found and changed here."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction

from lrs.connectors import connections
from lrs.connectors.models import Connection, InboxEvent
from lrs.connectors.webinars import hour, intervals, matching
from lrs.connectors.webinars.attendance import Attendee, Plan, Room
from lrs.connectors.webinars.hour import Course, State
from lrs.connectors.webinars.intervals import Closed
from lrs.connectors.webinars.matching import Identity
from lrs.connectors.webinars.models import Alias, Expected, Session
from statements.xapi import values

_COURSE = ("end", "base", "due", "state", "tries", "reason")


class SessionProblem(Exception):
    """A session or roster that cannot be made or found; the text is a sentence for whoever asked.

    `about` names what is wrong, as the attendance webhook names it; empty where it is no one thing.
    """

    def __init__(self, sentence: str, about: str = "") -> None:
        self.about = about
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Change:
    """What a session is to be from now on; None: as it is."""

    title: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    activity: str | None = None
    parent: str | None = None
    instructors: tuple[Attendee, ...] | None = None


def plan(connection: Connection, meeting: str, planned: Plan, *, parent: str = "", now: datetime) -> Session:
    """Make the session of a room at a time, or change it: what is not said stays. Raises SessionProblem."""
    provider = connections.provider_of(connection)
    if provider.webinars is None:
        raise SessionProblem(f"{provider.title} has no webinars.")
    meeting = meeting_of(connection, meeting)
    if not meeting or not meeting.isprintable() or len(meeting) > 1000:
        raise SessionProblem(
            "A session needs the provider's id of the room, of at most 1000 printable characters.", "meeting_id"
        )
    if planned.start is None or planned.end is None or planned.end <= planned.start:
        raise SessionProblem("A session needs a start and an end, in this order.", "scheduled_end")
    start, end = planned.start.astimezone(UTC), planned.end.astimezone(UTC)
    _require_iris(planned.activity, parent)
    with transaction.atomic():
        course = hour.planned(end)
        session, made = Session.objects.select_for_update().get_or_create(
            connection=connection,
            external=meeting,
            start=start,
            defaults={name: getattr(course, name) for name in _COURSE},
        )
        if not made and session.end != end:
            put_course(session, hour.moved(course_of(session), end, now))
        session.title = planned.title[:400] or session.title
        session.activity = planned.activity or session.activity
        session.parent = parent or session.parent
        if planned.instructors:
            session.instructors = [asdict(identity(one)) for one in planned.instructors]
        session.save()
        if made:
            _wake(connection.pk, meeting)
    return session


def meeting_of(connection: Connection, text: str) -> str:
    """The room's id, as sessions have it, in what people and LMSs write: a join URL, a number with spaces."""
    webinars = connections.provider_of(connection).webinars
    return webinars.meeting(text.strip()) if webinars is not None and webinars.meeting else text.strip()


def change(session: Session, wanted: Change, now: datetime) -> Session:
    """Change a session; the room stays. What is settled is settled again soon. Raises SessionProblem."""
    _require_iris(wanted.activity or "", wanted.parent or "")
    with transaction.atomic():
        kept = Session.objects.select_for_update(of=("self",)).select_related("connection").get(pk=session.pk)
        start = wanted.start.astimezone(UTC) if wanted.start else kept.start
        end = wanted.end.astimezone(UTC) if wanted.end else kept.end
        if end <= start:
            raise SessionProblem("A session ends after its start.", "scheduled_end")
        if start != kept.start:
            _require_movable(kept, start)
        moved = (start, end) != (kept.start, kept.end)
        if end != kept.end:
            put_course(kept, hour.moved(course_of(kept), end, now))
        kept.start, kept.end = start, end
        kept.title = kept.title if wanted.title is None else wanted.title[:400]
        kept.activity = kept.activity if wanted.activity is None else wanted.activity
        kept.parent = kept.parent if wanted.parent is None else wanted.parent
        if wanted.instructors is not None:
            kept.instructors = [asdict(identity(one)) for one in wanted.instructors]
        _settle_soon(kept, now)
        kept.save()
        if moved:
            _wake(kept.connection_id, kept.external)
    return kept


def expect(session: Session, people: Iterable[Identity], now: datetime, *, replace: bool = False) -> int:
    """`enrol`; what is settled already is settled again soon."""
    with transaction.atomic():
        number = enrol(session, people, replace=replace)
        _roster_changed(session, now)
    return number


def dismiss(session: Session, who: Identity, now: datetime) -> bool:
    """Take somebody off the roster, by user id or e-mail; whether they were on it."""
    rows = session.roster.filter(person=who.id) if who.id else session.roster.filter(email=matching.mail(who.email))
    with transaction.atomic():
        gone, _ = rows.exclude(person="", email="").delete()
        if gone:
            _roster_changed(session, now)
    return bool(gone)


def enrol(session: Session, people: Iterable[Identity], *, replace: bool = False) -> int:
    """Put people on the roster, or change them; with `replace` nobody else stays. How many are on it now.

    Raises SessionProblem for somebody without user id and e-mail.
    """
    asked = [Identity(one.id.strip(), matching.mail(one.email), one.name.strip()[:400]) for one in people]
    for number, one in enumerate(asked):
        if not one.id and not one.email:
            sentence = f"{one.name or 'Somebody'} has neither a user id nor an e-mail."
            raise SessionProblem(sentence, f"roster[{number}]")
        if len(one.id) > 400 or len(one.email) > 320:
            sentence = "A user id has at most 400 characters, an e-mail at most 320."
            raise SessionProblem(sentence, f"roster[{number}]")
    with transaction.atomic():
        Session.objects.select_for_update().get(pk=session.pk)
        here = list(session.roster.order_by("id"))
        wanted = matching.added([] if replace else [_identity(row) for row in here], asked)
        by_id = {row.person: row for row in here if row.person}
        by_email = {row.email: row for row in here if row.email}
        kept: dict[int, Identity] = {}
        new: list[Expected] = []
        changed: dict[int, datetime] = {}
        for one in wanted:
            row = by_id.get(one.id) or by_email.get(one.email)
            if row is None or row.pk in kept:
                new.append(Expected(session=session, person=one.id, email=one.email, name=one.name))
                continue
            kept[row.pk] = one
            if _identity(row) != one:
                changed[row.pk] = row.added
                new.append(Expected(pk=row.pk, session=session, person=one.id, email=one.email, name=one.name))
        # Out first, then in: an address may go from one to another.
        gone = [row.pk for row in here if row.pk not in kept or row.pk in changed]
        Expected.objects.filter(pk__in=gone).delete()
        Expected.objects.bulk_create(new)
        again = [row for row in new if row.pk in changed]
        for row in again:
            row.added = changed[row.pk]
        Expected.objects.bulk_update(again, ["added"])
    return len(wanted)


def roster(session: Session) -> list[Identity]:
    """Who is expected."""
    return [_identity(row) for row in session.roster.order_by("id")]


def known(session: Session) -> matching.Known:
    """The roster and the aliases that hold for a session; those of the session itself overrule."""
    rows = Alias.objects.filter(connection=session.connection_id)
    everywhere = {row.handle: _identity(row) for row in rows.filter(session=None)}
    here = {row.handle: _identity(row) for row in rows.filter(session=session)}
    return matching.known(roster(session), everywhere | here)


def find(connection: UUID, room: Room, at: datetime | None) -> Session | None:
    """The session that a room is open for at a time: the run's, else the one that is planned nearest to it; locked.

    Without a time: the only one of the room.
    """
    rows = Session.objects.select_for_update(of=("self",)).filter(connection=connection)
    if room.run:
        found = rows.filter(openings__external=room.run, external=room.meeting).first()
        if found is not None:
            return found
    sessions = list(rows.filter(external=room.meeting).order_by("start"))
    if at is None:
        return sessions[0] if len(sessions) == 1 else None
    fitting = [one for one in sessions if (span := intervals.window(one.start, one.end)).joined <= at <= span.left]
    return min(fitting, key=lambda one: max(one.start - at, at - one.end), default=None)


def neighbours(session: Session) -> list[Closed]:
    """When other sessions are planned for the same room, as far as they may be in each other's way."""
    span = intervals.window(session.start, session.end)
    rows = Session.objects.filter(connection=session.connection_id, external=session.external)
    near = rows.filter(start__lt=span.left, end__gt=span.joined).exclude(pk=session.pk)
    return [Closed(start, end) for start, end in near.values_list("start", "end")]


def named(text: str) -> Session:
    """The session with this number. Raises SessionProblem."""
    found = None
    if text.isascii() and text.isdecimal():
        rows = Session.objects.select_related("connection__store", "connection__credential")
        found = rows.filter(pk=int(text)).first()
    if found is None:
        raise SessionProblem(f"There is no session {text!r}; `webinar session list` shows their numbers.")
    return found


def course_of(session: Session) -> Course:
    """Where a session stands."""
    return Course(session.end, session.base, session.due, State(session.state), session.tries, session.reason)


def put_course(session: Session, course: Course) -> None:
    """Say where a session stands now; not saved."""
    for name in _COURSE:
        setattr(session, name, getattr(course, name))


def identity(who: Attendee) -> Identity:
    """Somebody who is named by our own side, with user id, e-mail and name."""
    return Identity(who.id, matching.mail(who.email), who.name)


def instructors(session: Session) -> list[Identity]:
    """Who gives it."""
    return [Identity(one.get("id", ""), one.get("email", ""), one.get("name", "")) for one in session.instructors]


def people_of(entries: Sequence[Attendee]) -> list[Identity]:
    """A provider's roster, without those of whom nothing but a name is known."""
    return [identity(one) for one in entries if one.id or one.email]


def waits_for(meeting: str) -> str:
    """What an event says that came before its session was planned."""
    return f"session {meeting}"[:200]


def _wake(connection: UUID, meeting: str) -> None:
    """What came of this room before it was known is looked at again."""
    rows = InboxEvent.objects.filter(
        connection=connection, state=InboxEvent.State.IGNORED, waits_for=waits_for(meeting)
    )
    rows.update(state=InboxEvent.State.WAITING, waits_for="", rule="", reason="")


def _identity(row: Expected | Alias) -> Identity:
    return Identity(row.person, row.email, row.name)


def _require_iris(activity: str, parent: str) -> None:
    for about, given in (("activity_id", activity), ("parent", parent)):
        if given and (len(given) > 2000 or "://" not in given or not values.is_iri(given)):
            raise SessionProblem(f"{given[:100]!r} is not an IRI such as https://lms.example/webinar/7.", about)


def _require_movable(session: Session, start: datetime) -> None:
    if session.sent.exists():
        raise SessionProblem(
            "Statements were made of this session, and its start is part of their ids: plan another session.",
            "scheduled_start",
        )
    if Session.objects.filter(connection=session.connection_id, external=session.external, start=start).exists():
        raise SessionProblem("Another session of the same room is planned for this start.", "scheduled_start")


def _roster_changed(session: Session, now: datetime) -> None:
    kept = Session.objects.select_for_update().get(pk=session.pk)
    _settle_soon(kept, now)
    kept.save()


def _settle_soon(session: Session, now: datetime) -> None:
    if session.state == State.FINAL:
        put_course(session, hour.brought(course_of(session), now))
