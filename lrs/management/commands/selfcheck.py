"""manage.py selfcheck: is anything wrong? Exit code 0 for no, 1 for yes."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from lrs import watch
from lrs.models import Credential


class Command(BaseCommand):
    help = "Say which senders are silent and what is refused for a new reason; exit code 1 where anything is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--json, with all figures; --days of them; of one --store."""
        parser.add_argument("--json", action="store_true", help="answer with JSON")
        parser.add_argument("--days", type=int, default=7, help="how many days of counts")
        parser.add_argument("--store", default="", help="look at the credentials of this store alone")

    def handle(self, *, days: int, store: str, **options: Any) -> None:
        """Look."""
        now = timezone.now()
        credentials = Credential.objects.select_related("store")
        if store:
            credentials = credentials.filter(store__name=store)
        troubles = list(watch.troubles(now, credentials))
        if options["json"]:
            answer = {
                "ok": not troubles,
                "troubles": [trouble._asdict() for trouble in troubles],
                "credentials": [watch.described(each) for each in watch.all_figures(list(credentials), now, days=days)],
            }
            self.stdout.write(json.dumps(answer, indent=2))
        else:
            lines = [f"{trouble.credential}: {trouble.what}: {trouble.sentence}" for trouble in troubles]
            self.stdout.write("\n".join(lines) or "ok")
        if troubles:
            sys.exit(1)
