"""Adobe Learning Manager's side: its token, users, learning objects, enrolments and jobs, over a real socket."""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from tests.standins.loopback import Asked, Said, serving


class Alm:
    """What the stand-in knows, and what it was asked. `script` answers the next requests to a path: (status, headers).

    A status of 0 means silence: the connection is held for a moment and closed.
    """

    def __init__(self) -> None:
        self.client = {"client_id": "app", "client_secret": "app-secret"}
        self.refresh_token = "refresh-0"
        self.rotates = True
        self.lasts = 604_800
        self.access: set[str] = set()
        self.users: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, dict[str, Any]] = {}
        self.enrolments: list[dict[str, Any]] = []
        self.jobs_allowed = True
        self.job_polls = 2
        self.csv = ""
        self.calls: Counter[str] = Counter()
        self.at: dict[str, list[float]] = {}
        self.asked: list[str] = []
        self.script: dict[str, deque[tuple[int, dict[str, str]]]] = {}
        self.url = ""
        self._lock = threading.Lock()
        self._polls = 0

    def user(self, id: str, email: str, name: str = "Somebody") -> None:
        """Let there be a user."""
        attributes = {"email": email, "name": name, "userUniqueId": email, "state": "ACTIVE"}
        self.users[id] = {"id": id, "type": "user", "attributes": attributes}

    def course(self, id: str, name: str, *instances: str) -> None:
        """Let there be a learning object."""
        kind = id.partition(":")[0]
        self.objects[id] = {
            "id": id,
            "type": "learningObject",
            "attributes": {
                "loType": kind,
                "state": "Published",
                "duration": 3600,
                "localizedMetadata": [{"locale": "en-US", "name": name}],
            },
            "relationships": {
                "instances": {"data": [{"id": one, "type": "learningObjectInstance"} for one in instances]}
            },
        }

    def enrolment(self, user: str, course: str, instance: str, **attributes: Any) -> None:
        """Let somebody be enrolled."""
        self.enrolments.append(
            {
                "id": f"{instance}_{user}",
                "type": "learningObjectInstanceEnrollment",
                "attributes": attributes,
                "relationships": {
                    "learner": {"data": {"id": user, "type": "user"}},
                    "learningObject": {"data": {"id": course, "type": "learningObject"}},
                    "loInstance": {"data": {"id": instance, "type": "learningObjectInstance"}},
                },
            }
        )

    def next(self, path: str, *answers: tuple[int, dict[str, str]]) -> None:
        """What the next requests below the path get instead of an answer."""
        self.script.setdefault(path, deque()).extend(answers)

    def answer(self, asked: Asked) -> Said:
        """JSON, or a text."""
        parts = urlsplit(asked.target)
        path, query = unquote(parts.path), dict(parse_qsl(parts.query))
        with self._lock:
            first = path.removeprefix("/primeapi/v2/").lstrip("/").split("/")[0]
            self.calls[first] += 1
            self.at.setdefault(first, []).append(time.time())
            self.asked.append(f"{asked.method} {path}")
            scripted = self.script.get(first)
            if scripted:
                status, extra = scripted.popleft()
                return Said(status, {"error": "scripted"}, extra)
            if path == "/oauth/token/refresh":
                return self._token(asked.body)
            if path.startswith("/files/"):
                return Said(200, self.csv, {"content-type": "text/csv"})
            if asked.headers.get("authorization", "").removeprefix("oauth ") not in self.access:
                return Said(401, {"source": {"info": "Invalid token"}})
            return self._resource(asked.method, path.removeprefix("/primeapi/v2/"), query)

    def _token(self, body: bytes) -> Said:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if form != {**self.client, "refresh_token": self.refresh_token}:
            return Said(400, {"error": "invalid_grant"})
        access = f"access-{len(self.access)}"
        self.access.add(access)
        if self.rotates:
            self.refresh_token = f"refresh-{len(self.access)}"
        answer = {"access_token": access, "refresh_token": self.refresh_token, "expires_in": self.lasts}
        return Said(200, {**answer, "user_role": "admin", "account_id": "1234", "user_id": "1"})

    def _resource(self, method: str, path: str, query: dict[str, str]) -> Said:
        match path.split("/"):
            case ["users"]:
                return Said(200, self._page("users", list(self.users.values()), query))
            case ["users", id]:
                return Said(200, {"data": self.users[id]}) if id in self.users else Said(404, {"error": "no user"})
            case ["users", id, "enrollments"]:
                mine = [one for one in self.enrolments if one["relationships"]["learner"]["data"]["id"] == id]
                return Said(200, self._page(path, mine, query))
            case ["learningObjects"]:
                ids = query["ids"].split(",")
                if len(ids) > 10:
                    return Said(400, {"error": "too many ids"})
                return Said(200, {"data": [self.objects[id] for id in ids if id in self.objects]})
            case ["learningObjects", id]:
                return Said(200, {"data": self.objects[id]})
            case ["learningObjects", _, "instances", id, "enrollments"]:
                there = [one for one in self.enrolments if one["relationships"]["loInstance"]["data"]["id"] == id]
                return Said(200, self._page(path, there, query))
            case ["jobs"]:
                return Said(200, self._job("Submitted")) if self.jobs_allowed else Said(403, {"error": "no jobs"})
            case ["jobs", _]:
                self._polls += 1
                return Said(200, self._job("Completed" if self._polls >= self.job_polls else "InProgress"))
        return Said(404, {"error": path})

    def _job(self, state: str) -> dict[str, Any]:
        done = {"dwnldUrl": f"{self.url}/files/users.csv"} if state == "Completed" else {}
        attributes = {"jobType": "generateUsers", "status": {"code": state, **done}}
        return {"data": {"id": "43118", "type": "job", "attributes": attributes}}

    def _page(self, path: str, rows: list[Any], query: dict[str, str]) -> dict[str, Any]:
        limit, start = int(query.get("page[limit]", "10")), int(query.get("page[offset]", "0"))
        answer: dict[str, Any] = {"links": {}, "data": rows[start : start + limit]}
        if start + limit < len(rows):
            answer["links"]["next"] = (
                f"{self.url}/primeapi/v2/{path}?page%5Blimit%5D={limit}&page%5Boffset%5D={start + limit}"
            )
        return answer


@contextmanager
def running() -> Iterator[Alm]:
    """The stand-in, listening on a loopback address."""
    alm = Alm()
    with serving(alm.answer) as url:
        alm.url = url
        yield alm
