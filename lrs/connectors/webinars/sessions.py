"""Sessions and rosters are made, found and changed here."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction

from lrs.connectors import connections
from lrs.connectors.models import Connection, InboxEvent
from lrs.connectors.webinars import hour, intervals, matching
from lrs.connectors.webinars.attendance import Attendee, Plan, Room
from lrs.connectors.webinars.hour import Course, State
from lrs.connectors.webinars.matching import Identity
from lrs.connectors.webinars.models import Alias, Expected, Session

_COURSE = ("end", "base", "due", "state", "tries", "reason")


class SessionProblem(Exception):
    """A session or roster that cannot be made or found; the text is a sentence for whoever asked."""


def plan(connection: Connection, meeting: str, planned: Plan, *, parent: str = "", now: datetime) -> Session:
    """Make the session of a room at a time, or change it: what is not said stays. Raises SessionProblem."""
    provider = connections.provider_of(connection)
    if provider.webinars is None:
        raise SessionProblem(f"{provider.title} has no webinars.")
    meeting = provider.webinars.meeting(meeting.strip()) if provider.webinars.meeting else meeting.strip()
    if not meeting or not meeting.isprintable() or len(meeting) > 1000:
        raise SessionProblem("A session needs the provider's id of the room, of at most 1000 printable characters.")
    if planned.start is None or planned.end is None or planned.end <= planned.start:
        raise SessionProblem("A session needs a start and an end, in this order.")
    start, end = planned.start.astimezone(UTC), planned.end.astimezone(UTC)
    if planned.activity and "://" not in planned.activity:
        raise SessionProblem(f"The activity {planned.activity!r} is not an IRI such as https://lms.example/webinar/7.")
    with transaction.atomic():
        course = hour.planned(end)
        session, made = Session.objects.select_for_update().get_or_create(
            connection=connection,
            external=meeting,
            start=start,
            defaults={name: getattr(course, name) for name in _COURSE},
        )
        if not made and session.end != end:
            put_course(session, hour.moved(course_of(session), end))
        session.title = planned.title[:400] or session.title
        session.activity = planned.activity or session.activity
        session.parent = parent or session.parent
        if planned.instructors:
            session.instructors = [asdict(identity(one)) for one in planned.instructors]
        session.save()
        if made:
            _wake(connection.pk, meeting)
    return session


def enrol(session: Session, people: Iterable[Identity], *, replace: bool = False) -> int:
    """Put people on the roster, or change them; with `replace` nobody else stays. How many are on it now.

    Raises SessionProblem for somebody without user id and e-mail.
    """
    asked = list(people)
    for one in asked:
        if not one.id and not one.email:
            raise SessionProblem(f"{one.name or 'Somebody'} has neither a user id nor an e-mail.")
    with transaction.atomic():
        Session.objects.select_for_update().get(pk=session.pk)
        here = list(session.roster.order_by("id"))
        wanted = matching.added([] if replace else [_identity(row) for row in here], asked)
        unused = {(row.person, matching.mail(row.email)): row for row in here}
        rows = []
        for one in wanted:
            row = next((unused.pop(key) for key in list(unused) if _same(key, one)), None) or Expected(session=session)
            row.person, row.email, row.name = one.id, matching.mail(one.email), one.name
            rows.append(row)
        # Those first: an address may go from one to another.
        Expected.objects.filter(pk__in=[row.pk for row in unused.values()]).delete()
        for row in rows:
            row.save()
    return len(rows)


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


def _same(key: tuple[str, str], one: Identity) -> bool:
    return bool((one.id and key[0] == one.id) or (one.email and key[1] == matching.mail(one.email)))
