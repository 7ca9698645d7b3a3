"""When providers are asked, and by which worker.

APScheduler's threads do the asking, so that a slow provider holds up neither the inbox nor another provider; it also
sees to it that a task does not overlap with itself within a worker. Whose turn it is among several workers is decided
by the Task rows, with a lease, on SQLite and PostgreSQL alike: APScheduler's own job stores must not be shared between
processes, and django-q2 and huey, which can share, each want a set of processes beside the worker.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from django.db import connections as databases
from django.utils import timezone

from lrs.connectors import connections, sweeps, worker
from lrs.connectors.models import Connection, Run, Task
from lrs.connectors.webinars import sync

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
_THREADS = 4
_stop = threading.Event()
_scheduler: BackgroundScheduler | None = None


def tick(now: datetime) -> int:
    """Start what is due, in threads of its own, and leave it to them; how many tasks were started."""
    started = 0
    for task in _due(now)[:_THREADS]:
        # Its id is the task's: one that is still running here is not started again.
        if _running().get_job(str(task.pk)) is None:
            holder = _take(task, now)
            if holder:
                _running().add_job(_in_thread, args=[task.pk, holder], id=str(task.pk), misfire_grace_time=None)
                started += 1
    return started


def run_due(now: datetime) -> int:
    """Do what is due here and now, once; how many tasks."""
    done = 0
    for task in _due(now):
        holder = _take(task, now)
        if holder:
            do(task.pk, holder)
            done += 1
    return done + worker.work_off_all(timezone.now())


def stop() -> None:
    """Let the tasks under way finish their page, and start no more."""
    global _scheduler
    _stop.set()
    if _scheduler is not None:
        _scheduler.shutdown(wait=True)
        _scheduler = None
    _stop.clear()


def do(task: int, holder: str) -> None:
    """Do a task that is held, and say when it is due again."""
    row = Task.objects.select_related("connection__store", "connection__credential").get(pk=task)
    with _keeping(row, holder) as go:
        outcome = _DOING[row.kind](row, go)
    if outcome.problem:
        log.warning("%s, %s: %s", row.connection.name, row.kind, outcome.problem.strip().splitlines()[-1])
    Task.objects.filter(pk=task, holder=holder).update(holder="", until=None, due=outcome.due)


def sweep_now(connection: Connection, tell: sweeps.Tell) -> Run:
    """A sweep by hand; raises ConnectionProblem where a worker is at it, or was killed and holds it for a while yet."""
    task, _ = Task.objects.get_or_create(connection=connection, kind="sweep", defaults={"due": timezone.now()})
    holder = _take(task, timezone.now())
    if not holder:
        task.refresh_from_db()
        until = f"{task.until:%H:%M:%S} UTC" if task.until else "soon"
        raise connections.ConnectionProblem(
            "A worker is sweeping this connection right now."
            f" If it was killed, the sweep can go on where it was after {until}."
        )
    task.refresh_from_db()
    try:
        with _keeping(task, holder) as go:
            return sweeps.sweep(connection, task, tell=tell, go=go)
    finally:
        Task.objects.filter(pk=task.pk, holder=holder).update(holder="", until=None, due=_next(task))


def _sweep(task: Task, go: sweeps.Go) -> sweeps.Outcome:
    run = sweeps.sweep(task.connection, task, go=go)
    if run.finished is None:
        return sweeps.Outcome(timezone.now())
    return sweeps.Outcome(_next(task) if run.ok else timezone.now() + sweeps.SOON, run.problem)


def _next(task: Task) -> datetime:
    provider = connections.provider_of(task.connection)
    every = provider.every(connections.settings_of(task.connection)) if provider.every else None
    return timezone.now() + (every or timedelta(days=36_500))


def _webinars(task: Task, go: sweeps.Go) -> sweeps.Outcome:
    sync.peep(task.connection, timezone.now(), go)
    sync.run(task.connection, timezone.now(), go)
    return sweeps.Outcome(timezone.now() + sync.SOON)


_DOING: Mapping[str, Callable[[Task, sweeps.Go], sweeps.Outcome]] = {
    "sweep": _sweep,
    "lookup": lambda task, go: sweeps.look_up(task.connection, go),
    "reread": lambda task, go: sweeps.reread(task.connection, go),
    "webinars": _webinars,
}


def _in_thread(task: int, holder: str) -> None:
    try:
        do(task, holder)
    except Exception:
        # The lease ends by itself, and the task is taken again.
        log.exception("Task %s failed.", task)
    finally:
        databases.close_all()


def _running() -> BackgroundScheduler:
    global _scheduler
    if _scheduler is None:
        _scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(_THREADS)}, timezone="UTC")
        _scheduler.start()
    return _scheduler


def _due(now: datetime) -> list[Task]:
    return list(
        Task.objects.filter(Task.free(now), due__lte=now, connection__state=Connection.State.ACTIVE).order_by("due")
    )


def _take(task: Task, now: datetime) -> str:
    holder = uuid.uuid4().hex
    taken = Task.objects.filter(Task.free(now), pk=task.pk).update(holder=holder, until=now + LEASE)
    return holder if taken else ""


@contextmanager
def _keeping(task: Task, holder: str) -> Iterator[sweeps.Go]:
    """Gives a function that says whether to go on: the lease is extended and nobody asked to stop."""

    def go() -> bool:
        held = Task.objects.filter(pk=task.pk, holder=holder).update(until=timezone.now() + LEASE)
        return bool(held) and not _stop.is_set()

    yield go
