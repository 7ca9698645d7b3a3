"""Which long actions there are, by the names under which they are asked for (lrs.tasks)."""

from datetime import datetime

from lrs import quarantine, replay, tasks
from lrs.models import Refusal
from lrs.quarantine import QuarantineError
from lrs.tasks import Result, Running
from statements import glance, progress

REBUILD = "rebuild progress"
REPLAY = "replay refusals"


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
    """Send refused requests once more. Arguments: numbers."""
    numbers = [int(number) for number in running.arguments["numbers"]]
    accepted = refused = 0
    for index, number in enumerate(numbers):
        running.say(index, len(numbers), f"{index} of {len(numbers)} requests")
        try:
            state = replay.replay(quarantine.get(number)).state
        except QuarantineError:
            state = Refusal.State.OPEN
        accepted, refused = (accepted + 1, refused) if state == Refusal.State.REPLAYED else (accepted, refused + 1)
    return Result(f"{accepted} of {len(numbers)} were accepted.", [("accepted", accepted), ("refused again", refused)])


KINDS: tasks.Kinds = {REBUILD: rebuild, REPLAY: replay_refusals}


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
