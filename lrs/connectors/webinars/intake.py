"""What providers say of rooms is kept: what opened and ended, who came and went, lists. Inside of a transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from lrs.connectors.models import Connection, InboxEvent
from lrs.connectors.webinars import hour, intervals, matching, sessions
from lrs.connectors.webinars.attendance import (
    Announced,
    Attended,
    Attendee,
    Ended,
    Listed,
    Moved,
    Opened,
    RoomHappening,
    Seen,
    Source,
    Stay,
    storable,
)
from lrs.connectors.webinars.models import Listing, Opening, Session, Trace
from lrs.connectors.webinars.sessions import SessionProblem
from lrs.connectors.webinars.verdicts import Came, Evidence, Look, hooked, looked


def keep(told: Sequence[tuple[InboxEvent, RoomHappening]], now: datetime) -> None:
    """Keep what events of the inbox told; an event about a room that is no session's says so, and waits for one."""
    rows = Connection.objects.select_related("store", "credential")
    known = rows.in_bulk({row.connection_id for row, _ in told})
    for row, happening in told:
        connection = known[row.connection_id]
        try:
            session = session_of(connection, happening, now)
        except SessionProblem as problem:
            row.state, row.rule, row.reason = InboxEvent.State.REFUSED, "session", str(problem)
            continue
        if session is None:
            meeting = sessions.meeting_of(connection, happening.room.meeting)
            row.state, row.rule = InboxEvent.State.IGNORED, "no session"
            row.waits_for = sessions.waits_for(meeting)
            row.reason = f"No session is planned for the room {meeting} at this time."
            continue
        row.rule = row.rule or "attendance"
        _KEEPING[type(happening)](session, happening, row.pk, now)


def session_of(connection: Connection, happening: RoomHappening, now: datetime) -> Session | None:
    """The session that something is said of, locked; made or changed where that says when it is.

    Raises SessionProblem.
    """
    plan = happening.plan if isinstance(happening, Listed | Announced) else None
    if plan is not None and plan.start is not None and plan.end is not None:
        return sessions.plan(connection, happening.room.meeting, plan, now=now)
    room = happening.room._replace(meeting=sessions.meeting_of(connection, happening.room.meeting))
    return sessions.find(connection.pk, room, _moment(happening))


def listed(session: Session, said: Listed, event: int | None, now: datetime) -> None:
    """Keep a list in the place of an earlier one of the same run and source."""
    if said.roster:
        sessions.enrol(session, sessions.people_of(said.roster))
    if not said.people:
        return
    Listing.objects.update_or_create(
        session=session,
        run=said.room.run,
        source=said.source,
        defaults={
            "people": [_attended_json(one) for one in said.people],
            "opened": said.opened,
            "ended": said.ended,
            "received": now,
            "event": event,
        },
    )
    if said.room.run:
        _opening(session, said.room.run, opened=said.opened, ended=said.ended)


def evidence(session: Session, now: datetime) -> list[Evidence]:
    """All that is known of who was there."""
    openings = {row.external: row for row in session.openings.all()}
    answer = []
    for listing in session.listings.all():
        told = openings.get(listing.run, Opening())
        people = tuple(map(_attended, listing.people))
        opened, ended = listing.opened or told.opened, listing.ended or told.ended
        answer.append(Evidence(listing.run, Source(listing.source), people, opened, ended))
    moves: dict[str, list[Came]] = {}
    looks: dict[str, list[Look]] = {}
    for trace in session.traces.order_by("at", "id"):
        who = attendee(trace.who)
        if trace.kind == Trace.Kind.SEEN:
            looks.setdefault(trace.run, []).append(Look(who, trace.at, trace.last or trace.at))
        else:
            move = intervals.Move(trace.key, trace.at, trace.kind == Trace.Kind.JOINED)
            moves.setdefault(trace.run, []).append(Came(who, move))
    for row in openings.values():
        if row.external in moves or row.watched:
            opened = row.opened if row.watched else None
            answer.append(hooked(row.external, moves.get(row.external, []), opened, row.ended, now))
        if row.first_look is not None and row.last_look is not None:
            found = looks.get(row.external, [])
            answer.append(looked(row.external, found, row.opened, row.first_look, row.last_look, now))
    return answer


def attendee(given: Mapping[str, Any]) -> Attendee:
    """An attendee out of JSON."""
    return Attendee(**{**given, "handles": tuple(given["handles"])})


def _moment(happening: RoomHappening) -> datetime | None:
    if isinstance(happening, Announced):
        return None
    if isinstance(happening, Listed):
        stays = [stay.joined for one in happening.people for stay in one.stays]
        return happening.opened or happening.ended or min(stays, default=None)
    if isinstance(happening, Ended) and happening.opened is not None:
        return happening.opened
    return happening.at


def _opened(session: Session, said: Opened, event: int, now: datetime) -> None:
    _opening(session, said.room.run, opened=said.at, watched=True)
    sessions.put_course(session, hour.opened(sessions.course_of(session)))
    session.save()


def _ended(session: Session, said: Ended, event: int, now: datetime) -> None:
    _opening(session, said.room.run, opened=said.opened, ended=said.at)
    sessions.put_course(session, hour.ended(sessions.course_of(session), said.at, start=session.start, now=now))
    session.save()


def _moved(session: Session, said: Moved, event: int, now: datetime) -> None:
    _opening(session, said.room.run)
    Trace.objects.get_or_create(
        session=session,
        run=said.room.run,
        kind=Trace.Kind.JOINED if said.joined else Trace.Kind.LEFT,
        key=said.key[:400],
        at=said.at,
        defaults={"who": _attendee_json(said.who), "event": event},
    )


def seen(session: Session, said: Seen, event: int | None = None) -> None:
    """Keep who was in a room when it was looked into."""
    opening = _opening(session, said.room.run, opened=said.opened)
    if opening.last_look is not None and said.at <= opening.last_look:
        return
    here: dict[str, Trace] = {}
    if opening.last_look is None or said.at - opening.last_look > intervals.GAP:
        # After a gap nobody can say who was there meanwhile: it is not watched from its beginning any more.
        opening.first_look = said.at
    else:
        rows = session.traces.filter(run=said.room.run, kind=Trace.Kind.SEEN, last=opening.last_look)
        here = {trace.key: trace for trace in rows}
    for who in said.people:
        key = matching.handles(who)[0][:400] if matching.handles(who) else ""
        trace = here.get(key)
        if trace is None:
            Trace.objects.get_or_create(
                session=session,
                run=said.room.run,
                kind=Trace.Kind.SEEN,
                key=key,
                at=said.at,
                defaults={"who": _attendee_json(who), "last": said.at, "event": event},
            )
        else:
            Trace.objects.filter(pk=trace.pk).update(last=said.at)
    opening.last_look = said.at
    opening.save()
    sessions.put_course(session, hour.opened(sessions.course_of(session)))
    session.save()


def _list(session: Session, said: Listed, event: int, now: datetime) -> None:
    listed(session, said, event, now)
    if said.people:
        sessions.put_course(session, hour.brought(sessions.course_of(session), now))
        session.save()


def _announced(session: Session, said: Announced, event: int, now: datetime) -> None:
    if said.roster:
        sessions.enrol(session, sessions.people_of(said.roster))


_KEEPING: Mapping[type, Callable[[Session, Any, int, datetime], None]] = {
    Opened: _opened,
    Ended: _ended,
    Moved: _moved,
    Seen: lambda session, said, event, now: seen(session, said, event),
    Listed: _list,
    Announced: _announced,
}


def _opening(
    session: Session,
    run: str,
    *,
    opened: datetime | None = None,
    ended: datetime | None = None,
    watched: bool = False,
) -> Opening:
    row, _ = Opening.objects.get_or_create(session=session, external=run[:400])
    row.opened = row.opened or opened
    # A room that is said to have ended twice ended the last time.
    row.ended = max(filter(None, (row.ended, ended)), default=None)
    row.watched = row.watched or watched
    row.save()
    return row


def _attended_json(one: Attended) -> dict[str, Any]:
    stays = [[stay.joined.isoformat(), stay.left.isoformat() if stay.left else None] for stay in one.stays]
    return {"who": _attendee_json(one.who), "stays": stays, "seconds": one.seconds}


def _attended(given: Mapping[str, Any]) -> Attended:
    stays = tuple(
        Stay(datetime.fromisoformat(joined), datetime.fromisoformat(left) if left else None)
        for joined, left in given["stays"]
    )
    return Attended(attendee(given["who"]), stays, given["seconds"])


def _attendee_json(who: Attendee) -> dict[str, Any]:
    kept = storable(who)
    return {**asdict(kept), "handles": list(kept.handles)}
