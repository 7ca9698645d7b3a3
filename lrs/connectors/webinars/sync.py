"""Providers are asked for the lists of sessions that are over: when, says hour; what follows, results."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import OperationalError, transaction
from django.db.models import Q

from lrs.connectors import connections
from lrs.connectors.connections import ConnectionProblem
from lrs.connectors.contract import CheckFailed, Unreadable
from lrs.connectors.models import Connection
from lrs.connectors.sealed import Unsealable
from lrs.connectors.transport import Later, NotAllowed, Refusal, TransportError
from lrs.connectors.webinars import hour, intake, intervals, results, sessions
from lrs.connectors.webinars import settings as chosen
from lrs.connectors.webinars.attendance import Asked, Attendee, Listed, storable
from lrs.connectors.webinars.hour import Answered, Outcome
from lrs.connectors.webinars.intervals import Closed
from lrs.connectors.webinars.models import Session

log = logging.getLogger(__name__)

# What the inbox pulls forward is looked at this soon.
SOON = timedelta(seconds=5)
# How often a room is looked into: a minute, less what a round takes.
EVERY = timedelta(seconds=55)
# What went wrong within ourselves is tried again this late.
FAILED = timedelta(minutes=15)
_DENIED = (401, 403)


class Answer(NamedTuple):
    """What asking gave: lists, or why there are none."""

    lists: Sequence[Listed]
    outcome: Outcome


def run(connection: Connection, now: datetime, go: Callable[[], bool] = lambda: True) -> int:
    """Look at every session whose time has come; how many."""
    done = 0
    for session in Session.objects.filter(connection=connection, due__lte=now).order_by("due", "id"):
        if not go():
            break
        try:
            look(session, now)
        except OperationalError:
            # Two writers in each other's way: it is still due.
            log.exception("%s is settled a moment later.", session)
        except Exception as problem:
            # The others are not to wait for it; the administrator sees why.
            log.exception("%s cannot be settled.", session)
            Session.objects.filter(pk=session.pk).update(due=now + FAILED, reason=str(problem)[:1000])
        done += 1
    return done


def peep(connection: Connection, now: datetime, go: Callable[[], bool] = lambda: True) -> int:
    """Look into the rooms in which a session may be going on, each once a minute; how many were open.

    One that cannot be looked into does not keep us from the others; a server that is not reached does, for a minute.
    """
    provider = connections.provider_of(connection)
    if provider.webinars is None or provider.webinars.look is None:
        return 0
    rows = Session.objects.filter(connection=connection)
    planned = Q(start__lte=now + intervals.BEFORE, end__gte=now - intervals.AFTER)
    overrunning = Q(openings__last_look__gte=now - 2 * intervals.GAP)
    unseen = Q(looked=None) | Q(looked__lte=now - EVERY)
    found = 0
    listed = list(rows.filter(planned | overrunning).filter(unseen).distinct().order_by("id"))
    for session in listed:
        if not go():
            break
        seen = None
        try:
            with connections.context(connection) as outside:
                seen = provider.webinars.look(replace(outside, now=lambda: now), asked(session))
        except (TransportError, ConnectionProblem, Unsealable) as problem:
            log.warning("%s cannot be looked into: %s", session, problem)
            Session.objects.filter(pk__in=[one.pk for one in listed]).update(looked=now)
            return found
        except CheckFailed as problem:
            log.warning("%s cannot be looked into: %s", session, problem)
        except Exception:
            # An answer that nobody thought of: the lists of the others are asked for after this, too.
            log.exception("%s cannot be looked into.", session)
        with transaction.atomic():
            kept = _locked(session, connection)
            kept.looked = now
            kept.save(update_fields=["looked"])
            if seen is not None:
                intake.seen(kept, seen)
                found += 1
    return found


def look(session: Session, now: datetime) -> None:
    """Ask for the lists of a session, and settle it. The asking is outside of any transaction."""
    connection = Connection.objects.select_related("store", "credential").get(pk=session.connection_id)
    answer = _ask(connection, session, now)
    with transaction.atomic():
        kept = _locked(session, connection)
        others = sessions.neighbours(kept)
        for said in answer.lists:
            if not said.room.run or intervals.belongs(_time(said), Closed(kept.start, kept.end), others):
                intake.listed(kept, said, None, now)
        _settle(kept, answer.outcome, now)


def _time(said: Listed) -> Closed:
    """When the room was open, as far as a list that names somebody tells."""
    stays = [stay for one in said.people for stay in one.stays]
    begun = min(filter(None, (said.opened, *(stay.joined for stay in stays))), default=datetime.max.replace(tzinfo=UTC))
    ended = max(filter(None, (said.ended, *(stay.left for stay in stays))), default=begun)
    return Closed(begun, ended)


def settle(session: Session, now: datetime) -> None:
    """Settle a session by what is known already, without asking anybody; inside of a transaction or not."""
    connection = Connection.objects.select_related("store", "credential").get(pk=session.connection_id)
    with transaction.atomic():
        _settle(_locked(session, connection), None, now)


def retry(session: Session, now: datetime) -> None:
    """A new hour for a session, beginning now."""
    with transaction.atomic():
        kept = Session.objects.select_for_update().get(pk=session.pk)
        sessions.put_course(kept, hour.retried(sessions.course_of(kept), now))
        kept.save()


def _locked(session: Session, connection: Connection) -> Session:
    kept = Session.objects.select_for_update().get(pk=session.pk)
    kept.connection = connection
    return kept


def _settle(session: Session, outcome: Outcome | None, now: datetime) -> None:
    course = sessions.course_of(session)
    found = results.settle(session, now, absence=hour.judges_absence(course, now))
    if found.listed:
        waiting = outcome is not None and outcome.answered is Answered.BUSY and course.state is hour.State.FINAL
        outcome = outcome if waiting else Outcome(Answered.LISTED)
    elif outcome is not None and outcome.answered is Answered.LISTED:
        outcome = Outcome(Answered.NOTHING)
    if outcome is None:
        return
    if found.open and outcome.answered is Answered.NOTHING:
        outcome = Outcome(Answered.BUSY, "Somebody is still in the room, or its end was not told.")
    rules = chosen.rules(connections.settings_of(session.connection))
    sessions.put_course(session, hour.after(course, outcome, now, rules))
    session.save()


def _ask(connection: Connection, session: Session, now: datetime) -> Answer:
    provider = connections.provider_of(connection)
    if provider.webinars is None or provider.webinars.attendance is None:
        return Answer((), Outcome(Answered.NOTHING))
    try:
        with connections.context(connection) as outside:
            lists = provider.webinars.attendance(replace(outside, now=lambda: now), asked(session))
    except (CheckFailed, NotAllowed, ConnectionProblem, Unsealable) as problem:
        return Answer((), Outcome(Answered.DENIED, str(problem)))
    except Later as problem:
        return Answer((), Outcome(Answered.BUSY, str(problem), problem.seconds))
    except Refusal as problem:
        return Answer((), _refused(problem))
    except (TransportError, Unreadable) as problem:
        return Answer((), Outcome(Answered.BUSY, str(problem)))
    there = [one for one in lists if one.people]
    return Answer(there, Outcome(Answered.LISTED if there else Answered.NOTHING))


def _refused(problem: Refusal) -> Outcome:
    if problem.status in _DENIED:
        return Outcome(Answered.DENIED, str(problem))
    if problem.status >= 500:
        return Outcome(Answered.BUSY, str(problem))
    return Outcome(Answered.NOTHING, str(problem))


def fetch_roster(session: Session, now: datetime) -> int:
    """Put those on the roster who are registered with the provider; how many are on it now.

    Raises SessionProblem, CheckFailed, TransportError, ConnectionProblem.
    """
    connection = Connection.objects.select_related("store", "credential").get(pk=session.connection_id)
    provider = connections.provider_of(connection)
    if provider.webinars is None or provider.webinars.roster is None:
        raise sessions.SessionProblem(f"{provider.title} does not tell who is registered.")
    with connections.context(connection) as outside:
        people = provider.webinars.roster(replace(outside, now=lambda: now), asked(session))
    return sessions.enrol(session, sessions.people_of([storable(one) for one in people]))


def asked(session: Session) -> Asked:
    """The session as its provider is asked about it."""
    runs = session.openings.exclude(external="").order_by("opened", "id").values_list("external", flat=True)
    teachers = tuple(Attendee(id=one.id, email=one.email, name=one.name) for one in sessions.instructors(session))
    return Asked(session.external, session.start, session.end, tuple(runs), teachers)
