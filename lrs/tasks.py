"""Long actions that run in the background, with how far they are and what became of them.

A kind of task is a function that takes `Running`, says how far it is, and gives a `Result`. It must be safe to begin
anew: a worker may be stopped at any point, and the task is then taken up by another.
"""

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any, NamedTuple
from uuid import uuid4

from django.db import close_old_connections, connections, models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from lrs.connections import drop_broken

log = logging.getLogger(__name__)

# Who has not said anything for so long is no longer at it.
LEASE = timedelta(minutes=5)
_MOST_TRIES = 3
_SAY_EVERY = 0.5
_KEPT_FOR = timedelta(days=90)


class BackgroundTask(models.Model):
    """A long action that somebody asked for."""

    class State(models.TextChoices):
        """Where it is."""

        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        STOPPED = "stopped"

    kind = models.CharField(max_length=60)
    title = models.TextField()
    arguments = models.JSONField(default=dict)
    by = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    stop = models.BooleanField(default=False, help_text="somebody asked for it to be stopped")
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0, help_text="0 while that is not known")
    sentence = models.TextField(default="", help_text="what it is doing, or what became of it")
    lines = models.JSONField(default=list, help_text="the result: pairs of what and how much")
    link = models.TextField(default="", help_text="address of what it made")
    trace = models.TextField(default="")
    tries = models.PositiveSmallIntegerField(default=0)
    holder = models.CharField(max_length=32, default="")
    beat = models.DateTimeField(null=True, help_text="when it last said something")
    created = models.DateTimeField()
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="task_open", condition=models.Q(state__in=["waiting", "running"])),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state not in (self.State.WAITING, self.State.RUNNING)


class Result(NamedTuple):
    """What became of a task: a sentence, pairs for its page, and the address of what it made."""

    sentence: str
    lines: Sequence[tuple[str, object]] = ()
    link: str = ""


class Stopped(Exception):
    """Somebody asked for the task to be stopped."""


class Lost(Exception):
    """Another worker has taken the task."""


class Running:
    """A task under way, as the function of its kind sees it."""

    def __init__(self, task: BackgroundTask) -> None:
        self.number: int = task.pk
        self.arguments: Mapping[str, Any] = task.arguments
        self.by: str = task.by
        self._holder = task.holder
        self._said = 0.0

    def say(self, done: int, total: int = 0, sentence: str = "") -> None:
        """How far it is; cheap enough to be called for every step. Raises Stopped where it is to end now."""
        if monotonic() - self._said < _SAY_EVERY and (not total or done < total):
            return
        self._said = monotonic()
        mine = BackgroundTask.objects.filter(pk=self.number, holder=self._holder)
        if not mine.update(done=done, total=total, sentence=sentence, beat=timezone.now()):
            raise Lost
        if _stopping.is_set():
            raise Lost
        if mine.filter(stop=True).exists():
            raise Stopped


Kinds = Mapping[str, Callable[[Running], Result]]


def start(kind: str, title: str, arguments: Mapping[str, Any], *, by: str) -> BackgroundTask:
    """Ask for a task; a worker begins it within a second or so."""
    return BackgroundTask.objects.create(
        kind=kind, title=title, arguments=dict(arguments), by=by, created=timezone.now()
    )


def ask_to_stop(task: BackgroundTask) -> None:
    """Let a task end at its next step; one that waits does not begin."""
    waiting = BackgroundTask.objects.filter(pk=task.pk, state=BackgroundTask.State.WAITING)
    if not waiting.update(state=BackgroundTask.State.STOPPED, finished=timezone.now(), stop=True):
        BackgroundTask.objects.filter(pk=task.pk, state=BackgroundTask.State.RUNNING).update(stop=True)


def work_off(kinds: Kinds) -> int:
    """Do the tasks that wait, one after the other; how many."""
    done = 0
    while not _stopping.is_set():
        task = _take()
        if task is None:
            break
        _do(task, kinds)
        done += 1
    return done


def forget(now: datetime) -> int:
    """Drop what ended long ago; how many."""
    return BackgroundTask.objects.filter(finished__lt=now - _KEPT_FOR).delete()[0]


# --- beside the worker's other jobs


_stopping = Event()
_lock = Lock()
_threads: list[Thread] = []


def tick(kinds: Kinds) -> int:
    """See that a thread is at the tasks that wait; the other jobs go on meanwhile."""
    with _lock:
        if any(thread.is_alive() for thread in _threads) or not _open().exists():
            return 0
        _stopping.clear()
        _threads[:] = [Thread(target=_in_thread, args=[kinds], name="tasks")]
        _threads[0].start()
        return 1


def stop() -> None:
    """Let the task under way go; another worker takes it up."""
    _stopping.set()
    for thread in _threads:
        thread.join(timeout=30)
    _stopping.clear()


def _in_thread(kinds: Kinds) -> None:
    drop_broken()
    close_old_connections()
    try:
        work_off(kinds)
    finally:
        connections.close_all()


def _open() -> "models.QuerySet[BackgroundTask]":
    """What may be taken: what waits, and what nobody is at any more."""
    states = BackgroundTask.State
    left = Q(state=states.RUNNING, beat__lt=timezone.now() - LEASE)
    return BackgroundTask.objects.filter(Q(state=states.WAITING) | left).order_by("pk")


def _take() -> BackgroundTask | None:
    for task in _open()[:10]:
        now = timezone.now()
        taken = (
            _open()
            .filter(pk=task.pk, holder=task.holder)
            .update(state=BackgroundTask.State.RUNNING, holder=uuid4().hex, beat=now, started=now, tries=F("tries") + 1)
        )
        if taken:
            task.refresh_from_db()
            return task
    return None


def _do(task: BackgroundTask, kinds: Kinds) -> None:
    states = BackgroundTask.State
    mine = BackgroundTask.objects.filter(pk=task.pk, holder=task.holder)
    ended: dict[str, Any] = {"finished": timezone.now()}
    try:
        if task.tries > _MOST_TRIES:
            said = gettext_noop("It was begun several times and never came to its end.")
            ended |= {"state": states.FAILED, "sentence": said}
        elif task.kind not in kinds:
            ended |= {"state": states.FAILED, "sentence": f"This version does not know how to do {task.kind!r}."}
        else:
            result = kinds[task.kind](Running(task))
            ended |= {
                "state": states.DONE,
                "sentence": result.sentence,
                "lines": [[what, amount] for what, amount in result.lines],
                "link": result.link,
                "done": F("total"),
            }
    except Lost:
        # Somebody else's now, or to be taken up by the next worker.
        mine.update(state=states.WAITING, tries=F("tries") - 1)
        return
    except Stopped:
        ended |= {"state": states.STOPPED, "sentence": gettext_noop("Stopped; what was done until then stays.")}
    except Exception as problem:
        log.exception("The task %d (%s) failed.", task.pk, task.kind)
        ended |= {"state": states.FAILED, "sentence": str(problem) or type(problem).__name__}
        ended["trace"] = traceback.format_exc().replace("\0", "\ufffd")
    mine.update(**{**ended, "finished": timezone.now()})
