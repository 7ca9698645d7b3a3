"""`manage.py bench`: measure this or any other LRS over HTTP, and see that it loses nothing."""

import json
import sys
from argparse import ArgumentTypeError
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lrs.bench import report
from lrs.bench.run import GROUND, MEASURES, BenchError, Options, Result, run

OWN = "http://127.0.0.1:8000/xapi"


class Command(BaseCommand):
    help = (
        "Benchmark an LRS over HTTP: single POSTs, batches, retries, a preload, and the query shapes. "
        "It writes statements that stay there. The exit status is 1 if an acknowledged statement is lost, "
        "left out of a list, or listed twice."
    )
    # Any LRS can be measured, so this one's database and settings do not matter.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default=OWN, help=f"the xAPI endpoint (default {OWN})")
        parser.add_argument("--user", default="", help="key of a credential that may write and read statements")
        parser.add_argument("--password", default="", help="its secret")
        parser.add_argument("--xapi-version", default="1.0.3", help="1.0.3 (default) or 2.0.0")
        parser.add_argument("--seconds", type=positive, default=5.0, help="length of a round (default 5)")
        parser.add_argument("--rounds", type=whole, default=3, help="rounds of each measure (default 3)")
        parser.add_argument(
            "--connections",
            type=connections,
            default=(1, 8),
            help="numbers of keep-alive connections (default 1,8)",
        )
        parser.add_argument(
            "--preload",
            type=int,
            default=10_000,
            help=f"statements to write before the queries (default 10000; queries need {GROUND})",
        )
        parser.add_argument("--only", type=measures, default=frozenset(MEASURES), help=f"some of {','.join(MEASURES)}")
        parser.add_argument("--run-id", default="", help="makes the ids of this run (default: random)")
        parser.add_argument("--seed", type=int, default=1, help="same seed and run id: the same statements")
        parser.add_argument("--sample", type=int, default=200, help="statements asked for by id at the end")
        parser.add_argument("--settle", type=float, default=2.0, help="seconds given to an LRS that lists late")
        parser.add_argument("--timeout", type=positive, default=60.0, help="seconds to wait for an answer")
        parser.add_argument("--json", action="store_true", help="JSON on standard output instead of the table")
        parser.add_argument(
            "--webhooks",
            action="store_true",
            help="measure the webhooks of this service instead: its web server at --url, and its database",
        )
        parser.add_argument("--rate", type=whole, default=200, help="deliveries a second (default 200)")
        parser.add_argument("--events", type=whole, default=20, help="events in a delivery, at most (default 20)")
        parser.add_argument(
            "--workers", type=int, default=2, help="workers started for it; 0 where some run already (default 2)"
        )

    def handle(self, *args: Any, **given: Any) -> None:
        if given["webhooks"]:
            self._webhooks(given)
            return
        options = chosen(given)
        if not options.user or not options.password:
            raise CommandError(
                "No credential: give --user KEY and --password SECRET. "
                "`manage.py credential create bench` makes one for this LRS."
            )
        try:
            result = run(options, self.tell)
        except BenchError as problem:
            raise CommandError(str(problem)) from problem
        finally:
            self.clear()
        self.stdout.write(json.dumps(report.as_json(result), indent=2) if given["json"] else report.as_text(result))
        if not result.kept.whole:
            raise CommandError(failure(result))

    def _webhooks(self, given: dict[str, Any]) -> None:
        from lrs.bench import webhooks

        options = webhooks.Options(
            url=given["url"].rstrip("/"),
            rate=given["rate"],
            seconds=given["seconds"],
            events=given["events"],
            workers=given["workers"],
            seed=given["seed"],
        )
        try:
            result = webhooks.run(options, self.tell)
        except BenchError as problem:
            raise CommandError(str(problem)) from problem
        finally:
            self.clear()
        self.stdout.write(json.dumps(result._asdict(), indent=2) if given["json"] else webhooks.as_text(result))
        if not result.whole:
            raise CommandError("Not every event was worked off once.")

    def tell(self, step: str, done: int, total: int) -> None:
        """Show on a terminal what is going on."""
        if self.stderr.isatty():
            bar = f" [{'#' * (20 * done // total):20}] {done}/{total}" if total else ""
            sys.stderr.write(f"\r\x1b[K{step}{bar}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the progress line away."""
        if self.stderr.isatty():
            sys.stderr.write("\r\x1b[K")


def chosen(given: dict[str, Any]) -> Options:
    """The options that were typed in."""
    return Options(
        url=given["url"].rstrip("/"),
        user=given["user"],
        password=given["password"],
        version=given["xapi_version"],
        seconds=given["seconds"],
        rounds=given["rounds"],
        connections=given["connections"],
        preload=given["preload"],
        only=given["only"],
        run=given["run_id"] or uuid4().hex[:12],
        seed=given["seed"],
        sample=given["sample"],
        settle=given["settle"],
        timeout=given["timeout"],
    )


def failure(result: Result) -> str:
    """The last line of a run that found something missing or doubled."""
    kept = result.kept
    broken = kept.lost or kept.unlisted or kept.duplicated
    first = "The LRS did not keep what it acknowledged:" if broken else "Not everything could be checked:"
    return f"{first}\n" + "\n".join(report.verdict(result.kept))


def positive(text: str) -> float:
    """A number above zero."""
    if not text.replace(".", "", 1).isdigit() or float(text) <= 0:
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return float(text)


def whole(text: str) -> int:
    """A whole number above zero."""
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def connections(text: str) -> tuple[int, ...]:
    """Whole numbers above zero, parted by commas."""
    return tuple(sorted({whole(each.strip()) for each in text.split(",")}))


def measures(text: str) -> frozenset[str]:
    """Names of measures, parted by commas."""
    names = frozenset(each.strip() for each in text.split(","))
    unknown = sorted(names - set(MEASURES))
    if unknown:
        raise ArgumentTypeError(f"no measure is called {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    return names
