"""Long actions: the list, the page of one with its progress bar and result, and how one is begun."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lrs import tasks
from lrs.background import REBUILD
from lrs.models import BackgroundTask
from statements import journal
from statements.admin import keyset
from statements.admin.acts import Button, Sure
from statements.admin.listing import Column, Listing, Row
from statements.admin.page import Link, Page, address, looked_at, user_name
from statements.models import Store
from statements.templatetags.records import ago

TITLE = gettext_lazy("Tasks")
STATES = {
    BackgroundTask.State.WAITING: gettext_lazy("waiting"),
    BackgroundTask.State.RUNNING: gettext_lazy("running"),
    BackgroundTask.State.DONE: gettext_lazy("done"),
    BackgroundTask.State.FAILED: gettext_lazy("failed"),
    BackgroundTask.State.STOPPED: gettext_lazy("stopped"),
}


def begin(
    request: HttpRequest, kind: str, title: str, arguments: Mapping[str, Any], thing: journal.Thing
) -> HttpResponseRedirect:
    """Begin a task in the background, write it down, and lead to its page."""
    task = tasks.start(kind, title, arguments, by=user_name(request))
    journal.note(kind, thing, by=user_name(request), after={"task": task.pk, **arguments})
    return HttpResponseRedirect(address(BackgroundTask, "change", task.pk))


@admin.register(BackgroundTask)
class TaskAdmin(Page):
    acts = {"stop": "lrs.change_backgroundtask", "rebuild": "statements.change_progress"}
    views = ("state",)

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Tasks, newest first."""
        looked = looked_at(request)
        part = keyset.part(request, BackgroundTask.objects.all(), ("id",))
        listing = Listing(
            caption=TITLE,
            columns=(Column(_("Task"), "wide"), Column(_("State")), Column(_("By")), Column(_("Asked for"), "time")),
            rows=[
                Row(
                    address(BackgroundTask, "change", row.pk),
                    (row.title, STATES[BackgroundTask.State(row.state)], row.by, ago(row.created)),
                    tone="bad" if row.state == BackgroundTask.State.FAILED else "",
                )
                for row in part.rows
            ],
            newer=part.newer,
            older=part.older,
            empty=_("No long action was asked for yet."),
        )
        rebuild = None
        if self.may(request, "rebuild"):
            rebuild = Button(
                _("Rebuild progress"),
                address(BackgroundTask, "rebuild", looked.store.pk),
                Sure(),
                help=_(
                    "Makes where everybody of the store %(store)s stands anew from the statements. Nothing gets lost."
                )
                % {"store": looked.store.name},
            )
        return self.render(request, "service/tasks.html", TITLE, looked=looked, listing=listing, rebuild=rebuild)

    def one_page(self, request: HttpRequest, key: str) -> HttpResponse:
        """A task: how far it is, or what became of it."""
        task = _get(key)
        stop = None
        if not task.ended and not task.stop and self.may(request, "stop"):
            stop = Button(
                _("Stop"),
                address(BackgroundTask, "stop", task.pk),
                Sure(),
                danger=True,
                help=_("What is done until then stays."),
            )
        return self.render(
            request,
            "service/task.html",
            task.title,
            trail=(Link(TITLE, address(BackgroundTask)),),
            task=task,
            state=STATES[BackgroundTask.State(task.state)],
            state_url=address(BackgroundTask, "state", task.pk),
            stop=stop,
        )

    def state(self, request: HttpRequest, key: str) -> JsonResponse:
        """How far a task is, for the page that watches it."""
        task = _get(key)
        return JsonResponse({"ended": task.ended, "done": task.done, "total": task.total, "sentence": task.sentence})

    def stop(self, request: HttpRequest, key: str) -> HttpResponse:
        """Let a task end at its next step."""
        task = _get(key)
        tasks.ask_to_stop(task)
        journal.note("stop", journal.thing(task), by=user_name(request), before={"stop": False}, after={"stop": True})
        return self.done(request, _("It ends at its next step."), address(BackgroundTask, "change", task.pk))

    def rebuild(self, request: HttpRequest, key: str) -> HttpResponse:
        """Make the progress of a store anew."""
        store = Store.objects.filter(pk=int(key)).first() if key.isdecimal() else None
        if store is None:
            raise Http404
        title = _("Rebuild progress of %(store)s") % {"store": store.name}
        return begin(request, REBUILD, title, {"store": store.pk}, journal.thing(store))


def _get(key: str) -> BackgroundTask:
    task = BackgroundTask.objects.filter(pk=int(key)).first() if key.isdecimal() else None
    if task is None:
        raise Http404
    return task
