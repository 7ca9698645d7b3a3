"""Connections to other systems: made by a form, checked, looked after."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Count, OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lrs.admin.inbox import STATES, deliveries_listing
from lrs.connectors import budget, connections, inbox, khalibre, sign_in, sweeps
from lrs.connectors.connections import ConnectionProblem
from lrs.connectors.contract import Provider, Setting, SettingKind
from lrs.connectors.models import Connection, Delivery, InboxEvent, Run, Task
from lrs.connectors.providers import PROVIDERS
from lrs.connectors.providers.khalibre.shapes import Booking
from lrs.connectors.sealed import Unsealable
from lrs.connectors.webinars.models import Session
from statements import journal
from statements.admin.acts import Button, Sure
from statements.admin.listing import Column, Listing, Row
from statements.admin.page import Link, Page, Text, address, look_at, looked_at, user_name
from statements.admin.properties import NAMES
from statements.models import Statement
from statements.templatetags.records import ago

TITLE = gettext_lazy("Connections")
_MOST = 200
# The newest events in which the statements of a sweep are looked for: some 30 ms.
_MOST_LOOKED = 10_000
# More events of a state than so many are not counted.
_COUNTED = 1_000
# Of the providers the only one that is called by words, not by its own name.
TITLES = (gettext_lazy("Webinars by webhook and CSV"),)
# What settings are called.
LABELS: Mapping[str, Text] = {
    "account_id": gettext_lazy("Account ID"),
    "actor": gettext_lazy("Actor"),
    "api_token": gettext_lazy("API token"),
    "api_url": gettext_lazy("API URL"),
    "api_version": gettext_lazy("API version"),
    "attendance": gettext_lazy("Attendance"),
    "attendance_secret": gettext_lazy("Attendance secret"),
    "auth": gettext_lazy("Auth"),
    "client_id": gettext_lazy("Client ID"),
    "client_secret": gettext_lazy("Client secret"),
    "credit_minutes": gettext_lazy("Credit minutes"),
    "credit_percent": gettext_lazy("Credit percent"),
    "endpoint": gettext_lazy("Endpoint"),
    "hash": gettext_lazy("Hash"),
    "header": gettext_lazy("Header"),
    "header_secret": gettext_lazy("Header secret"),
    "home_page": gettext_lazy("Home page"),
    "host": gettext_lazy("Host"),
    "interval_minutes": gettext_lazy("Interval minutes"),
    "jwt_private_key": gettext_lazy("JWT private key"),
    "jwt_public_key": gettext_lazy("JWT public key"),
    "limit_minutes": gettext_lazy("Limit minutes"),
    "login_url": gettext_lazy("Login URL"),
    "mode": gettext_lazy("Mode"),
    "movements": gettext_lazy("Movements"),
    "organizer": gettext_lazy("Organizer"),
    "password": gettext_lazy("Password"),
    "refresh_token": gettext_lazy("Refresh token"),
    "registrations": gettext_lazy("Registrations"),
    "secret": gettext_lazy("Secret"),
    "secret_token": gettext_lazy("Secret token"),
    "server": gettext_lazy("Server"),
    "status_table": gettext_lazy("Status table"),
    "sweep_minutes": gettext_lazy("Sweep minutes"),
    "team_id": gettext_lazy("Team ID"),
    "tenant_id": gettext_lazy("Tenant ID"),
    "timezone": gettext_lazy("Timezone"),
    "token_url": gettext_lazy("Token URL"),
    "username": gettext_lazy("Username"),
    "webhook_secret": gettext_lazy("Webhook secret"),
}
# What choices mean; versions and names of algorithms say it themselves.
CHOICES: Mapping[str, Text] = {
    "account": gettext_lazy("Account"),
    "application": gettext_lazy("Application"),
    "basic": gettext_lazy("User name and password"),
    "delegated": gettext_lazy("A person who signs in"),
    "header": gettext_lazy("Header"),
    "mbox": gettext_lazy("E-mail"),
    "none": gettext_lazy("None"),
}
# In the audit log they are called so, too.
NAMES.update(LABELS)
_DOTS = "••••••••"

# What somebody does at the provider's side, after the connection is made.
STEPS: Mapping[str, Text] = {
    "alm": gettext_lazy(
        "In ALM, as integration administrator: Webhooks > Add. Enter the webhook address, the authentication that is"
        " set below, and tick the events."
    ),
    "khalibre": gettext_lazy(
        "In Khalibre, as organisation administrator: Organisation settings > API integration > Webhook."
    ),
    "attendance": gettext_lazy("Post signed JSON (Standard Webhooks) to the webhook address, or upload CSV."),
    "bigbluebutton": gettext_lazy(
        "Hooks are registered by this service. Whoever creates rooms passes the two callbacks; the exporter of xAPI"
        " needs a credential of its own."
    ),
    "zoom": gettext_lazy(
        "In the Server-to-Server OAuth app: Features > Event subscriptions, with meeting.started and meeting.ended."
    ),
    "msteams": gettext_lazy(
        "In the Entra admin centre: register the redirect URI (platform Web) where somebody signs in; there are no"
        " webhooks of Microsoft's."
    ),
    "digitalsamba": gettext_lazy(
        "Register the webhook address for session_ended by Digital Samba's API, with the webhook secret as"
        " authorization_header."
    ),
    "etutorium": gettext_lazy("For attendance, post signed JSON to the webhook address, or upload CSV."),
    "vatra": gettext_lazy("For attendance, post signed JSON to the webhook address, or upload CSV."),
}
# What is not known to be so.
NOTICES: Mapping[str, Text] = {
    "alm": gettext_lazy(
        "ALM's authentication by signature is not offered: how it is computed is not published. Use basic or header."
    ),
    "khalibre": gettext_lazy(
        "What is in the body of Khalibre's webhooks is not published: each is a hint, and progress is read by the API."
    ),
    "bigbluebutton": gettext_lazy(
        "Tried with deliveries and checksums of BigBlueButton's own code, not with a server."
    ),
    "zoom": gettext_lazy("Made after Zoom's documentation; not verified with a live account."),
    "msteams": gettext_lazy("Made after Microsoft's reference; not verified with a live tenant."),
    "digitalsamba": gettext_lazy(
        "Made after the vendor's OpenAPI document; not verified with the live service. Its webhooks are not signed."
    ),
    "etutorium": gettext_lazy(
        "Not verified with the live service: made after the source of two old clients. No call for attendance is known."
    ),
    "vatra": gettext_lazy("The server cannot be tested: there is no published API. The two keys are checked."),
}
_TASKS: Mapping[str, Text] = {
    "sweep": gettext_lazy("reading the provider's report"),
    "lookup": gettext_lazy("asking for names and e-mails"),
    "reread": gettext_lazy("reading what hints asked for"),
    "webinars": gettext_lazy("asking for attendance"),
}


class SecretText(forms.Textarea):
    """For a secret of several lines; like a password, it is not given back with a form that was refused."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """What the widget shows, without the value."""
        return super().get_context(name, None, attrs)


class SettingsForm(forms.Form):
    """The settings of a provider, typed as they are; a secret is only ever written, and stays where none is given."""

    def __init__(self, provider: Provider, connection: Connection | None, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.provider, self.connection = provider, connection
        shown = connections.shown(connection) if connection else {}
        if connection is None:
            self.fields["name"] = forms.CharField(
                label=_("Name"), max_length=150, help_text=_("What people call it here.")
            )
        for setting in provider.settings:
            self.fields[setting.name] = _field(setting, shown.get(setting.name, setting.default), new=not connection)
            if setting.kind is SettingKind.SECRET and shown.get(setting.name) == "set" and not setting.required:
                self.fields[f"forget_{setting.name}"] = forms.BooleanField(
                    label=_("Forget: %(setting)s") % {"setting": LABELS[setting.name]}, required=False
                )
        self.fields["use_proxy"] = forms.BooleanField(
            label=_("Use the proxy"),
            required=False,
            initial=connection.use_proxy if connection else False,
            help_text=_("Reach the provider through LRS_OUTBOUND_PROXY."),
        )
        if connection is None:
            self.fields["store"] = forms.CharField(
                label=_("Store"),
                max_length=200,
                help_text=_("The statements go there; it is made where it does not exist."),
            )

    def given(self) -> dict[str, str]:
        """What was filled in, as text: what lrs.connectors.connections takes."""
        found: dict[str, str] = {}
        for setting in self.provider.settings:
            value = self.cleaned_data[setting.name]
            if setting.kind is SettingKind.FLAG:
                found[setting.name] = "yes" if value else "no"
            elif setting.kind is not SettingKind.SECRET or value:
                found[setting.name] = str(value)
            elif self.cleaned_data.get(f"forget_{setting.name}"):
                found[setting.name] = ""
        found["use_proxy"] = "yes" if self.cleaned_data["use_proxy"] else "no"
        if "store" in self.cleaned_data:
            found["store"] = self.cleaned_data["store"]
        return found

    def refuse(self, problem: ConnectionProblem) -> None:
        """Say what is wrong at the field that it is about."""
        first = str(problem).partition(" ")[0]
        self.add_error(first if first in self.fields else None, str(problem))


class BookingForm(forms.Form):
    """A place in a course of Khalibre's."""

    community_id = forms.IntegerField(label=gettext_lazy("Number of the community"), min_value=1)
    course_id = forms.IntegerField(label=gettext_lazy("Number of the course"), min_value=1)
    learner_email = forms.EmailField(label=gettext_lazy("E-mail of the learner"))
    learner_firstname = forms.CharField(label=gettext_lazy("First name"), max_length=200, required=False)
    learner_lastname = forms.CharField(label=gettext_lazy("Last name"), max_length=200, required=False)


@admin.register(Connection)
class ConnectionAdmin(Page):
    adds = True
    acts = {
        "set": "connectors.change_connection",
        "ask": "connectors.change_connection",
        "sweep": "connectors.change_connection",
        "pause": "connectors.change_connection",
        "resume": "connectors.change_connection",
        "again": "connectors.change_inboxevent",
        "book": "connectors.change_connection",
    }

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """The connections of a store."""
        looked = looked_at(request)
        last = Delivery.objects.filter(connection=OuterRef("pk")).order_by("-id").values("received")[:1]
        rows = list(
            Connection.objects.filter(store=looked.store).annotate(delivered=Subquery(last)).order_by("name")[:_MOST]
        )
        counts = _backlog([row.pk for row in rows])
        listing = Listing(
            caption=TITLE,
            columns=(
                Column(_("Name")),
                Column(_("Provider")),
                Column(_("State"), "word"),
                Column(_("Last check"), "broad"),
                Column(_("Last delivery"), "time"),
                Column(_("Waiting"), "number"),
                Column(_("Refused"), "number"),
            ),
            rows=[
                Row(
                    address(Connection, "change", row.pk),
                    (
                        row.name,
                        _(connections.provider_of(row).title),
                        _("active") if row.state == Connection.State.ACTIVE else _("paused"),
                        row.check_sentence or _("never checked"),
                        ago(row.delivered),
                        counts.get((row.pk, "waiting"), 0),
                        counts.get((row.pk, "refused"), 0),
                    ),
                    tone="bad" if row.check_ok is False else "",
                )
                for row in rows
            ],
            tools=[Link(_("New connection"), address(Connection, "add"))] if self.has_add_permission(request) else [],
            note=_("Only the first %(number)d are shown.") % {"number": _MOST} if len(rows) == _MOST else "",
            empty=_("There is no connection in this store. Make one to take in what another system has to tell."),
        )
        return self.render(request, "records/list.html", TITLE, looked=looked, listing=listing)

    def add_page(self, request: HttpRequest) -> HttpResponse:
        """Choose a provider; then its form."""
        trail = (Link(TITLE, address(Connection)),)
        provider = PROVIDERS.get(request.GET.get("provider", ""))
        if provider is None:
            choice = [
                {
                    "title": _(each.title),
                    "url": address(Connection, "add", provider=each.name),
                    "what": _("courses") if each.webinars is None else _("webinars"),
                }
                for each in PROVIDERS.values()
            ]
            return self.render(request, "service/providers.html", _("New connection"), trail=trail, choice=choice)
        form = SettingsForm(provider, None, request.POST or None, initial={"store": looked_at(request).store.name})
        if request.method == "POST" and form.is_valid():
            try:
                made = connections.create(provider.name, form.cleaned_data["name"], form.given())
            except ConnectionProblem as problem:
                form.refuse(problem)
            else:
                journal.note("add", journal.thing(made), by=user_name(request), after=_noted(made, form.given()))
                said = _("The connection is made. Paste the values below at the provider, then check it.")
                return self.done(request, said, address(Connection, "change", made.pk))
        return self.render(
            request,
            "service/connection_add.html",
            _("New connection: %(provider)s") % {"provider": _(provider.title)},
            trail=trail,
            form=form,
            notice=NOTICES.get(provider.name, ""),
            confirm=_("Make it"),
        )

    def one_page(self, request: HttpRequest, key: str) -> HttpResponse:
        """A connection: how it is, what came, what is due, its settings."""
        return self._page(request, _get(key))

    def _page(
        self,
        request: HttpRequest,
        row: Connection,
        form: SettingsForm | None = None,
        booking: BookingForm | None = None,
    ) -> HttpResponse:
        look_at(request, row.store_id)
        provider = connections.provider_of(row)
        may = self.may(request, "set")
        standing, trouble = _standing(row)
        return self.render(
            request,
            "service/connection.html",
            row.name,
            subtitle=_(provider.title),
            trail=(Link(TITLE, address(Connection)),),
            row=row,
            paused=row.state != Connection.State.ACTIVE,
            notice=NOTICES.get(row.provider, ""),
            step=STEPS.get(row.provider, ""),
            paste=_paste(row) if may else [],
            standing=standing,
            trouble=trouble,
            sign_in_url=reverse("connectors:sign_in", args=[row.pk]) if standing and may else "",
            acts=self._buttons(row, provider, booking) if may else [],
            states=_states(row),
            reasons=_reasons(row),
            again=self._again(request, row),
            statements_url=address(Statement, source=row.credential_id),
            sessions_url=address(Session, connection=row.pk) if provider.webinars else "",
            deliveries=deliveries_listing(Delivery.objects.filter(connection=row).order_by("-id").defer("body")[:10]),
            deliveries_url=address(Delivery, connection=row.pk),
            tasks=_tasks(row),
            runs=_runs(row),
            budgets=_budgets(row),
            form=(form or SettingsForm(provider, row)) if may else None,
            set_url=address(Connection, "set", row.pk),
        )

    def _buttons(self, row: Connection, provider: Provider, booking: BookingForm | None) -> list[Button]:
        found = [
            Button(
                _("Check"),
                address(Connection, "ask", row.pk),
                Sure(),
                help=_("Asks the provider whether the settings work; the answer is a sentence."),
                confirm=_("Check now"),
            )
        ]
        if provider.sweep is not None:
            help = _("A worker reads the provider's report within seconds; how far it is stands under Sweeps.")
            found.append(
                Button(_("Sweep now"), address(Connection, "sweep", row.pk), Sure(), help=help, confirm=_("Sweep"))
            )
        if row.provider == "khalibre":
            help = _("The learner gets a place in the course, and becomes a member of the community.")
            found.append(
                Button(
                    _("Book a course"),
                    address(Connection, "book", row.pk),
                    booking or BookingForm(),
                    help=help,
                    confirm=_("Book"),
                )
            )
        if row.state == Connection.State.ACTIVE:
            help = _("What comes is kept and waits; the provider is not asked any more.")
            found.append(Button(_("Pause"), address(Connection, "pause", row.pk), Sure(), danger=True, help=help))
        else:
            found.append(Button(_("Resume"), address(Connection, "resume", row.pk), Sure()))
        return found

    def _again(self, request: HttpRequest, row: Connection) -> Button | None:
        if not self.may(request, "again"):
            return None
        help = _("All refused events of this connection are decided anew.")
        return Button(_("Try all refused again"), address(Connection, "again", row.pk), Sure(), help=help)

    def set(self, request: HttpRequest, key: str) -> HttpResponse:
        """Change settings; secrets that are not given stay."""
        row = _get(key)
        form = SettingsForm(connections.provider_of(row), row, request.POST)
        if not form.is_valid():
            return self._page(request, row, form)
        before = _noted(row, {})
        try:
            connections.change(row, form.given())
        except (ConnectionProblem, Unsealable) as problem:
            form.refuse(ConnectionProblem(str(problem)))
            return self._page(request, _get(key), form)
        after = _noted(row, form.given())
        journal.note("change", journal.thing(row), by=user_name(request), before=before, after=after)
        return self.done(request, _("Saved."), address(Connection, "change", row.pk))

    def ask(self, request: HttpRequest, key: str) -> HttpResponse:
        """Ask the provider whether the settings work."""
        row = _get(key)
        ok, sentence = connections.check(row)
        journal.note("check", journal.thing(row), by=user_name(request), after={"sentence": sentence})
        return self.done(request, sentence, address(Connection, "change", row.pk), good=ok)

    def sweep(self, request: HttpRequest, key: str) -> HttpResponse:
        """Let a worker read the provider's report now."""
        row = _get(key)
        if connections.provider_of(row).sweep is None or row.state != Connection.State.ACTIVE:
            return self.done(
                request, _("There is nothing to sweep now."), address(Connection, "change", row.pk), good=False
            )
        now = timezone.now()
        task, _made = Task.objects.get_or_create(connection=row, kind="sweep", defaults={"due": now})
        if not Task.objects.filter(Task.free(now), pk=task.pk).update(due=now):
            said = _("A worker is sweeping this connection right now.")
            return self.done(request, said, address(Connection, "change", row.pk), good=False)
        journal.note("sweep", journal.thing(row), by=user_name(request), after={"due": now})
        return self.done(request, _("A worker begins within seconds."), address(Connection, "change", row.pk))

    def pause(self, request: HttpRequest, key: str) -> HttpResponse:
        """Let what comes wait, and ask nobody."""
        return self._turn(request, key, Connection.State.PAUSED)

    def resume(self, request: HttpRequest, key: str) -> HttpResponse:
        """Go on."""
        return self._turn(request, key, Connection.State.ACTIVE)

    def _turn(self, request: HttpRequest, key: str, state: Connection.State) -> HttpResponse:
        row = _get(key)
        before, row.state = row.state, state
        row.save(update_fields=["state"])
        what = "pause" if state == Connection.State.PAUSED else "resume"
        journal.note(
            what, journal.thing(row), by=user_name(request), before={"state": before}, after={"state": row.state}
        )
        said = _("It is paused.") if state == Connection.State.PAUSED else _("It goes on.")
        return self.done(request, said, address(Connection, "change", row.pk))

    def again(self, request: HttpRequest, key: str) -> HttpResponse:
        """Decide all refused events anew."""
        row = _get(key)
        number = inbox.again(InboxEvent.objects.filter(connection=row, state=InboxEvent.State.REFUSED))
        journal.note("again", journal.thing(row), by=user_name(request), after={"events": number})
        said = _("%(number)d events are decided anew.") % {"number": number}
        return self.done(request, said, address(Connection, "change", row.pk))

    def book(self, request: HttpRequest, key: str) -> HttpResponse:
        """Book a course of Khalibre's for a learner."""
        row = _get(key)
        form = BookingForm(request.POST)
        page = address(Connection, "change", row.pk)
        if not form.is_valid():
            said = "; ".join(
                f"{form.fields[name].label}: {' '.join(map(str, faults))}" for name, faults in form.errors.items()
            )
            return self.done(request, said, page, good=False)
        given = form.cleaned_data
        try:
            booking = Booking(**{name: value for name, value in given.items() if value != ""})
            khalibre.book(row, booking, patient=False)
        except sweeps.OUTSIDE as problem:
            return self.done(request, problem, page, good=False)
        journal.note("book", journal.thing(row), by=user_name(request), after=given)
        return self.done(request, _("The course is booked; progress is read soon."), page)


def _get(key: str) -> Connection:
    try:
        row = Connection.objects.select_related("store", "credential").filter(pk=UUID(key)).first()
    except ValueError:
        row = None
    if row is None:
        raise Http404
    return row


def _field(setting: Setting, value: Any, *, new: bool) -> forms.Field:
    given: dict[str, Any] = {"label": LABELS[setting.name], "help_text": _(setting.help), "required": setting.required}
    if setting.kind is SettingKind.SECRET:
        return _secret(setting, given, is_set=value == "set", new=new)
    given["initial"] = value
    if setting.kind is SettingKind.FLAG:
        return forms.BooleanField(**given | {"required": False})
    if setting.kind is SettingKind.CHOICE:
        return forms.ChoiceField(choices=[(each, _choice(each)) for each in setting.choices], **given)
    if setting.kind is SettingKind.NUMBER:
        return forms.IntegerField(min_value=0, **given | {"required": True})
    if setting.kind is SettingKind.TABLE:
        text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
        return forms.CharField(widget=forms.Textarea({"spellcheck": "false"}), **given | {"initial": text})
    if "PEM" in setting.help:
        return forms.CharField(widget=forms.Textarea({"spellcheck": "false", "autocomplete": "off"}), **given)
    return forms.CharField(widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}), **given)


def _choice(value: str) -> str:
    """A choice in words, and as the command line and the help texts have it."""
    return f"{CHOICES[value]} ({value})" if value in CHOICES else value


def _secret(setting: Setting, given: dict[str, Any], *, is_set: bool, new: bool) -> forms.Field:
    shown = {"autocomplete": "new-password", "placeholder": _DOTS if is_set else "", "spellcheck": "false"}
    # A key has several lines, which only this takes.
    kind: type[forms.Widget] = SecretText if "PEM" in setting.help else forms.PasswordInput
    if not new:
        given["required"] = setting.required and not is_set
        if is_set:
            given["help_text"] = _("%(help)s. It is set; leave it empty to keep it.") % {"help": given["help_text"]}
    return forms.CharField(widget=kind(attrs=shown), strip=True, **given)


def _noted(row: Connection, given: Mapping[str, str]) -> dict[str, Any]:
    """The settings for the audit log; of a secret, whether it is set, or that it was given anew."""
    found = {**connections.shown(row), "name": row.name, "provider": row.provider, "use_proxy": row.use_proxy}
    secrets = {each.name for each in connections.provider_of(row).settings if each.kind is SettingKind.SECRET}
    return found | {name: journal.CHANGED for name in given if name in secrets}


def _paste(row: Connection) -> list[tuple[str, str, str]]:
    """(id, what, value) of what is pasted at the provider's side."""
    hook = connections.webhook_url(row)
    found = [("webhook-url", _("Webhook address"), hook)]
    if row.provider == "bigbluebutton":
        found += [
            ("analytics", _("Analytics callback"), f"meta_analytics-callback-url={hook}&meetingKeepEvents=true"),
            ("end", _("End callback"), f"meta_endCallbackUrl={hook}?meetingID=ROOM"),
            # It puts xAPI/statements in the place of what is behind the last slash.
            ("exporter", _("Address for its xAPI exporter"), f"{settings.LRS_PUBLIC_URL}/"),
        ]
    if row.provider == "digitalsamba":
        body = {"endpoint": hook, "name": "LRS", "authorization_header": "…", "events": ["session_ended"]}
        found.append(("samba-webhook", _("Body for POST /api/v1/webhooks"), orjson.dumps(body).decode()))
    if row.provider == "msteams":
        found.insert(0, ("redirect-uri", _("Redirect URI"), sign_in.back_url()))
    return found


def _budgets(row: Connection) -> list[dict[str, Any]]:
    """What is spent of each budget, and for how long it is closed: a time of day, for that is within a day."""
    return [
        {**each, "closed_until": until and f"{datetime.fromisoformat(until):%H:%M:%S} UTC"}
        for each in budget.state(row)
        for until in [each["closed_until"]]
    ]


def _standing(row: Connection) -> tuple[sign_in.Standing | None, str]:
    """Who is signed in, and what is wrong with the secrets."""
    try:
        return sign_in.standing(row), ""
    except Unsealable as problem:
        return None, str(problem)


def _backlog(ids: list[UUID]) -> dict[tuple[UUID, str], int]:
    rows = InboxEvent.objects.filter(connection__in=ids, state__in=["waiting", "refused"]).order_by()
    counted = rows.values_list("connection", "state").annotate(number=Count("pk"))
    return {(connection, state): number for connection, state, number in counted}


def _states(row: Connection) -> list[tuple[Text, str, str]]:
    """State, how many, where they are listed."""
    found = []
    for state, words in STATES.items():
        number = InboxEvent.objects.filter(connection=row, state=state)[:_COUNTED].count()
        shown = f"{number}+" if number == _COUNTED else str(number)
        found.append((words, shown, address(InboxEvent, state=state, connection=row.pk)))
    return found


def _reasons(row: Connection) -> Listing:
    states = [InboxEvent.State.REFUSED, InboxEvent.State.DEFERRED]
    rows = [
        event
        for state in states
        for event in InboxEvent.objects.filter(connection=row, state=state)
        .defer("data", "traceback")
        .order_by("-id")[:5]
    ]
    return Listing(
        caption=_("Refused and deferred events"),
        columns=(
            Column(_("Event")),
            Column(_("State"), "word"),
            Column(_("Reason"), "wide"),
            Column(_("Received"), "time"),
        ),
        rows=[
            Row(
                address(InboxEvent, "change", each.pk),
                (
                    each.name,
                    STATES[InboxEvent.State(each.state)],
                    each.reason or each.rule or each.waits_for,
                    ago(each.received),
                ),
            )
            for each in rows
        ],
        empty=_("No event is refused or waits for something."),
    )


def _tasks(row: Connection) -> Listing:
    now = timezone.now()
    return Listing(
        caption=_("What is due"),
        columns=(Column(_("What"), "wide"), Column(_("Next run"), "time"), Column(_("Now"))),
        rows=[
            Row(
                "",
                (
                    _TASKS.get(task.kind, task.kind),
                    f"{task.due:%Y-%m-%d %H:%M:%S} UTC" if task.due.year < 2100 else _("only by hand"),
                    _("a worker is at it") if task.is_held(now) else "",
                ),
            )
            for task in Task.objects.filter(connection=row).order_by("kind")
        ],
        empty=_("Nothing: this provider is not asked."),
    )


def _runs(row: Connection) -> Listing:
    runs = list(Run.objects.filter(connection=row)[:10])
    statements = _statements_of(row, runs)
    held = {task.kind for task in Task.objects.filter(connection=row) if task.is_held(timezone.now())}
    return Listing(
        caption=_("Last sweeps"),
        columns=(
            Column(_("Begun"), "time"),
            Column(_("Rows"), "number"),
            Column(_("New events"), "number"),
            Column(_("Statements"), "number"),
            Column(_("What became of it"), "wide"),
        ),
        rows=[
            Row(
                "",
                (
                    ago(run.started),
                    f"{run.rows} / {run.total}" if run.total else run.rows,
                    run.events,
                    statements[run.pk],
                    _last_line(run.problem) or run.notes or _became(run, is_held=run.kind in held),
                ),
                tone="bad" if run.ok is False else "",
            )
            for run in runs
        ],
        empty=_("Nothing was swept yet."),
    )


def _became(run: Run, *, is_held: bool) -> str:
    if run.ok:
        return _("done")
    return _("under way") if is_held else _("interrupted")


def _statements_of(row: Connection, runs: list[Run]) -> dict[int, str]:
    """How many statements the events became that each run read; a + where more events came since than are looked at."""
    done = InboxEvent.objects.filter(connection=row, state=InboxEvent.State.DONE).order_by("-id")
    looked = list(done.values_list("received", "delivery", "statements")[:_MOST_LOOKED]) if runs else []
    whole = len(looked) < _MOST_LOOKED
    answer = {}
    # One that was interrupted ended at the latest when the next one began.
    ends = [timezone.now(), *(run.started for run in runs)]
    for run, end in zip(runs, ends, strict=False):
        last = run.finished or end
        read = [len(ids) for received, delivery, ids in looked if delivery is None and run.started <= received <= last]
        partly = run.events and not whole and run.started <= looked[-1][0]
        answer[run.pk] = f"{sum(read)}{'+' if partly else ''}"
    return answer


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else ""
