"""Khalibre's side: its token, courses, progress and bookings, over a real socket."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.standins.loopback import Asked, Said, serving

BASE = "/o/kh-gateway/lms/v1.1"
CLIENT = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "app-secret"}


class Khalibre:
    """What the stand-in knows, and what it was asked.

    `script` answers the next requests to a path: (status, headers); a status of 0 is silence. `lie` changes the
    envelope of each page, `meanwhile` is called with the path and the page after each page was answered.
    """

    def __init__(self) -> None:
        self.url = ""
        self.lasts: float = 600
        self.tokens: dict[str, float] = {}
        self.courses: dict[int, dict[str, Any]] = {}
        self.rows: list[dict[str, Any]] = []
        self.bookings: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.at: list[float] = []
        self.script: dict[str, deque[tuple[int, dict[str, str]]]] = {}
        self.most_page_size = 100
        self.lie: Callable[[dict[str, Any]], None] = lambda page: None
        self.meanwhile: Callable[[str, int], None] = lambda path, page: None
        self._lock = threading.RLock()

    def course(self, id: int, title: str = "Safeguarding", *communities: tuple[int, str], **more: Any) -> None:
        """Let there be a course."""
        offered = [{"id": one, "name": name} for one, name in communities]
        self.courses[id] = {"courseId": id, "title": title, "communities": offered, **more}

    def row(self, email: str, done: int = 0, total: int = 5, course: int = 40517, **more: Any) -> dict[str, Any]:
        """Let there be a row of progress; it may be changed afterwards."""
        row = {
            "activityOverdue": False,
            "bookingDate": "2025-03-01T02:00:00Z",
            "classTitle": "Batch 7",
            "community": {"id": 20121, "name": "Phnom Penh office"},
            "completedActivity": done,
            "courseId": course,
            "courseOverdue": False,
            "emailAddress": email,
            "firstName": "Dara",
            "lastName": "Sok",
            "recentUpdateDate": "2025-03-05T07:15:00Z",
            "status": 2,
            "statusDescription": "Completed" if done == total else "In progress" if done else "Not started",
            "title": "Safeguarding",
            "totalActivity": total,
            **more,
        }
        with self._lock:
            self.rows.append(row)
        if course not in self.courses:
            self.course(course)
        return row

    def next(self, path: str, *answers: tuple[int, dict[str, str]]) -> None:
        """What the next requests below the path get instead of an answer."""
        self.script.setdefault(path, deque()).extend(answers)

    def pages_asked(self, path: str) -> list[int]:
        """The numbers of the pages of this path that were asked for, in their order."""
        asked = [urlsplit(one) for one in self.asked]
        return [int(dict(parse_qsl(one.query))["page"]) for one in asked if one.path == f"{BASE}{path}"]

    def answer(self, asked: Asked) -> Said:
        """JSON."""
        parts = urlsplit(asked.target)
        query = dict(parse_qsl(parts.query))
        with self._lock:
            self.asked.append(asked.target)
            self.at.append(time.time())
            for path, answers in self.script.items():
                if parts.path.startswith(path if path.startswith("/o/") else BASE + path) and answers:
                    status, extra = answers.popleft()
                    return Said(status, {"message": "scripted"}, extra)
            if parts.path == "/o/oauth2/token":
                return self._token(asked.body)
            token = asked.headers.get("authorization", "").removeprefix("Bearer ")
            if self.tokens.get(token, 0) < time.time():
                return Said(401, {"message": "invalid_token"})
            if not parts.path.startswith(BASE):
                return Said(404, {"message": "no such version"})
            answer = self._resource(asked.method, parts.path.removeprefix(BASE), query, asked.body)
            self.meanwhile(parts.path.removeprefix(BASE), int(query.get("page", "0")))
            return answer

    def _token(self, body: bytes) -> Said:
        if dict(parse_qsl(body.decode())) != CLIENT:
            return Said(401, {"error": "invalid_client"})
        token = f"token-{len(self.tokens)}"
        self.tokens[token] = time.time() + self.lasts
        return Said(200, {"access_token": token, "token_type": "Bearer", "expires_in": self.lasts})

    def _resource(self, method: str, path: str, query: dict[str, str], body: bytes) -> Said:
        match (method, *path.strip("/").split("/")):
            case "GET", "courses":
                words = query.get("keywords", "").lower()
                return Said(200, self._page([c for c in self.courses.values() if words in c["title"].lower()], query))
            case "GET", "course", id:
                known = self.courses.get(int(id))
                return Said(200, known) if known else Said(404, {"message": "no such course"})
            case "GET", "progress", "course", id:
                if int(id) not in self.courses:
                    return Said(404, {"message": "no such course"})
                return Said(200, self._page([row for row in self.rows if row["courseId"] == int(id)], query))
            case "GET", "progress", "learner":
                email = query["learnerEmail"]
                return Said(200, self._page([row for row in self.rows if row["emailAddress"] == email], query))
            case "POST", "course", "booking":
                self.bookings.append(json.loads(body))
                return Said(204)
        return Said(404, {"message": path})

    def _page(self, rows: list[Any], query: dict[str, str]) -> dict[str, Any]:
        size, number = min(self.most_page_size, int(query.get("pageSize", "10"))), int(query.get("page", "1"))
        page = {
            "actions": {},
            "facets": [],
            "items": [dict(row) for row in rows[(number - 1) * size : number * size]],
            "lastPage": max(1, -(-len(rows) // size)),
            "page": number,
            "pageSize": size,
            "totalCount": len(rows),
        }
        self.lie(page)
        return page


@contextmanager
def running() -> Iterator[Khalibre]:
    """The stand-in, listening on a loopback address."""
    khalibre = Khalibre()
    with serving(khalibre.answer) as url:
        khalibre.url = url
        yield khalibre
