"""BigBlueButton's side: calls with checksums, rooms, hooks and the analytics callback, over a real socket."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.sax.saxutils import escape

import httpx
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.standins.loopback import Asked, Said, serving

SECRET = "639259d4-9dd8-4b25-bf01-95f9567eaf4b"


@dataclass
class Open:
    """A room that is open: who is in it, as (userID, fullName, role)."""

    run: str
    started: int
    people: list[tuple[str, str, str]] = field(default_factory=list)


class BigBlueButton:
    """What the stand-in knows, and what it was asked."""

    def __init__(self) -> None:
        self.secret = SECRET
        self.algorithms = ("sha1", "sha256", "sha384", "sha512")
        self.has_hooks = True
        self.rooms: dict[str, Open] = {}
        self.hooks: list[str] = []
        self.asked: list[str] = []
        self.answers: list[Said] = []
        self.url = ""

    def answer(self, asked: Asked) -> Said:
        """XML."""
        self.asked.append(asked.target)
        if self.answers:
            return self.answers.pop(0)
        parts = urlsplit(asked.target)
        name = parts.path.removeprefix("/bigbluebutton/api/")
        query, _, given = parts.query.rpartition("checksum=")
        query = query.removesuffix("&")
        sums = [hashlib.new(one, f"{name}{query}{self.secret}".encode()).hexdigest() for one in self.algorithms]
        if given not in sums:
            return _xml(_failed("checksumError", "Checksums do not match"))
        params = dict(parse_qsl(query))
        match name:
            case "isMeetingRunning":
                running = str(params["meetingID"] in self.rooms).lower()
                return _xml(_success(f"<running>{running}</running>"))
            case "getMeetingInfo":
                return _xml(self._info(params["meetingID"]))
            case "hooks/create" if self.has_hooks:
                if params["callbackURL"] in self.hooks:
                    return _xml(_success("<hookID>1</hookID><messageKey>duplicateWarning</messageKey>"))
                self.hooks.append(params["callbackURL"])
                return _xml(_success("<hookID>1</hookID><permanentHook>false</permanentHook><rawData>false</rawData>"))
        return Said(404, b"<html>not found</html>", {"content-type": "text/html"})

    def deliver(
        self, lrs: str, registered: str, *events: dict[str, Any], algorithm: str = "sha1", secret: str = ""
    ) -> httpx.Response:
        """Post events to a hook, as bbb-webhooks 3.5 does: a checksum over the registered address and the raw body."""
        body = urlencode({"domain": "bbb.example.org", "event": json.dumps(list(events)), "timestamp": 1795278857810})
        signed = (registered + body + (secret or self.secret)).encode()
        return httpx.post(
            f"{lrs}{urlsplit(registered).path}?checksum={hashlib.new(algorithm, signed).hexdigest()}",
            content=body,
            headers={"content-type": "application/x-www-form-urlencoded;charset=UTF-8"},
        )

    def tell(self, lrs: str, registered: str, body: Any, *, ends: float, secret: str = "", alg: str = "HS512") -> Any:
        """Post the analytics callback."""
        key = OctKey.import_key(secret or self.secret)
        token = jwt.encode({"alg": alg, "typ": "JWT"}, {"exp": int(ends)}, key, algorithms=[alg])
        headers = {"authorization": f"Bearer {token}", "user-agent": "BigBlueButton Analytics Callback"}
        return httpx.post(f"{lrs}{urlsplit(registered).path}", json=body, headers=headers)

    def _info(self, meeting: str) -> bytes:
        room = self.rooms.get(meeting)
        if room is None:
            return _failed("notFound", "We could not find a meeting with that meeting ID")
        people = "".join(
            f"<attendee><userID>{escape(id)}</userID><fullName>{escape(name)}</fullName><role>{role}</role></attendee>"
            for id, name, role in room.people
        )
        return _success(
            f"<meetingID>{escape(meeting)}</meetingID><internalMeetingID>{room.run}</internalMeetingID>"
            f"<startTime>{room.started}</startTime><endTime>0</endTime><attendees>{people}</attendees>"
        )


def event(id: str, meeting: str, run: str, ts: int, /, **user: Any) -> dict[str, Any]:
    """A hook's event; `ts` in milliseconds."""
    attributes: dict[str, Any] = {"meeting": {"internal-meeting-id": run, "external-meeting-id": meeting}}
    if user:
        attributes["user"] = {key.replace("_", "-"): value for key, value in user.items()}
    return {"data": {"type": "event", "id": id, "attributes": attributes, "event": {"ts": ts}}}


def _success(inside: str) -> bytes:
    return f"<response><returncode>SUCCESS</returncode>{inside}</response>".encode()


def _failed(key: str, message: str) -> bytes:
    inside = f"<messageKey>{key}</messageKey><message>{message}</message>"
    return f"<response><returncode>FAILED</returncode>{inside}</response>".encode()


def _xml(content: bytes) -> Said:
    return Said(200, content, {"content-type": "text/xml"})


@contextmanager
def running() -> Iterator[BigBlueButton]:
    """The stand-in, listening on a loopback address."""
    side = BigBlueButton()
    with serving(side.answer) as url:
        side.url = url
        yield side
