"""manage.py erase: everything of a person."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from lrs import erasure
from lrs.erasure import Counts, ErasureError, Who
from statements.models import Store


class Command(BaseCommand):
    help = (
        "Erase a person from a store: statements, documents, progress, identifiers, what connectors and the quarantine "
        "keep. Tells what there is, and asks before anything is deleted. One that was stopped is begun again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Who, where, and whether to ask."""
        parser.add_argument("person", help="e-mail address, UUID of a person, Agent as JSON, or identifier of reports")
        parser.add_argument("--store", help="its name; may be left out where there is only one")
        parser.add_argument("--mentions", action="store_true", help="statements of others that name the person, too")
        parser.add_argument("--dry-run", action="store_true", help="only tell what there is")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--json", action="store_true", help="answer with JSON")

    def handle(self, *, person: str, store: str | None, mentions: bool, yes: bool, **options: Any) -> None:
        """Tell what there is, ask, erase."""
        try:
            whom = erasure.who(_store(store), person)
        except ErasureError as problem:
            raise CommandError(str(problem)) from None
        there = erasure.found(whom)
        if options["dry_run"] or not any(there.values()):
            self._tell({"store": whom.store.name, "found": there, "erased": {}}, options["json"])
            return
        if not yes:
            self.stderr.write(_sentences(there))
            if input("Erase all of this? It cannot be undone. Type yes: ") != "yes":
                raise CommandError("Nothing was erased.")
        done = self._erase(whom, mentions=mentions)
        erasure.note(whom, done, by="manage.py erase")
        self._tell({"store": whom.store.name, "found": there, "erased": done}, options["json"])
        if there["mentions by others"] and not mentions:
            left = there["mentions by others"]
            self.stderr.write(f"{left} statements of others still name the person; --mentions erases them, too.")

    def _erase(self, whom: Who, *, mentions: bool) -> Counts:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("statements", total=None)

            def say(what: str, done: int, total: int) -> None:
                bar.update(task, description=what, completed=done, total=total or None)

            return erasure.erase(whom, mentions=mentions, say=say)

    def _tell(self, told: dict[str, Any], as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(told, indent=2))
            return
        self.stdout.write(_sentences(told["erased"] or told["found"]))
        self.stdout.write("Erased." if told["erased"] else "Nothing was erased.")


def _store(name: str | None) -> Store:
    stores = list(Store.objects.all()[:2] if name is None else Store.objects.filter(name=name))
    if name is None and len(stores) > 1:
        raise CommandError("There are several stores; name one with --store.")
    if not stores:
        raise CommandError("There is no store." if name is None else f"There is no store {name!r}.")
    return stores[0]


def _sentences(counts: Counts) -> str:
    return "\n".join(f"{amount:>8} {name}" for name, amount in counts.items() if amount) or "There is nothing."
