"""manage.py worker: does the work that no request waits for."""

import os
import signal
from argparse import ArgumentParser
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from lrs import worker


class Command(BaseCommand):
    help = "Do the background work until told to stop (Ctrl-C or SIGTERM)."
    # They read every address and page, none of which is asked for here; `manage.py start` makes them.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--once, for those who have a schedule of their own."""
        parser.add_argument("--once", action="store_true", help="work off what waits, and end")

    def handle(self, *, once: bool, **options: Any) -> None:
        """Work."""
        if once:
            if not worker.run_once(worker.JOBS):
                raise CommandError("A job failed; the log says why.")
            return
        # Senders wait for the web server; nobody waits for this.
        os.nice(10)
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        worker.run(worker.JOBS, stop)
