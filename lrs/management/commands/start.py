"""manage.py start: the whole service with one command."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from lrs import start
from lrs.processes import StartError


class Command(BaseCommand):
    help = "Prepare the database, then run the web server and the background worker until Ctrl-C or SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to listen, and how many processes."""
        parser.add_argument("--bind", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", default=8000, type=int, help="port to listen on (default: %(default)s)")
        parser.add_argument("--workers", default=2, type=int, help="processes that answer (default: %(default)s)")

    def handle(self, *, bind: str, port: int, workers: int, **options: Any) -> None:
        """Run."""
        if workers < 1:
            raise CommandError(f"--workers must be a whole number above 0, not {workers}.")
        if not 0 < port < 65536:
            raise CommandError(f"--port must be a whole number from 1 to 65535, not {port}.")
        try:
            start.run(start.Options(bind, port, workers), self._say)
        except StartError as problem:
            raise CommandError(str(problem)) from None

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
