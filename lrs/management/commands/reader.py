"""manage.py reader create | drop."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from lrs import readers
from lrs.readers import ReaderError


class Command(BaseCommand):
    help = "Make and remove PostgreSQL roles that may read the SQL views and nothing else."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command each."""
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a role; its password is shown once")
        create.add_argument("name")
        create.add_argument("--password", help="instead of a random one")
        create.add_argument("--json", action="store_true", help="answer with JSON")
        drop = actions.add_parser("drop", help="remove a role")
        drop.add_argument("name")

    def handle(self, *, action: str, name: str, **options: Any) -> None:
        """Do it, or say in a sentence why not."""
        try:
            if action == "drop":
                readers.drop(name)
                self.stdout.write(f"{name} is gone.")
                return
            made = readers.create(name, options["password"])
        except ReaderError as problem:
            raise CommandError(str(problem)) from None
        if options["json"]:
            self.stdout.write(json.dumps(made._asdict()))
            return
        self.stdout.write(f"name      {made.name}\npassword  {made.password}\ndatabase  {made.database}")
        self.stdout.write("The password is not shown again.")
