"""What stands at the left of every page. A line: title, symbol (Material Symbols), page, who sees it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from statements.admin.page import Text


class Line(NamedTuple):
    """A page: `model` is the label of the model whose list it is, else `page` the name of its address."""

    title: Text
    symbol: str
    model: str = ""
    page: str = ""


GROUPS: tuple[tuple[Text, tuple[Line, ...]], ...] = (
    ("", (Line(_("Home"), "home", page="admin:index"),)),
    (
        _("Records"),
        (
            Line(_("Statements"), "receipt_long", "statements.Statement"),
            Line(_("Learners"), "group", "statements.Person"),
            Line(_("Activities"), "school", "statements.Activity"),
        ),
    ),
    (
        _("Operation"),
        (
            Line(_("Quarantine"), "gpp_maybe", "lrs.RefusalKind"),
            Line(_("Shapes"), "data_object", "lrs.Shape"),
            Line(_("Connections"), "hub", "connectors.Connection"),
            Line(_("Inbox"), "inbox", "connectors.InboxEvent"),
            Line(_("Webinars"), "co_present", "webinars.Session"),
            Line(_("Tasks"), "pending_actions", "lrs.BackgroundTask"),
        ),
    ),
    (
        _("Administration"),
        (
            Line(_("Credentials"), "key", "lrs.Credential"),
            Line(_("Users"), "manage_accounts", "auth.User"),
            Line(_("Audit log"), "history", "statements.Act"),
        ),
    ),
)


# What django-unfold says around every page, without a catalogue of its own.
SAID = (
    _("Light"),
    _("Dark"),
    _("System"),
    _("Go back"),
    _("Type to search"),
    _("No recent searches"),
    _("Recent searches"),
    _("No results matching your query"),
    _("Welcome back to"),
    _("Toggle password visibility"),
    _("You have been successfully logged out from the administration"),
    _("After you've created a user, you’ll be able to edit more user options."),
)


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """The navigation as django-unfold takes it: pages that are there and that the user may see."""
    found = [(title, [line for line in lines if _is_there(line)]) for title, lines in GROUPS]
    return [
        {"title": title, "separator": bool(title), "items": [_item(line) for line in lines]}
        for title, lines in found
        if any(_may(line)(request) for line in lines)
    ]


def _item(line: Line) -> dict[str, Any]:
    return {"title": line.title, "icon": line.symbol, "link": _address(line), "permission": _may(line)}


def _address(line: Line) -> str:
    return reverse(line.page or f"admin:{line.model.replace('.', '_').lower()}_changelist")


def _is_there(line: Line) -> bool:
    if line.page:
        return True
    try:
        if not admin.site.is_registered(apps.get_model(line.model)):
            return False
        _address(line)
    except (LookupError, NoReverseMatch):
        return False
    return True


def _may(line: Line) -> Callable[[HttpRequest], bool]:
    if line.page:
        return lambda request: True
    app, _dot, model = line.model.lower().partition(".")
    return lambda request: bool(request.user.has_perm(f"{app}.view_{model}"))
