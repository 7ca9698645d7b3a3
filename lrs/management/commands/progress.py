"""manage.py progress: how far it is behind, and making it anew."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from statements import progress
from statements.models import Store


class Command(BaseCommand):
    help = "Tell how far progress is behind the statements; with --rebuild make it anew from them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--rebuild, of one store or all."""
        parser.add_argument("--rebuild", action="store_true", help="one that was stopped is taken up where it was")
        parser.add_argument("--store", help="its name; else all stores")
        parser.add_argument("--json", action="store_true", help="answer with JSON")

    def handle(self, *, rebuild: bool, store: str | None, **options: Any) -> None:
        """Rebuild if asked to; then tell the lag."""
        stores = list(Store.objects.all() if store is None else Store.objects.filter(name=store))
        if store is not None and not stores:
            raise CommandError(f"There is no store {store!r}.")
        if rebuild:
            for each in stores:
                self._rebuild(each)
        told = [_told(each) for each in stores]
        if options["json"]:
            self.stdout.write(json.dumps(told, indent=2))
            return
        for one in told:
            self.stdout.write(_sentence(one))

    def _rebuild(self, store: Store) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(store.name, total=None)
            progress.rebuild(store.pk, lambda done: bar.update(task, completed=done.done, total=done.all))


def _told(store: Store) -> dict[str, Any]:
    lag = progress.lag(store.pk)
    return {
        "store": store.name,
        "waiting": lag.statements,
        "more": lag.more,
        "waited_seconds": round(lag.waited.total_seconds(), 3),
    }


def _sentence(told: dict[str, Any]) -> str:
    if not told["waiting"]:
        return f"{told['store']}: up to date."
    amount = f"{'more than ' if told['more'] else ''}{told['waiting']} statements"
    return f"{told['store']}: {amount} wait, the oldest for {told['waited_seconds']:.0f} s. The worker folds them."
