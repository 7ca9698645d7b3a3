"""A request of Digital Samba's webhook: it says when to ask for the list.

What is in it is never counted: the sender proves with a fixed secret alone, the body is not signed and names nobody's
external id.
"""

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from lrs.connectors.contract import Received, Refused, Request, Settings, Unreadable
from lrs.connectors.events import Happening, Note
from lrs.connectors.providers.digitalsamba import api
from lrs.connectors.webinars.attendance import Ended, Room

ENDED = "session_ended"


def verify(request: Request, settings: Settings) -> bool:
    """Whether the secret is there, as Bearer or, as one of the vendor's examples has it, by itself."""
    secret = str(settings["webhook_secret"]).encode()
    given = request.headers.get("authorization", "").strip().encode("utf-8", "replace")
    scheme, _, rest = given.partition(b" ")
    bearer = hmac.compare_digest(rest.strip() if scheme.lower() == b"bearer" else b"", secret)
    return (bearer | hmac.compare_digest(given, secret)) and bool(secret)


def cut(request: Request, settings: Settings) -> Sequence[Received]:
    """The event of a delivery. Raises Unreadable."""
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError as problem:
        raise Unreadable(f"The body is not JSON: {problem}") from None
    data = body.get("data") if isinstance(body, dict) else None
    data = data if isinstance(data, dict) else {}
    name = (body.get("eventType") or body.get("event")) if isinstance(body, dict) else None
    if not isinstance(name, str) or not name:
        raise Unreadable("The body has no eventType.")
    room = _text(body.get("roomId") or data.get("room_id")).lower()
    run = _text(body.get("sessionId") or data.get("session_id"))
    who = _text(data.get("participantId") or data.get("participant_id") or body.get("callId"))
    at = _moment(body.get("timestamp"))
    # There is no id of an event: what it says makes one.
    id = "\n".join((run, who, _text(body.get("timestamp"))))
    return [Received(room, name, id, at, f"room {room}", {"run": run})]


def read(received: Received, settings: Settings) -> Sequence[Happening]:
    """The end of a session; everything else is passed over. Raises Refused."""
    if received.name != ENDED:
        return [Note("not needed", f"{received.name} does not end a session; the list is read when one ends.")]
    if not received.account or received.at is None:
        raise Refused("The event does not say which room's session ended, or when.")
    return [Ended(Room(received.account, received.data["run"]), received.at)]


def _text(given: Any) -> str:
    return str(given) if isinstance(given, str | int | float) else ""


def _moment(given: Any) -> datetime | None:
    """Seconds since 1970, or as one of the vendor's examples has it, an ISO time."""
    try:
        return datetime.fromtimestamp(given, UTC) if isinstance(given, int | float) else api.moment(given)
    except (ValueError, OverflowError, OSError):
        return None
