"""The five actions of Khalibre's connector, for a connection: what commands, pages and reports call.

Answers are JSON with Khalibre's own names for the fields. All raise TransportError, and ConnectionProblem for a
connection to somebody else. They take their time over 429 and 5xx unless not `patient`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.utils import timezone

from lrs.connectors import connections, worker
from lrs.connectors.connections import ConnectionProblem
from lrs.connectors.contract import Context
from lrs.connectors.models import Connection
from lrs.connectors.providers import khalibre
from lrs.connectors.providers.khalibre import client, shapes
from lrs.connectors.providers.khalibre.shapes import Booking

PROVIDER = khalibre.PROVIDER.name
MOST_PAGE_SIZE = 1000


def courses(
    connection: Connection, *, keywords: str = "", page: int = 1, size: int = 10, patient: bool = True
) -> dict[str, Any]:
    """A page of the courses that are visible to the API; Khalibre's own page has 10."""
    with _asking(connection, page, size, patient=patient) as outside:
        return shapes.plain_listing(client.courses(outside, keywords=keywords, page=page, size=size))


def course(connection: Connection, id: int, *, patient: bool = True) -> dict[str, Any]:
    """A course in detail."""
    with _asking(connection, patient=patient) as outside:
        return shapes.plain(client.course(outside, id))


def progress_of_course(
    connection: Connection, id: int, *, page: int = 1, size: int = 10, patient: bool = True
) -> dict[str, Any]:
    """A page of all learners' progress in a course."""
    with _asking(connection, page, size, patient=patient) as outside:
        return shapes.plain_listing(client.progress_of_course(outside, id, page=page, size=size))


def progress_of_learner(
    connection: Connection, email: str, *, page: int = 1, size: int = 10, patient: bool = True
) -> dict[str, Any]:
    """A page of a learner's progress in all courses."""
    with _asking(connection, page, size, patient=patient) as outside:
        return shapes.plain_listing(client.progress_of_learner(outside, email, page=page, size=size))


def book(connection: Connection, booking: Booking, *, patient: bool = True) -> None:
    """Book a course for a learner; their progress there is read again soon, and with it comes the statement.

    Raises client.Doubtful where it may have been booked: then it is read again, too.
    """
    if "@" not in booking.learner_email:
        raise ConnectionProblem(f"{booking.learner_email!r} is not an e-mail address.")
    try:
        with _asking(connection, patient=patient) as outside:
            client.book(outside, booking)
    except client.Doubtful:
        _read_soon(connection, booking)
        raise
    _read_soon(connection, booking)


def _read_soon(connection: Connection, booking: Booking) -> None:
    with transaction.atomic():
        worker.hint([(connection.pk, f"course:{booking.course_id}")], timezone.now())


@contextmanager
def _asking(connection: Connection, page: int = 1, size: int = 1, *, patient: bool = True) -> Iterator[Context]:
    if connection.provider != PROVIDER:
        raise ConnectionProblem(f"{connection.name} is no connection to {khalibre.PROVIDER.title}.")
    if page < 1 or not 1 <= size <= MOST_PAGE_SIZE:
        raise ConnectionProblem(f"The first page is 1, and a page has 1 to {MOST_PAGE_SIZE} items.")
    with connections.context(connection, patient=patient) as outside:
        yield outside
