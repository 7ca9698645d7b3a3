"""Zoom's side: tokens, reports of participants in pages, past meetings, and signed webhooks, over a real socket."""

import base64
import hashlib
import hmac
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from tests.standins.loopback import Asked, Said, serving

REPORT = "report:read:list_meeting_participants:admin"
PAST = "meeting:read:list_past_participants:admin"


class Zoom:
    """What the stand-in knows, and what it was asked. `script` answers the next requests to a first path segment."""

    def __init__(self) -> None:
        self.account, self.client, self.secret = "AAAAAABBBB", "client", "client-secret"
        self.scope = f"{REPORT} {PAST}"
        self.token = ""
        self.tokens = 0
        self.reports: dict[str, list[dict[str, Any]]] = {}
        self.past: dict[str, list[dict[str, Any]]] = {}
        self.instances: dict[str, list[dict[str, Any]]] = {}
        self.page = 300
        self.calls: Counter[str] = Counter()
        self.asked: list[str] = []
        self.script: dict[str, deque[tuple[int, dict[str, str], Any]]] = {}
        self.url = ""
        self._lock = threading.Lock()

    def next(self, first: str, *answers: tuple[int, dict[str, str], Any]) -> None:
        """What the next requests get instead of an answer."""
        self.script.setdefault(first, deque()).extend(answers)

    def answer(self, asked: Asked) -> Said:
        """JSON."""
        parts = urlsplit(asked.target)
        segments = parts.path.removeprefix("/v2/").strip("/").split("/")
        with self._lock:
            self.calls[segments[0]] += 1
            self.asked.append(asked.target)
            scripted = self.script.get(segments[0])
            if scripted:
                status, extra, body = scripted.popleft()
                return Said(status, body, extra)
            if parts.path == "/oauth/token":
                return self._token(asked)
            if asked.headers.get("authorization") != f"Bearer {self.token}" or not self.token:
                return Said(401, {"code": 124, "message": "Invalid access token."})
            return self._resource(segments, dict(parse_qsl(parts.query)))

    def _token(self, asked: Asked) -> Said:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        basic = base64.b64encode(f"{self.client}:{self.secret}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {basic}":
            return Said(401, {"reason": "Invalid client_id or client_secret", "error": "invalid_client"})
        if form != {"grant_type": "account_credentials", "account_id": self.account}:
            return Said(400, {"reason": "Bad Request", "error": "invalid_request"})
        self.tokens += 1
        self.token = f"token-{self.tokens}"
        return Said(200, {"access_token": self.token, "token_type": "bearer", "expires_in": 3600, "scope": self.scope})

    def _resource(self, segments: list[str], query: dict[str, str]) -> Said:
        match segments:
            case ["report", "meetings", id, "participants"]:
                return self._rows(self.reports, REPORT, id, query)
            case ["past_meetings", id, "participants"]:
                return self._rows(self.past, PAST, id, query)
            case ["past_meetings", id, "instances"]:
                found = self.instances.get(unquote(id))
                return Said(200, {"meetings": found}) if found else Said(404, _unknown())
        return Said(404, _unknown())

    def _rows(self, held: dict[str, list[dict[str, Any]]], scope: str, id: str, query: dict[str, str]) -> Said:
        if scope not in self.scope.split():
            return Said(400, {"code": 4711, "message": f"Invalid access token, does not contain scopes:[{scope}]."})
        # The router decodes once before it looks for slashes: an id with slashes must be encoded twice.
        once = unquote(id)
        known = unquote(once) if "%" in once else once
        if "/" in once or known not in held:
            return Said(404, _unknown())
        rows, size = held[known], min(self.page, int(query["page_size"]))
        start = int(query.get("next_page_token") or 0)
        more = str(start + size) if start + size < len(rows) else ""
        listed = rows[start : start + size]
        if held is self.reports and "registrant_id" not in query.get("include_fields", ""):
            listed = [{key: value for key, value in one.items() if key != "registrant_id"} for one in listed]
        return Said(200, {"next_page_token": more, "total_records": len(rows), "participants": listed})


def _unknown() -> dict[str, Any]:
    return {"code": 3001, "message": "This meeting is not available or ID is not valid."}


def row(name: str, joined: str, left: str, **more: Any) -> dict[str, Any]:
    """A row of a report."""
    shape = {
        "id": "",
        "user_id": "1",
        "user_email": "",
        "status": "in_meeting",
        "customer_key": "",
        "registrant_id": "",
    }
    return {**shape, "name": name, "join_time": joined, "leave_time": left, **more}


def signed(body: bytes, secret: str, stamp: int) -> dict[str, str]:
    """The headers of a webhook with this body."""
    sum = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {
        "content-type": "application/json",
        "x-zm-request-timestamp": str(stamp),
        "x-zm-signature": f"v0={sum}",
    }


@contextmanager
def running() -> Iterator[Zoom]:
    """The stand-in, listening on a loopback address."""
    zoom = Zoom()
    with serving(zoom.answer) as url:
        zoom.url = url
        yield zoom
