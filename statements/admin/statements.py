"""Statements: the list with its filters, and the page of one of them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID, uuid4

import orjson
from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from statements import attachments as contents
from statements import journal, keys
from statements.admin import keyset, names, search, sentence, sources
from statements.admin.acts import Button, Reason
from statements.admin.listing import Column, Listing, Row
from statements.admin.page import Link, Page, address, look_at, looked_at, user_name
from statements.admin.search import Mentioned, Spot, Wanted
from statements.entry import VOIDED, Tenant
from statements.errors import StatementError
from statements.ingest import Source, ingest
from statements.models import (
    Activity,
    Finding,
    Identity,
    Person,
    Provenance,
    Retry,
    Statement,
    Store,
    Verb,
)
from statements.templatetags.records import ago
from statements.xapi import formats, text
from statements.xapi.attachments import wanted as attachments_of
from statements.xapi.roles import Role
from statements.xapi.signature import USAGE as SIGNATURE
from statements.xapi.text import Given
from statements.xapi.versions import Version

TITLE = gettext_lazy("Statements")
_SUBJECT = (Role.AGENT,)
_ABOUT = (Role.ACTIVITY, Role.RELATED_ACTIVITY)
_MOST_VERBS = 200
_MOST_REFERRING = 20
_MOST_MATCHES = 20


class Filters(forms.Form):
    """What the list can be narrowed by."""

    q = forms.CharField(
        label=gettext_lazy("Search"),
        required=False,
        help_text=gettext_lazy(
            "A statement's id, an e-mail address or account name, the IRI of an activity or a verb, or a name."
        ),
    )
    source = forms.TypedChoiceField(label=gettext_lazy("Source"), required=False, coerce=int, empty_value=None)
    verb = forms.ChoiceField(label=gettext_lazy("Verb"), required=False)
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"), required=False, choices=[("", gettext_lazy("any")), *sentence.KINDS.items()]
    )
    learner = forms.CharField(
        label=gettext_lazy("Learner"), required=False, help_text=gettext_lazy("E-mail address or account name")
    )
    activity = forms.CharField(label=gettext_lazy("Activity"), required=False, help_text=gettext_lazy("Its IRI"))
    since = forms.DateField(
        label=gettext_lazy("Stored since"), required=False, widget=forms.DateInput({"type": "date"})
    )
    until = forms.DateField(
        label=gettext_lazy("Stored until"), required=False, widget=forms.DateInput({"type": "date"})
    )
    completed = forms.ChoiceField(
        label=gettext_lazy("Completion"),
        required=False,
        choices=[("", gettext_lazy("any")), ("yes", gettext_lazy("completed")), ("no", gettext_lazy("not completed"))],
    )
    findings = forms.ChoiceField(
        label=gettext_lazy("Findings"),
        required=False,
        choices=[("", gettext_lazy("any")), ("yes", gettext_lazy("with findings"))],
    )
    voided = forms.ChoiceField(
        label=gettext_lazy("Voided"),
        required=False,
        choices=[("", gettext_lazy("any")), ("yes", gettext_lazy("voided")), ("no", gettext_lazy("not voided"))],
    )

    def __init__(self, data: Any, *, known: dict[int, sources.Source], verbs: Sequence[tuple[str, str]]) -> None:
        super().__init__(data)
        anything = ("", _("any"))
        self.fields["source"].choices = [anything, *((one.credential, one.name) for one in known.values())]  # type: ignore[attr-defined]
        self.fields["verb"].choices = [anything, *verbs]  # type: ignore[attr-defined]


class Nobody(Exception):
    """A filter names somebody or something that is not known here; the text is a sentence."""


@admin.register(Statement)
class StatementAdmin(Page):
    acts = {"void": "statements.change_statement"}
    views = ("attachment",)

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Statements, newest first."""
        looked = looked_at(request)
        store = looked.store.pk
        known = sources.of(store)
        asked = request.GET.copy()
        form = Filters(asked, known=known, verbs=_verbs(store))
        form.is_valid()
        note, matches = "", None
        if query := form.cleaned_data.get("q", "").strip():
            direct = _statement(looked.store, query)
            if direct is not None:
                return HttpResponseRedirect(address(Statement, "change", direct))
        try:
            wanted = _wanted(store, form.cleaned_data, query, known)
            place = _spot(keyset.asked(request))
            older = request.GET.get("newer") is None
            found = search.find(wanted, keyset.AMOUNT + 1, place, older=older)
        except Nobody as nobody:
            note, found, matches = str(nobody), search.Found([], None), _named(store, query)
        except StatementError as problem:
            note, found = str(problem), search.Found([], None)
        part = keyset.cut(
            request, found.rows, keyset.asked(request), keyset.AMOUNT, lambda row: keyset.text(row.stored, row.key)
        )
        older_url = part.older
        if found.reached is not None and not part.older:
            older_url = keyset.query(request, older=keyset.text(found.reached.stored, found.reached.key))
            note = _("Looked back to %(time)s so far; “Older” goes on from there.") % {
                "time": f"{found.reached.stored:%Y-%m-%d %H:%M} UTC"
            }
        told = names.of(store, part.rows)
        flagged = set(
            Finding.objects.filter(store=store, statement__in=[row.pk for row in part.rows]).values_list(
                "statement", flat=True
            )
        )
        listing = Listing(
            caption=TITLE,
            columns=(
                Column(_("Statement"), "wide"),
                Column(_("Kind"), "word"),
                Column(_("Progress"), "number"),
                Column(_("Source")),
                Column(_("Stored"), "time"),
                Column(_("Remarks"), "words"),
            ),
            rows=[_row(row, told, known, row.pk in flagged) for row in part.rows],
            newer=part.newer,
            older=older_url,
            form=form,
            note=note,
            empty=_("No statement fits. Statements come in at the xAPI endpoint; each sender needs a credential."),
        )
        return self.render(request, "records/statements.html", TITLE, looked=looked, listing=listing, matches=matches)

    def one_page(self, request: HttpRequest, key: str) -> HttpResponse:
        """One statement: its sentence, JSON, references, attachments, provenance, findings."""
        row = _get(key)
        look_at(request, row.store)
        known = sources.of(row.store)
        source = known.get(row.credential or 0)
        store = Store.objects.get(pk=row.store)
        referring = list(
            Statement.objects.filter(store=row.store, target=row.pk).defer("text").order_by("-stored")[:_MOST_REFERRING]
        )
        target = Statement.objects.filter(store=row.store, pk=row.target).defer("text").first() if row.target else None
        about = [row, *referring, *([target] if target else [])]
        told = names.of(row.store, about)
        value = text.read(row.text.encode())
        exact = formats.exact(row.text.encode(), row.stored, row.timestamp_given)
        provenance = Provenance.objects.filter(store=row.store, statement=row.pk).first()
        person = told.people.get(row.actor) if row.actor else None
        return self.render(
            request,
            "records/statement.html",
            _("Statement"),
            trail=(Link(TITLE, address(Statement)),),
            row=row,
            store=store,
            sentence=sentence.of(row, told, sources.name(known, row.credential)),
            json=pretty(exact),
            source_url=source.url if source and request.user.has_perm(source.permission) else "",
            source_name=sources.name(known, row.credential),
            person_url=address(Person, "change", person) if person else "",
            person_name=told.agent(row.actor),
            activity_url=address(Activity, "change", row.object) if row.object in told.activities else "",
            activity_name=told.activity(row.object),
            verb_iri=value["verb"]["id"],
            kind=sentence.kind(row.kind),
            progress=sentence.percent(row.progress),
            target=_reference(target, told, known) if target else None,
            referring=[_reference(one, told, known) for one in referring],
            attachments=_attachments(row, value),
            provenance=provenance,
            original=pretty(provenance.original.encode()) if provenance else "",
            repairs=json.loads(provenance.repairs) if provenance else [],
            findings=list(Finding.objects.filter(store=row.store, statement=row.pk).order_by("number")),
            retry=Retry.objects.filter(store=row.store, statement=row.pk).first(),
            void=self._button(request, row, value),
        )

    def _button(self, request: HttpRequest, row: Statement, value: dict[str, Any]) -> Button | None:
        if row.voided or value["verb"]["id"] == VOIDED or not self.may(request, "void"):
            return None
        return Button(
            _("Void"),
            address(Statement, "void", row.pk),
            Reason(),
            danger=True,
            help=_(
                "Voiding says that it never was so. It cannot be taken back. The statement can still be read by its id."
            ),
            confirm=_("Void this statement"),
        )

    def void(self, request: HttpRequest, key: str) -> HttpResponse:
        """Send a statement that voids this one, through the same door as everybody's."""
        row = _get(key)
        here = address(Statement, "change", row.pk)
        form = Reason(request.POST)
        if not form.is_valid():
            return self.done(request, _("Say why, so that others understand it later."), here, good=False)
        reason = form.cleaned_data["reason"]
        agent = {"objectType": "Agent", "account": {"homePage": settings.LRS_PUBLIC_URL, "name": user_name(request)}}
        voiding = {
            "id": str(uuid4()),
            "actor": agent,
            "verb": {"id": VOIDED, "display": {"en": "voided"}},
            "object": {"objectType": "StatementRef", "id": str(row.id)},
            "result": {"response": reason},
        }
        store = Store.objects.get(pk=row.store)
        source = Source(Tenant(store.pk, store.namespace.bytes), None, orjson.dumps(agent))
        try:
            (id,) = ingest([Given(orjson.dumps(voiding), voiding, "")], source=source, version=Version.V1)
        except StatementError as problem:
            return self.done(request, problem, here, good=False)
        journal.note(
            "void",
            journal.thing(row),
            by=user_name(request),
            before={"voided": row.voided},
            after={"voided": True, "by statement": id},
            reason=reason,
        )
        return self.done(request, _("The statement is voided."), here)

    def attachment(self, request: HttpRequest, key: str) -> FileResponse:
        """The data of an attachment, always as a download: it may be anything."""
        row = _get(key)
        sha2 = request.GET.get("sha2", "").lower()
        value = text.read(row.text.encode())
        if sha2 not in {one.sha2 for one in attachments_of(value, "")}:
            raise Http404
        found = contents.find(row.store, [sha2]).get(sha2)
        if found is None:
            raise Http404
        return FileResponse(
            contents.open_data(found), as_attachment=True, filename=sha2[:16], content_type="application/octet-stream"
        )


def pretty(json_text: bytes) -> str:
    """JSON text with a line for each value; numbers and everything else spelled as they are."""
    return _indented(json_text.decode())


def _indented(given: str) -> str:
    """The text with line breaks put in outside of strings, so that every token stays as it was."""
    out: list[str] = []
    depth, within, escaped = 0, False, False
    for number, sign in enumerate(given):
        if within:
            out.append(sign)
            within, escaped = (sign != '"' or escaped), (sign == "\\" and not escaped)
            continue
        if sign == '"':
            within = True
            out.append(sign)
        elif sign in "{[":
            depth += 1
            empty = given[number + 1 :].lstrip()[:1] in ("}", "]")
            out.append(sign if empty else sign + "\n" + "  " * depth)
        elif sign in "}]":
            depth -= 1
            out.append(sign if out and out[-1] in ("{", "[") else "\n" + "  " * depth + sign)
        elif sign == ",":
            out.append(",\n" + "  " * depth)
        elif sign == ":":
            out.append(": ")
        elif not sign.isspace():
            out.append(sign)
    return "".join(out)


def _get(key: str) -> Statement:
    try:
        row = Statement.objects.filter(pk=UUID(key)).first()
    except ValueError:
        row = None
    if row is None:
        raise Http404
    return row


def _row(row: Statement, told: names.Names, known: dict[int, sources.Source], flagged: bool) -> Row:
    remarks = [
        word
        for word, said in ((_("voided"), row.voided), (_("with findings"), flagged), (_("attachment"), row.attachments))
        if said
    ]
    return Row(
        address(Statement, "change", row.pk),
        (
            sentence.of(row, told),
            sentence.kind(row.kind),
            sentence.percent(row.progress),
            sources.name(known, row.credential),
            ago(row.stored),
            ", ".join(remarks),
        ),
        tone="muted" if row.voided else "",
    )


def _reference(row: Statement, told: names.Names, known: dict[int, sources.Source]) -> dict[str, Any]:
    return {
        "url": address(Statement, "change", row.pk),
        "sentence": sentence.of(row, told, sources.name(known, row.credential)),
        "row": row,
    }


def _attachments(row: Statement, value: dict[str, Any]) -> list[dict[str, Any]]:
    if not row.attachments:
        return []
    named = list(attachments_of(value, ""))
    kept = contents.find(row.store, {one.sha2 for one in named})
    return [
        {
            "name": _name_of(value, one.at) or one.content_type,
            "usage": one.usage_type,
            "signature": one.usage_type == SIGNATURE,
            "type": one.content_type,
            "length": kept[one.sha2].length if one.sha2 in kept else None,
            "url": address(Statement, "attachment", row.pk, sha2=one.sha2) if one.sha2 in kept else "",
        }
        for one in named
    ]


def _name_of(value: dict[str, Any], at: str) -> str:
    """What the statement calls the attachment at this pointer, in whichever language it does."""
    found: Any = value
    for part in at.split("/")[1:]:
        found = found[int(part)] if isinstance(found, list) else found[part]
    return str(next(iter(found.get("display", {}).values()), ""))


# --- what is asked


def _verbs(store: int) -> list[tuple[str, str]]:
    rows = Verb.objects.filter(store=store).order_by("name", "iri").values_list("key", "name", "iri")[:_MOST_VERBS]
    return [(key.hex, sentence.verb(name) or iri) for key, name, iri in rows]


def _statement(store: Store, query: str) -> UUID | None:
    try:
        UUID(query)
    except ValueError:
        return None
    key = keys.statement(store.namespace.bytes, query)
    return Statement.objects.filter(store=store.pk, pk=key).values_list("key", flat=True).first()


def _wanted(store: int, asked: dict[str, Any], query: str, known: dict[int, sources.Source]) -> Wanted:
    mentioned = []
    if learner := asked.get("learner", "").strip():
        mentioned.append(Mentioned(learner_keys(store, learner), _SUBJECT))
    if activity := asked.get("activity", "").strip():
        mentioned.append(Mentioned((keys.thing(store, "activity", activity),), _ABOUT))
    if query:
        mentioned.append(_asked_for(store, query))
    if asked.get("verb"):
        mentioned.append(Mentioned((asked["verb"],), (Role.VERB,)))
    credential = asked.get("source")
    if credential and not mentioned and known[credential].authority:
        # Every statement mentions its authority: a range of one index instead of a look at everybody's.
        mentioned.append(Mentioned((keys.thing(store, "agent", known[credential].authority),), (Role.RELATED_AGENT,)))
    return Wanted(
        store,
        tuple(mentioned),
        credential=credential,
        kind=asked.get("kind", ""),
        completed=_YES_NO.get(asked.get("completed", "")),
        voided=_YES_NO.get(asked.get("voided", "")),
        findings=asked.get("findings") == "yes",
        since=asked.get("since") and datetime.combine(asked["since"], time.min, UTC),
        until=asked.get("until") and datetime.combine(asked["until"], time.max, UTC),
    )


_YES_NO = {"yes": True, "no": False}


def _asked_for(store: int, query: str) -> Mentioned:
    """What the words in the search are: an IRI of an activity or a verb, or somebody."""
    if "://" in query:
        verb = (
            Verb.objects.filter(store=store, pk=keys.thing(store, "verb", query)).values_list("key", flat=True).first()
        )
        if verb is not None:
            return Mentioned((verb,), (Role.VERB,))
        return Mentioned((keys.thing(store, "activity", query),), _ABOUT)
    return Mentioned(learner_keys(store, query), _SUBJECT)


def learner_keys(store: int, words: str) -> tuple[UUID, ...]:
    """The keys of all identifiers of the person who is meant. Raises Nobody, also for more than one."""
    found = list(_identities(store, words)[:2])
    if not found:
        raise Nobody(_("Nobody is known as “%(words)s”.") % {"words": words})
    people = {row.person for row in found}
    if len(people) > 1:
        raise Nobody(_("Several people could be meant by “%(words)s”; choose one.") % {"words": words})
    return tuple(Identity.objects.filter(store=store, person=people.pop()).values_list("key", flat=True))


def _identities(store: int, words: str):  # type: ignore[no-untyped-def]
    rows = Identity.objects.filter(store=store).order_by("key")
    mail = words.removeprefix("mailto:")
    exact = [
        f"{kind}{form}"
        for kind in ("", "Agent ")
        for form in (f"mbox mailto:{mail}", f"mbox mailto:{mail.lower()}", f"openid {words}")
    ]
    direct = rows.filter(key__in=[keys.thing(store, "agent", one) for one in exact])
    if direct.exists():
        return direct
    return rows.filter(identifier__endswith=f" {words}")


def _named(store: int, words: str) -> dict[str, list[Link]]:
    """People and activities whose names have these words, to choose from."""
    if not words:
        return {}
    people = Person.objects.filter(store=store, name__icontains=words)[:_MOST_MATCHES]
    known = Identity.objects.filter(store=store, identifier__icontains=words)[:_MOST_MATCHES]
    activities = Activity.objects.filter(store=store, name__icontains=words).defer("definition")[:_MOST_MATCHES]
    links = {row.pk: Link(row.name, address(Person, "change", row.pk)) for row in people}
    links |= {
        row.person: Link(names.short(row.identifier), address(Person, "change", row.person))
        for row in known
        if row.person not in links
    }
    return {
        "people": list(links.values()),
        "activities": [Link(row.name, address(Activity, "change", row.pk)) for row in activities],
    }


def _spot(place: keyset.Place | None) -> Spot | None:
    if place is None or len(place.values) != 2:
        return None
    try:
        return Spot(datetime.fromisoformat(place.values[0]), UUID(place.values[1]))
    except ValueError:
        return None
