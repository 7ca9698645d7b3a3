"""manage.py demo: something to look at."""

import sys
from argparse import ArgumentParser
from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from lrs import demo
from statements.errors import Conflict


class Command(BaseCommand):
    help = (
        "Fill a store with a company's year of learning from every source, made from a seed. "
        "What was sent before is not doubled."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How many statements, where to, and what they are made from."""
        parser.add_argument("--statements", type=int, default=100_000, help="how many (default: %(default)s)")
        parser.add_argument("--store", default="demo", help="store, made where it is new (default: %(default)s)")
        parser.add_argument("--seed", type=int, default=1, help="other seeds make others (default: %(default)s)")
        parser.add_argument(
            "--end", type=date.fromisoformat, default=None, help="day after the year's last, as 2026-01-31 (today)"
        )

    def handle(self, *, statements: int, store: str, seed: int, end: date | None, **options: Any) -> None:
        """Fill the store."""
        if statements < 1:
            raise CommandError(f"--statements must be a whole number above 0, not {statements}.")
        try:
            demo.fill(store, statements, seed=seed, end=end or datetime.now(UTC).date(), say=self._say(statements))
        except Conflict:
            raise CommandError(
                f"The store {store!r} has other statements of this seed; name another --store."
            ) from None
        self._clear()
        self.stdout.write(f"The store {store!r} has {statements} statements from {len(demo.SENDERS)} sources.")

    def _say(self, total: int) -> Any:
        def say(done: int) -> None:
            if self.stderr.isatty():
                sys.stderr.write(f"\r\x1b[Kstatements [{'#' * (20 * done // total):20}] {done}/{total}")
                sys.stderr.flush()

        return say

    def _clear(self) -> None:
        if self.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
