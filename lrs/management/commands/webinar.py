"""manage.py webinar session | roster | attendance | retry | link | name."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from lrs.connectors import connections
from lrs.connectors.connections import ConnectionProblem
from lrs.connectors.contract import CheckFailed
from lrs.connectors.providers.attendance.sheet import RowFault
from lrs.connectors.sealed import Unsealable
from lrs.connectors.transport import TransportError
from lrs.connectors.webinars import importing, linking, sessions, sync
from lrs.connectors.webinars.attendance import Attendee, Plan
from lrs.connectors.webinars.matching import Identity
from lrs.connectors.webinars.models import Session
from lrs.connectors.webinars.sessions import SessionProblem

Answer = dict[str, Any] | list[dict[str, Any]]


class FileProblem(Exception):
    """A file with rows that cannot be taken; nothing of it was."""

    def __init__(self, faults: Sequence[RowFault]) -> None:
        lines = [f"row {one.row}{', ' if one.column else ''}{one.column}: {one.problem}" for one in faults]
        super().__init__("\n".join(["Nothing was taken:", *lines]))


class Command(BaseCommand):
    help = "Plan webinars, say who is expected and who is who, and import who was there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command each, and --json for all."""
        shared = ArgumentParser(add_help=False)
        shared.add_argument("--json", action="store_true", help="answer with JSON")
        one = ArgumentParser(add_help=False, parents=[shared])
        one.add_argument("session", help="its number")
        topics = parser.add_subparsers(dest="topic", required=True)
        session = topics.add_parser("session").add_subparsers(dest="action", required=True)
        create = session.add_parser("create", parents=[shared], help="plan a webinar, or change it")
        create.add_argument("connection", help="name or id")
        create.add_argument("--meeting", required=True, help="the provider's id of the room, or its join URL")
        create.add_argument("--start", required=True, help="with its zone: 2026-01-12T10:00:00+02:00")
        create.add_argument("--end", required=True)
        create.add_argument("--title", default="")
        create.add_argument("--activity", default="", help="the LMS's own IRI of the webinar")
        create.add_argument("--parent", default="", help="IRI of the course it belongs to")
        create.add_argument("--instructor", action="append", default=[], metavar="EMAIL[=NAME]", help="may be repeated")
        listing = session.add_parser("list", parents=[shared], help="all webinars, the latest first")
        listing.add_argument("connection", nargs="?", default="", help="name or id")
        session.add_parser("show", parents=[one], help="where it stands, and what holds for each person")
        roster = topics.add_parser("roster").add_subparsers(dest="action", required=True)
        take = roster.add_parser("import", parents=[one], help="CSV with the columns email, external_id, name")
        take.add_argument("file", type=Path)
        take.add_argument("--replace", action="store_true", help="nobody else stays on the roster")
        roster.add_parser("fetch", parents=[one], help="who is registered with the provider")
        roster.add_parser("list", parents=[one], help="who is expected")
        attendance = topics.add_parser("attendance").add_subparsers(dest="action", required=True)
        file = attendance.add_parser("import", parents=[shared], help="CSV, one row for each time somebody joined")
        file.add_argument("connection", help="name or id")
        file.add_argument("file", type=Path)
        file.add_argument("--dry-run", action="store_true", help="say what would become of it, and keep nothing")
        again = topics.add_parser("retry", parents=[one], help="ask the provider for the list for another hour")
        again.set_defaults(action="")
        for name, sentence in (
            ("link", "say who somebody on the review list is; what holds for them is settled again"),
            ("name", "say whose display name it is in the statements of BigBlueButton's own exporter"),
        ):
            who = topics.add_parser(name, parents=[shared], help=sentence)
            who.set_defaults(action="")
            who.add_argument("of", metavar="session" if name == "link" else "connection")
            who.add_argument("handle", help='"handle zoom:30R7", as `session show` has it, or a display name')
            who.add_argument("--email", default="")
            who.add_argument("--id", default="", help="the user id at the LMS")
            who.add_argument("--name", default="", dest="called")
            if name == "link":
                who.add_argument("--everywhere", action="store_true", help="in all sessions of the connection")

    def handle(self, *, topic: str, action: str, **options: Any) -> None:
        """Do it, or say in a sentence why not."""
        try:
            answer = _ACTIONS[f"{topic} {action}".strip()](options)
        except (
            SessionProblem,
            ConnectionProblem,
            FileProblem,
            TransportError,
            CheckFailed,
            Unsealable,
            OSError,
        ) as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(json.dumps(answer, indent=2) if options["json"] else _for_people(answer))


def _create(options: Mapping[str, Any]) -> Answer:
    teachers = [one.partition("=") for one in options["instructor"]]
    plan = Plan(
        title=options["title"],
        start=_moment(options["start"]),
        end=_moment(options["end"]),
        activity=options["activity"],
        instructors=tuple(Attendee(email=email, name=name) for email, _, name in teachers),
    )
    connection = connections.named(options["connection"])
    now = timezone.now()
    return _described(sessions.plan(connection, options["meeting"], plan, parent=options["parent"], now=now))


def _list(options: Mapping[str, Any]) -> Answer:
    rows = Session.objects.select_related("connection")
    if options["connection"]:
        rows = rows.filter(connection=connections.named(options["connection"]))
    return [_described(row) for row in rows]


def _show(options: Mapping[str, Any]) -> Answer:
    session = sessions.named(options["session"])
    results = [
        {
            "person": row.name or row.email or row.person or row.key,
            "verdict": row.verdict,
            "seconds": row.seconds,
            "recognised_by": row.how,
            "reason": row.reason,
            "handles": row.handles,
        }
        for row in session.results.order_by("verdict", "name", "key")
    ]
    statements = [
        {
            "about": row.about,
            "revision": row.revision,
            "id": str(row.statement),
            "voided": row.voided and str(row.voided),
        }
        for row in session.sent.order_by("about", "revision")
    ]
    return {**_described(session), "results": results, "statements": statements}


def _import_roster(options: Mapping[str, Any]) -> Answer:
    session = sessions.named(options["session"])
    number, faults = importing.roster(session, options["file"].read_bytes(), replace=options["replace"])
    if faults:
        raise FileProblem(faults)
    return {"session": session.pk, "expected": number}


def _fetch_roster(options: Mapping[str, Any]) -> Answer:
    session = sessions.named(options["session"])
    return {"session": session.pk, "expected": sync.fetch_roster(session, timezone.now())}


def _list_roster(options: Mapping[str, Any]) -> Answer:
    people = sessions.roster(sessions.named(options["session"]))
    return [{"name": one.name, "email": one.email, "id": one.id} for one in people]


def _import_attendance(options: Mapping[str, Any]) -> Answer:
    connection = connections.named(options["connection"])
    dry = options["dry_run"]
    outcome = importing.attendance(connection, options["file"].read_bytes(), timezone.now(), dry=dry)
    if outcome.faults:
        raise FileProblem(outcome.faults)
    return {"dry_run": dry, "rows": outcome.rows, "sessions": outcome.sessions}


def _retry(options: Mapping[str, Any]) -> Answer:
    session = sessions.named(options["session"])
    sync.retry(session, timezone.now())
    session.refresh_from_db()
    return _described(session)


def _link(options: Mapping[str, Any]) -> Answer:
    session = sessions.named(options["of"])
    done = linking.link(session, options["handle"], _person(options), timezone.now(), everywhere=options["everywhere"])
    return {"settled_sessions": done.sessions}


def _name(options: Mapping[str, Any]) -> Answer:
    connection = connections.named(options["of"])
    return {"linked": linking.name_at(connection, options["handle"], _person(options), by="manage.py").identifiers}


_ACTIONS: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
    "session create": _create,
    "session list": _list,
    "session show": _show,
    "roster import": _import_roster,
    "roster fetch": _fetch_roster,
    "roster list": _list_roster,
    "attendance import": _import_attendance,
    "retry": _retry,
    "link": _link,
    "name": _name,
}


def _described(session: Session) -> dict[str, Any]:
    return {
        "session": session.pk,
        "connection": session.connection.name,
        "meeting": session.external,
        "title": session.title,
        "start": session.start.isoformat(),
        "end": session.end.isoformat(),
        "state": session.state,
        "tries": session.tries,
        "next": session.due and session.due.isoformat(),
        "reason": session.reason,
    }


def _person(options: Mapping[str, Any]) -> Identity:
    return Identity(options["id"], options["email"], options["called"])


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise SessionProblem(f"{text!r} is not a time with its zone, such as 2026-01-12T10:00:00+02:00.")
    return moment


def _for_people(answer: Answer) -> str:
    if isinstance(answer, list):
        return "\n\n".join(map(_for_people, answer)) or "There are none."
    return "\n".join(
        f"{name.replace('_', ' ')}:\n" + "\n".join(f"  {_line(one)}" for one in value)
        if isinstance(value, list) and value and isinstance(value[0], dict)
        else f"{name.replace('_', ' '):16} {_plain(value)}"
        for name, value in answer.items()
    )


def _line(one: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in one.items() if value)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str("-" if value in (None, "") else value)
