"""Whoever is called by a webhook: hears everything on a loopback socket, and answers what it is told to."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.standins.loopback import Asked, Said, serving


class Heard(NamedTuple):
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


class Listener:
    """`requests` has all that came; `status` is what it answers from now on."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.requests: list[Heard] = []

    def answer(self, asked: Asked) -> Said:
        """The status, and nothing more."""
        self.requests.append(Heard(asked.target, asked.headers, asked.body))
        return Said(self.status)


@contextmanager
def running() -> Iterator[Listener]:
    """The stand-in, listening on a loopback address."""
    listener = Listener()
    with serving(listener.answer) as url:
        listener.url = url
        yield listener
