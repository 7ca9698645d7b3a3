"""Credentials: who may send and read, made here, renewed and withdrawn. A secret is shown once, when it is made."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lrs import credentials, usage, watch
from lrs.admin import repairs
from lrs.admin.home import page_of
from lrs.connectors.models import Connection
from lrs.credentials import CredentialError, Issued
from lrs.models import Credential, RefusalKind, Scope
from statements import glance, journal
from statements.admin.acts import Button, Sure
from statements.admin.charts import Bars, Series
from statements.admin.listing import Column, Listing, Row
from statements.admin.page import Link, Page, address, look_at, looked_at, user_name
from statements.models import Statement
from statements.profiles import PROFILES, Mode
from statements.templatetags.records import ago
from statements.xapi.versions import Version

TITLE = gettext_lazy("Credentials")
_MOST = 200
_DAYS = 14
_SCOPES = {
    Scope.STATEMENTS_WRITE: gettext_lazy("send statements"),
    Scope.STATEMENTS_READ_MINE: gettext_lazy("read the statements it sent itself"),
    Scope.STATEMENTS_READ: gettext_lazy("read all statements"),
    Scope.REPORTS_READ: gettext_lazy("read reports"),
    Scope.WEBINARS_WRITE: gettext_lazy("plan webinars and say who is expected"),
    Scope.STATE: gettext_lazy("keep and read state documents"),
    Scope.PROFILE: gettext_lazy("keep and read profile documents"),
    Scope.DEFINE: gettext_lazy("define activities and agents"),
    Scope.ALL_READ: gettext_lazy("read everything"),
    Scope.ALL: gettext_lazy("everything"),
}
_MODES = {
    Mode.REPORT: gettext_lazy("keep the statement and note what deviates"),
    Mode.REJECT: gettext_lazy("refuse statements with errors"),
    Mode.OFF: gettext_lazy("do not look"),
}


def _rate_limit() -> forms.IntegerField:
    return forms.IntegerField(
        label=gettext_lazy("Requests a minute"),
        required=False,
        min_value=0,
        max_value=1_000_000,
        help_text=gettext_lazy(
            "0 or empty: as many as it likes. What is more is answered with 429 and when to try again. Each process of"
            " the server counts for itself, so that with two of them up to twice as many get through."
        ),
    )


class New(forms.Form):
    """What a new credential is."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=200,
        help_text=gettext_lazy("Who will use it: Udemy Business, the data warehouse ..."),
    )
    profile = forms.ChoiceField(
        label=gettext_lazy("Profile"),
        required=False,
        choices=[("", gettext_lazy("none: the standard alone")), *((name, name) for name in PROFILES)],
        help_text=gettext_lazy("What is known of this sender is then checked and allowed for."),
    )
    store = forms.CharField(
        label=gettext_lazy("Store"), max_length=200, help_text=gettext_lazy("It is made where it does not exist.")
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("It may"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=list(_SCOPES.items()),
        help_text=gettext_lazy("Without a choice: send statements, and read the statements it sent itself."),
    )
    rate_limit = _rate_limit()


class Treatment(forms.Form):
    """How what a credential sends is treated."""

    default_version = forms.ChoiceField(
        label=gettext_lazy("Version of requests that name none"),
        required=False,
        choices=[("", gettext_lazy("refuse them")), *((each.value, each.value) for each in Version)],
    )
    mode = forms.ChoiceField(
        label=gettext_lazy("Deviations from the profile"),
        choices=[(each.value, words) for each, words in _MODES.items()],
    )
    repairs = forms.MultipleChoiceField(
        label=gettext_lazy("Repairs"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=repairs.choices,
        help_text=gettext_lazy("What is repaired is kept as it was sent, too."),
    )
    base = forms.CharField(
        label=gettext_lazy("Address in front of an id that is no IRI"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("For the repair sumtotal-relative-id."),
    )
    content_ids = forms.BooleanField(
        label=gettext_lazy("Recognise repeats of statements without an id"), required=False
    )
    shapes = forms.BooleanField(label=gettext_lazy("Note the JSON shapes that it sends"), required=False)
    silence_hours = forms.IntegerField(
        label=gettext_lazy("Hours without a statement until it counts as silent"),
        min_value=0,
        help_text=gettext_lazy("0: never"),
    )
    rate_limit = _rate_limit()


@admin.register(Credential)
class CredentialAdmin(Page):
    adds = True
    acts = {
        "treat": "lrs.change_credential",
        "rotate": "lrs.change_credential",
        "disable": "lrs.change_credential",
        "enable": "lrs.change_credential",
    }

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """The credentials of a store."""
        looked = looked_at(request)
        rows = list(Credential.objects.filter(store=looked.store).order_by("name")[:_MOST])
        last = glance.last_statements(looked.store.pk)
        used = usage.last_uses([row.pk for row in rows])
        joined = set(Connection.objects.filter(credential__in=rows).values_list("credential", flat=True))
        listing = Listing(
            caption=TITLE,
            columns=(
                Column(_("Name")),
                Column(_("Key")),
                Column(_("It may")),
                Column(_("Profile"), "word"),
                Column(_("Requests a minute"), "number"),
                Column(_("Last used"), "time"),
                Column(_("Last statement"), "time"),
                Column(_("State"), "word"),
            ),
            rows=[
                Row(
                    address(Credential, "change", row.pk),
                    (
                        row.name,
                        "" if row.pk in joined else row.key,
                        _("what its connection takes in") if row.pk in joined else _allowed(row),
                        row.profile,
                        row.rate_limit or "",
                        ago(used.get(row.pk)),
                        ago(last.get(row.pk)),
                        _("disabled") if row.disabled else "",
                    ),
                    tone="muted" if row.disabled else "",
                )
                for row in rows
            ],
            tools=[Link(_("New credential"), address(Credential, "add"))] if self.has_add_permission(request) else [],
            note=_("Only the first %(number)d are shown.") % {"number": _MOST} if len(rows) == _MOST else "",
            empty=_("There is no credential in this store."),
        )
        return self.render(request, "records/list.html", TITLE, looked=looked, listing=listing)

    def add_page(self, request: HttpRequest) -> HttpResponse:
        """Make a credential; its secret is shown on the page that answers, and never again."""
        looked = looked_at(request)
        form = New(request.POST or None, initial={"store": looked.store.name})
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            try:
                issued = credentials.create(
                    given["name"],
                    scopes=given["scopes"],
                    store=given["store"],
                    profile=given["profile"],
                    rate_limit=given["rate_limit"] or 0,
                )
            except CredentialError as problem:
                form.add_error(None, str(problem))
            else:
                journal.note(
                    "add", journal.thing(issued.credential), by=user_name(request), after=journal.of(issued.credential)
                )
                return self._issued(request, issued, _("The credential is made"))
        return self.render(
            request,
            "service/form.html",
            _("New credential"),
            trail=(Link(TITLE, address(Credential)),),
            form=form,
            confirm=_("Make it"),
        )

    def one_page(self, request: HttpRequest, key: str) -> HttpResponse:
        """A credential: what it may, how it is treated, what it sent."""
        return self._page(request, _get(key))

    def _page(self, request: HttpRequest, row: Credential, form: Treatment | None = None) -> HttpResponse:
        look_at(request, row.store_id)
        now = timezone.now()
        may = self.may(request, "treat")
        figures = watch.figures(row, now, days=_DAYS)
        connection = Connection.objects.filter(credential=row).first()
        return self.render(
            request,
            "service/credential.html",
            row.name,
            trail=(Link(TITLE, address(Credential)),),
            row=row,
            scopes=_allowed(row),
            figures=figures,
            last_used=usage.last_uses([row.pk]).get(row.pk),
            statements_url=address(Statement, source=row.pk),
            refusals_url=page_of(RefusalKind, credential=row.pk, state="open"),
            findings=_findings(row, figures),
            connection=connection,
            connection_url=address(Connection, "change", connection.pk) if connection else "",
            chart=_chart(figures, now),
            form=(form or Treatment(initial=journal.of(row))) if may else None,
            treat_url=address(Credential, "treat", row.pk),
            paste=credentials.to_paste(Issued(row, "")),
            # With that of a connection nobody signs in, and the connection itself can be paused.
            acts=self._buttons(row) if may and connection is None else [],
        )

    def _buttons(self, row: Credential) -> list[Button]:
        rotate = Button(
            _("New secret"),
            address(Credential, "rotate", row.pk),
            Sure(),
            danger=True,
            help=_("The old secret and all tokens stop working within seconds; the new one is shown once."),
            confirm=_("Make a new secret"),
        )
        if row.disabled:
            return [rotate, Button(_("Enable"), address(Credential, "enable", row.pk), Sure())]
        help = _("Requests with it are refused from then on. What it sent stays.")
        return [rotate, Button(_("Disable"), address(Credential, "disable", row.pk), Sure(), danger=True, help=help)]

    def treat(self, request: HttpRequest, key: str) -> HttpResponse:
        """Change how what it sends is treated."""
        row = _get(key)
        form = Treatment(request.POST)
        if not form.is_valid():
            return self._page(request, row, form)
        before = journal.of(row)
        given: dict[str, Any] = form.cleaned_data
        try:
            changed = credentials.change(
                row.key,
                mode=given["mode"],
                repairs=given["repairs"],
                base=given["base"],
                content_ids=given["content_ids"],
                shapes=given["shapes"],
                silence_hours=given["silence_hours"],
                default_version=given["default_version"],
                rate_limit=given["rate_limit"] or 0,
            )
        except CredentialError as problem:
            form.add_error(None, str(problem))
            return self._page(request, row, form)
        journal.note("change", journal.thing(changed), by=user_name(request), before=before, after=journal.of(changed))
        return self.done(request, _("Saved."), address(Credential, "change", row.pk))

    def rotate(self, request: HttpRequest, key: str) -> HttpResponse:
        """Give it a new secret, shown once."""
        row = _get(key)
        before = journal.of(row)
        issued = credentials.rotate(row.key)
        after = journal.of(issued.credential)
        journal.note("rotate", journal.thing(row), by=user_name(request), before=before, after=after)
        return self._issued(request, issued, _("The credential has a new secret"))

    def disable(self, request: HttpRequest, key: str) -> HttpResponse:
        """Refuse it from now on."""
        return self._switch(request, key, "disable")

    def enable(self, request: HttpRequest, key: str) -> HttpResponse:
        """Take it again."""
        return self._switch(request, key, "enable")

    def _switch(self, request: HttpRequest, key: str, what: str) -> HttpResponse:
        row = _get(key)
        before = journal.of(row)
        if what == "disable":
            row = credentials.disable(row.key)
        else:
            row.disabled = False
            row.save(update_fields=["disabled"])
        journal.note(what, journal.thing(row), by=user_name(request), before=before, after=journal.of(row))
        said = _("It is refused from now on.") if row.disabled else _("It is taken again.")
        return self.done(request, said, address(Credential, "change", row.pk))

    def _issued(self, request: HttpRequest, issued: Issued, title: str) -> HttpResponse:
        """The one page that shows a secret; like all of the administration's, nothing on the way may keep it."""
        return self.render(
            request,
            "service/issued.html",
            title,
            trail=(Link(TITLE, address(Credential)),),
            row=issued.credential,
            secret=issued.secret,
            paste=credentials.to_paste(issued),
            back=address(Credential, "change", issued.credential.pk),
        )


def _get(key: str) -> Credential:
    row = Credential.objects.select_related("store").filter(pk=int(key)).first() if key.isdecimal() else None
    if row is None:
        raise Http404
    return row


def _findings(row: Credential, figures: watch.Figures) -> list[tuple[str, list[tuple[str, int, str]]]]:
    """By rule: the days, how many there were, and where those of that day are listed."""
    return [
        (
            rule,
            [
                (day, number, address(Statement, source=row.pk, findings="yes", since=day, until=day))
                for day, number in days.items()
            ],
        )
        for rule, days in figures.findings.items()
    ]


def _allowed(row: Credential) -> str:
    return ", ".join(str(_SCOPES[Scope(each)]) if each in Scope.values else each for each in row.scopes)


def _chart(figures: watch.Figures, now: Any) -> Bars | None:
    if not figures.statements:
        return None
    days = [(now - timedelta(days=back)).date() for back in range(_DAYS - 1, -1, -1)]
    values = [float(figures.statements.get(day.isoformat(), 0)) for day in days]
    labels = [f"{day:%m-%d}" for day in days]
    short = [label if number % 3 == 1 else "" for number, label in enumerate(labels)]
    return Bars(_("Statements per day"), labels, [Series(_("Statements"), values)], short, unit=_("Day"))
