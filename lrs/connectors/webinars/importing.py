"""Attendance and rosters out of CSV files, for any webinar connection: tried first, then done."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from lrs.connectors.models import Connection
from lrs.connectors.providers.attendance import sheet
from lrs.connectors.providers.attendance.sheet import RowFault
from lrs.connectors.webinars import intake, sessions, sync
from lrs.connectors.webinars.attendance import Listed
from lrs.connectors.webinars.matching import Identity
from lrs.connectors.webinars.models import Result, Session
from lrs.connectors.webinars.sessions import SessionProblem
from statements.errors import StatementError


class Outcome(NamedTuple):
    """What became, or with a dry run would become, of a file: nothing where there are faults."""

    rows: int
    faults: list[RowFault]
    sessions: list[dict[str, Any]]


def attendance(connection: Connection, content: bytes, now: datetime, *, dry: bool) -> Outcome:
    """Keep the lists of a file and settle their sessions; with `dry` everything is tried and nothing kept.

    Raises SessionProblem.
    """
    read = sheet.read(content, now)
    if read.faults:
        return Outcome(read.rows, read.faults, [])
    with transaction.atomic():
        touched = [_keep(connection, listed, now) for listed in read.lists]
        answer = Outcome(read.rows, [], [_settled(one, now) for one in dict.fromkeys(touched)])
        if dry:
            transaction.set_rollback(True)
    return answer


def roster(session: Session, content: bytes, *, replace: bool) -> tuple[int, list[RowFault]]:
    """Put the people of a file on a roster; how many are on it now, or what is wrong with the file."""
    people, faults = sheet.roster(content)
    if faults:
        return session.roster.count(), faults
    named = [Identity(one["external_id"], one["email"], one["name"]) for one in people]
    return sessions.enrol(session, named, replace=replace), []


def _keep(connection: Connection, listed: Listed, now: datetime) -> Session:
    session = intake.session_of(connection, listed, now)
    if session is None:
        raise SessionProblem(
            f"No session is planned for {listed.room.meeting} at that time; give scheduled_start and scheduled_end."
        )
    intake.listed(session, listed, None, now)
    return session


def _settled(session: Session, now: datetime) -> dict[str, Any]:
    before = session.sent.count()
    try:
        sync.settle(session, now)
    except StatementError as problem:
        raise SessionProblem(f"{session}: {problem}") from None
    session.refresh_from_db()
    counts = dict.fromkeys(Result.Verdict.values, 0)
    for row in session.results.all():
        counts[row.verdict] += 1
    return {
        "session": session.pk,
        "meeting": session.external,
        "title": session.title,
        "state": session.state,
        "statements": session.sent.count() - before,
        **counts,
    }
