"""manage.py distribute: the tables of many rows over the nodes of a Citus cluster."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from statements.store import distribution
from statements.store.distribution import By, DistributionError


class Command(BaseCommand):
    help = "Spread the tables of many rows over the nodes of a Citus cluster. Not verified against a live cluster."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--by store or statement."""
        parser.add_argument("--by", choices=[each.value for each in By], required=True, help="what stays together")
        parser.add_argument("--shards", type=int, default=32, help="pieces of each table (32)")
        parser.add_argument("--dry-run", action="store_true", help="show the SQL and do nothing")
        parser.add_argument("--json", action="store_true", help="answer with JSON")

    def handle(self, *, by: str, shards: int, dry_run: bool, **options: Any) -> None:
        """Show the plan or carry it out."""
        if not 1 <= shards <= 10_000:
            raise CommandError("--shards is a number from 1 to 10000.")
        try:
            steps = list(distribution.plan(By(by), shards)) if dry_run else distribution.distribute(By(by), shards)
        except DistributionError as problem:
            raise CommandError(str(problem)) from None
        if options["json"]:
            self.stdout.write(json.dumps({"by": by, "shards": shards, "done": not dry_run, "sql": steps}, indent=2))
            return
        self.stdout.write("\n".join(f"{step};" for step in steps))
