"""BigBlueButton's API: calls that are signed by a checksum over the very text of the query."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from lrs.connectors.contract import CheckFailed, Context, Page, Settings
from lrs.connectors.providers.bigbluebutton.people import attendee
from lrs.connectors.transport import Refusal, TransportError
from lrs.connectors.webinars.attendance import Asked, Room, Seen

# A hook whose deliveries fail for five minutes is forgotten by the server; registering it again does no harm.
EVERY = timedelta(minutes=5)
EVENTS = "meeting-created,meeting-ended,user-joined,user-left"
_CHECKSUM = "checksumError"


class Failed(Exception):
    """The server answered FAILED, with this key and message."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(f"BigBlueButton answered {key or 'FAILED'}: {message or 'nothing more'}")


def check(context: Context) -> str:
    """Ask whether a room of ours runs: only who knows the secret gets an answer."""
    try:
        call(context, "isMeetingRunning", {"meetingID": "lrs-check"})
    except Failed as problem:
        raise CheckFailed(_cure(context, problem)) from None
    return "the secret is right; " + _hook_sentence(context)


def keep_hook(context: Context, cursor: Mapping[str, Any]) -> Iterator[Page]:
    """Register our hook, again and again: the server forgets it."""
    yield Page(note=_hook_sentence(context))


def look(context: Context, asked: Asked) -> Seen | None:
    """Who is in the room; None where it is not open."""
    try:
        answer = call(context, "getMeetingInfo", {"meetingID": asked.meeting})
    except Failed as problem:
        if problem.key == "notFound":
            return None
        raise CheckFailed(str(problem)) from None
    opened, ended = _moment(answer.findtext("startTime")), _moment(answer.findtext("endTime"))
    if ended is not None:
        return None
    people = tuple(
        attendee(one.findtext("userID") or "", "", one.findtext("fullName") or "", one.findtext("role") or "")
        for one in answer.iterfind("attendees/attendee")
    )
    return Seen(Room(asked.meeting, answer.findtext("internalMeetingID") or ""), context.now(), people, opened)


def call(context: Context, name: str, params: Mapping[str, str], *, algorithm: str = "") -> Element:
    """The answer to a call; raises Failed, and what Transport.send raises."""
    url = address(context.settings, name, params, algorithm=algorithm)
    return _parsed(context.http.send("GET", url).body)


def address(settings: Settings, name: str, params: Mapping[str, str], *, algorithm: str = "") -> str:
    """The address of a call, with its checksum."""
    query = urlencode(params)
    sum = checksum(name, query, settings["secret"], algorithm or settings["hash"])
    return f"{_base(settings)}/{name}?{query}{'&' if query else ''}checksum={sum}"


def checksum(name: str, query: str, secret: str, algorithm: str) -> str:
    """What proves that a call comes from who knows the secret."""
    return hashlib.new(algorithm, f"{name}{query}{secret}".encode()).hexdigest()


def _base(settings: Settings) -> str:
    server = str(settings["server"]).rstrip("/")
    if server.endswith("/api"):
        return server
    return f"{server}/api" if server.endswith("/bigbluebutton") else f"{server}/bigbluebutton/api"


def _hook_sentence(context: Context) -> str:
    try:
        call(context, "hooks/create", {"callbackURL": context.settings["webhook_url"], "eventID": EVENTS})
    except (Failed, Refusal) as problem:
        return f"it takes no hooks, so rooms are looked into every minute ({problem})"
    return f"its hooks come to {context.settings['webhook_url']}"


def _cure(context: Context, problem: Failed) -> str:
    if problem.key != _CHECKSUM or context.settings["hash"] == "sha1":
        return str(problem)
    try:
        call(context, "isMeetingRunning", {"meetingID": "lrs-check"}, algorithm="sha1")
    except Failed:
        return f"{problem}. The secret is not the server's."
    return "The secret is right, and the server takes checksums by sha1 only: set hash=sha1."


def _parsed(body: bytes) -> Element:
    try:
        text = body.decode()
        # No answer has a document type; without one there are no entities to expand.
        if "<!DOCTYPE" in text.upper():
            raise TransportError("The answer has a document type, which BigBlueButton's have not.")
        answer = ElementTree.fromstring(text)  # noqa: S314
    except (UnicodeDecodeError, ElementTree.ParseError) as problem:
        raise TransportError(f"The answer is not XML ({problem}): {body[:80]!r}") from None
    if answer.findtext("returncode") != "SUCCESS":
        raise Failed(answer.findtext("messageKey") or "", answer.findtext("message") or "")
    return answer


def _moment(text: str | None) -> datetime | None:
    return datetime.fromtimestamp(int(text) / 1000, UTC) if text and text.isdecimal() and text != "0" else None
