"""A statement as a sentence that people read: who did what with which thing, how far, through whom."""

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from statements.admin.names import Names
from statements.models import Statement
from statements.standing import Status

KINDS = {
    "course": gettext_lazy("course"),
    "learning_path": gettext_lazy("learning path"),
    "certification": gettext_lazy("certification"),
    "webinar": gettext_lazy("webinar"),
    "module": gettext_lazy("module"),
    "lesson": gettext_lazy("lesson"),
    "assessment": gettext_lazy("assessment"),
    "media": gettext_lazy("media"),
}
STATUS = {
    Status.REGISTERED: gettext_lazy("registered"),
    Status.IN_PROGRESS: gettext_lazy("in progress"),
    Status.PASSED: gettext_lazy("passed"),
    Status.COMPLETED: gettext_lazy("completed"),
    Status.FAILED: gettext_lazy("failed"),
    Status.UNREGISTERED: gettext_lazy("unregistered"),
}


# What the verbs that are sent most are called; others stand as the statement says them.
VERBS = {
    "answered": gettext_lazy("answered"),
    "attempted": gettext_lazy("attempted"),
    "attended": gettext_lazy("attended"),
    "commented": gettext_lazy("commented"),
    "completed": gettext_lazy("completed"),
    "experienced": gettext_lazy("experienced"),
    "failed": gettext_lazy("failed"),
    "initialized": gettext_lazy("initialized"),
    "interacted": gettext_lazy("interacted"),
    "joined": gettext_lazy("joined"),
    "launched": gettext_lazy("launched"),
    "left": gettext_lazy("left"),
    "passed": gettext_lazy("passed"),
    "progressed": gettext_lazy("progressed"),
    "registered": gettext_lazy("registered"),
    "satisfied": gettext_lazy("satisfied"),
    "terminated": gettext_lazy("terminated"),
    "unregistered": gettext_lazy("unregistered"),
    "unsatisfied": gettext_lazy("unsatisfied"),
    "voided": gettext_lazy("voided"),
    "waived": gettext_lazy("waived"),
}


def verb(name: str) -> str:
    """A verb in the reader's language, where it is one of VERBS."""
    return str(VERBS.get(name, name))


def kind(value: str) -> str:
    """A kind of activity in words."""
    return str(KINDS.get(value, value))


def status(value: str) -> str:
    """Where somebody stands, in words."""
    return str(STATUS.get(Status(value), value)) if value else ""


def percent(value: float | None) -> str:
    """A percentage with at most one digit behind the point; empty for None."""
    if value is None:
        return ""
    rounded = round(value, 1)
    return f"{number_format(int(rounded) if rounded == int(rounded) else rounded)} %"


def of(statement: Statement, names: Names, source: str = "") -> str:
    """The sentence of a statement. `source` is what its credential is called."""
    thing, done = _thing(statement, names), names.verb(statement.verb)
    parts = {
        "who": names.agent(statement.actor) or _("A group"),
        "verb": verb(done),
        "thing": thing,
        "percent": percent(statement.progress),
        "score": percent(None if statement.scaled is None else statement.scaled * 100),
        "source": source or statement.platform or "",
    }
    if done == "progressed" and parts["percent"]:
        said = _("%(who)s progressed to %(percent)s in %(thing)s") % parts
    elif parts["score"] and statement.success is not None:
        said = _("%(who)s %(verb)s %(thing)s with a score of %(score)s") % parts
    else:
        said = _("%(who)s %(verb)s %(thing)s") % parts
    return _("%(said)s, via %(source)s") % {**parts, "said": said} if parts["source"] else said


def _thing(statement: Statement, names: Names) -> str:
    if statement.target is not None:
        return _("another statement")
    if statement.object is None:
        return _("something planned or described within")
    name = names.activity(statement.object)
    if not name:
        return names.agent(statement.object)
    name = _("“%(name)s”") % {"name": name}
    return f"{kind(statement.kind)} {name}" if statement.kind else name
