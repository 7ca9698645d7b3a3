"""eTutorium's side, as the source of two of its clients has it. Nobody has seen the live service."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.standins.loopback import Asked, Said, serving


class ETutorium:
    """What the stand-in knows; `said` is given instead of an answer, where it is set."""

    def __init__(self) -> None:
        self.url = ""
        self.token = "api-token"
        self.webinars: list[dict[str, Any]] = [{"id": 13144, "title": "api test"}]
        self.registered: Any = []
        self.said: Said | None = None
        self.asked: list[str] = []

    def answer(self, asked: Asked) -> Said:
        """What eTutorium says."""
        self.asked.append(asked.target)
        parts = urlsplit(asked.target)
        query = dict(parse_qsl(parts.query))
        if self.said is not None:
            return self.said
        if asked.headers.get("x-apikey-token") != self.token:
            return Said(200, {"ok": False, "error": ["Wrong API key"]})
        if parts.path == "/cabinet/webinar":
            return Said(200, {"ok": True, "response": self.webinars})
        if parts.path == "/rest/participant" and query == {"webinar_id": "13144"}:
            return Said(200, {"ok": True, "response": self.registered})
        return Said(404, {"message": "Not found"})


@contextmanager
def running() -> Iterator[ETutorium]:
    """The stand-in, listening on a loopback address."""
    etutorium = ETutorium()
    with serving(etutorium.answer) as url:
        etutorium.url = url
        yield etutorium
