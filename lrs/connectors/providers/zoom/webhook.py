"""What Zoom sends: that a meeting began or ended. Who took part is read from the report, never from here."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from lrs.connectors.contract import Answer, Received, Refused, Request, Settings, Unreadable
from lrs.connectors.events import Happening, Note
from lrs.connectors.webinars.attendance import Ended, Opened, Room

TOLERANCE = timedelta(minutes=5)
_VALIDATION = "endpoint.url_validation"


def verify(request: Request, settings: Settings) -> bool:
    """Whether Zoom signed this very body, lately. Without a secret token nothing is taken."""
    secret = settings["secret_token"]
    stamp = request.headers.get("x-zm-request-timestamp", "")
    if not secret or not request.within(TOLERANCE, stamp):
        return False
    # The bytes as they came: written again, the same JSON has another signature.
    signed = b"v0:" + stamp.encode() + b":" + request.body
    given = request.headers.get("x-zm-signature", "").encode("utf-8", "replace")
    return hmac.compare_digest(b"v0=" + _hmac(secret, signed).encode(), given)


def answer(request: Request, settings: Settings) -> Answer | None:
    """Zoom wants 200, or takes the delivery for lost; and, every 72 hours, proof that we know the secret."""
    body = _object(request.body)
    if body.get("event") != _VALIDATION:
        return Answer(200, {"accepted": True})
    plain = str((body.get("payload") or {}).get("plainToken") or "")
    return Answer(
        200, {"plainToken": plain, "encryptedToken": _hmac(settings["secret_token"], plain.encode())}, keep=False
    )


def cut(request: Request, settings: Settings) -> Sequence[Received]:
    """The one event of a delivery. Raises Unreadable."""
    body = _object(request.body)
    try:
        about = body["payload"]["object"]
        meeting, run = str(about["id"]), str(about["uuid"])
        who = about.get("participant") or {}
        person = who.get("participant_uuid") or who.get("user_id") or ""
        at = datetime.fromtimestamp(body["event_ts"] / 1000, UTC)
        id = f"{run} {person} {body['event_ts']}"
        return [Received(meeting, str(body["event"]), id, at, f"room {meeting}", body)]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as problem:
        raise Unreadable(f"The body lacks something: {problem!r}") from None


def read(received: Received, settings: Settings) -> Sequence[Happening]:
    """What an event means. Raises Refused."""
    about: Mapping[str, Any] = received.data["payload"]["object"]
    room = Room(received.account, str(about["uuid"]))
    try:
        match received.name.partition(".")[2]:
            case "started":
                return [Opened(room, _moment(about.get("start_time"), received))]
            case "ended":
                opened = _moment(about.get("start_time"), received) if about.get("start_time") else None
                return [Ended(room, _moment(about.get("end_time"), received), opened)]
    except ValueError as problem:
        raise Refused(f"A time cannot be read: {problem}") from None
    return [Note("trigger", "Who took part is read from the report after the end.")]


def _moment(text: str | None, received: Received) -> datetime:
    told = datetime.fromisoformat(text) if text else received.at
    if told is None:
        raise ValueError("there is none")
    return told.astimezone(UTC)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _hmac(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
