"""From what people paste to who was there: join URL, meeting, attendance reports, their records.

A report is made each time the meeting ends; Graph keeps the 50 newest, for a year. In a channel the list has the
reports of all its meetings: those outside of the session's time are left out.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

from lrs.connectors.contract import CheckFailed, Context
from lrs.connectors.providers.msteams import entrance, graph
from lrs.connectors.providers.msteams import settings as chosen
from lrs.connectors.transport import Refusal
from lrs.connectors.webinars import intervals
from lrs.connectors.webinars.attendance import Asked, Attended, Attendee, Listed, Role, Room, Source, Stay

_URL = re.compile(r"https?://[^\s<>\"]+")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PRESENTERS = frozenset({"organizer", "presenter", "coorganizer"})
# A meeting that nobody made, in the shape of one: whether it may be looked for is what is to be known.
_NO_MEETING = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_bHJzLWNoZWNr%40thread.v2/0"


def meeting(text: str) -> str:
    """The join URL in what people paste: an invitation, or a link that Outlook wrapped."""
    for url in _URL.findall(text):
        wrapped = parse_qs(urlsplit(url).query).get("url", [""])[0]
        if "safelinks" in (urlsplit(url).hostname or "") and wrapped:
            url = wrapped
        if "/l/meetup-join/" in url or "/meet/" in url:
            return str(url)
    return text.strip()


def attendance(context: Context, asked: Asked) -> Sequence[Listed]:
    """Who was there, of all reports in the session's time. Raises CheckFailed, TransportError."""
    if not context.settings["attendance"]:
        raise CheckFailed("Teams is not asked who was there: import the list, or set attendance to yes and try again.")
    where, organizer = _found(context, asked)
    span = intervals.window(asked.start, asked.end)
    answer = []
    try:
        for report in graph.values(context, f"{where}/attendanceReports"):
            opened, ended = _moment(report.get("meetingStartDateTime")), _moment(report.get("meetingEndDateTime"))
            if opened is None or not intervals.overlaps(intervals.Closed(opened, ended or opened), span):
                continue
            run = str(report["id"])
            records = graph.values(context, f"{where}/attendanceReports/{quote(run, safe='')}/attendanceRecords")
            people = tuple(_attended(record) for record in records)
            answer.append(Listed(Room(asked.meeting, run), Source.REPORT, people, opened, ended))
    except Refusal as problem:
        if problem.status in (401, 403):
            raise graph.denied(problem, context, organizer) from None
        raise
    return answer


def check(context: Context) -> str:
    """Sign in, and look whose rights we have."""
    if chosen.delegated(context.settings):
        try:
            who = entrance.account(graph.get(context, "/me"))
        except Refusal as problem:
            raise CheckFailed(f"Microsoft does not say who is signed in. {problem}") from None
        return f"signed in to Microsoft as {who}."
    entrance.access(context)
    organizer = str(context.settings["organizer"])
    if not organizer:
        return (
            "Microsoft gave the application a token. Whether it may read meetings shows only with a curator: set"
            " organizer to the object id of one."
        )
    try:
        list(graph.values(context, f"/users/{quote(organizer, safe='')}/onlineMeetings?{_by_address(_NO_MEETING)}"))
    except Refusal as problem:
        if problem.status in (401, 403):
            raise graph.denied(problem, context, organizer) from None
        if problem.status == 404:
            raise CheckFailed(f"Microsoft finds no user {organizer} in this tenant. {problem}") from None
        raise
    return f"Microsoft gave the application a token, and lets it look for meetings of {organizer}."


class _Found(NamedTuple):
    """A meeting's path, and in whose calendar it is."""

    path: str
    organizer: str


def _found(context: Context, asked: Asked) -> _Found:
    """The meeting in the first calendar that has it."""
    refused: list[CheckFailed] = []
    looked: list[str] = []
    for home, organizer in _calendars(context, asked):
        looked.append(organizer)
        if not _URL.match(asked.meeting):
            return _Found(f"{home}/onlineMeetings/{quote(asked.meeting, safe='')}", organizer)
        try:
            for one in graph.values(context, f"{home}/onlineMeetings?{_by_address(asked.meeting)}"):
                return _Found(f"{home}/onlineMeetings/{quote(str(one['id']), safe='')}", organizer)
        except Refusal as problem:
            if problem.status in (401, 403):
                refused.append(graph.denied(problem, context, organizer))
            elif problem.status != 404:
                raise
    if refused:
        raise refused[0]
    if not looked:
        raise CheckFailed(
            "It is not known in whose calendar the meeting is: the room's address names no organizer, the session has"
            " no instructor with an e-mail, and the connection has no organizer."
        )
    raise CheckFailed(f"There is no meeting with this join URL in the calendar of {', '.join(looked)}.")


def _calendars(context: Context, asked: Asked) -> Iterator[tuple[str, str]]:
    """Where the meeting may be: paths, and who that is for people's eyes."""
    if chosen.delegated(context.settings):
        # Raises with the alert where nobody is signed in.
        entrance.access(context)
        kept = context.tokens.current()
        yield "/me", kept.account if kept else ""
        return
    given = [_organizer(asked.meeting), *(one.id or one.email for one in asked.instructors)]
    given += [one.email for one in asked.instructors] + [str(context.settings["organizer"])]
    for who in dict.fromkeys(filter(None, given)):
        id = who if _GUID.fullmatch(who) else _object_id(context, who) if "@" in who else ""
        if id:
            yield f"/users/{id}", id


def _object_id(context: Context, email: str) -> str:
    try:
        found = graph.get(context, f"/users/{quote(email, safe='')}?$select=id")
    except Refusal as problem:
        if problem.status == 404:
            return ""
        if problem.status in (401, 403):
            raise CheckFailed(
                f"To find {email}, the app registration needs the application permission User.Read.All; or give the"
                f" curator's object id instead. {problem}"
            ) from None
        raise
    return str(found.get("id") or "")


def _organizer(url: str) -> str:
    """The organizer's object id, which longer join URLs name."""
    try:
        context = json.loads(parse_qs(urlsplit(url).query).get("context", ["{}"])[0])
    except ValueError:
        return ""
    id = context.get("Oid") if isinstance(context, dict) else ""
    return id if isinstance(id, str) and _GUID.fullmatch(id) else ""


def _by_address(url: str) -> str:
    """The filter; the address keeps its own escapes, which are escaped once more."""
    return f"$filter=JoinWebUrl%20eq%20'{quote(url.replace(chr(39), chr(39) * 2), safe='')}'"


def _attended(record: Mapping[str, Any]) -> Attended:
    identity = record.get("identity") or {}
    who = Attendee(
        email=str(record.get("emailAddress") or ""),
        name=str(identity.get("displayName") or ""),
        role=Role.PRESENTER if str(record.get("role")).lower() in _PRESENTERS else Role.ATTENDEE,
        handles=_handles(identity),
    )
    stays = []
    for one in record.get("attendanceIntervals") or ():
        joined = _moment(one.get("joinDateTime"))
        if joined is not None:
            stays.append(Stay(joined, _moment(one.get("leaveDateTime"))))
    return Attended(who, tuple(stays), record.get("totalAttendanceInSeconds"))


def _handles(identity: Mapping[str, Any]) -> tuple[str, ...]:
    """A directory id lasts; that of a guest without an account is made up for the meeting."""
    id = str(identity.get("id") or "")
    guest = "guest" in str(identity.get("@odata.type") or "").lower()
    return (f"entra:{id.lower()}",) if _GUID.fullmatch(id) and not guest else ()


def _moment(text: Any) -> datetime | None:
    """Graph writes seven digits of a second; Python keeps six."""
    if not text:
        return None
    moment = datetime.fromisoformat(str(text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
