"""What a task is called and what became of it, for whoever looks: worded by its kind, its arguments and its figures.

What is stored with it are the words of whoever asked, and of the worker; they are shown where there are no others.
"""

import re
from collections.abc import Iterable, Mapping

from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from lrs.background import ERASE, EXPORT, IMPORT, REBUILD, REPLAY
from lrs.models import BackgroundTask, RefusalKind
from statements.admin.page import Text
from statements.admin.properties import NAMES
from statements.models import Store

# As lrs.reports.views.WHOLE has them.
REPORTS: Mapping[str, Text] = {
    "statements": gettext_lazy("Statements"),
    "progress": gettext_lazy("Progress"),
    "people": gettext_lazy("Learners"),
    "activities": gettext_lazy("Activities"),
    "summary": gettext_lazy("Summary"),
    "sources": gettext_lazy("Credentials"),
    "quarantine": gettext_lazy("Quarantine"),
    "connections": gettext_lazy("Connections"),
}
# The title of each kind, and what is named in it.
_TITLES: Mapping[str, tuple[Text, tuple[str, ...]]] = {
    REBUILD: (gettext_lazy("Rebuild progress of %(store)s"), ("store",)),
    REPLAY: (gettext_lazy("Replay what was refused: %(reason)s"), ("reason",)),
    f"{IMPORT} people": (gettext_lazy("Import of %(file)s into %(store)s"), ("file", "store")),
    f"{IMPORT} courses": (gettext_lazy("Import of %(file)s into %(store)s"), ("file", "store")),
    EXPORT: (gettext_lazy("Export of %(report)s from %(store)s"), ("report", "store")),
    ERASE: (gettext_lazy("Erase a learner"), ()),
}
# What became of it, and the figure that must be there for that; after those that only try.
_DONE: Mapping[str, tuple[str, Text]] = {
    REBUILD: (
        "people",
        ngettext_lazy(
            "The progress of %(people)d person was made anew.",
            "The progress of %(people)d people was made anew.",
            "people",
        ),
    ),
    REPLAY: ("accepted", gettext_lazy("%(accepted)d of %(all)d were accepted.")),
    f"{IMPORT} people": (
        "people",
        ngettext_lazy("%(people)d person is taken in.", "%(people)d people are taken in.", "people"),
    ),
    f"{IMPORT} courses": (
        "titles",
        ngettext_lazy("%(titles)d title is taken in.", "%(titles)d titles are taken in.", "titles"),
    ),
    EXPORT: (
        "rows",
        ngettext_lazy(
            "%(rows)d row is in the file. It is kept for some hours.",
            "%(rows)d rows are in the file. It is kept for some hours.",
            "rows",
        ),
    ),
}
_TRIED: Mapping[str, tuple[str, Text]] = {
    f"{IMPORT} people": (
        "people",
        ngettext_lazy(
            "%(people)d person would be taken in; nothing was changed.",
            "%(people)d people would be taken in; nothing was changed.",
            "people",
        ),
    ),
    f"{IMPORT} courses": (
        "titles",
        ngettext_lazy(
            "%(titles)d title would be taken in; nothing was changed.",
            "%(titles)d titles would be taken in; nothing was changed.",
            "titles",
        ),
    ),
}
_WRONG = (
    "wrong",
    ngettext_lazy(
        "Nothing was taken in: %(wrong)d row is wrong.",
        "Nothing was taken in: %(wrong)d rows are wrong.",
        "wrong",
    ),
)
_LINE = re.compile(r"line (\d+)")
_LONGEST = 80


def titles(tasks: Iterable[BackgroundTask]) -> list[str]:
    """What tasks are called."""
    given = [(task, task.arguments) for task in tasks]
    stores = dict(Store.objects.filter(pk__in=[each.get("store") for _, each in given]).values_list("pk", "name"))
    kinds = RefusalKind.objects.filter(pk__in=[each.get("kind") for _, each in given])
    reasons = {pk: Truncator(sentence).chars(_LONGEST) for pk, sentence in kinds.values_list("pk", "sentence")}
    return [
        _title(
            task,
            {
                "store": stores.get(each.get("store"), ""),
                "reason": reasons.get(each.get("kind"), ""),
                "report": REPORTS.get(each.get("report"), ""),
                "file": each.get("name", ""),
            },
        )
        for task, each in given
    ]


def _title(task: BackgroundTask, named: Mapping[str, Text]) -> str:
    words, needed = _TITLES.get(task.kind, ("", ()))
    return str(words % named) if words and all(named[name] for name in needed) else task.title


def sentence(task: BackgroundTask) -> str:
    """What became of it, or how far it is."""
    if not task.ended:
        return _progress(task)
    figures = {what: int(amount) for what, amount in task.lines if str(amount).isdecimal()}
    name, words = (_TRIED if task.arguments.get("dry") else _DONE).get(task.kind, ("", ""))
    if _WRONG[0] in figures:
        name, words = _WRONG
    if name in figures:
        return str(words % {**figures, "all": sum(figures.values())})
    return _(task.sentence) if task.sentence else ""


def _progress(task: BackgroundTask) -> str:
    if not task.sentence:
        return _("Waiting for the worker")
    if task.total:
        return _("%(done)d of %(all)d") % {"done": task.done, "all": task.total}
    what = NAMES["rows"] if task.kind == EXPORT else NAMES.get(task.sentence, task.sentence)
    return f"{what}: {task.done}" if task.done else str(what)


def lines(task: BackgroundTask) -> list[tuple[Text, object]]:
    """The figures of its result."""
    return [(_called(what), amount) for what, amount in task.lines]


def _called(what: str) -> Text:
    line = _LINE.fullmatch(what)
    return _("line %(number)s") % {"number": line[1]} if line else NAMES.get(what, what)
