"""What BigBlueButton sends: hook events (a checksum over the raw body), the analytics callback (a signed token), and
the end callback (nothing: a hint at an address that cannot be guessed).
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from lrs.connectors.contract import Received, Refused, Request, Settings, Unreadable
from lrs.connectors.events import Happening, Note
from lrs.connectors.providers.bigbluebutton.people import attendee
from lrs.connectors.webinars import intervals
from lrs.connectors.webinars.attendance import Attended, Ended, Listed, Moved, Opened, Room, Source

ANALYTICS, END = "analytics", "end-callback"
# hookChecksumAlgorithm, by the length of what it gives.
_ALGORITHMS = {40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"}


def verify(request: Request, settings: Settings) -> bool:
    """Whether the request comes from who knows the secret; the end callback, a mere hint, proves nothing."""
    if request.method != "POST":
        return bool(parse_qs(request.query).get("meetingID"))
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if _is_json(request):
        return scheme.lower() == "bearer" and _signed(token.strip(), settings["secret"], request.received)
    given = parse_qs(request.query).get("checksum", [""])[-1].lower()
    if given:
        return _sum_is_good(given, request.body, settings)
    # The option auth2_0 of the hooks: the secret itself.
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), settings["secret"].encode())


def cut(request: Request, settings: Settings) -> Sequence[Received]:
    """The events of a delivery. Raises Unreadable."""
    if request.method != "POST":
        meeting = parse_qs(request.query)["meetingID"][0]
        at = request.received.isoformat()
        return [Received(meeting, END, at, request.received, f"room {meeting}", {"at": at})]
    if _is_json(request):
        body = _json(request.body)
        if not isinstance(body, dict) or not isinstance(body.get("data"), dict):
            raise Unreadable("The body is not that of the analytics callback: it has no data.")
        meeting = str(body.get("meeting_id") or "")
        run = str(body.get("internal_meeting_id") or "")
        return [Received(meeting, ANALYTICS, run, request.received, f"room {meeting}", body)]
    texts = parse_qs(request.body.decode("utf-8", "replace")).get("event")
    if not texts:
        raise Unreadable("The form has no field event.")
    # bbb-webhooks 3 sends a list, older ones a single event.
    events = _json(texts[0].encode())
    return [_received(one) for one in (events if isinstance(events, list) else [events])]


def read(received: Received, settings: Settings) -> Sequence[Happening]:
    """What an event means. Raises Refused."""
    if received.name == END:
        return [Ended(Room(received.account), datetime.fromisoformat(received.data["at"]))]
    try:
        if received.name == ANALYTICS:
            return [_listed(received.data)]
        return [_happening(received)]
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise Refused(f"The event lacks something: {problem!r}") from None


def _received(event: Any) -> Received:
    try:
        data = event["data"]
        meeting = data["attributes"]["meeting"]
        user = data["attributes"].get("user") or {}
        run, ts = meeting["internal-meeting-id"], data["event"]["ts"]
        external = str(meeting.get("external-meeting-id") or run)
        id = f"{run} {user.get('internal-user-id', '')} {ts}"
        at = datetime.fromtimestamp(ts / 1000, UTC)
        return Received(external, str(data["id"]), id, at, f"room {external}", data)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as problem:
        raise Unreadable(f"An event lacks something: {problem!r}") from None


def _happening(received: Received) -> Happening:
    attributes = received.data["attributes"]
    room = Room(received.account, str(attributes["meeting"]["internal-meeting-id"]))
    at = datetime.fromtimestamp(received.data["event"]["ts"] / 1000, UTC)
    match received.name:
        case "meeting-created":
            return Opened(room, at)
        case "meeting-ended":
            return Ended(room, at)
        case "user-joined" | "user-left":
            user = attributes["user"]
            internal = str(user["internal-user-id"])
            who = attendee(
                str(user.get("external-user-id") or ""), internal, user.get("name") or "", user.get("role") or ""
            )
            return Moved(room, at, who, received.name == "user-joined", internal)
    return Note("not attendance", f"The event {received.name} says nothing of who was there.")


def _listed(body: Mapping[str, Any]) -> Listed:
    data = body["data"]
    people = []
    for one in data["attendees"]:
        stays = intervals.covered(map(_moment, one["joins"]), map(_moment, one["leaves"]))
        role = "MODERATOR" if one.get("moderator") else ""
        who = attendee(str(one.get("ext_user_id") or ""), "", one.get("name") or "", role)
        people.append(Attended(who, tuple(stays)))
    room = Room(str(body["meeting_id"]), str(body["internal_meeting_id"]))
    return Listed(room, Source.CALLBACK, tuple(people), _moment(data["start"]), _moment(data["finish"]))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _json(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        raise Unreadable(f"The event is not JSON: {problem}") from None


def _sum_is_good(given: str, body: bytes, settings: Settings) -> bool:
    algorithm = _ALGORITHMS.get(len(given))
    if algorithm is None:
        return False
    # Over the address that we registered and the body as it came: decoded, as the documentation has it, none verifies.
    signed = settings["webhook_url"].encode() + body + settings["secret"].encode()
    return hmac.compare_digest(hashlib.new(algorithm, signed).hexdigest().encode(), given.encode("utf-8", "replace"))


def _signed(token: str, secret: str, now: datetime) -> bool:
    try:
        key = OctKey.import_key(secret)
        claims = jwt.decode(token, key, algorithms=["HS512"]).claims
        return int(claims["exp"]) > now.timestamp()
    except (JoseError, ValueError, TypeError, KeyError):
        return False
