"""manage.py connection create | set | list | show | check | sweep | reconcile | replay | import."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from lrs.connectors import budget, catalogue, connections, reconcile, replay, schedule, sign_in, sweeps, worker
from lrs.connectors.connections import ConnectionProblem
from lrs.connectors.contract import Page
from lrs.connectors.events import PersonUpdate, ThingUpdate
from lrs.connectors.models import Connection, Delivery, ExternalUser, InboxEvent, Instance, Run, SeenRow, Task, Thing
from lrs.connectors.providers import PROVIDERS
from lrs.connectors.sealed import Unsealable

Answer = dict[str, Any] | list[dict[str, Any]]


class Command(BaseCommand):
    help = "Make, check and look after the connections to other systems."

    _bar: Progress | None = None

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command each, and --json for all."""
        shared = ArgumentParser(add_help=False)
        shared.add_argument("--json", action="store_true", help="answer with JSON")
        one = ArgumentParser(add_help=False, parents=[shared])
        one.add_argument("connection", help="name or id")
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", parents=[shared], help="make a connection; gives its webhook's address")
        create.add_argument("provider", choices=sorted(PROVIDERS))
        create.add_argument("name")
        _add_set(create)
        _add_set(actions.add_parser("set", parents=[one], help="change settings; the others stay"))
        actions.add_parser("list", parents=[shared], help="all connections, without secrets")
        actions.add_parser("show", parents=[one], help="settings, inbox, budgets and runs of one")
        actions.add_parser("check", parents=[one], help="one sentence that begins with ok or failed")
        actions.add_parser("sweep", parents=[one], help="read the provider's report now")
        compare = actions.add_parser("reconcile", parents=[one], help="what the provider has and was never received")
        compare.add_argument("--user", default="", help="the provider's id of a person, or an e-mail")
        compare.add_argument("--thing", default="", help="the provider's id of a course or path")
        compare.add_argument("--backfill", action="store_true", help="make the missing statements")
        again = actions.add_parser("replay", parents=[one], help="what today's mapping would make of the archive")
        again.add_argument("--apply", action="store_true", help="make it so; without it nothing is written")
        take = actions.add_parser("import", parents=[one], help="read names and e-mails from reports or the API")
        for report in sorted({name for provider in PROVIDERS.values() for name in provider.reports}):
            take.add_argument(f"--{report}", metavar="FILE", help=f"the {report} report, CSV")
        take.add_argument("--api", action="store_true", help="everybody, from the provider's API")

    def handle(self, *, action: str, **options: Any) -> None:
        """Do it, or say in a sentence why not."""
        try:
            answer = _ACTIONS[action](options, self.tell)
        except sweeps.OUTSIDE as problem:
            raise CommandError(str(problem)) from None
        finally:
            self.clear()
        if action == "check" and isinstance(answer, dict):
            self._check(answer, as_json=options["json"])
        else:
            self.stdout.write(json.dumps(answer, indent=2) if options["json"] else _for_people(answer))

    def tell(self, rows: int, total: int | None) -> None:
        """Show on a terminal how far a reading is."""
        if not self.stderr.isatty():
            return
        if self._bar is None:
            columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.completed} rows"), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._bar.add_task("", total=None)
        # The total is an estimate while there is more to come.
        self._bar.update(self._bar.task_ids[0], completed=rows, total=total)

    def clear(self) -> None:
        """Take the progress line away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _check(self, answer: dict[str, Any], *, as_json: bool) -> None:
        self.stdout.write(json.dumps(answer, indent=2) if as_json else answer["sentence"])
        if not answer["ok"]:
            sys.exit(1)


def _add_set(parser: ArgumentParser) -> None:
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting; may be repeated")


def _given(options: Mapping[str, Any]) -> dict[str, str]:
    given = {}
    for text in options["set"]:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConnectionProblem(f"--set takes KEY=VALUE, not {text!r}.")
        given[name.strip()] = value
    return given


def _create(options: Mapping[str, Any], tell: sweeps.Tell) -> Answer:
    return _summary(connections.create(options["provider"], options["name"], _given(options)))


def _set(options: Mapping[str, Any], tell: sweeps.Tell) -> Answer:
    connection = connections.named(options["connection"])
    connections.change(connection, _given(options))
    return {**_summary(connection), "settings": connections.shown(connection)}


def _list(options: Mapping[str, Any], tell: sweeps.Tell) -> Answer:
    return [_summary(connection) for connection in Connection.objects.select_related("store", "credential")]


def _show(options: Mapping[str, Any], tell: sweeps.Tell) -> Answer:
    connection = connections.named(options["connection"])
    return {
        **_summary(connection),
        "use_proxy": connection.use_proxy,
        "settings": connections.shown(connection),
        **_signed_in(connection),
        "deliveries": _counts(Delivery, connection),
        "events": _counts(InboxEvent, connection),
        "people": ExternalUser.objects.filter(connection=connection).count(),
        "people_with_email": ExternalUser.objects.filter(connection=connection).exclude(email="").count(),
        "things": Thing.objects.filter(connection=connection).count(),
        "instances": Instance.objects.filter(connection=connection).count(),
        "rows": SeenRow.objects.filter(connection=connection).count(),
        "rows_gone": SeenRow.objects.filter(connection=connection, gone__isnull=False).count(),
        "budgets": budget.state(connection),
        "tasks": [
            {"kind": task.kind, "due": task.due.isoformat()} for task in Task.objects.filter(connection=connection)
        ],
        "runs": [_run(run) for run in Run.objects.filter(connection=connection)[:5]],
    }


def _check(options: Mapping[str, Any], tell: sweeps.Tell) -> Answer:
    ok, sentence = connections.check(connections.named(options["connection"]))
    return {"ok": ok, "sentence": sentence}


def _sweep(options: Mapping[str, Any], tell: sweeps.Tell) -> Answer:
    run = schedule.sweep_now(connections.named(options["connection"]), tell)
    worker.work_off_all(timezone.now())
    if run.problem:
        raise ConnectionProblem(run.problem)
    return _run(run)


def _reconcile(options: Mapping[str, Any], tell: sweeps.Tell) -> Answer:
    connection = connections.named(options["connection"])
    worker.work_off_all(timezone.now())
    found = reconcile.compare(connection, person=options["user"], thing=options["thing"])
    made = reconcile.backfill(connection, found.gaps) if options["backfill"] else 0
    gaps = [reconcile.described(connection, gap) for gap in found.gaps]
    return {"compared": found.compared, "gaps": gaps, "backfilled": made}


def _replay(options: Mapping[str, Any], tell: sweeps.Tell) -> Answer:
    connection = connections.named(options["connection"])
    found = replay.apply(connection) if options["apply"] else replay.preview(connection)
    readable = [
        {"delivery": delivery.pk, "events": len(received), "received": delivery.received.isoformat()}
        for delivery, received in found.readable
    ]
    differences = [replay.described(difference) for difference in found.differences]
    if options["apply"]:
        worker.work_off_all(timezone.now())
    return {
        "events": found.events,
        "differences": differences,
        "readable_now": readable,
        "applied": bool(options["apply"]),
    }


def _import(options: Mapping[str, Any], tell: sweeps.Tell) -> Answer:
    connection = connections.named(options["connection"])
    provider = connections.provider_of(connection)
    answer: dict[str, Any] = {}
    for name in sorted({name for each in PROVIDERS.values() for name in each.reports}):
        if options[name]:
            if name not in provider.reports:
                raise ConnectionProblem(f"{provider.title} has no {name} report.")
            answer[name] = _take(connection, provider.reports[name], Path(options[name]), tell)
    if options["api"]:
        answer["api"] = sweeps.everybody(connection, tell)
    if not answer:
        raise ConnectionProblem("Say what to import: --api, or a report's file.")
    answer["events_worked_off"] = worker.work_off_all(timezone.now())
    return answer


def _take(connection: Connection, reader: Any, file: Path, tell: sweeps.Tell) -> int:
    number = 0
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            updates: Iterator[PersonUpdate | ThingUpdate] = reader(lines)
            while some := list(islice(updates, 500)):
                now = timezone.now()
                with transaction.atomic():
                    sweeps.learn(
                        connection.pk, Page(people=[one for one in some if isinstance(one, PersonUpdate)]), now
                    )
                    things = [one for one in some if isinstance(one, ThingUpdate)]
                    catalogue.things(connection.pk, things, read=now)
                number += len(some)
                tell(number, None)
    except (OSError, UnicodeDecodeError) as problem:
        raise ConnectionProblem(f"{file} cannot be read: {problem}") from None
    return number


Action = Callable[[Mapping[str, Any], sweeps.Tell], Answer]
_ACTIONS: Mapping[str, Action] = {
    "create": _create,
    "set": _set,
    "list": _list,
    "show": _show,
    "check": _check,
    "sweep": _sweep,
    "reconcile": _reconcile,
    "replay": _replay,
    "import": _import,
}


def _summary(connection: Connection) -> dict[str, Any]:
    return {
        "id": str(connection.pk),
        "name": connection.name,
        "provider": connection.provider,
        "webhook_url": connections.webhook_url(connection),
        "store": connection.store.name,
        "state": connection.state,
        "checked": connection.checked and connection.checked.isoformat(),
        "check": connection.check_sentence,
    }


def _signed_in(connection: Connection) -> dict[str, Any]:
    try:
        standing = sign_in.standing(connection)
    except Unsealable:
        return {}
    if standing is None:
        return {}
    where = {"page": connections.sign_in_url(connection), "redirect_uri": sign_in.back_url()}
    return {"signed_in": {"account": standing.account, "alert": standing.alert, **where}}


def _counts(model: Any, connection: Connection) -> dict[str, int]:
    rows = model.objects.filter(connection=connection).order_by().values("state").annotate(number=Count("id"))
    return dict.fromkeys(model.State.values, 0) | {row["state"]: row["number"] for row in rows}


def _run(run: Run) -> dict[str, Any]:
    return {
        "kind": run.kind,
        "started": run.started.isoformat(),
        "finished": run.finished and run.finished.isoformat(),
        "ok": run.ok,
        "rows": run.rows,
        "total": run.total,
        "events": run.events,
        "problem": run.problem,
        "notes": run.notes,
    }


def _for_people(answer: Answer) -> str:
    if isinstance(answer, list):
        return "\n\n".join(map(_for_people, answer)) or "There are no connections."
    return "\n".join(f"{name.replace('_', ' '):18} {_plain(value)}" for name, value in answer.items())


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "".join(f"\n    {_plain(each)}" for each in value) or "none"
    return "-" if value in (None, "") else str(value)
