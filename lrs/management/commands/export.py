"""manage.py export: reports into files."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.http import QueryDict

from lrs.reports import exports, files
from lrs.reports.columns import Row
from lrs.reports.views import WHOLE
from statements.errors import StatementError
from statements.models import Store


class Command(BaseCommand):
    help = (
        "Write a report of a store into a file, with the columns of the query API. Statements as Parquet go into"
        " partitions by store and day, and with --since-last only those that came since the last time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What, of which store, where to."""
        parser.add_argument("format", choices=list(exports.FORMATS))
        parser.add_argument("report", nargs="?", choices=sorted(WHOLE), default="statements")
        parser.add_argument("--store", default="default", help="name of the store (default: %(default)s)")
        parser.add_argument("--out", default="-", help="file, or folder of the partitions; - is standard output")
        parser.add_argument("--where", default="", help="filters as in the query API: kind=course&completed=true")
        parser.add_argument("--since-last", action="store_true", help="only what came since the last time")
        parser.add_argument("--bom", action="store_true", help="begin CSV with a byte order mark, for spreadsheets")

    def handle(self, *, format: str, report: str, store: str, out: str, **options: Any) -> None:
        """Export."""
        found = Store.objects.filter(name=store).first()
        if found is None:
            raise CommandError(f"There is no store {store!r}.")
        partitions = format == "parquet" and report == "statements" and not options["where"]
        if options["since_last"] and not partitions:
            raise CommandError("--since-last is for all statements as Parquet.")
        if partitions and out == "-":
            raise CommandError("Partitions need a folder: --out FOLDER.")
        try:
            if partitions:
                done = files.statements(found, Path(out), since_last=options["since_last"], say=self._say)
                self._clear()
                self.stdout.write(f"{done.statements} statements in {done.files} new files.")
            else:
                self._write(format, report, found, out, options)
        except StatementError as problem:
            raise CommandError(str(problem)) from None

    def _write(self, format: str, report: str, store: Store, out: str, options: dict[str, Any]) -> None:
        view = WHOLE[report]
        chunks = exports.FORMATS[format].make(
            self._counted(view.whole(store.pk, QueryDict(options["where"]).dict())), view.columns, options["bom"]
        )
        if out == "-":
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
            return
        part = Path(f"{out}.part")
        with part.open("wb") as file:
            file.writelines(chunks)
        part.replace(out)
        self._clear()

    def _counted(self, portions: Iterator[list[Row]]) -> Iterator[Sequence[Row]]:
        amount = 0
        for rows in portions:
            yield rows
            amount += len(rows)
            self._say(amount)

    def _say(self, amount: int) -> None:
        if self.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{amount} rows")
            sys.stderr.flush()

    def _clear(self) -> None:
        if self.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
