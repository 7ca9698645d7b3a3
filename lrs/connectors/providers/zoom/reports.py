"""Who took part in a meeting, by Zoom's report or, failing that, by its list of past participants."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from lrs.connectors.contract import Context
from lrs.connectors.providers.zoom import client
from lrs.connectors.transport import Refusal
from lrs.connectors.webinars import intervals
from lrs.connectors.webinars.attendance import Asked, Attended, Attendee, Listed, Room, Source, Stay

_PAGE = {"page_size": "300"}
# Without asking for it the report does not tell who registered as whom.
_REPORT = {**_PAGE, "include_fields": "registrant_id"}
_PAGES = 1000
# Elsewhere, such as in the waiting room, nobody has taken part.
_INSIDE = ("in_meeting", "")


def attendance(context: Context, asked: Asked) -> Sequence[Listed]:
    """The lists of all openings of the meeting that are known; none while Zoom has none.

    By its number a meeting is only its latest occurrence, so it is asked for by what each opening is called.
    """
    scope = client.token(context).scope.split()
    client.require(scope)
    runs = list(dict.fromkeys([*asked.runs, *_instances(context, asked)]))
    found = []
    for run in runs or [""]:
        rows = [row for row in _rows(context, scope, run or asked.meeting) if _inside(row)]
        people = [_attended(row, joined) for row in rows if (joined := _moment(row.get("join_time"))) is not None]
        if people:
            found.append(Listed(Room(asked.meeting, run), Source.REPORT, tuple(people)))
    return found


def meeting(text: str) -> str:
    """The meeting's number in what people paste: 857 4606 5, or https://company.zoom.us/j/85746065?pwd=x."""
    link = re.search(r"/(?:j|s|w|wc|wc/join)/(\d+)", text)
    if link:
        return link[1]
    digits = re.sub(r"[\s-]", "", text)
    return digits if digits.isdecimal() else text


def segment(id: str) -> str:
    """An id as part of an address: Zoom wants those with slashes encoded twice."""
    once = quote(id, safe="")
    return quote(once, safe="") if id.startswith("/") or "//" in id else once


def _instances(context: Context, asked: Asked) -> list[str]:
    """What the openings in the session's time are called; none where the app may not ask, or Zoom knows none yet."""
    try:
        answer = client.get(context, f"past_meetings/{segment(asked.meeting)}/instances")
    except Refusal as problem:
        if problem.status >= 500:
            raise
        return []
    span = intervals.window(asked.start, asked.end)
    rows = [(one.get("uuid") or "", _moment(one.get("start_time"))) for one in answer.get("meetings") or ()]
    return [uuid for uuid, at in rows if uuid and at is not None and span.joined <= at <= span.left]


def _rows(context: Context, scope: list[str], id: str) -> list[Mapping[str, Any]]:
    """The rows of the report; where that may not be read, or has nothing, those of the past meeting."""
    rows: list[Mapping[str, Any]] = []
    refused: Refusal | None = None
    if client.may(scope, client.REPORT):
        try:
            rows = list(_pages(context, f"report/meetings/{segment(id)}/participants", _REPORT))
        except Refusal as problem:
            if problem.status >= 500 or problem.status == 401:
                raise
            refused = problem
    if not rows and client.may(scope, client.PAST):
        try:
            rows, refused = list(_pages(context, f"past_meetings/{segment(id)}/participants", _PAGE)), None
        except Refusal as problem:
            if problem.status != 404:
                raise
    if refused is not None and refused.status != 404:
        raise refused
    return rows


def _pages(context: Context, path: str, params: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    token: dict[str, str] = {}
    for _ in range(_PAGES):
        answer = client.get(context, path, {**params, **token}, bucket=client.HEAVY)
        yield from answer.get("participants") or ()
        following = answer.get("next_page_token") or ""
        if not following:
            return
        token = {"next_page_token": following}


def _inside(row: Mapping[str, Any]) -> bool:
    return (row.get("status") or "") in _INSIDE


def _attended(row: Mapping[str, Any], joined: datetime) -> Attended:
    handles = [
        f"zoom:{row.get('id') or row.get('participant_user_id') or ''}",
        f"registrant:{row.get('registrant_id') or ''}",
    ]
    who = Attendee(
        id=row.get("customer_key") or "",
        email=row.get("user_email") or "",
        name=row.get("name") or "",
        handles=tuple(one for one in handles if not one.endswith(":")),
    )
    return Attended(who, (Stay(joined, _moment(row.get("leave_time"))),))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
