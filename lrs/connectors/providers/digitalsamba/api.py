"""Digital Samba's API: Basic authentication with team and key, lists by limit and offset."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from lrs.connectors.contract import CheckFailed, Context
from lrs.connectors.providers.digitalsamba import settings as chosen
from lrs.connectors.transport import Later, Refusal, TransportError
from lrs.connectors.webinars import intervals
from lrs.connectors.webinars.attendance import Asked, Attended, Attendee, Listed, Role, Room, Source, Stay

_LIMIT = 100
# No list is longer than this, whatever the service says.
_MOST_PAGES = 1000
_PRESENTERS = frozenset({"moderator", "speaker", "presenter", "host"})


def attendance(context: Context, asked: Asked) -> Sequence[Listed]:
    """Who was in the room's sessions at the time; while somebody is still there, it is to be asked again.

    Raises CheckFailed, TransportError.
    """
    try:
        return _listed(context, asked)
    except Refusal as problem:
        if problem.status in (401, 403):
            raise _denied(problem) from None
        raise


def _listed(context: Context, asked: Asked) -> list[Listed]:
    span = intervals.window(asked.start, asked.end)
    # The days are in whose time zone? One more on both sides is in any.
    days = {
        "date_start": (span.joined - timedelta(days=1)).date().isoformat(),
        "date_end": (span.left + timedelta(days=1)).date().isoformat(),
    }
    answer = []
    for run in _rows(context, "/sessions", days):
        opened, ended = moment(run.get("start_time")), moment(run.get("end_time"))
        if not _is(run, asked.meeting) or opened is None:
            continue
        if not intervals.overlaps(intervals.Closed(opened, max(opened, ended or context.now())), span):
            continue
        if run.get("live") or ended is None:
            raise Later("Somebody is still in the room.", 0.0)
        people = tuple(_attended(row) for row in _rows(context, f"/sessions/{run['id']}/participants", {}))
        answer.append(Listed(Room(asked.meeting, str(run["id"])), Source.REPORT, people, opened, ended))
    return answer


def check(context: Context) -> str:
    """Read the team's settings."""
    try:
        team = _get(context, "", {})
    except Refusal as problem:
        raise _denied(problem) from None
    answer = f"signed in to Digital Samba as team {team.get('domain') or team.get('id')}"
    if str(team.get("id") or "").lower() != str(context.settings["team_id"]).lower():
        answer += f"; mind that the key's team is {team.get('id')}, not {context.settings['team_id']}"
    if not context.settings["webhook_secret"]:
        return f"{answer}; no webhook_secret is set, so lists are asked for after the planned end."
    hook = context.settings["webhook_url"]
    if len(hook) > 100:
        return f"{answer}; Digital Samba takes webhook addresses of at most 100 characters, and {hook} is longer."
    return f"{answer}."


def moment(text: Any) -> datetime | None:
    """A time; what is written without a zone is taken for UTC."""
    if not text:
        return None
    found = datetime.fromisoformat(str(text))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _attended(row: Mapping[str, Any]) -> Attended:
    id, joined = str(row.get("external_id") or ""), moment(row.get("join_time"))
    is_mail = "@" in id
    who = Attendee(
        id="" if is_mail else id,
        email=id if is_mail else "",
        name=str(row.get("name") or ""),
        role=Role.PRESENTER if str(row.get("role")).lower() in _PRESENTERS else Role.ATTENDEE,
    )
    return Attended(who, (Stay(joined, moment(row.get("leave_time"))),) if joined else ())


def _is(run: Mapping[str, Any], room: str) -> bool:
    return room.lower() in (
        str(run.get(name) or "").lower() for name in ("room_id", "room_external_id", "friendly_url")
    )


def _rows(context: Context, path: str, params: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """All rows of a list; `total_count` is a text in one description and a number in another."""
    read = 0
    for _ in range(_MOST_PAGES):
        page = _get(context, path, {**params, "limit": str(_LIMIT), "offset": str(read)})
        rows = page.get("data")
        if not isinstance(rows, list):
            raise TransportError(f"Digital Samba's answer for {path} has no data.")
        yield from rows
        read += len(rows)
        total = str(page.get("total_count") or "")
        if not rows or (int(total) <= read if total.isdecimal() else len(rows) < _LIMIT):
            return


def _get(context: Context, path: str, params: Mapping[str, str]) -> Mapping[str, Any]:
    settings = context.settings
    answer = context.http.send(
        "GET",
        chosen.url(settings, path),
        params=params or None,
        auth=(settings["team_id"], settings["api_token"]),
        headers={"accept": "application/json"},
    ).json()
    if not isinstance(answer, dict):
        raise TransportError("Digital Samba's answer is not an object.")
    return answer


def _denied(problem: Refusal) -> CheckFailed:
    advice = {
        401: "Digital Samba does not take team_id and api_token (the developer key of this team)",
        403: "The developer key may not read the team",
        404: "There is no such API at this server",
    }.get(problem.status, "Digital Samba does not answer as described")
    return CheckFailed(f"{advice}. {problem}")
