"""Quarantine: what was refused and why; mend it with a repair or by hand, send it once more, or dismiss it."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from lrs import credentials, quarantine, replay
from lrs.admin.marked import mark
from lrs.admin.repairs import WORDS
from lrs.admin.tasks import begin
from lrs.background import REPLAY
from lrs.credentials import CredentialError
from lrs.models import Credential, Refusal, RefusalKind
from lrs.quarantine import QuarantineError
from statements import journal
from statements.admin import keyset
from statements.admin.acts import Button, Sure
from statements.admin.listing import Column, Listing, Row
from statements.admin.page import Link, Page, Text, address, look_at, looked_at, user_name
from statements.admin.statements import pretty
from statements.errors import StatementError
from statements.models import Statement
from statements.profiles.repairs import RELATIVE_ID, REPAIRS, apply
from statements.templatetags.records import ago
from statements.xapi import text

log = logging.getLogger(__name__)

TITLE = gettext_lazy("Quarantine")
STATES = {
    Refusal.State.OPEN: gettext_lazy("open"),
    Refusal.State.REPLAYED: gettext_lazy("replayed"),
    Refusal.State.DISMISSED: gettext_lazy("dismissed"),
}
_TONES = {Refusal.State.OPEN: "r-bad", Refusal.State.REPLAYED: "r-good", Refusal.State.DISMISSED: ""}
# What the list of reasons can be narrowed to.
_OPEN, _DISMISSED = Refusal.State.OPEN, Refusal.State.DISMISSED
_MOST_SENDERS = 200
# What rules mean to somebody who has not read the standard; the sentence of the answer says the rest.
_MEANINGS: Mapping[str, Text] = {
    "json": gettext_lazy("What was sent is no JSON: it was cut off, or something else was sent by mistake."),
    "utf-8": gettext_lazy("What was sent is not in the encoding UTF-8, which JSON has to be in."),
    "duplicate-key": gettext_lazy("A property stands twice in one object; which one is meant is not known."),
    "type": gettext_lazy(
        "Something stands there as another kind of value than xAPI asks for, such as text for a number."
    ),
    "required": gettext_lazy("Something is missing that every statement must have."),
    "conflict": gettext_lazy("A statement with the same id is kept already and says something else."),
    "version": gettext_lazy(
        "The request names no version of xAPI, or an unknown one. A default version can be set at the credential."
    ),
    "content-type": gettext_lazy("The request does not say that it carries JSON."),
    "forbidden": gettext_lazy("The credential may not do this. What it may is said at the credential."),
    "not-found": gettext_lazy("There is nothing at this address, or nothing that this credential may see."),
    "method-not-allowed": gettext_lazy("This address does not know this method."),
    "too-large": gettext_lazy("The request is larger than is allowed (LRS_MAX_BODY)."),
    "unsupported-media-type": gettext_lazy("The body is compressed, which is not taken here."),
    "unknown-parameter": gettext_lazy("The address has a parameter that xAPI does not know."),
    "null": gettext_lazy("There is nothing (null) where something must stand. Left out altogether, it would be right."),
    "range": gettext_lazy("A number is too small or too large: a scaled score, for one, is between -1 and 1."),
    "value": gettext_lazy("Only certain words may stand there, and this is none of them."),
    "unknown-property": gettext_lazy("xAPI knows no such property there. Own ones belong into extensions."),
    "timestamp": gettext_lazy("A date and time is not written as xAPI asks for, such as 2025-01-15T09:30:00Z."),
    "duration": gettext_lazy("A duration is not written as xAPI asks for, such as PT1H30M."),
    "mailto": gettext_lazy("An e-mail address has to be written with mailto: in front."),
    "iri": gettext_lazy("An id has to be a whole address or name with its scheme, such as https://..."),
    "uuid": gettext_lazy("An id of a statement or a registration is no UUID."),
    "language-tag": gettext_lazy("A text is not labelled with its language, such as en-US."),
    "version-1": gettext_lazy("The statement names another version of xAPI than the request."),
    "attachment-missing": gettext_lazy("A file is announced that did not come along."),
    "attachment-surplus": gettext_lazy("A file came along that no statement announces."),
    "attachment-hash": gettext_lazy("A file is not the one that is announced: its hash is another."),
    "identifier": gettext_lazy("Somebody is named in none, or in more than one, of the ways that xAPI has."),
    "internal": gettext_lazy("Something went wrong here, not at the sender. The service's log says more."),
}
# A repair is tried on so many of the newest requests, and on none that are larger.
_TRIED = 10
_LARGEST_TRIED = 256 * 1024
# What a form can carry is edited here; more by `manage.py quarantine edit`.
_LARGEST_EDITED = 512 * 1024
_MOST_IDS = 20
_TRYING_BASE = "https://base.example/"


class _Kinds(forms.Form):
    """Which reasons."""

    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[("", gettext_lazy("any")), *((each.value, STATES[each]) for each in (_OPEN, _DISMISSED))],
    )
    credential = forms.TypedChoiceField(label=gettext_lazy("Credential"), required=False, coerce=int, empty_value=None)

    def __init__(self, request: HttpRequest, senders: Sequence[tuple[int, str]]) -> None:
        super().__init__(request.GET)
        self.fields["credential"].choices = [("", _("any")), *senders]  # type: ignore[attr-defined]


class _States(forms.Form):
    state = forms.ChoiceField(
        label=gettext_lazy("State"), required=False, choices=[("", gettext_lazy("any")), *STATES.items()]
    )


class _Switch(forms.Form):
    """The repair that is switched on, and the base that one of them needs."""

    repair = forms.ChoiceField(choices=[(name, name) for name in REPAIRS], widget=forms.HiddenInput)
    base = forms.URLField(
        label=gettext_lazy("Address in front of an id that is no IRI"),
        required=False,
        max_length=500,
        assume_scheme="https",
    )


class _Body(forms.Form):
    body = forms.CharField(
        label=gettext_lazy("Body"),
        strip=False,
        required=False,
        widget=forms.Textarea({"rows": 16, "spellcheck": "false", "class": "r-json"}),
        help_text=gettext_lazy("The original stays beside it."),
    )


class Suitable(NamedTuple):
    """A repair that would change so many of the requests that it was tried on."""

    name: str
    sentence: str
    changes: int
    tried: int


@admin.register(RefusalKind)
class KindAdmin(Page):
    # To switch a repair on is part of looking after the quarantine, which operators do without being able to make
    # credentials or to see to their secrets.
    acts = {
        "repair": "lrs.change_refusalkind",
        "replay": "lrs.change_refusalkind",
        "dismiss": "lrs.change_refusalkind",
        "reopen": "lrs.change_refusalkind",
    }

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Why requests were refused, the newest reason first."""
        looked = looked_at(request)
        form = _Kinds(request, _senders(looked.store.pk))
        part = keyset.part(request, _asked_for(form, quarantine.kinds(store=looked.store.pk)), ("last", "id"))
        left = quarantine.open_by_kind([kind.pk for kind in part.rows])
        listing = Listing(
            caption=TITLE,
            columns=(
                Column(_("Reason"), "broad"),
                Column(_("Rule and place")),
                Column(_("Credential")),
                Column(_("Requests"), "number"),
                Column(_("Last"), "time"),
                Column(_("State"), "word"),
            ),
            rows=[
                Row(
                    address(RefusalKind, "change", kind.pk),
                    (
                        _short(kind.sentence),
                        _short(kind.what, 120),
                        kind.credential.name,
                        kind.count,
                        ago(kind.last),
                        _state(kind, left.get(kind.pk, 0)),
                    ),
                    tone="bad" if left.get(kind.pk) and not kind.dismissed else "",
                )
                for kind in part.rows
            ],
            newer=part.newer,
            older=part.older,
            form=form,
            empty=_("Nothing that fits was refused.")
            if form.is_valid() and any(form.cleaned_data.values())
            else _("Nothing was refused in this store."),
        )
        return self.render(request, "records/list.html", TITLE, looked=looked, listing=listing)

    def one_page(self, request: HttpRequest, key: str) -> HttpResponse:
        """A reason: what it means, what helps, and the requests that were refused for it."""
        kind = _kind(key)
        look_at(request, kind.store_id)
        form = _States(request.GET)
        state = form.cleaned_data["state"] if form.is_valid() else ""
        rows = quarantine.refusals(credential=kind.credential_id, fingerprint=kind.fingerprint, state=state)
        part = keyset.part(request, rows, ("last", "id"))
        left = quarantine.open_by_kind([kind.pk]).get(kind.pk, 0)
        suitable = _suitable(kind)
        listing = Listing(
            caption=_("Refused requests"),
            columns=(
                Column(_("Request"), "wide"),
                Column(_("Times"), "number"),
                Column(_("Received"), "time"),
                Column(_("Last"), "time"),
                Column(_("State"), "word"),
            ),
            rows=[
                Row(
                    address(Refusal, "change", row.pk),
                    (
                        f"{row.method} {row.path} ({row.pk})",
                        row.times,
                        ago(row.received),
                        ago(row.last),
                        STATES[Refusal.State(row.state)],
                    ),
                )
                for row in part.rows
            ],
            newer=part.newer,
            older=part.older,
            form=form,
            empty=_("No such request is kept any more."),
        )
        return self.render(
            request,
            "service/refusal_kind.html",
            _short(kind.sentence),
            trail=(Link(TITLE, address(RefusalKind)),),
            kind=kind,
            lines=[
                {"rule": rule, "place": place, "meaning": _MEANINGS.get(rule, "")}
                for rule, _space, place in (line.partition(" ") for line in kind.what.splitlines())
            ],
            left=left,
            suitable=suitable,
            on=kind.credential.repairs,
            credential_url=_credential_url(request, kind.credential),
            listing=listing,
            acts=self._buttons(kind, left, suitable) if self.may(request, "replay") else [],
        )

    def _buttons(self, kind: RefusalKind, left: int, suitable: list[Suitable]) -> list[Button]:
        found = []
        for each in suitable:
            form = _Switch(
                initial={"repair": each.name, "base": kind.credential.base}, auto_id=f"repair-{each.name}-%s"
            )
            if each.name != RELATIVE_ID:
                del form.fields["base"]
            help = _("%(name)s %(what)s, from then on in everything that %(credential)s sends.")
            named = {"name": each.name, "what": each.sentence, "credential": kind.credential.name}
            found.append(
                Button(
                    _("Switch %(name)s on") % {"name": each.name},
                    address(RefusalKind, "repair", kind.pk),
                    form,
                    help=help % named,
                    confirm=_("Switch the repair on"),
                )
            )
        if left:
            help = ngettext(
                "%(number)d open request is sent once more, as if it came now from the sender.",
                "%(number)d open requests are sent once more, as if they came now from the sender.",
                left,
            )
            found.append(
                Button(_("Replay all"), address(RefusalKind, "replay", kind.pk), Sure(), help=help % {"number": left})
            )
        if left or not kind.dismissed:
            found.append(
                Button(
                    _("Dismiss all"),
                    address(RefusalKind, "dismiss", kind.pk),
                    Sure(),
                    help=_("Nothing is to be done about them, and about those that follow. They stay readable."),
                )
            )
        if kind.dismissed:
            help = _("All that was dismissed and is still kept is open again, and what follows counts as news.")
            found.append(Button(_("Open again"), address(RefusalKind, "reopen", kind.pk), Sure(), help=help))
        return found

    def repair(self, request: HttpRequest, key: str) -> HttpResponse:
        """Switch a repair on for the credential."""
        kind = _kind(key)
        here = address(RefusalKind, "change", kind.pk)
        form = _Switch(request.POST)
        if not form.is_valid():
            return self.done(request, _("There is no such repair, or its address is none."), here, good=False)
        name, base = form.cleaned_data["repair"], form.cleaned_data["base"]
        row = kind.credential
        if name == RELATIVE_ID and not (base or row.base):
            return self.done(request, _("This repair needs an address to put in front."), here, good=False)
        before = journal.of(row)
        try:
            changed = credentials.switch_on(row.key, name, base)
        except CredentialError as problem:
            return self.done(request, problem, here, good=False)
        journal.note("repair", journal.thing(changed), by=user_name(request), before=before, after=journal.of(changed))
        return self.done(request, _("The repair is on. What was refused can be replayed now."), here)

    def replay(self, request: HttpRequest, key: str) -> HttpResponse:
        """Send all that is open once more, in the background."""
        kind = _kind(key)
        here = address(RefusalKind, "change", kind.pk)
        if not quarantine.open_by_kind([kind.pk]):
            return self.done(request, _("There is no open request."), here, good=False)
        return begin(request, REPLAY, {"kind": kind.pk, "link": here}, journal.thing(kind))

    def dismiss(self, request: HttpRequest, key: str) -> HttpResponse:
        """Say of all of it that nothing is to be done."""
        kind = _kind(key)
        before = journal.of(kind)
        number = quarantine.dismiss_kind(kind)
        kind.refresh_from_db()
        after = {**journal.of(kind), "dismissed requests": number}
        journal.note("dismiss", journal.thing(kind), by=user_name(request), before=before, after=after)
        return self.done(request, _("It is dismissed."), address(RefusalKind, "change", kind.pk))

    def reopen(self, request: HttpRequest, key: str) -> HttpResponse:
        """Say of what was dismissed that something is to be done after all."""
        kind = _kind(key)
        here = address(RefusalKind, "change", kind.pk)
        if not kind.dismissed:
            return self.done(request, _("It is not dismissed."), here, good=False)
        before = journal.of(kind)
        number = quarantine.reopen_kind(kind)
        kind.refresh_from_db()
        after = {**journal.of(kind), "opened requests": number}
        journal.note("reopen", journal.thing(kind), by=user_name(request), before=before, after=after)
        return self.done(request, _("It is open again."), here)


@admin.register(Refusal)
class RefusalAdmin(Page):
    acts = {
        "edit": "lrs.change_refusal",
        "replay": "lrs.change_refusal",
        "dismiss": "lrs.change_refusal",
        "reopen": "lrs.change_refusal",
    }
    views = ("body",)

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Requests are listed by their reasons."""
        return HttpResponseRedirect(address(RefusalKind))

    def one_page(self, request: HttpRequest, key: str) -> HttpResponse:
        """A refused request: what came, what is wrong with it, and what became of it."""
        row = _refusal(key)
        look_at(request, row.store_id)
        marked = mark(bytes(row.body), row.errors)
        may = self.may(request, "replay") and row.state != Refusal.State.REPLAYED
        return self.render(
            request,
            "service/refusal.html",
            _("Refused request %(number)d") % {"number": row.pk},
            subtitle=_short(row.sentence),
            trail=(
                Link(TITLE, address(RefusalKind)),
                Link(_short(row.kind.sentence, 40), address(RefusalKind, "change", row.kind_id)),
            ),
            row=row,
            state=STATES[Refusal.State(row.state)],
            tone=_TONES[Refusal.State(row.state)],
            credential_url=_credential_url(request, row.credential),
            lines=marked.lines,
            errors=[{**error, "line": line} for error, line in zip(row.errors, marked.places, strict=True)],
            edited=None if row.edited is None else bytes(row.edited).decode("utf-8", "replace"),
            result=_result(row),
            body_url=address(Refusal, "body", row.pk) if row.body else "",
            form=_body_form(row) if may else None,
            edit_url=address(Refusal, "edit", row.pk),
            suitable=_suitable(row.kind) if may and row.state == _OPEN else [],
            kind_url=address(RefusalKind, "change", row.kind_id),
            acts=self._buttons(row) if may else [],
        )

    def _buttons(self, row: Refusal) -> list[Button]:
        help = _("It is sent once more, as if it came now from the sender; its body as it was edited, if it was.")
        found = [Button(_("Replay"), address(Refusal, "replay", row.pk), Sure(), help=help)]
        if row.state == Refusal.State.OPEN:
            help = _("Nothing is to be done about it. It stays readable.")
            found.append(Button(_("Dismiss"), address(Refusal, "dismiss", row.pk), Sure(), help=help))
        if row.state == Refusal.State.DISMISSED:
            found.append(Button(_("Open again"), address(Refusal, "reopen", row.pk), Sure()))
        return found

    def body(self, request: HttpRequest, key: str) -> HttpResponse:
        """The body as it came, byte by byte, as a file."""
        row = _refusal(key)
        answer = HttpResponse(bytes(row.body), content_type="application/octet-stream")
        answer.headers["Content-Disposition"] = f'attachment; filename="refused-{row.pk}"'
        return answer

    def edit(self, request: HttpRequest, key: str) -> HttpResponse:
        """Keep another body to be sent, and send it where that is asked for; nothing at all is the original again."""
        row = _refusal(key)
        here = address(Refusal, "change", row.pk)
        form = _Body(request.POST)
        if not form.is_valid():
            return self.done(request, _("This is not text."), here, good=False)
        # A form has its own ends of lines.
        given = form.cleaned_data["body"].replace("\r\n", "\n").encode()
        before = journal.of(row)
        try:
            row = quarantine.edit(row, None if given in (b"", bytes(row.body), _legible(bytes(row.body))) else given)
        except QuarantineError as problem:
            return self.done(request, problem, here, good=False)
        journal.note("edit", journal.thing(row), by=user_name(request), before=before, after=journal.of(row))
        if "replay" in request.POST:
            return self._send(request, row)
        return self.done(request, _("The edited body is kept. A replay sends it."), here)

    def replay(self, request: HttpRequest, key: str) -> HttpResponse:
        """Send it once more."""
        return self._send(request, _refusal(key))

    def _send(self, request: HttpRequest, row: Refusal) -> HttpResponse:
        here = address(Refusal, "change", row.pk)
        before = journal.of(row)
        try:
            row = replay.replay(row)
        except QuarantineError as problem:
            return self.done(request, problem, here, good=False)
        except Exception:
            log.exception("The refused request %d could not be replayed.", row.pk)
            return self.done(request, _("Something went wrong here; it is logged."), here, good=False)
        journal.note("replay", journal.thing(row), by=user_name(request), before=before, after=journal.of(row))
        if row.state == Refusal.State.REPLAYED:
            return self.done(request, _("It was accepted."), here)
        return self.done(request, _("It was refused again; the result says why."), here, good=False)

    def dismiss(self, request: HttpRequest, key: str) -> HttpResponse:
        """Say that nothing is to be done about it."""
        return self._decide(request, key, "dismiss", quarantine.dismiss, _("It is dismissed."))

    def reopen(self, request: HttpRequest, key: str) -> HttpResponse:
        """Say that something is to be done about it after all."""
        return self._decide(request, key, "reopen", quarantine.reopen, _("It is open again."))

    def _decide(
        self, request: HttpRequest, key: str, what: str, decide: Callable[[Refusal], Refusal], said: str
    ) -> HttpResponse:
        row = _refusal(key)
        here = address(Refusal, "change", row.pk)
        before = journal.of(row)
        try:
            row = decide(row)
        except QuarantineError as problem:
            return self.done(request, problem, here, good=False)
        journal.note(what, journal.thing(row), by=user_name(request), before=before, after=journal.of(row))
        return self.done(request, said, here)


def _kind(key: str) -> RefusalKind:
    row = quarantine.kinds().filter(pk=int(key)).first() if key.isdecimal() else None
    if row is None:
        raise Http404
    return row


def _refusal(key: str) -> Refusal:
    if not key.isdecimal():
        raise Http404
    try:
        return quarantine.get(int(key))
    except QuarantineError:
        raise Http404 from None


def _senders(store: int) -> list[tuple[int, str]]:
    """The credentials of a store of which anything was refused."""
    rows = Credential.objects.filter(store=store, refusal_kinds__isnull=False).distinct().order_by("name")
    return list(rows.values_list("pk", "name")[:_MOST_SENDERS])


def _asked_for(form: _Kinds, rows: "QuerySet[RefusalKind]") -> "QuerySet[RefusalKind]":
    asked = form.cleaned_data if form.is_valid() else {}
    if asked.get("credential") is not None:
        rows = rows.filter(credential=asked["credential"])
    if asked.get("state") == _OPEN:
        return quarantine.still_open(rows.filter(dismissed=False))
    return rows.filter(dismissed=True) if asked.get("state") == _DISMISSED else rows


def _state(kind: RefusalKind, left: int) -> str:
    if kind.dismissed:
        return str(STATES[Refusal.State.DISMISSED])
    return _("%(number)d open") % {"number": left} if left else _("nothing open")


def _short(sentence: str, most: int = 160) -> str:
    return sentence if len(sentence) <= most else sentence[:most] + "…"


def _credential_url(request: HttpRequest, row: Credential) -> str:
    return address(Credential, "change", row.pk) if request.user.has_perm("lrs.view_credential") else ""


def _suitable(kind: RefusalKind) -> list[Suitable]:
    """The repairs that are off and would change something in the newest open requests of a kind."""
    bodies = list(
        Refusal.objects.filter(kind=kind, state=Refusal.State.OPEN, bytes__lt=_LARGEST_TRIED)
        .order_by("-last")
        .values_list("body", flat=True)[:_TRIED]
    )
    sent = []
    for body in bodies:
        try:
            sent.append(text.cut(bytes(body), nesting=settings.LRS_MAX_NESTING, most=settings.LRS_MAX_BATCH))
        except StatementError:
            # What cannot be read cannot be repaired.
            continue
    found = []
    for repair in REPAIRS.values():
        if repair.name not in kind.credential.repairs:
            base = kind.credential.base or _TRYING_BASE
            changes = sum(1 for given in sent if apply(given, [repair.name], base)[1])
            if repair.helps and any(line.startswith(repair.helps) for line in kind.what.splitlines()):
                changes = len(sent)
            if changes:
                found.append(Suitable(repair.name, str(WORDS[repair.name]), changes, len(bodies)))
    return found


def _body_form(row: Refusal) -> _Body | None:
    """The form with the body that a replay would send; None where a form cannot carry it unchanged."""
    body = bytes(row.body if row.edited is None else row.edited)
    if len(body) > _LARGEST_EDITED or row.headers.get("content-type", "").startswith("multipart/"):
        return None
    try:
        return _Body(initial={"body": _legible(body).decode()})
    except UnicodeDecodeError:
        return None


def _legible(body: bytes) -> bytes:
    """JSON that stands in one line, with lines; anything else as it is."""
    if b"\n" in body.strip():
        return body
    try:
        json.loads(body)
        return pretty(body).encode()
    except (ValueError, RecursionError):
        return body


def _result(row: Refusal) -> dict[str, Any] | None:
    """What became of the last replay, for the page."""
    if not row.result:
        return None
    answer = row.result.get("answer")
    ids = [str(id) for id in answer[:_MOST_IDS]] if isinstance(answer, list) else []
    if not ids and row.method == "PUT" and "statementId" in row.query and row.state == Refusal.State.REPLAYED:
        ids = [str(row.query["statementId"])]
    return {
        **row.result,
        "at": parse_datetime(row.result["at"]),
        "statements": [Link(id, address(Statement, store=row.store_id, q=id)) for id in ids],
    }
