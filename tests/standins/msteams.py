"""Microsoft's side: its authorisation endpoints and the part of Graph that knows meetings, over a real socket."""

import base64
import hashlib
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.standins.loopback import Asked, Said, serving

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "ddb80e06-92f3-4978-bc22-a0eee85e6a9e"
ORGANIZER = "dc17674c-81d9-4adb-bfb2-8f6a442e4622"
CURATOR = "curator@contoso.example"
JOIN = (
    "https://teams.microsoft.com/l/meetup-join/19%3ameeting_abc%40thread.v2/0"
    f"?context=%7b%22Tid%22%3a%22{TENANT}%22%2c%22Oid%22%3a%22{ORGANIZER}%22%7d"
)
SHORT = "https://teams.microsoft.com/meet/2345678901234?p=AbCdEf"
MEETING = "MSpkYzE3Njc0Yy04MWQ5LTRhZGItYmZ"
SCOPES = "User.Read OnlineMeetings.Read OnlineMeetingArtifact.Read.All"


class Microsoft:
    """What the stand-in knows, and what it was asked.

    `pages` is how many objects a page has; `next` answers the next requests whose path has this in it; while `pause`
    is cleared nobody's token is renewed, and `waiting` counts who asked for that.
    """

    def __init__(self) -> None:
        self.url = ""
        self.secret = "client-secret"
        self.redirects: set[str] = set()
        self.scopes = SCOPES
        self.me = {"id": ORGANIZER, "displayName": "Олена Коваль", "userPrincipalName": CURATOR}
        self.policy = {ORGANIZER}
        self.organizers = {JOIN: ORGANIZER, SHORT: ORGANIZER}
        self.reports: list[dict[str, Any]] = []
        self.records: dict[str, list[dict[str, Any]]] = {}
        self.pages = 100
        self.lasts = 3599
        self.pause = threading.Event()
        self.pause.set()
        self.waiting = 0
        self.grants: list[dict[str, str]] = []
        self.asked: list[str] = []
        self.script: dict[str, deque[Said]] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.refresh: set[str] = set()
        self.access: dict[str, bool] = {}
        self.elsewhere = ""
        self._lock = threading.Lock()

    def next(self, part: str, *answers: Said) -> None:
        """What the next requests with this in their path get instead of an answer."""
        self.script.setdefault(part, deque()).extend(answers)

    def report(self, id: str, start: str, end: str, *records: dict[str, Any]) -> None:
        """Let there be a report of the meeting."""
        self.reports.insert(
            0,
            {
                "id": id,
                "totalParticipantCount": len(records),
                "meetingStartDateTime": start,
                "meetingEndDateTime": end,
                "attendanceRecords": [],
            },
        )
        self.records[id] = list(records)

    def answer(self, asked: Asked) -> Said:
        """What Microsoft says."""
        parts = urlsplit(asked.target)
        path = unquote(parts.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            self.asked.append(f"{asked.method} {asked.target}")
            for part, answers in self.script.items():
                if part in path and answers:
                    return answers.popleft()
        if path == f"/{TENANT}/oauth2/v2.0/authorize":
            return self._authorize(query)
        if path == f"/{TENANT}/oauth2/v2.0/token":
            form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
            if form["grant_type"] == "refresh_token":
                self.waiting += 1
                self.pause.wait(10)
            with self._lock:
                return self._token(form)
        with self._lock:
            token = asked.headers.get("authorization", "").removeprefix("Bearer ")
            if token not in self.access:
                return _error(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
            return self._graph(path.removeprefix("/v1.0/"), query, delegated=self.access[token])

    def _authorize(self, query: dict[str, str]) -> Said:
        if query["client_id"] != CLIENT or query["redirect_uri"] not in self.redirects:
            return Said(400, "AADSTS50011: The redirect URI does not match.", {"content-type": "text/html"})
        assert query["response_type"] == "code"
        assert query["response_mode"] == "query"
        assert query["code_challenge_method"] == "S256"
        code = f"0.code-{len(self.codes)}"
        self.codes[code] = query
        back = urlencode({"code": code, "state": query["state"]})
        return Said(302, "", {"location": f"{query['redirect_uri']}?{back}"})

    def _token(self, form: dict[str, str]) -> Said:
        self.grants.append(form)
        if form["client_id"] != CLIENT:
            return _refused("unauthorized_client", "AADSTS700016: Application was not found in the directory.")
        if form["client_secret"] != self.secret:
            return _refused("invalid_client", "AADSTS7000215: Invalid client secret provided.", 401)
        match form["grant_type"]:
            case "client_credentials":
                if form["scope"] != f"{self.url}/.default":
                    return _refused("invalid_scope", "AADSTS70011: The provided request must include a scope.")
                return self._tokens(delegated=False)
            case "authorization_code":
                begun = self.codes.pop(form["code"], None)
                proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
                if begun is None or begun["redirect_uri"] != form["redirect_uri"]:
                    return _refused("invalid_grant", "AADSTS70008: The code has expired.")
                if proof.decode() != begun["code_challenge"]:
                    return _refused("invalid_grant", "AADSTS501481: The Code_Verifier does not match.")
                return self._tokens(delegated=True)
            case _:
                if form["refresh_token"] not in self.refresh:
                    return _refused("invalid_grant", "AADSTS700082: The refresh token has expired.\r\nTrace ID: 1")
                # Stricter than the live service: a refresh token is good for one renewal.
                self.refresh.remove(form["refresh_token"])
                return self._tokens(delegated=True)

    def _tokens(self, *, delegated: bool) -> Said:
        number = len(self.access)
        self.access[f"access-{number}"] = delegated
        answer = {"token_type": "Bearer", "expires_in": self.lasts, "access_token": f"access-{number}"}
        if delegated:
            self.refresh.add(f"refresh-{number}")
            answer |= {"scope": self.scopes, "refresh_token": f"refresh-{number}"}
        return Said(200, answer)

    def _graph(self, path: str, query: dict[str, str], *, delegated: bool) -> Said:
        if path == "me":
            return Said(200, self.me) if delegated else _error(400, "BadRequest", "/me is for delegated sign-in.")
        if path.startswith("me/"):
            who, rest = ORGANIZER, path.removeprefix("me/")
        else:
            _, who, *more = path.split("/", 2)
            rest = "".join(more)
        if not rest:
            return Said(200, {"id": ORGANIZER}) if who == CURATOR else _error(404, "Request_ResourceNotFound", who)
        if not delegated and who not in self.policy:
            return _error(403, "General", "No application access policy found for this app.")
        if rest == "onlineMeetings":
            url = query["$filter"].removeprefix("JoinWebUrl eq '").removesuffix("'")
            if url in self.organizers and self.organizers[url] != who:
                return _error(403, "Forbidden", "An error has occurred.")
            found = [{"id": MEETING, "joinWebUrl": url}] if self.organizers.get(url) == who else []
            return Said(200, {"value": found})
        _, id, *below = rest.split("/")
        if id != MEETING:
            return _error(404, "NotFound", "No such meeting.")
        match below:
            case ["attendanceReports"]:
                return self._page(path, query, self.reports)
            case ["attendanceReports", report, "attendanceRecords"]:
                return self._page(path, query, self.records[report])
        return _error(404, "NotFound", path)

    def _page(self, path: str, query: dict[str, str], rows: list[dict[str, Any]]) -> Said:
        start = int(query.get("$skiptoken", "0"))
        answer: dict[str, Any] = {"value": rows[start : start + self.pages]}
        if start + self.pages < len(rows):
            home = self.elsewhere or self.url
            answer["@odata.nextLink"] = f"{home}/v1.0/{path}?$skiptoken={start + self.pages}"
        return Said(200, answer)


def record(email: str, name: str, *stays: tuple[str, str], role: str = "Attendee", id: str = "") -> dict[str, Any]:
    """An attendance record of Graph."""
    return {
        "emailAddress": email,
        "totalAttendanceInSeconds": 0,
        "role": role,
        "identity": {"id": id, "displayName": name, "tenantId": None},
        "attendanceIntervals": [
            {"joinDateTime": joined, "leaveDateTime": left, "durationInSeconds": 0} for joined, left in stays
        ],
    }


def _error(status: int, code: str, message: str) -> Said:
    return Said(status, {"error": {"code": code, "message": message, "innerError": {"date": "2026-01-12T10:00:00"}}})


def _refused(error: str, description: str, status: int = 400) -> Said:
    return Said(status, {"error": error, "error_description": description, "error_codes": [1]})


@contextmanager
def running() -> Iterator[Microsoft]:
    """The stand-in, listening on a loopback address."""
    microsoft = Microsoft()
    with serving(microsoft.answer) as url:
        microsoft.url = url
        yield microsoft
