"""Activities: the list, and the page of one of them: how far learners get, and what its definition was."""

import json
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from statements import catalogue
from statements.admin import charts, keyset, names, search, sentence
from statements.admin.charts import Bars, Series
from statements.admin.listing import Column, Listing, Row
from statements.admin.page import Link, Page, address, look_at, looked_at
from statements.admin.search import Mentioned, Wanted
from statements.admin.statements import pretty
from statements.models import Activity, Funnel, Person, Progress, Statement
from statements.standing import Status
from statements.templatetags.records import ago
from statements.xapi import text
from statements.xapi.roles import Role

TITLE = gettext_lazy("Activities")
# Up to so many a list is put in the order of its names; above, in that of the keys.
_MOST_SORTED = 20_000
# So many of the latest statements are read for how the definition has changed.
_DEFINED_IN = 300
_STEPS = 10
# The steps of the funnel that are of more than one status.
_BEGUN, _THROUGH = "begun", "through"
_ENROLLED = (Status.REGISTERED, Status.UNREGISTERED)
_DONE = (Status.COMPLETED, Status.PASSED)


class Filters(forms.Form):
    """What the list can be narrowed by."""

    q = forms.CharField(
        label=gettext_lazy("Search"), required=False, help_text=gettext_lazy("A part of the name, or the IRI.")
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"), required=False, choices=[("", gettext_lazy("any")), *sentence.KINDS.items()]
    )


class Learners(forms.Form):
    """Which learners of an activity are shown."""

    status = forms.ChoiceField(
        label=gettext_lazy("Status"),
        required=False,
        choices=[
            ("", gettext_lazy("any")),
            *((each.value, words) for each, words in sentence.STATUS.items()),
            (_BEGUN, gettext_lazy("begun, however far")),
            (_THROUGH, gettext_lazy("completed or passed")),
        ],
    )


@admin.register(Activity)
class ActivityAdmin(Page):
    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Activities by name."""
        looked = looked_at(request)
        store = looked.store.pk
        form = Filters(request.GET)
        form.is_valid()
        rows = Activity.objects.filter(store=store).defer("definition")
        if kind := form.cleaned_data.get("kind"):
            rows = rows.filter(kind=kind)
        if query := form.cleaned_data.get("q", "").strip():
            found_by = Q(iri=query) if "://" in query else Q(iri__icontains=query)
            rows = rows.filter(found_by | catalogue.called_so(store, query))
        number = max(0, int(request.GET["page"])) if request.GET.get("page", "").isdecimal() else 0
        sorted_by_name = rows[: _MOST_SORTED + 1].count() <= _MOST_SORTED
        # What has no name comes last.
        nameless = Case(When(name="", then=Value(1)), default=Value(0))
        order = (nameless, F("name"), F("key")) if sorted_by_name else (F("key"),)
        begin = number * keyset.AMOUNT
        found = list(rows.order_by(*order)[begin : begin + keyset.AMOUNT + 1])
        shown = found[: keyset.AMOUNT]
        funnels = Funnel.objects.filter(store=store).in_bulk([row.pk for row in shown])
        titles = names.titles(store, [row.iri for row in shown if not row.name])
        listing = Listing(
            caption=TITLE,
            columns=(
                Column(_("Activity"), "wide"),
                Column(_("Kind"), "word"),
                Column(_("Learners"), "number"),
                Column(_("IRI")),
            ),
            rows=[
                Row(
                    address(Activity, "change", row.pk),
                    _cells(row, titles, funnels.get(row.pk)),
                )
                for row in shown
            ],
            newer=_page(request, number - 1) if number else "",
            older=_page(request, number + 1) if len(found) > keyset.AMOUNT else "",
            form=form,
            note=""
            if sorted_by_name
            else _("There are so many that they are not sorted; search for a part of the name."),
            empty=_("No activity is known by this."),
        )
        return self.render(request, "records/list.html", TITLE, looked=looked, listing=listing)

    def one_page(self, request: HttpRequest, key: str) -> HttpResponse:
        """One activity: completion funnel, distribution of progress, learners, definitions."""
        row = _get(key)
        look_at(request, row.store)
        own = Progress.objects.filter(store=row.store, activity=row.pk)
        by_status = _by_status(Funnel.objects.filter(store=row.store, key=row.pk).first())
        form = Learners(request.GET)
        form.is_valid()
        status = form.cleaned_data.get("status")
        learners = keyset.part(request, _of_status(own, status or ""), ("last_activity", "key"))
        called = names.titled(row, names.titles(row.store, [row.iri]))
        here = address(Activity, "change", row.pk)
        return self.render(
            request,
            "records/activity.html",
            called,
            subtitle=row.iri if called != row.iri else "",
            trail=(Link(TITLE, address(Activity)),),
            row=row,
            kind=sentence.kind(row.kind),
            statuses=[
                (sentence.status(each), number, f"{here}?status={each}#learners")
                for each, number in sorted(by_status.items())
            ],
            steps=_funnel(by_status, here),
            chart=_distribution(own),
            listing=_learners_listing(row, learners, form),
            definition=pretty(row.definition.encode()) if row.definition else "",
            versions=_versions(row),
            statements_url=address(Statement, activity=row.iri),
        )


def _cells(row: Activity, titles: dict[str, str], funnel: Funnel | None) -> tuple[str, ...]:
    called = names.titled(row, titles)
    learners = 0 if funnel is None else funnel.people
    return (called, sentence.kind(row.kind), f"{learners}", "" if called == row.iri else row.iri)


def _by_status(funnel: Funnel | None) -> dict[str, int]:
    return {each.value: number for each in Status if funnel is not None and (number := getattr(funnel, each.value))}


def _get(key: str) -> Activity:
    try:
        row = Activity.objects.filter(pk=UUID(key)).first()
    except ValueError:
        row = None
    if row is None:
        raise Http404
    return row


def _page(request: HttpRequest, number: int) -> str:
    asked = request.GET.copy()
    asked["page"] = str(number)
    return "?" + asked.urlencode()


def _funnel(by_status: dict[str, int], here: str) -> Any:
    everybody = sum(by_status.values())
    begun = everybody - sum(by_status.get(each, 0) for each in _ENROLLED)
    done = sum(by_status.get(each, 0) for each in _DONE)
    return charts.funnel(
        [
            (_("Have to do with it"), everybody, f"{here}#learners"),
            (_("Begun"), begun, f"{here}?status={_BEGUN}#learners"),
            (_("Completed"), done, f"{here}?status={_THROUGH}#learners"),
        ]
    )


def _of_status(own: "QuerySet[Progress]", status: str) -> "QuerySet[Progress]":
    if status == _BEGUN:
        return own.exclude(status__in=_ENROLLED)
    if status == _THROUGH:
        return own.filter(status__in=_DONE)
    return own.filter(status=status) if status else own


def _distribution(own: Any) -> Bars | None:
    """How many learners are how far, in tenths."""
    tenth = Case(
        *[When(progress__lt=10 * (number + 1), then=Value(number)) for number in range(_STEPS)], default=Value(_STEPS)
    )
    counted = dict(
        own.filter(progress__isnull=False)
        .annotate(tenth=tenth)
        .values_list("tenth")
        .annotate(number=Count("key"))
        .order_by()
    )
    if not counted:
        return None
    labels = [f"{10 * number}–{10 * number + 9} %" for number in range(_STEPS)] + ["100 %"]
    short = [f"{10 * number}" if number % 2 == 0 else "" for number in range(_STEPS + 1)]
    values = [float(counted.get(number, 0)) for number in range(_STEPS + 1)]
    return Bars(_("How far learners are"), labels, [Series(_("Learners"), values)], short, unit=_("Progress"))


def _learners_listing(row: Activity, part: "keyset.Part[Progress]", form: forms.Form) -> Listing:
    persons = {
        one.pk: one for one in Person.objects.filter(store=row.store, key__in={each.person for each in part.rows})
    }
    unnamed = [key for key, one in persons.items() if not one.name and not one.reference]
    known = _identifiers(row.store, unnamed)
    return Listing(
        caption=_("Learners"),
        columns=(
            Column(_("Learner"), "wide"),
            Column(_("Status"), "word"),
            Column(_("Progress"), "number"),
            Column(_("Score"), "number"),
            Column(_("Completed"), "time"),
            Column(_("Last active"), "time"),
        ),
        rows=[
            Row(
                address(Person, "change", each.person),
                (
                    known.get(each.person) or str(persons.get(each.person, each.person)),
                    sentence.status(each.status),
                    sentence.percent(each.progress),
                    "" if each.score is None else f"{each.score:.2f}",
                    ago(each.completed_at),
                    ago(each.last_activity),
                ),
            )
            for each in part.rows
        ],
        newer=part.newer and part.newer + "#learners",
        older=part.older and part.older + "#learners",
        form=form,
        empty=_("Nobody yet."),
    )


def _identifiers(store: int, persons: list[UUID]) -> dict[UUID, str]:
    from statements.models import Identity

    rows = Identity.objects.filter(store=store, person__in=persons).order_by("-since", "-identifier")
    return {row.person: names.short(row.identifier) for row in rows} if persons else {}


def _versions(row: Activity) -> list[dict[str, Any]]:
    """The different definitions that the latest statements about an activity brought, newest first."""
    found = search.find(Wanted(row.store, (Mentioned((row.pk,), (Role.ACTIVITY,)),)), _DEFINED_IN).rows
    texts = dict(
        Statement.objects.filter(store=row.store, key__in=[one.pk for one in found]).values_list("key", "text")
    )
    versions: dict[str, dict[str, Any]] = {}
    for one in found:
        thing = text.read(texts[one.pk].encode())["object"]
        if thing.get("id") == row.iri and thing.get("definition"):
            said = json.dumps(thing["definition"], sort_keys=True)
            version = versions.setdefault(
                said, {"json": pretty(json.dumps(thing["definition"]).encode()), "last": one.stored, "count": 0}
            )
            version |= {"first": one.stored, "count": version["count"] + 1}
    return list(versions.values())
