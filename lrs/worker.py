"""The background worker: jobs that are done again and again, each at its interval.

A job is safe to run at the same time in several workers, and to be stopped at any point.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Event
from typing import NamedTuple

from django.db import close_old_connections
from django.utils import timezone

from lrs import background, housekeeping, notices, quarantine, tasks
from lrs.connections import drop_broken
from lrs.connectors import schedule
from lrs.connectors import worker as inbox
from statements import progress

log = logging.getLogger(__name__)


class Job(NamedTuple):
    """Work with a name, done every so often; `run` is given the time and says how many things it did.

    `once` takes its place where the worker is to end afterwards; `end` is called when the worker stops.
    """

    name: str
    every: timedelta
    run: Callable[[datetime], int]
    once: Callable[[datetime], int] | None = None
    end: Callable[[], None] | None = None


JOBS = (
    Job("work off the inbox", timedelta(milliseconds=250), inbox.work_off, once=inbox.work_off_all),
    Job("ask providers", timedelta(seconds=1), schedule.tick, once=schedule.run_due, end=schedule.stop),
    Job("follow progress", timedelta(milliseconds=500), progress.follow_all, once=progress.catch_up),
    Job("count for charts", timedelta(seconds=1), background.count, once=background.count_all),
    Job("do tasks", timedelta(seconds=1), background.tick, once=background.run_waiting, end=tasks.stop),
    Job("forget old tasks", timedelta(hours=1), tasks.forget),
    Job("forget failed logins", timedelta(minutes=5), housekeeping.forget_failed_logins),
    Job("forget expired tokens", timedelta(minutes=10), housekeeping.forget_tokens),
    Job("forget old refusals", timedelta(hours=1), quarantine.forget),
    Job("tell what is new", timedelta(minutes=1), notices.tell),
    Job("remove abandoned uploads", timedelta(hours=1), housekeeping.remove_abandoned_uploads),
)


def run(jobs: Sequence[Job], stop: Event) -> None:
    """Do each job at its interval until `stop` is set; the job under way is finished."""
    due = {job.name: timezone.now() for job in jobs}
    while not stop.is_set():
        for job in jobs:
            if due[job.name] <= timezone.now() and not stop.is_set():
                _do(job)
                due[job.name] = timezone.now() + job.every
        wait = min(due.values()) - timezone.now()
        stop.wait(max(0.0, wait.total_seconds()))
    for job in jobs:
        if job.end is not None:
            job.end()


def run_once(jobs: Sequence[Job]) -> bool:
    """Do each job once; whether all succeeded."""
    outcomes = [_do(job._replace(run=job.once or job.run)) for job in jobs]
    return all(outcomes)


def _do(job: Job) -> bool:
    drop_broken()
    close_old_connections()
    try:
        done = job.run(timezone.now())
    except Exception:
        # One job's failure is no reason to leave the others undone.
        log.exception("The job %r failed; it is tried again in %s.", job.name, job.every)
        return False
    if done:
        log.info("%s: %d", job.name, done)
    return True
