"""manage.py import udemy-courses | people FILE."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from lrs import courses, credentials, people_csv
from lrs.courses import CatalogueError
from lrs.people_csv import CsvError
from statements import catalogue
from statements.models import Store


class Command(BaseCommand):
    help = "Take in what stands in a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command for each kind of file."""
        kinds = parser.add_subparsers(dest="kind", required=True)
        udemy = kinds.add_parser("udemy-courses", help="titles: JSON of Udemy's Course API, or CSV")
        udemy.add_argument("file", type=Path)
        udemy.add_argument("--store", default=credentials.DEFAULT_STORE)
        udemy.add_argument("--json", action="store_true", help="answer with JSON")

        named = kinds.add_parser("people", help=f"who is known by what: CSV with {', '.join(people_csv.COLUMNS)}")
        named.add_argument("file", type=Path)
        named.add_argument("--store", default=credentials.DEFAULT_STORE)
        named.add_argument("--dry-run", action="store_true", help="tell what would change, and change nothing")
        named.add_argument("--json", action="store_true", help="answer with JSON")

    def handle(self, *, kind: str, **options: Any) -> None:
        """Do it, or say in a sentence why not."""
        try:
            answer = _KINDS[kind](options)
        except (CatalogueError, CsvError) as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(
            json.dumps(answer) if options["json"] else ", ".join(f"{value} {name}" for name, value in answer.items())
        )


def _udemy_courses(options: Mapping[str, Any]) -> dict[str, int]:
    store = Store.objects.filter(name=options["store"]).first()
    if store is None:
        raise CatalogueError(f"There is no store {options['store']!r}.")
    listed = courses.read(options["file"])
    return {"titles": len(listed), "ids": catalogue.keep(store.pk, "udemy", listed)}


def _people(options: Mapping[str, Any]) -> dict[str, int]:
    store = Store.objects.filter(name=options["store"]).first()
    if store is None:
        raise CsvError(f"There is no store {options['store']!r}.")
    done = people_csv.take_in(store.pk, options["file"], by=f"import of {options['file'].name}", dry=options["dry_run"])
    if done.problems:
        lines = "\n".join(f"line {line}: {sentence}" for line, sentence in done.problems)
        raise CsvError(f"Nothing was taken in: {len(done.problems)} rows are wrong.\n{lines}")
    moved = "identifiers would change hands" if options["dry_run"] else "identifiers changed hands"
    return {"people": done.people, "identifiers": done.identifiers, moved: len(done.moved)}


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, int]]] = {
    "udemy-courses": _udemy_courses,
    "people": _people,
}
