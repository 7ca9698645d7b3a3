"""Which long actions there are, by the names under which they are asked for (lrs.tasks)."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext_noop

from lrs import courses, erasure, people_csv, quarantine, replay, tasks
from lrs.courses import CatalogueError
from lrs.erasure import ErasureError
from lrs.models import Refusal
from lrs.people_csv import CsvError
from lrs.quarantine import QuarantineError
from lrs.reports import exports
from lrs.reports.columns import Row
from lrs.reports.views import WHOLE
from lrs.tasks import Result, Running
from statements import catalogue, glance, progress
from statements.models import Store

log = logging.getLogger(__name__)

REBUILD = "rebuild progress"
ERASE = "erase"
REPLAY = replay.TASK
IMPORT = "import"
EXPORT = "export"
# Of a file that was refused.
NOTHING = gettext_noop("Nothing was taken in.")
# What of a file that was refused is shown.
_MOST_PROBLEMS = 50


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


def import_people(running: Running) -> Result:
    """Take in who is known by what. Arguments: store, file (in the folder of uploads), dry."""
    dry = bool(running.arguments["dry"])

    def say(done: int, all: int) -> None:
        running.say(done, all, f"{done} of {all} people")

    file = waiting_file(str(running.arguments["file"]))
    try:
        done = people_csv.take_in(int(running.arguments["store"]), file, by=running.by, dry=dry, say=say)
    except CsvError as problem:
        return Result(NOTHING, [("problem", _for_people(problem, file))])
    if done.problems:
        wrong = [(f"line {line}", sentence) for line, sentence in done.problems[:_MOST_PROBLEMS]]
        return Result(NOTHING, [("wrong", str(len(done.problems))), *wrong])
    lines = [("people", str(done.people)), ("identifiers", str(done.identifiers)), ("moved", str(len(done.moved)))]
    taken = "would be taken in; nothing was changed" if dry else "are taken in"
    return Result(f"{done.people} people {taken}.", lines)


def _for_people(problem: Exception, file: Path) -> str:
    """What is wrong, without where the file lies here."""
    return str(problem).replace(str(file), "The file")


def import_courses(running: Running) -> Result:
    """Take in titles of Udemy's courses and learning paths. Arguments: store, file (in the folder of uploads), dry."""
    running.say(0, 0, "reading the file")
    file = waiting_file(str(running.arguments["file"]))
    try:
        listed = courses.read(file)
    except CatalogueError as problem:
        return Result(NOTHING, [("problem", _for_people(problem, file))])
    if running.arguments["dry"]:
        return Result(f"{len(listed)} titles would be taken in; nothing was changed.", [("titles", len(listed))])
    ids = catalogue.keep(int(running.arguments["store"]), "udemy", listed)
    return Result(f"{len(listed)} titles are taken in.", [("titles", len(listed)), ("ids", ids)])


def export(running: Running) -> Result:
    """Write a report of a store into a file. Arguments: store, report, format; file, in the folder of uploads."""
    view = WHOLE[str(running.arguments["report"])]
    amount = 0

    def counted(portions: Iterator[list[Row]]) -> Iterator[Sequence[Row]]:
        nonlocal amount
        for rows in portions:
            yield rows
            amount += len(rows)
            running.say(amount, 0, f"{amount} rows")

    made = exports.FORMATS[str(running.arguments["format"])].make
    file = waiting_file(str(running.arguments["file"]))
    part = file.with_name(f"{file.name}.part")
    with part.open("wb") as output:
        output.writelines(made(counted(view.whole(int(running.arguments["store"]), {})), view.columns, True))
    part.replace(file)
    lines = [("rows", amount), ("bytes", file.stat().st_size)]
    return Result(f"{amount} rows are in the file. It is kept for some hours.", lines)


def waiting_file(name: str) -> Path:
    """Where the file of a task is, in the folder of uploads; what is forgotten there is removed after some hours."""
    return Path(settings.FILE_UPLOAD_TEMP_DIR) / Path(name).name


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
        return Result(gettext_noop("There is nothing left of them."))
    done = erasure.erase(
        whom,
        mentions=bool(running.arguments["mentions"]),
        say=lambda what, amount, total: running.say(amount, total, what),
    )
    erasure.note(whom, done, by=running.by)
    return Result(gettext_noop("Erased."), list(done.items()))


KINDS: tasks.Kinds = {
    REBUILD: rebuild,
    REPLAY: replay_refusals,
    f"{IMPORT} people": import_people,
    f"{IMPORT} courses": import_courses,
    EXPORT: export,
    ERASE: erase,
}


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
