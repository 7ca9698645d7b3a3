"""Which long actions there are, by the names under which they are asked for (lrs.tasks)."""

import logging
from datetime import datetime

from lrs import erasure, quarantine, replay, tasks
from lrs.erasure import ErasureError
from lrs.models import Refusal
from lrs.quarantine import QuarantineError
from lrs.tasks import Result, Running
from statements import glance, progress
from statements.models import Store

log = logging.getLogger(__name__)

REBUILD = "rebuild progress"
ERASE = "erase"
REPLAY = replay.TASK


def rebuild(running: Running) -> Result:
    """Make the progress of a store anew. Arguments: store."""
    store = int(running.arguments["store"])
    seen = 0

    def say(rebuilt: progress.Rebuild) -> None:
        nonlocal seen
        seen = rebuilt.all
        running.say(rebuilt.done, rebuilt.all, f"{rebuilt.done} of {rebuilt.all} people")

    progress.rebuild(store, say)
    return Result(f"The progress of {seen} people was made anew.", [("people", seen)])


def replay_refusals(running: Running) -> Result:
    """Send refused requests once more. Arguments: numbers, or the kind whose open ones are meant; link."""
    numbers = [int(number) for number in running.arguments.get("numbers", ())]
    if "kind" in running.arguments:
        numbers = quarantine.open_of(int(running.arguments["kind"]))
    accepted = refused = 0
    for index, number in enumerate(numbers):
        running.say(index, len(numbers), f"{index} of {len(numbers)} requests")
        if _is_accepted(number):
            accepted += 1
        else:
            refused += 1
    lines = [("accepted", accepted), ("refused again", refused)]
    link = str(running.arguments.get("link", ""))
    return Result(f"{accepted} of {len(numbers)} were accepted.", lines, link)


def _is_accepted(number: int) -> bool:
    try:
        return replay.replay(quarantine.get(number)).state == Refusal.State.REPLAYED
    except QuarantineError:
        return False
    except Exception:
        # One that the service itself fails at does not keep the others back.
        log.exception("The refused request %d could not be replayed.", number)
        return False


def erase(running: Running) -> Result:
    """Erase a person. Arguments: store, person, mentions."""
    store = Store.objects.get(pk=running.arguments["store"])
    try:
        whom = erasure.who(store, str(running.arguments["person"]))
    except ErasureError:
        # One that was stopped at its very end.
        return Result("There is nothing left of them.")
    done = erasure.erase(
        whom,
        mentions=bool(running.arguments["mentions"]),
        say=lambda what, amount, total: running.say(amount, total, what),
    )
    erasure.note(whom, done, by=running.by)
    return Result("Erased.", list(done.items()))


KINDS: tasks.Kinds = {REBUILD: rebuild, REPLAY: replay_refusals, ERASE: erase}


def tick(now: datetime) -> int:
    """For the worker: see that somebody is at the tasks."""
    return tasks.tick(KINDS)


def run_waiting(now: datetime) -> int:
    """For a worker that ends afterwards: do the tasks."""
    return tasks.work_off(KINDS)


def count(now: datetime) -> int:
    """For the worker: count what came in, for the charts."""
    counted = sum(glance.follow(store, seconds=0.2) for store in glance.stores_behind())
    return counted + glance.refresh_active(now)


def count_all(now: datetime) -> int:
    """For a worker that ends afterwards: count all of it."""
    return sum(glance.follow(store) for store in glance.stores_behind()) + glance.refresh_active(now)
