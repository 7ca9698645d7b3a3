"""manage.py worker: does the work that no request waits for."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from lrs import worker
from lrs.processes import stop_signals


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
        with stop_signals() as stop:
            worker.run(worker.JOBS, stop)
