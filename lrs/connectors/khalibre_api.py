"""GET /api/v1/connections/<id>/khalibre/...: the reading actions of Khalibre's connector, as its API answers now."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import msgspec
from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from lrs import parameters
from lrs.api import access, door
from lrs.api.openapi import TEXT, UUID, Described, Operation, Parameter
from lrs.connectors import connections, khalibre
from lrs.connectors.connections import ConnectionProblem
from lrs.connectors.models import Connection
from lrs.connectors.providers.khalibre.shapes import Course, ProgressRow
from lrs.connectors.sealed import Unsealable
from lrs.connectors.transport import Later, NotAllowed, Refusal, TransportError, Unreachable
from lrs.errors import BadGateway, NotFound, TooManyRequests, Unavailable
from lrs.parameters import Check
from statements.xapi.versions import Version


class CoursePage(msgspec.Struct, rename="camel"):
    """A page of courses, as Khalibre gives it; `faulty` are sentences about courses that could not be read."""

    items: list[Course]
    facets: list[Any]
    page: int | None
    page_size: int | None
    last_page: int | None
    total_count: int | None
    faulty: list[str]


class ProgressPage(msgspec.Struct, rename="camel"):
    """A page of progress, as Khalibre gives it; `faulty` are sentences about rows that could not be read."""

    items: list[ProgressRow]
    facets: list[Any]
    page: int | None
    page_size: int | None
    last_page: int | None
    total_count: int | None
    faulty: list[str]


def _page(given: str, version: Version) -> int:
    number = parameters.count(given, version)
    if number < 1:
        raise ValueError("is no page: the first one is 1")
    return number


def _size(given: str, version: Version) -> int:
    number = parameters.count(given, version)
    if not 1 <= number <= khalibre.MOST_PAGE_SIZE:
        raise ValueError(f"is not from 1 to {khalibre.MOST_PAGE_SIZE}")
    return number


def _email(given: str, version: Version) -> str:
    if "@" not in given or not given.isprintable() or " " in given:
        raise ValueError("is not an e-mail address")
    return given


_PAGED: Mapping[str, Check] = {"page": _page, "page_size": _size}
_PAGES = {
    "page": Parameter({"type": "integer", "minimum": 1, "maximum": 10**9}, "the first is 1"),
    "page_size": Parameter(
        {"type": "integer", "minimum": 1, "maximum": khalibre.MOST_PAGE_SIZE}, "10 where nothing is said"
    ),
}
_REFUSALS = {
    "400": "a parameter is wrong or missing",
    "404": "there is no such connection to Khalibre, or Khalibre has no such course",
    "429": "Khalibre, or its budget of 100 calls a minute, asks to wait (Retry-After), or there were too many wrong"
    " secrets",
    "502": "Khalibre refuses, or its answer is not what it describes",
    "503": "Khalibre cannot be reached, or the connection is out of order",
}
_CONNECTION = Parameter(UUID, "id of the connection")
_COURSE = Parameter({"type": "integer", "minimum": 0, "maximum": 2**63 - 1}, "id of the course")


class _Action(door.Door):
    schema = Described()
    TAG = "khalibre"
    PLACES: ClassVar[Mapping[str, Parameter]] = {"connection": _CONNECTION}
    known: ClassVar[Mapping[str, Check]] = {}
    required: ClassVar[tuple[str, ...]] = ()

    def get(self, request: Request, connection: Any, **captured: int) -> HttpResponseBase:
        """What Khalibre answers."""
        asked = self.all_asked(request.query_params, {**door.ONE_STORE, **self.known}, self.required)
        found = _connection(connection, access.narrowed(access.reader_of(request), asked.pop("store", None)))
        asked.pop("format", None)
        if "page_size" in asked:
            asked["size"] = asked.pop("page_size")
        with _plain():
            return Response(self.read(found, **captured, **asked))

    def read(self, connection: Connection, **asked: Any) -> dict[str, Any]:
        """The answer. Raises what lrs.connectors.khalibre raises."""
        raise NotImplementedError


class KhalibreCourses(_Action):
    """Courses that are visible to Khalibre's API."""

    known = {**_PAGED, "keywords": parameters.text}
    OPERATIONS: ClassVar[Mapping[str, Operation]] = {
        "get": Operation(
            "Courses that are visible to Khalibre's API, asked for now.",
            {200: CoursePage},
            {**_PAGES, "keywords": Parameter(TEXT, "only courses with these words")},
            refusals=_REFUSALS,
        )
    }

    def read(self, connection: Connection, **asked: Any) -> dict[str, Any]:
        return khalibre.courses(connection, patient=False, **asked)


class KhalibreCourse(_Action):
    """A course of Khalibre's in detail."""

    PLACES: ClassVar[Mapping[str, Parameter]] = {"connection": _CONNECTION, "course": _COURSE}
    OPERATIONS: ClassVar[Mapping[str, Operation]] = {
        "get": Operation("A course of Khalibre's in detail, asked for now.", {200: Course}, refusals=_REFUSALS)
    }

    def read(self, connection: Connection, **asked: Any) -> dict[str, Any]:
        return khalibre.course(connection, asked["course"], patient=False)


class KhalibreCourseProgress(_Action):
    """All learners' progress in a course of Khalibre's."""

    PLACES: ClassVar[Mapping[str, Parameter]] = {"connection": _CONNECTION, "course": _COURSE}
    known = _PAGED
    OPERATIONS: ClassVar[Mapping[str, Operation]] = {
        "get": Operation(
            "All learners' progress in a course of Khalibre's, asked for now.",
            {200: ProgressPage},
            _PAGES,
            refusals=_REFUSALS,
        )
    }

    def read(self, connection: Connection, **asked: Any) -> dict[str, Any]:
        return khalibre.progress_of_course(connection, asked.pop("course"), patient=False, **asked)


class KhalibreLearnerProgress(_Action):
    """A learner's progress in all courses of Khalibre's."""

    known = {**_PAGED, "email": _email}
    required = ("email",)
    OPERATIONS: ClassVar[Mapping[str, Operation]] = {
        "get": Operation(
            "A learner's progress in all courses of Khalibre's, asked for now.",
            {200: ProgressPage},
            {**_PAGES, "email": Parameter({"type": "string", "format": "email"}, "of the learner", required=True)},
            refusals=_REFUSALS,
        )
    }

    def read(self, connection: Connection, **asked: Any) -> dict[str, Any]:
        return khalibre.progress_of_learner(connection, asked.pop("email"), patient=False, **asked)


def _connection(id: Any, store: int | None) -> Connection:
    found = Connection.objects.select_related("store", "credential").filter(pk=id)
    connection = (found if store is None else found.filter(store=store)).first()
    if connection is None:
        raise NotFound(f"There is no connection {id}.")
    if connection.provider != khalibre.PROVIDER:
        title = connections.provider_of(connection).title
        raise NotFound(f"{connection.name} is a connection to {title}, not to Khalibre.")
    return connection


@contextmanager
def _plain() -> Iterator[None]:
    """What is wrong with the provider, as an answer of ours: never a 401, which would be about our own caller."""
    try:
        yield
    except Refusal as problem:
        if problem.status == 404:
            raise NotFound(f"Khalibre knows nothing of this: {problem}") from None
        raise BadGateway(f"Khalibre does not answer this: {problem}") from None
    except Later as problem:
        raise TooManyRequests(str(problem), max(1, math.ceil(problem.seconds))) from None
    except (Unreachable, NotAllowed, ConnectionProblem, Unsealable) as problem:
        raise Unavailable(str(problem)) from None
    except TransportError as problem:
        raise BadGateway(str(problem)) from None
