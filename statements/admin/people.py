"""Learners: who was active lately, and the page of one of them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Count, Exists, Max, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from statements import journal, people
from statements.admin import keyset, names, search, sentence, sources
from statements.admin.acts import Button
from statements.admin.listing import Column, Listing, Row
from statements.admin.page import Link, Page, address, look_at, looked_at, user_name
from statements.admin.search import Mentioned, Wanted
from statements.models import Activity, Identity, Person, Progress, Statement
from statements.people import PeopleError
from statements.standing import Status
from statements.templatetags.records import ago
from statements.xapi import formats
from statements.xapi.roles import Role

TITLE = gettext_lazy("Learners")
_TIMELINE = 25
_MOST_FOUND = 50
_MOST_STANDINGS = 500
_MOST_HISTORY = 20
_CHUNK = 500
_DONE = (Status.COMPLETED, Status.PASSED)
# Sections of the page, in order; what is none of these comes last.
_KINDS = ("course", "learning_path", "certification", "webinar")
_HOW = {
    Identity.How.SEEN: gettext_lazy("seen in statements"),
    Identity.How.EMAIL: gettext_lazy("same e-mail address"),
    Identity.How.CONNECTOR: gettext_lazy("said by a connection"),
    Identity.How.IMPORT: gettext_lazy("imported"),
    Identity.How.HAND: gettext_lazy("linked by hand"),
}


class Filters(forms.Form):
    """What the list can be narrowed by."""

    q = forms.CharField(
        label=gettext_lazy("Search"),
        required=False,
        help_text=gettext_lazy("A name, an e-mail address, an account name or your own reference."),
    )
    since = forms.DateField(
        label=gettext_lazy("Active since"), required=False, widget=forms.DateInput({"type": "date"})
    )


class Merge(forms.Form):
    """Who else it is."""

    other = forms.CharField(
        label=gettext_lazy("The other learner"),
        help_text=gettext_lazy(
            "An e-mail address or account name of the other one. All that is theirs becomes this learner's."
        ),
    )


class Split(forms.Form):
    """What is somebody else's."""

    identifiers = forms.MultipleChoiceField(
        label=gettext_lazy("Identifiers of somebody else"), widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any, rows: list[Identity]) -> None:
        super().__init__(data)
        self.fields["identifiers"].choices = [(row.identifier, names.short(row.identifier)) for row in rows]  # type: ignore[attr-defined]


class Undo(forms.Form):
    """Which operation."""

    operation = forms.UUIDField(widget=forms.HiddenInput)


@admin.register(Person)
class PersonAdmin(Page):
    acts = {
        "merge": "statements.change_person",
        "split": "statements.change_person",
        "undo": "statements.change_person",
    }
    views = ("download",)

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Learners by their last activity; with a search, those who are meant."""
        looked = looked_at(request)
        store = looked.store.pk
        form = Filters(request.GET)
        form.is_valid()
        if query := form.cleaned_data.get("q", "").strip():
            persons = _find(store, query)
            part = keyset.Part(persons[:_MOST_FOUND])
            note = (
                _("Only the first %(number)d are shown.") % {"number": _MOST_FOUND}
                if len(persons) > _MOST_FOUND
                else ""
            )
        else:
            rows, since = _newest(store), form.cleaned_data.get("since")
            if since:
                rows = rows.filter(last_activity__gte=datetime.combine(since, time.min, UTC))
            newest = keyset.part(request, rows, ("last_activity", "key"))
            part = keyset.Part([row.person for row in newest.rows], newest.newer, newest.older)
            note = ""
        listing = Listing(
            caption=TITLE,
            columns=(
                Column(_("Learner")),
                Column(_("Known as"), "wide"),
                Column(_("Activities"), "number"),
                Column(_("Completed"), "number"),
                Column(_("Last active"), "time"),
            ),
            rows=_rows(store, list(part.rows)),
            newer=part.newer,
            older=part.older,
            form=form,
            note=note,
            empty=_("Nobody is known by this.")
            if query
            else _("Nobody yet: learners appear when statements about them come in."),
        )
        return self.render(request, "records/list.html", TITLE, looked=looked, listing=listing)

    def one_page(self, request: HttpRequest, key: str) -> HttpResponse:
        """One learner: identifiers, where they stand with everything, what happened lately."""
        person = _get(key)
        look_at(request, person.store)
        known = sources.of(person.store)
        identities = people.identities(person.store, person.pk)
        standings = list(
            Progress.objects.filter(store=person.store, person=person.pk).order_by("-last_activity", "-key")[
                : _MOST_STANDINGS + 1
            ]
        )
        found = _timeline(person, identities, _TIMELINE)
        told = names.of(person.store, found)
        things = names.named(person.store, things={row.activity for row in standings})
        may = self.may(request, "merge")
        return self.render(
            request,
            "records/person.html",
            _called(person, identities),
            subtitle=person.reference,
            trail=(Link(TITLE, address(Person)),),
            person=person,
            identities=[
                (names.short(row.identifier), row, _HOW.get(Identity.How(row.how), row.how)) for row in identities
            ],
            numbers=_numbers(standings),
            more_standings=len(standings) > _MOST_STANDINGS,
            sections=_sections(standings[:_MOST_STANDINGS], things, known),
            timeline=[
                (row, sentence.of(row, told, sources.name(known, row.credential)), address(Statement, "change", row.pk))
                for row in found
            ],
            all_url=address(Statement, learner=names.short(identities[0].identifier)) if identities else "",
            history=_history(self, request, person) if may else [],
            merge=self._merge_button(person) if may else None,
            split=self._split_button(person, identities) if may and len(identities) > 1 else None,
            download_url=address(Person, "download", person.pk),
            more=self.more(request, person),
        )

    def more(self, request: HttpRequest, person: Person) -> list[Button]:
        """What else may be done with a learner; who adds something gives the button here."""
        return []

    def _merge_button(self, person: Person) -> Button:
        help = _("Two learners who are one: statements stay as they are, progress is put together. It can be undone.")
        return Button(
            _("Merge with another"), address(Person, "merge", person.pk), Merge(), help=help, confirm=_("Merge")
        )

    def _split_button(self, person: Person, identities: list[Identity]) -> Button:
        help = _("What is chosen becomes a learner of its own. It can be undone.")
        return Button(_("Split"), address(Person, "split", person.pk), Split(None, identities), help=help)

    def merge(self, request: HttpRequest, key: str) -> HttpResponse:
        """Make all that another is known by this learner's."""
        from statements.admin.statements import Nobody, learner_keys

        person = _get(key)
        here = address(Person, "change", person.pk)
        form = Merge(request.POST)
        if not form.is_valid():
            return self.done(request, _("Say who the other one is."), here, good=False)
        try:
            others = learner_keys(person.store, form.cleaned_data["other"].strip())
            other = Identity.objects.values_list("person", flat=True).get(pk=others[0])
            if other == person.pk:
                return self.done(request, _("That is this learner already."), here, good=False)
            done = people.merge(person.store, person.pk, [other], by=user_name(request))
        except (Nobody, PeopleError) as problem:
            return self.done(request, problem, here, good=False)
        return self._moved(request, "merge", person, done, _("The two learners are one now."))

    def split(self, request: HttpRequest, key: str) -> HttpResponse:
        """Make some identifiers a learner of their own."""
        person = _get(key)
        here = address(Person, "change", person.pk)
        identities = people.identities(person.store, person.pk)
        form = Split(request.POST, identities)
        if not form.is_valid():
            return self.done(request, _("Choose what is somebody else's."), here, good=False)
        chosen = form.cleaned_data["identifiers"]
        if len(chosen) == len(identities):
            return self.done(request, _("At least one identifier stays."), here, good=False)
        try:
            done = people.split(person.store, person.pk, chosen, by=user_name(request))
        except PeopleError as problem:
            return self.done(request, problem, here, good=False)
        return self._moved(request, "split", person, done, _("They are two learners now."))

    def undo(self, request: HttpRequest, key: str) -> HttpResponse:
        """Take an operation back."""
        person = _get(key)
        form = Undo(request.POST)
        if not form.is_valid():
            raise Http404
        try:
            done = people.undo(person.store, form.cleaned_data["operation"], by=user_name(request))
        except PeopleError as problem:
            return self.done(request, problem, address(Person, "change", person.pk), good=False)
        return self._moved(request, "undo", person, done, _("It is as it was before."))

    def _moved(self, request: HttpRequest, what: str, person: Person, done: people.Done, said: str) -> HttpResponse:
        identities = people.identities(person.store, person.pk)
        journal.note(
            what,
            journal.thing(person, _called(person, identities)),
            by=user_name(request),
            before={"moved": []},
            after={"moved": list(done.moved), "to": str(done.person), "operation": str(done.operation)},
        )
        return self.done(request, said, address(Person, "change", person.pk if identities else done.person))

    def download(self, request: HttpRequest, key: str) -> StreamingHttpResponse:
        """Everything about a person as JSON: who they are, where they stand, every statement."""
        person = _get(key)
        journal.note("download", journal.thing(person), by=user_name(request))
        response = StreamingHttpResponse(_everything(person), content_type="application/json")
        response.headers["Content-Disposition"] = f'attachment; filename="person-{person.pk}.json"'
        return response


def _get(key: str) -> Person:
    try:
        person = Person.objects.filter(pk=UUID(key)).first()
    except ValueError:
        person = None
    if person is None:
        raise Http404
    return person


def _called(person: Person, identities: list[Identity]) -> str:
    if person.name or not identities:
        return person.name or person.reference or str(person.pk)
    return names.short(identities[0].identifier)


def _newest(store: int):  # type: ignore[no-untyped-def]
    """The newest progress of each person: what the list walks."""
    newer = Progress.objects.filter(store=OuterRef("store"), person=OuterRef("person")).filter(
        Q(last_activity__gt=OuterRef("last_activity"))
        | Q(last_activity=OuterRef("last_activity"), key__gt=OuterRef("key"))
    )
    return Progress.objects.filter(~Exists(newer), store=store).only("key", "person", "last_activity")


def _find(store: int, words: str) -> list[UUID]:
    """People by name, reference or identifier; one more than is shown."""
    most = _MOST_FOUND + 1
    named = Person.objects.filter(Q(name__icontains=words) | Q(reference=words), store=store).values_list(
        "key", flat=True
    )
    known = Identity.objects.filter(store=store, identifier__icontains=words).values_list("person", flat=True)
    found = dict.fromkeys([*known[:most], *named[:most]])
    alive = set(Identity.objects.filter(store=store, person__in=found).values_list("person", flat=True))
    return [key for key in found if key in alive][:most]


def _rows(store: int, keys: list[UUID]) -> list[Row]:
    persons = {row.pk: row for row in Person.objects.filter(store=store, key__in=keys)}
    identities: dict[UUID, list[Identity]] = {}
    for row in Identity.objects.filter(store=store, person__in=keys).order_by("since", "identifier"):
        identities.setdefault(row.person, []).append(row)
    counted = {
        row["person"]: row
        for row in Progress.objects.filter(store=store, person__in=keys)
        .values("person")
        .annotate(all=Count("key"), completed=Count("key", filter=Q(status__in=_DONE)), last=Max("last_activity"))
    }
    rows = []
    for key in keys:
        if key not in persons:
            continue
        own = identities.get(key, [])
        numbers: Any = counted.get(key, {"all": 0, "completed": 0, "last": None})
        known = ", ".join(names.short(row.identifier) for row in own[:2]) + (
            "" if len(own) < 3 else f" +{len(own) - 2}"
        )
        cells = (_called(persons[key], own), known, numbers["all"], numbers["completed"], ago(numbers["last"]))
        rows.append(Row(address(Person, "change", key), cells))
    return rows


def _numbers(standings: list[Progress]) -> dict[str, int]:
    return {
        "all": len(standings),
        "completed": sum(row.status in _DONE for row in standings),
        "running": sum(row.status == Status.IN_PROGRESS for row in standings),
        "failed": sum(row.status == Status.FAILED for row in standings),
    }


def _sections(standings: list[Progress], things: names.Names, known: dict[int, sources.Source]) -> list[dict[str, Any]]:
    """Where they stand, by kind of activity."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for row in standings:
        by_kind.setdefault(row.kind if row.kind in _KINDS else "", []).append(
            {
                "row": row,
                "name": things.activity(row.activity) or str(row.activity),
                "url": address(Activity, "change", row.activity),
                "percent": _percent(row),
                "again": _again(row),
                "status": sentence.status(row.status),
                "source": sources.name(known, row.credential) or row.platform or "",
            }
        )
    titles = {
        "course": _("Courses"),
        "learning_path": _("Learning paths"),
        "certification": _("Certifications"),
        "webinar": _("Webinars"),
        "": _("Everything else"),
    }
    return [{"title": title, "rows": by_kind[kind]} for kind, title in titles.items() if kind in by_kind]


def _percent(row: Progress) -> float:
    """How long the bar is: who has completed something is through, even where it was begun again since."""
    return 100.0 if row.status in _DONE else row.progress or 0.0


def _again(row: Progress) -> str:
    """How far somebody is who was through already."""
    begun_again = row.status in _DONE and row.progress is not None and row.progress < 100
    return _("begun again: %(percent)s") % {"percent": sentence.percent(row.progress)} if begun_again else ""


def _timeline(person: Person, identities: list[Identity], amount: int) -> list[Statement]:
    if not identities:
        return []
    keys = tuple(row.pk for row in identities)
    found = search.find(Wanted(person.store, (Mentioned(keys, (Role.AGENT,)),), voided=False), amount).rows
    return sorted(found, key=lambda row: row.timestamp, reverse=True)


def _history(page: Page, request: HttpRequest, person: Person) -> list[dict[str, Any]]:
    links = people.history(person.store, person.pk)[:_MOST_HISTORY]
    first: dict[UUID, Any] = {}
    for link in links:
        first.setdefault(link.operation, link)
    return [
        {
            "link": link,
            "what": names.short(link.identifier),
            "gained": link.after == person.pk,
            "undo": first[link.operation] is link and link.how == Identity.How.HAND,
            "url": address(Person, "undo", person.pk),
        }
        for link in links
    ]


def _everything(person: Person) -> Iterator[bytes]:
    """The download, a piece at a time."""
    identities = people.identities(person.store, person.pk)
    head = {
        "person": {"key": str(person.pk), "name": person.name, "reference": person.reference},
        "exported": timezone.now().isoformat(),
        "identifiers": [
            {"identifier": row.identifier, "how": row.how, "by": row.by, "since": row.since.isoformat()}
            for row in identities
        ],
        "progress": list(_standings(person)),
    }
    yield json.dumps(head, default=str, indent=1)[:-2].encode() + b',\n "statements": [\n'
    keys = tuple(row.pk for row in identities)
    spot, between = None, b""
    while keys:
        found = search.find(Wanted(person.store, (Mentioned(keys, (Role.AGENT, Role.RELATED_AGENT)),)), _CHUNK, spot)
        texts = dict(
            Statement.objects.filter(store=person.store, key__in=[row.pk for row in found.rows]).values_list(
                "key", "text"
            )
        )
        whole = {
            row.pk: row
            for row in Statement.objects.filter(store=person.store, key__in=texts).only("stored", "timestamp_given")
        }
        for row in found.rows:
            yield between + formats.exact(texts[row.pk].encode(), row.stored, whole[row.pk].timestamp_given)
            between = b",\n"
        if len(found.rows) < _CHUNK and found.reached is None:
            break
        spot = found.reached or search.Spot(found.rows[-1].stored, found.rows[-1].pk)
    yield b"\n]}\n"


def _standings(person: Person) -> Iterator[dict[str, Any]]:
    rows = list(Progress.objects.filter(store=person.store, person=person.pk).order_by("first_seen"))
    iris = dict(
        Activity.objects.filter(store=person.store, key__in={row.activity for row in rows}).values_list("key", "iri")
    )
    for row in rows:
        told = {field.name: field.value_from_object(row) for field in row._meta.concrete_fields}
        yield {**told, "activity": iris.get(row.activity, str(row.activity))}
