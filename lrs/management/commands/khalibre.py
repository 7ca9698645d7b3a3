"""manage.py khalibre courses | course | progress | book."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from lrs.connectors import connections, khalibre, sweeps
from lrs.connectors.providers.khalibre.shapes import Booking

Answer = dict[str, Any]


class Command(BaseCommand):
    help = "Ask Khalibre for courses and progress, and book a course for somebody."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command for each action of Khalibre's API, and --json for all."""
        one = ArgumentParser(add_help=False)
        one.add_argument("connection", help="name or id")
        one.add_argument("--json", action="store_true", help="answer with JSON")
        paged = ArgumentParser(add_help=False, parents=[one])
        paged.add_argument("--page", type=int, default=1)
        paged.add_argument("--page-size", type=int, default=10)
        actions = parser.add_subparsers(dest="action", required=True)
        courses = actions.add_parser("courses", parents=[paged], help="courses that are visible to the API")
        courses.add_argument("--keywords", default="", help="only those with these words")
        actions.add_parser("course", parents=[one], help="a course in detail").add_argument("id", type=int)
        progress = actions.add_parser("progress", parents=[paged], help="progress in a course, or of a learner")
        which = progress.add_mutually_exclusive_group(required=True)
        which.add_argument("--course", type=int, metavar="ID")
        which.add_argument("--email", help="of the learner")
        book = actions.add_parser("book", parents=[one], help="book a course for a learner")
        book.add_argument("--course", type=int, required=True, metavar="ID")
        book.add_argument("--community", type=int, required=True, metavar="ID", help="which the learner joins for it")
        book.add_argument("--email", required=True, help="of the learner")
        book.add_argument("--first-name")
        book.add_argument("--last-name")

    def handle(self, *, action: str, **options: Any) -> None:
        """Do it, or say in a sentence why not."""
        try:
            answer = _ACTIONS[action](options)
        except sweeps.OUTSIDE as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(json.dumps(answer, indent=2) if options["json"] else _for_people(answer))


def _courses(options: Mapping[str, Any]) -> Answer:
    connection = connections.named(options["connection"])
    page, size = options["page"], options["page_size"]
    return khalibre.courses(connection, keywords=options["keywords"], page=page, size=size)


def _course(options: Mapping[str, Any]) -> Answer:
    return khalibre.course(connections.named(options["connection"]), options["id"])


def _progress(options: Mapping[str, Any]) -> Answer:
    connection = connections.named(options["connection"])
    page, size = options["page"], options["page_size"]
    if options["course"] is not None:
        return khalibre.progress_of_course(connection, options["course"], page=page, size=size)
    return khalibre.progress_of_learner(connection, options["email"], page=page, size=size)


def _book(options: Mapping[str, Any]) -> Answer:
    booking = Booking(
        options["community"], options["course"], options["email"], options["first_name"], options["last_name"]
    )
    khalibre.book(connections.named(options["connection"]), booking)
    return {"booked": booking.course_id, "for": booking.learner_email}


_ACTIONS: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
    "courses": _courses,
    "course": _course,
    "progress": _progress,
    "book": _book,
}


def _for_people(answer: Answer) -> str:
    if "items" not in answer:
        return "\n".join(f"{name:22} {_plain(value)}" for name, value in answer.items())
    lines = [_line(item) for item in answer["items"]]
    lines += [f"left out: {sentence}" for sentence in answer["faulty"]]
    return "\n".join([*lines, f"page {answer['page']} of {answer['lastPage']}, {answer['totalCount']} altogether"])


def _line(item: Mapping[str, Any]) -> str:
    course = f"{item['courseId']:>10}  {_plain(item['title'])} ({_plain(item['classTitle'])})"
    if "completedActivity" not in item:
        return course
    done = f"{_plain(item['completedActivity'])}/{_plain(item['totalActivity'])}"
    return f"{course}  {_plain(item['emailAddress'])}  {done}  {_plain(item['statusDescription'])}"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(each)}" for name, each in value.items() if each is not None)
    if isinstance(value, list):
        return "; ".join(map(_plain, value)) or "-"
    return "-" if value in (None, "") else str(value)
