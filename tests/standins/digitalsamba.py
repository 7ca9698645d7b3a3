"""Digital Samba's side: its team, sessions and participants, over a real socket."""

import base64
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.standins.loopback import Asked, Said, serving

ROOM = "7f8c8eac-6643-47db-8d93-e7633e6e53ec"
TEAM = "fc16892a-556b-4c2d-a522-82e6b3e884cc"


class DigitalSamba:
    """What the stand-in knows, and what it was asked. `most` is the longest page; counts are texts or numbers."""

    def __init__(self) -> None:
        self.url = ""
        self.key = "developer-key"
        self.team: dict[str, Any] = {"id": TEAM, "domain": "local", "max_participants": 100}
        self.sessions: list[dict[str, Any]] = []
        self.participants: dict[str, list[dict[str, Any]]] = {}
        self.most = 100
        self.count: Any = str
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.script: deque[Said] = deque()

    def session(self, id: str, start: str, end: str | None, *rows: dict[str, Any], room: str = ROOM) -> None:
        """Let the room have been open; without an end it still is."""
        ended = {"end_time": end} if end else {}
        known = {"id": id, "start_time": start, **ended, "room_id": room, "friendly_url": "myRoom", "live": not end}
        self.sessions.append(known)
        self.participants[id] = list(rows)

    def answer(self, asked: Asked) -> Said:
        """What Digital Samba says."""
        parts = urlsplit(asked.target)
        query = dict(parse_qsl(parts.query))
        self.asked.append((parts.path, query))
        if self.script:
            return self.script.popleft()
        wanted = base64.b64encode(f"{TEAM}:{self.key}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {wanted}":
            return Said(401, {"message": "Unauthenticated."})
        match parts.path.strip("/").split("/")[2:]:
            case []:
                return Said(200, self.team)
            case ["sessions"]:
                days = (query["date_start"], query["date_end"])
                within = [one for one in self.sessions if days[0] <= one["start_time"][:10] <= days[1]]
                return self._page(within, query)
            case ["sessions", id, "participants"]:
                return self._page(self.participants[id], query)
        return Said(404, {"message": "Not found."})

    def _page(self, rows: list[dict[str, Any]], query: dict[str, str]) -> Said:
        start, limit = int(query["offset"]), min(int(query["limit"]), self.most)
        return Said(200, {"data": rows[start : start + limit], "total_count": self.count(len(rows))})


def participant(
    name: str, joined: str, left: str | None, *, external: str = "", role: str = "attendee"
) -> dict[str, Any]:
    """A row of a session's participants."""
    times = {"join_time": joined, "leave_time": left, "live": left is None}
    return {"id": f"{name} {joined}", "external_id": external or None, "name": name, "role": role, **times}


@contextmanager
def running() -> Iterator[DigitalSamba]:
    """The stand-in, listening on a loopback address."""
    samba = DigitalSamba()
    with serving(samba.answer) as url:
        samba.url = url
        yield samba
