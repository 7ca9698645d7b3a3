"""The body of the attendance webhook, which CSV rows become, too: checked with paths to what is wrong, then read."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from lrs.connectors.contract import Answer, Received, Refused, Request, Unreadable
from lrs.connectors.events import Happening
from lrs.connectors.webinars.attendance import (
    Announced,
    Attended,
    Attendee,
    Ended,
    Listed,
    Moved,
    Plan,
    Role,
    Room,
    Source,
    Stay,
)

FINAL, JOINED, LEFT = "attendance.final", "participant.joined", "participant.left"
ENDED, PLANNED = "session.ended", "session.planned"
EVENTS = (FINAL, JOINED, LEFT, ENDED, PLANNED)
_MOST = 100_000
# Characters of a text; of those that tell one from another, what a database compares.
_LONG = 2000
_SHORT: Mapping[str, int] = {"session_id": 400, "external_id": 400, "email": 320, "name": 400}
# Nobody is in a room for longer.
LONGEST = timedelta(days=366)
# With these, days can be added and taken away.
_YEARS = range(1970, 9000)


class Fault(NamedTuple):
    """What is wrong, and where: a path such as "participants[3].intervals[0].join"."""

    path: str
    problem: str


def answer(request: Request) -> Answer | None:
    """415 for what is not JSON, 400 with every fault; None for a body that can be taken."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return Answer(415, {"error": "The body must be application/json.", "errors": []}, keep=False)
    try:
        found = faults(orjson.loads(request.body))
    except orjson.JSONDecodeError as problem:
        return Answer(400, {"error": f"The body is not JSON: {problem}", "errors": []}, keep=False)
    if found:
        listed = [{"path": one.path, "problem": one.problem} for one in found]
        return Answer(400, {"error": "The body is not what it must be.", "errors": listed}, keep=False)
    return None


def cut(request: Request) -> list[Received]:
    """The one event of a delivery."""
    try:
        given = orjson.loads(request.body)
    except orjson.JSONDecodeError as problem:
        raise Unreadable(f"The body is not JSON: {problem}") from None
    if faults(given):
        raise Unreadable("; ".join(f"{one.path}: {one.problem}" for one in faults(given)[:5]))
    meeting = given["session"]["meeting_id"]
    id = request.headers.get("webhook-id", "")
    data = {"body": given, "received": request.received.isoformat()}
    return [Received(meeting, given["event"], id, request.received, f"room {meeting}", data)]


def read(received: Received) -> list[Happening]:
    """What a delivery says."""
    return happenings(received.data["body"], Source.WEBHOOK, datetime.fromisoformat(received.data["received"]))


def happenings(given: Mapping[str, Any], source: Source, received: datetime) -> list[Happening]:
    """What a body that has no faults says."""
    session = given["session"]
    room = Room(session["meeting_id"], session.get("session_id") or "")
    plan = Plan(
        title=session.get("title") or "",
        start=moment(session.get("scheduled_start")),
        end=moment(session.get("scheduled_end")),
        activity=session.get("activity_id") or "",
        instructors=tuple(map(attendee, given.get("instructors") or ())),
    )
    roster = tuple(map(attendee, given.get("roster") or ()))
    people = given.get("participants") or ()
    opened, ended = moment(session.get("started_at")), moment(session.get("ended_at"))
    match given["event"]:
        case "attendance.final":
            return [Listed(room, source, tuple(map(_attended, people)), opened, ended, roster, plan)]
        case "session.ended":
            return [Announced(room, roster, plan), Ended(room, ended or received, opened)]
        case "session.planned":
            return [Announced(room, roster, plan)]
    return [Announced(room, roster, plan), *_moves(given["event"], room, people, received)]


def faults(given: Any) -> list[Fault]:
    """All that is wrong with a body."""
    if not isinstance(given, dict):
        return [Fault("", "must be an object")]
    found: list[Fault] = []
    version = given.get("version")
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        found.append(Fault("version", 'must be "1.0"'))
    if given.get("event") not in EVENTS:
        found.append(Fault("event", f"must be one of {', '.join(EVENTS)}"))
    session = given.get("session")
    if isinstance(session, dict):
        found += _session(session)
    else:
        found.append(Fault("session", "must be an object"))
    for name, check in (("participants", _participant), ("roster", _expected), ("instructors", _expected)):
        found += _each(given.get(name), name, check)
    return found


def fields(given: Mapping[str, Any], prefix: str, texts: Sequence[str]) -> list[Fault]:
    """What is wrong with texts and times of a session, each by itself."""
    found = [fault for name in texts for fault in _text(given, name, prefix)]
    return found + [fault for name in _TIMES for fault in _time(given.get(name), f"{prefix}{name}")]


def people(given: Any, path: str) -> list[Fault]:
    """What is wrong with a list of people who are named by our own side."""
    return _each(given, path, _expected)


_TIMES = ("scheduled_start", "scheduled_end", "started_at", "ended_at")
_TEXTS = ("session_id", "title", "activity_id")


def _session(given: Mapping[str, Any]) -> list[Fault]:
    meeting = given.get("meeting_id")
    found = []
    if not isinstance(meeting, str) or not meeting.strip() or len(meeting) > 1000 or not meeting.isprintable():
        found.append(Fault("session.meeting_id", "must be a text of 1 to 1000 printable characters"))
    found += fields(given, "session.", _TEXTS)
    if not found:
        start, end = moment(given.get("scheduled_start")), moment(given.get("scheduled_end"))
        if (start is None) != (end is None):
            found.append(Fault("session.scheduled_end", "must come together with scheduled_start"))
        elif start is not None and end is not None and end <= start:
            found.append(Fault("session.scheduled_end", "must be after scheduled_start"))
    return found


def _participant(given: Mapping[str, Any], path: str) -> list[Fault]:
    found = _person(given, path)
    if not any(given.get(name) for name in ("external_id", "email", "name")):
        found.append(Fault(path, "needs an external_id, an email or a name"))
    seconds, most = given.get("total_seconds"), int(LONGEST.total_seconds())
    if seconds is not None and (type(seconds) is not int or not 0 <= seconds <= most):
        found.append(Fault(f"{path}.total_seconds", f"must be a whole number, 0 to {most}"))
    return found + _each(given.get("intervals"), f"{path}.intervals", _interval)


def _expected(given: Mapping[str, Any], path: str) -> list[Fault]:
    found = _person(given, path)
    if not any(given.get(name) for name in ("external_id", "email")):
        found.append(Fault(path, "needs an external_id or an email"))
    return found


def _person(given: Mapping[str, Any], path: str) -> list[Fault]:
    names = ("external_id", "email", "name", "role")
    found = [fault for name in names for fault in _text(given, name, f"{path}.")]
    email = given.get("email")
    if isinstance(email, str) and email and ("@" not in email or " " in email.strip()):
        found.append(Fault(f"{path}.email", "is not an e-mail address"))
    return found


def _interval(given: Mapping[str, Any], path: str) -> list[Fault]:
    found = [fault for name in ("join", "leave") for fault in _time(given.get(name), f"{path}.{name}")]
    if found:
        return found
    join, leave = moment(given.get("join")), moment(given.get("leave"))
    if join is None and leave is None:
        return [Fault(path, "needs a join, and a leave where it is known")]
    if join is not None and leave is not None and leave < join:
        return [Fault(f"{path}.leave", "is before join")]
    if join is not None and leave is not None and leave - join > LONGEST:
        return [Fault(f"{path}.leave", "is more than a year after join")]
    return []


def _each(given: Any, path: str, check: Callable[[Mapping[str, Any], str], list[Fault]]) -> list[Fault]:
    if given is None:
        return []
    if not isinstance(given, list) or len(given) > _MOST:
        return [Fault(path, f"must be a list, of at most {_MOST}")]
    found = []
    for number, one in enumerate(given):
        here = f"{path}[{number}]"
        found += check(one, here) if isinstance(one, dict) else [Fault(here, "must be an object")]
    return found


def _text(given: Mapping[str, Any], name: str, prefix: str) -> list[Fault]:
    said, most = given.get(name), _SHORT.get(name, _LONG)
    if said is None or (isinstance(said, str) and len(said) <= most and "\0" not in said):
        return []
    return [Fault(f"{prefix}{name}", f"must be a text of at most {most} characters")]


def _time(given: Any, path: str) -> list[Fault]:
    if given is None or given == "":
        return []
    try:
        when = datetime.fromisoformat(given)
        if when.tzinfo is not None and when.astimezone(UTC).year in _YEARS:
            return []
    except (ValueError, TypeError, OverflowError):
        pass
    return [Fault(path, "must be a time with its zone, such as 2026-01-12T10:00:00Z")]


def moment(given: str | None) -> datetime | None:
    """A time that has no faults, in UTC; None where nothing is said."""
    return datetime.fromisoformat(given).astimezone(UTC) if given else None


def attendee(given: Mapping[str, Any]) -> Attendee:
    """A person that has no faults."""
    return Attendee(
        id=(given.get("external_id") or "").strip(),
        email=(given.get("email") or "").strip(),
        name=(given.get("name") or "").strip(),
        role=given.get("role") or Role.ATTENDEE,
    )


def _attended(given: Mapping[str, Any]) -> Attended:
    stays = []
    for one in given.get("intervals") or ():
        join, leave = moment(one.get("join")), moment(one.get("leave"))
        joined = join or leave
        if joined is not None:
            stays.append(Stay(joined, leave))
    return Attended(attendee(given), tuple(stays), given.get("total_seconds"))


def _moves(event: str, room: Room, people: Sequence[Mapping[str, Any]], received: datetime) -> list[Happening]:
    moves: list[Happening] = []
    for given in people:
        who = attendee(given)
        name = "join" if event == JOINED else "leave"
        times = [moment(one.get(name)) for one in given.get("intervals") or ()] or [received]
        key = who.id or who.email or who.name
        moves += [Moved(room, at or received, who, event == JOINED, key) for at in times]
    if not moves:
        raise Refused("The event names no participants.")
    return moves
