"""The audit log: what people did, with before and after; and a mixin that lets Django's forms write into it."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from statements import journal
from statements.admin import keyset
from statements.admin.listing import Column, Listing, Row
from statements.admin.page import Link, Page, Text, address, user_name
from statements.admin.properties import KINDS, called
from statements.models import Act
from statements.templatetags.records import ago

TITLE = gettext_lazy("Audit log")
# What is written down as done, here and by the service above, in words.
WORDS: Mapping[str, Text] = {
    "add": gettext_lazy("added"),
    "again": gettext_lazy("tried again"),
    "attendance": gettext_lazy("attendance taken in"),
    "book": gettext_lazy("booked"),
    "change": gettext_lazy("changed"),
    "check": gettext_lazy("checked"),
    "delete": gettext_lazy("deleted"),
    "disable": gettext_lazy("disabled"),
    "dismiss": gettext_lazy("dismissed"),
    "download": gettext_lazy("downloaded"),
    "edit": gettext_lazy("edited"),
    "enable": gettext_lazy("enabled"),
    "erase": gettext_lazy("erased"),
    "export": gettext_lazy("exported"),
    "import courses": gettext_lazy("courses imported"),
    "import people": gettext_lazy("people imported"),
    "link": gettext_lazy("linked"),
    "merge": gettext_lazy("merged"),
    "pause": gettext_lazy("paused"),
    "rebuild progress": gettext_lazy("progress rebuilt"),
    "reopen": gettext_lazy("opened again"),
    "repair": gettext_lazy("repair switched on"),
    "replay": gettext_lazy("replayed"),
    "replay refusals": gettext_lazy("all replayed"),
    "resume": gettext_lazy("resumed"),
    "roster": gettext_lazy("roster taken in"),
    "rotate": gettext_lazy("secret renewed"),
    "sign in": gettext_lazy("signed in at the provider"),
    "split": gettext_lazy("split"),
    "stop": gettext_lazy("stopped"),
    "sweep": gettext_lazy("sweep begun"),
    "undo": gettext_lazy("undone"),
    "void": gettext_lazy("voided"),
}


class Audited:
    """For a ModelAdmin with forms: what is added, changed and deleted goes into the audit log."""

    def save_model(self, request: HttpRequest, obj: Model, form: "forms.ModelForm[Any]", change: bool) -> None:
        """Remember what was before."""
        before = type(obj)._default_manager.filter(pk=obj.pk).first() if change else None
        request.was = None if before is None else journal.of(before)  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)  # type: ignore[misc]

    def save_related(self, request: HttpRequest, form: "forms.ModelForm[Any]", formsets: Any, change: bool) -> None:
        """Now everything is saved: write it down."""
        super().save_related(request, form, formsets, change)  # type: ignore[misc]
        row = form.instance
        was = getattr(request, "was", None)
        journal.note(
            "change" if change else "add", journal.thing(row), by=user_name(request), before=was, after=journal.of(row)
        )

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        """Write down what is gone."""
        thing, was = journal.thing(obj), journal.of(obj)
        super().delete_model(request, obj)  # type: ignore[misc]
        journal.note("delete", thing, by=user_name(request), before=was)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Model]") -> None:
        """One by one, so that each is written down."""
        for row in queryset:
            self.delete_model(request, row)


class Filters(forms.Form):
    """What the log can be narrowed by."""

    by = forms.CharField(label=gettext_lazy("Who"), required=False)
    what = forms.ChoiceField(
        label=gettext_lazy("What"), required=False, choices=[("", gettext_lazy("any")), *WORDS.items()]
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind of thing"), required=False, choices=[("", gettext_lazy("any")), *KINDS.items()]
    )


@admin.register(Act)
class ActAdmin(Page):
    def list_page(self, request: HttpRequest) -> HttpResponse:
        """What was done, newest first."""
        form = Filters(request.GET)
        form.is_valid()
        rows = Act.objects.all()
        for name in ("by", "what", "kind"):
            if value := form.cleaned_data.get(name):
                rows = rows.filter(**{name: value})
        part = keyset.part(request, rows, ("id",))
        listing = Listing(
            caption=TITLE,
            columns=(Column(_("What"), "wide"), Column(_("Who")), Column(_("Reason")), Column(_("When"), "time")),
            rows=[
                Row(address(Act, "change", row.pk), (_title(row), row.by, row.reason, ago(row.at))) for row in part.rows
            ],
            newer=part.newer,
            older=part.older,
            form=form,
            empty=_("Nothing was done yet."),
        )
        return self.render(request, "records/list.html", TITLE, listing=listing)

    def one_page(self, request: HttpRequest, key: str) -> HttpResponse:
        """One thing that was done, with before and after."""
        row = Act.objects.filter(pk=int(key)).first() if key.isdecimal() else None
        if row is None:
            raise Http404
        before, after = json.loads(row.before), json.loads(row.after)
        names = {**before, **after}
        return self.render(
            request,
            "records/journal.html",
            _title(row),
            trail=(Link(TITLE, address(Act)),),
            row=row,
            kind=KINDS.get(row.kind, row.kind),
            changes=[(called(name, row.kind), _shown(before.get(name)), _shown(after.get(name))) for name in names],
        )


def _title(row: Act) -> str:
    return f"{WORDS.get(row.what, row.what)}: {row.label}"


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
