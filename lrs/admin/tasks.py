"""Long actions: the list, the page of one with its progress bar and result, and how one is begun."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lrs import tasks
from lrs.admin import task_words
from lrs.admin.task_words import REPORTS
from lrs.background import EXPORT, IMPORT, REBUILD, waiting_file
from lrs.models import BackgroundTask
from lrs.reports import exports
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
    BackgroundTask.State.FAILED: gettext_lazy("went wrong"),
    BackgroundTask.State.STOPPED: gettext_lazy("stopped"),
}


def begin(request: HttpRequest, kind: str, arguments: Mapping[str, Any], thing: journal.Thing) -> HttpResponseRedirect:
    """Begin a task in the background, write it down, and lead to its page."""
    (title,) = task_words.titles([BackgroundTask(kind=kind, arguments=arguments)])
    task = tasks.start(kind, title, arguments, by=user_name(request))
    journal.note(kind, thing, by=user_name(request), after={"task": task.pk, **arguments})
    return HttpResponseRedirect(address(BackgroundTask, "change", task.pk))


class Import(forms.Form):
    """A file, and what stands in it."""

    what = forms.ChoiceField(
        label=gettext_lazy("What stands in it"),
        choices=[
            ("people", gettext_lazy("people: who is known by what (CSV)")),
            ("courses", gettext_lazy("titles of Udemy's courses and learning paths (JSON or CSV)")),
        ],
    )
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy(
            "Columns for people: reference, name, email, mbox_sha1sum, openid, account_home, account_name."
        ),
    )
    dry = forms.BooleanField(label=gettext_lazy("Only try: nothing is kept"), required=False)


class Export(forms.Form):
    """A report and how it is written."""

    report = forms.ChoiceField(label=gettext_lazy("Report"), choices=list(REPORTS.items()))
    format = forms.ChoiceField(
        label=gettext_lazy("Format"), choices=[("csv", gettext_lazy("CSV, for spreadsheets")), ("ndjson", "JSON Lines")]
    )


@admin.register(BackgroundTask)
class TaskAdmin(Page):
    acts = {
        "stop": "lrs.change_backgroundtask",
        "rebuild": "statements.change_progress",
        "take_in": "statements.change_person",
        "export": "lrs.add_backgroundtask",
    }
    views = ("state", "file")

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Tasks, newest first."""
        looked = looked_at(request)
        part = keyset.part(request, BackgroundTask.objects.all(), ("id",))
        listing = Listing(
            caption=TITLE,
            columns=(
                Column(_("Task"), "wide"),
                Column(_("State"), "word"),
                Column(_("By")),
                Column(_("Asked for"), "time"),
            ),
            rows=[
                Row(
                    address(BackgroundTask, "change", row.pk),
                    (title, STATES[BackgroundTask.State(row.state)], row.by, ago(row.created)),
                    tone="bad" if row.state == BackgroundTask.State.FAILED else "",
                )
                for row, title in zip(part.rows, task_words.titles(part.rows), strict=True)
            ],
            newer=part.newer,
            older=part.older,
            empty=_("No long action was asked for yet."),
        )
        store = looked.store
        buttons = []
        if self.may(request, "take_in"):
            help = _("Into the store %(store)s. What is in it twice, or was taken in before, does no harm.")
            take = address(BackgroundTask, "take_in", store.pk)
            buttons.append(Button(_("Import a file"), take, Import(), help=help % {"store": store.name}))
        if self.may(request, "export"):
            help = _("Everything of the store %(store)s, in a file that can be fetched for some hours.")
            give = address(BackgroundTask, "export", store.pk)
            buttons.append(Button(_("Export a report"), give, Export(), help=help % {"store": store.name}))
        if self.may(request, "rebuild"):
            rebuild = Button(
                _("Rebuild progress"),
                address(BackgroundTask, "rebuild", store.pk),
                Sure(),
                help=_(
                    "Makes where everybody of the store %(store)s stands anew from the statements. Nothing gets lost."
                )
                % {"store": store.name},
            )
            buttons.append(rebuild)
        return self.render(request, "service/tasks.html", TITLE, looked=looked, listing=listing, acts=buttons)

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
        (title,) = task_words.titles([task])
        return self.render(
            request,
            "service/task.html",
            title,
            trail=(Link(TITLE, address(BackgroundTask)),),
            task=task,
            sentence=task_words.sentence(task),
            lines=task_words.lines(task),
            state=STATES[BackgroundTask.State(task.state)],
            state_url=address(BackgroundTask, "state", task.pk),
            file_url=address(BackgroundTask, "file", task.pk) if task.kind == EXPORT else "",
            stop=stop,
        )

    def state(self, request: HttpRequest, key: str) -> JsonResponse:
        """How far a task is, for the page that watches it."""
        task = _get(key)
        sentence = task_words.sentence(task)
        return JsonResponse({"ended": task.ended, "done": task.done, "total": task.total, "sentence": sentence})

    def stop(self, request: HttpRequest, key: str) -> HttpResponse:
        """Let a task end at its next step."""
        task = _get(key)
        tasks.ask_to_stop(task)
        journal.note("stop", journal.thing(task), by=user_name(request), before={"stop": False}, after={"stop": True})
        return self.done(request, _("It ends at its next step."), address(BackgroundTask, "change", task.pk))

    def rebuild(self, request: HttpRequest, key: str) -> HttpResponse:
        """Make the progress of a store anew."""
        store = _store(key)
        return begin(request, REBUILD, {"store": store.pk}, journal.thing(store))

    def take_in(self, request: HttpRequest, key: str) -> HttpResponse:
        """Take in what stands in a file."""
        store = _store(key)
        form = Import(request.POST, request.FILES)
        if not form.is_valid():
            return self.done(request, _("Choose a file to be taken in."), address(BackgroundTask), good=False)
        given = form.cleaned_data
        name, file = given["file"].name, _keep(given["file"])
        arguments = {"store": store.pk, "file": file, "name": name, "dry": given["dry"]}
        return begin(request, f"{IMPORT} {given['what']}", arguments, journal.thing(store))

    def export(self, request: HttpRequest, key: str) -> HttpResponse:
        """Write a report into a file."""
        store = _store(key)
        form = Export(request.POST)
        if not form.is_valid():
            return self.done(request, _("Choose a report and a format."), address(BackgroundTask), good=False)
        given = form.cleaned_data
        file = f"export-{uuid4().hex}.{given['format']}"
        arguments = {"store": store.pk, "report": given["report"], "format": given["format"], "file": file}
        return begin(request, EXPORT, arguments, journal.thing(store))

    def file(self, request: HttpRequest, key: str) -> HttpResponse | FileResponse:
        """What an export made."""
        task = _get(key)
        if task.kind != EXPORT or task.state != BackgroundTask.State.DONE:
            raise Http404
        name = str(task.arguments["file"])
        try:
            file = waiting_file(name).open("rb")
        except FileNotFoundError:
            said = _("The file is not kept any more. Export it again.")
            return self.done(request, said, address(BackgroundTask, "change", task.pk), good=False)
        report, form = task.arguments["report"], exports.FORMATS[task.arguments["format"]]
        return FileResponse(
            file, as_attachment=True, filename=f"{report}{Path(name).suffix}", content_type=form.media_type
        )


def _store(key: str) -> Store:
    store = Store.objects.filter(pk=int(key)).first() if key.isdecimal() else None
    if store is None:
        raise Http404
    return store


def _keep(upload: "UploadedFile[bytes]") -> str:
    """Put an upload where the worker finds it; under which name."""
    name = f"import-{uuid4().hex}{Path(upload.name or '').suffix[:10]}"
    with waiting_file(name).open("wb") as file:
        file.writelines(upload.chunks())
    return name


def _get(key: str) -> BackgroundTask:
    task = BackgroundTask.objects.filter(pk=int(key)).first() if key.isdecimal() else None
    if task is None:
        raise Http404
    return task
