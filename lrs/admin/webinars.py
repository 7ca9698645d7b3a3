"""Webinars: sessions, who is expected, what holds for each person, and who has to be reviewed."""

from datetime import UTC
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lrs.connectors import sweeps
from lrs.connectors.models import Connection
from lrs.connectors.providers import PROVIDERS
from lrs.connectors.providers.attendance.sheet import RowFault
from lrs.connectors.webinars import importing, linking, sessions, sync
from lrs.connectors.webinars.attendance import Attendee, Plan
from lrs.connectors.webinars.matching import Identity
from lrs.connectors.webinars.models import Result, Session
from lrs.connectors.webinars.sessions import Change, SessionProblem
from statements import journal
from statements.admin import keyset
from statements.admin.acts import Button, Sure
from statements.admin.listing import Column, Listing, Row
from statements.admin.page import Link, Page, Text, address, look_at, looked_at, user_name

TITLE = gettext_lazy("Webinars")
REVIEW = gettext_lazy("To be reviewed")
# People of a session that are shown.
_MOST = 1_000
_STATES: dict[str, Text] = {
    Session.State.SCHEDULED: gettext_lazy("scheduled"),
    Session.State.WAITING: gettext_lazy("over, to be asked"),
    Session.State.POLLING: gettext_lazy("being asked"),
    Session.State.FINAL: gettext_lazy("final"),
    Session.State.NO_DATA: gettext_lazy("no data"),
    Session.State.STOPPED: gettext_lazy("stopped"),
}
_VERDICTS: dict[str, Text] = {
    Result.Verdict.PASSED: gettext_lazy("passed"),
    Result.Verdict.FAILED: gettext_lazy("failed"),
    Result.Verdict.ATTENDED: gettext_lazy("attended, not judged yet"),
    Result.Verdict.REVIEW: gettext_lazy("to be reviewed"),
}
_MOST_MEGABYTES = 20


class Sheet(forms.FileField):
    """A CSV file, not larger than is read at once."""

    widget = forms.FileInput({"accept": ".csv,text/csv"})

    def clean(self, data: Any, initial: Any = None) -> Any:
        """The file; raises ValidationError."""
        file = super().clean(data, initial)
        if file.size > _MOST_MEGABYTES * 1_000_000:
            raise forms.ValidationError(_("The file is larger than %(most)d MB.") % {"most": _MOST_MEGABYTES})
        return file


class Planned(forms.Form):
    """A webinar that is planned. Times are UTC."""

    connection = forms.ModelChoiceField(Connection.objects.none(), label=gettext_lazy("Connection"))
    meeting = forms.CharField(
        label=gettext_lazy("Room"),
        max_length=4000,
        help_text=gettext_lazy("The provider's id of the room, or its join URL."),
    )
    title = forms.CharField(label=gettext_lazy("Title"), max_length=400, required=False)
    start = forms.DateTimeField(
        label=gettext_lazy("Start (UTC)"), widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )
    end = forms.DateTimeField(
        label=gettext_lazy("End (UTC)"), widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )
    activity = forms.CharField(
        label=gettext_lazy("IRI of the webinar at the LMS"), max_length=2000, required=False, empty_value=""
    )
    parent = forms.CharField(label=gettext_lazy("IRI of the course it belongs to"), max_length=2000, required=False)
    instructors = forms.CharField(
        label=gettext_lazy("Instructors"),
        required=False,
        widget=forms.Textarea({"rows": "2"}),
        help_text=gettext_lazy("One e-mail address in each line, with = and a name behind it where that is known."),
    )


class Edited(Planned):
    """A session that is changed; its connection and its room stay."""

    connection = None  # type: ignore[assignment]
    meeting = None  # type: ignore[assignment]


class Roster(forms.Form):
    """Who is expected, as a file."""

    roster = Sheet(label=gettext_lazy("Roster (CSV)"), help_text=gettext_lazy("Columns: email, external_id, name."))
    replace = forms.BooleanField(label=gettext_lazy("Nobody else stays on the roster"), required=False)


class Attendance(forms.Form):
    """Who was there, as a file."""

    attendance = Sheet(
        label=gettext_lazy("Attendance (CSV)"),
        help_text=gettext_lazy(
            "Columns: meeting_id, session_id, title, scheduled_start, scheduled_end, email, external_id, name, role,"
            " joined_at, left_at, duration_seconds."
        ),
    )
    dry = forms.BooleanField(label=gettext_lazy("Only try: nothing is kept"), required=False, initial=True)


class Who(forms.Form):
    """Who somebody is."""

    handle = forms.ChoiceField(label=gettext_lazy("Known in the room by"))
    email = forms.EmailField(label=gettext_lazy("E-mail"), required=False)
    person = forms.CharField(label=gettext_lazy("User ID at the LMS"), max_length=400, required=False)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=400, required=False)
    everywhere = forms.BooleanField(label=gettext_lazy("In every session of this connection"), required=False)


@admin.register(Session)
class SessionAdmin(Page):
    adds = True
    acts = {
        "again": "webinars.change_session",
        "edit": "webinars.change_session",
        "fetch": "webinars.change_session",
        "roster": "webinars.change_session",
        "attendance": "webinars.change_session",
    }

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Sessions, the latest first."""
        looked = looked_at(request)
        rows = Session.objects.filter(connection__store=looked.store).select_related("connection")
        if (chosen := _uuid(request.GET.get("connection", ""))) is not None:
            rows = rows.filter(connection=chosen)
        part = keyset.part(request, rows, ("start", "id"))
        tools = [Link(REVIEW, address(Result))]
        if self.has_add_permission(request):
            tools.append(Link(_("New session"), address(Session, "add")))
        listing = Listing(
            caption=TITLE,
            columns=(
                Column(_("Session"), "wide"),
                Column(_("Connection")),
                Column(_("State"), "word"),
                Column(_("Start"), "time"),
                Column(_("Asked next"), "time"),
            ),
            rows=[
                Row(
                    address(Session, "change", row.pk),
                    (
                        str(row),
                        row.connection.name,
                        _STATES[row.state],
                        f"{row.start:%Y-%m-%d %H:%M} UTC",
                        _time(row.due),
                    ),
                    tone="bad" if row.state in (Session.State.NO_DATA, Session.State.STOPPED) else "",
                )
                for row in part.rows
            ],
            newer=part.newer,
            older=part.older,
            tools=tools,
            empty=_("No webinar is planned. Plan one, or let the LMS send session.planned to a connection's webhook."),
        )
        return self.render(request, "records/list.html", TITLE, looked=looked, listing=listing)

    def add_page(self, request: HttpRequest) -> HttpResponse:
        """Plan a session."""
        looked = looked_at(request)
        form = Planned(request.POST or None)
        names = [each.name for each in PROVIDERS.values() if each.webinars is not None]
        form.fields["connection"].queryset = Connection.objects.filter(  # type: ignore[attr-defined]
            store=looked.store, provider__in=names
        )
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            plan = Plan(
                title=given["title"],
                start=given["start"].replace(tzinfo=UTC),
                end=given["end"].replace(tzinfo=UTC),
                activity=given["activity"],
                instructors=_teachers(given["instructors"]),
            )
            try:
                made = sessions.plan(
                    given["connection"], given["meeting"], plan, parent=given["parent"], now=timezone.now()
                )
            except SessionProblem as problem:
                form.add_error(None, str(problem))
            else:
                journal.note("add", _thing(made), by=user_name(request), after=journal.of(made))
                return self.done(request, _("The session is planned."), address(Session, "change", made.pk))
        return self.render(
            request,
            "service/form.html",
            _("New session"),
            trail=(Link(TITLE, address(Session)),),
            form=form,
            confirm=_("Plan it"),
        )

    def one_page(self, request: HttpRequest, key: str) -> HttpResponse:
        """A session: where it stands, who is expected, what holds for each."""
        return self._page(request, _session(key))

    def _page(self, request: HttpRequest, row: Session, **more: Any) -> HttpResponse:
        look_at(request, row.connection.store_id)
        may = self.may(request, "again")
        found: dict[str, Any] = {
            "row": row,
            "state": _STATES[row.state],
            "connection_url": address(Connection, "change", row.connection_id),
            "instructors": ", ".join(one.name or one.email or one.id for one in sessions.instructors(row)),
            "roster": _roster(row),
            "results": _results(row),
            "said": row.sent.filter(voided=None)[:_MOST].count(),
            "again": Button(
                _("Try again"),
                address(Session, "again", row.pk),
                Sure(),
                help=_("A new hour of asking the provider for the list begins now."),
            )
            if may
            else None,
            "fetch": Button(
                _("Fetch the roster"),
                address(Session, "fetch", row.pk),
                Sure(),
                help=_("Those who are registered with the provider are put on the roster."),
                confirm=_("Fetch it"),
            )
            if may and _tells_who_is_registered(row)
            else None,
            "edit_form": _edited(row) if may else None,
            "edit_url": address(Session, "edit", row.pk),
            "roster_form": Roster() if may else None,
            "roster_url": address(Session, "roster", row.pk),
            "attendance_form": Attendance() if may else None,
            "attendance_url": address(Session, "attendance", row.pk),
            "faults": [],
            "outcome": None,
        }
        return self.render(
            request,
            "service/session.html",
            str(row),
            subtitle=row.connection.name,
            trail=(Link(TITLE, address(Session)),),
            **(found | more),
        )

    def again(self, request: HttpRequest, key: str) -> HttpResponse:
        """A new hour of asking."""
        row = _session(key)
        sync.retry(row, timezone.now())
        now = _session(key)
        journal.note("again", _thing(row), by=user_name(request), before=journal.of(row), after=journal.of(now))
        return self.done(request, _("The provider is asked again."), address(Session, "change", row.pk))

    def edit(self, request: HttpRequest, key: str) -> HttpResponse:
        """Change what is planned."""
        row = _session(key)
        form = _edited(row, request.POST)
        if not form.is_valid():
            return self._page(request, row, edit_form=form)
        given, before = form.cleaned_data, journal.of(row)
        wanted = Change(
            title=given["title"],
            start=given["start"].replace(tzinfo=UTC),
            end=given["end"].replace(tzinfo=UTC),
            activity=given["activity"],
            parent=given["parent"],
            # Of an instructor the text says no user id: what is not touched stays.
            instructors=_teachers(given["instructors"]) if "instructors" in form.changed_data else None,
        )
        try:
            changed = sessions.change(row, wanted, timezone.now())
        except SessionProblem as problem:
            form.add_error(_FIELDS.get(problem.about), str(problem))
            return self._page(request, row, edit_form=form)
        journal.note("change", _thing(row), by=user_name(request), before=before, after=journal.of(changed))
        return self.done(request, _("Saved."), address(Session, "change", row.pk))

    def fetch(self, request: HttpRequest, key: str) -> HttpResponse:
        """Put those on the roster who are registered with the provider."""
        row = _session(key)
        before, page = row.roster.count(), address(Session, "change", row.pk)
        try:
            number = sync.fetch_roster(row, timezone.now())
        except (SessionProblem, *sweeps.OUTSIDE) as problem:
            return self.done(request, str(problem), page, good=False)
        journal.note(
            "roster", _thing(row), by=user_name(request), before={"expected": before}, after={"expected": number}
        )
        return self.done(request, _("%(number)d people are on the roster.") % {"number": number}, page)

    def roster(self, request: HttpRequest, key: str) -> HttpResponse:
        """Take in who is expected."""
        row = _session(key)
        form = Roster(request.POST, request.FILES)
        if not form.is_valid():
            return self._page(request, row, roster_form=form)
        before = row.roster.count()
        try:
            number, faults = importing.roster(
                row, form.cleaned_data["roster"].read(), replace=form.cleaned_data["replace"]
            )
        except SessionProblem as problem:
            form.add_error("roster", str(problem))
            return self._page(request, row, roster_form=form)
        if faults:
            return self._page(request, row, faults=_sentences(faults))
        after = {"expected": number, "replace": form.cleaned_data["replace"]}
        journal.note("roster", _thing(row), by=user_name(request), before={"expected": before}, after=after)
        said = _("%(number)d people are on the roster.") % {"number": number}
        return self.done(request, said, address(Session, "change", row.pk))

    def attendance(self, request: HttpRequest, key: str) -> HttpResponse:
        """Take in who was there, of this and other sessions of the connection; or only try."""
        row = _session(key)
        form = Attendance(request.POST, request.FILES)
        if not form.is_valid():
            return self._page(request, row, attendance_form=form)
        dry, content = form.cleaned_data["dry"], form.cleaned_data["attendance"].read()
        try:
            outcome = importing.attendance(row.connection, content, timezone.now(), dry=dry)
        except SessionProblem as problem:
            form.add_error("attendance", str(problem))
            return self._page(request, row, attendance_form=form)
        if outcome.faults:
            return self._page(request, row, faults=_sentences(outcome.faults))
        if not dry:
            after = {"rows": outcome.rows, "sessions": outcome.sessions}
            journal.note("attendance", _thing(row), by=user_name(request), after=after)
        return self._page(request, _session(key), outcome=outcome, dry=dry)


@admin.register(Result)
class ResultAdmin(Page):
    acts = {"link": "webinars.change_result"}

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Those of whom nothing is said until somebody says who they are."""
        looked = looked_at(request)
        rows = Result.objects.filter(verdict=Result.Verdict.REVIEW, session__connection__store=looked.store)
        part = keyset.part(request, rows.select_related("session"), ("id",))
        listing = Listing(
            caption=REVIEW,
            columns=(
                Column(_("Name in the room")),
                Column(_("Session")),
                Column(_("Reason"), "wide"),
                Column(_("Minutes"), "number"),
            ),
            rows=[
                Row(
                    address(Result, "change", row.pk),
                    (row.name or row.key, str(row.session), row.reason, row.seconds // 60),
                )
                for row in part.rows
            ],
            newer=part.newer,
            older=part.older,
            empty=_("Nobody is to be reviewed: everybody who was in a room is known."),
        )
        trail = (Link(TITLE, address(Session)),)
        return self.render(request, "records/list.html", REVIEW, trail=trail, looked=looked, listing=listing)

    def one_page(self, request: HttpRequest, key: str) -> HttpResponse:
        """What holds for one person of a session; who is not known is linked here."""
        return self._page(request, _result(key))

    def _page(self, request: HttpRequest, row: Result, form: Who | None = None) -> HttpResponse:
        look_at(request, row.session.connection.store_id)
        linkable = bool(row.handles) and self.may(request, "link")
        return self.render(
            request,
            "service/result.html",
            str(row),
            subtitle=str(row.session),
            trail=(Link(TITLE, address(Session)), Link(str(row.session), address(Session, "change", row.session_id))),
            row=row,
            verdict=_VERDICTS[row.verdict],
            form=(form or _who(row)) if linkable else None,
            link_url=address(Result, "link", row.pk),
        )

    def link(self, request: HttpRequest, key: str) -> HttpResponse:
        """Say who somebody is."""
        row = _result(key)
        form = _who(row, request.POST)
        if not form.is_valid():
            return self._page(request, row, form)
        given = form.cleaned_data
        person = Identity(given["person"], given["email"], given["name"])
        try:
            done = linking.link(row.session, given["handle"], person, timezone.now(), everywhere=given["everywhere"])
        except SessionProblem as problem:
            form.add_error(None, str(problem))
            return self._page(request, row, form)
        journal.note("link", _thing(row.session), by=user_name(request), after=given)
        said = _("Linked; %(number)d sessions were settled again.") % {"number": len(done.sessions)}
        return self.done(request, said, address(Session, "change", row.session_id))


# The form's field for what a SessionProblem is about.
_FIELDS = {"scheduled_start": "start", "scheduled_end": "end", "activity_id": "activity", "parent": "parent"}


def _edited(row: Session, given: Any = None) -> Edited:
    teachers = [one for one in sessions.instructors(row) if one.email]
    initial = {
        **{name: getattr(row, name) for name in ("title", "start", "end", "activity", "parent")},
        "instructors": "\n".join(f"{one.email}={one.name}" if one.name else one.email for one in teachers),
    }
    return Edited(given, initial=initial)


def _tells_who_is_registered(row: Session) -> bool:
    found = PROVIDERS.get(row.connection.provider)
    return found is not None and found.webinars is not None and found.webinars.roster is not None


def _who(row: Result, given: Any = None) -> Who:
    form = Who(given, initial={"name": row.name, "email": row.email, "person": row.person})
    form.fields["handle"].choices = [(each, each) for each in row.handles]  # type: ignore[attr-defined]
    return form


def _roster(row: Session) -> Listing:
    return Listing(
        caption=_("Roster"),
        columns=(Column(_("Name"), "wide"), Column(_("E-mail")), Column(_("User ID at the LMS"))),
        rows=[Row("", (one.name or "–", one.email, one.person)) for one in row.roster.order_by("name", "id")[:_MOST]],
        empty=_("Nobody is expected. Upload a roster below."),
    )


def _results(row: Session) -> Listing:
    tones = {Result.Verdict.REVIEW: "bad"}
    return Listing(
        caption=_("Results"),
        columns=(
            Column(_("Person")),
            Column(_("Result"), "word"),
            Column(_("Minutes"), "number"),
            Column(_("Share"), "number"),
            Column(_("Reason"), "wide"),
        ),
        rows=[
            Row(
                address(Result, "change", one.pk),
                (
                    one.name or one.email or one.key,
                    _VERDICTS[one.verdict],
                    one.seconds // 60,
                    f"{one.ratio:.0%}",
                    one.reason,
                ),
                tone=tones.get(Result.Verdict(one.verdict), ""),
            )
            for one in row.results.all()[:_MOST]
        ],
        empty=_("Nothing is known yet of who was there."),
    )


def _sentences(faults: list[RowFault]) -> list[str]:
    return [
        _("Row %(row)d, %(column)s: %(problem)s")
        % {"row": one.row, "column": one.column or "–", "problem": one.problem}
        for one in faults[:100]
    ]


def _teachers(text: str) -> tuple[Attendee, ...]:
    pairs = [line.strip().partition("=") for line in text.splitlines() if line.strip()]
    return tuple(Attendee(email=email.strip(), name=name.strip()) for email, _equals, name in pairs)


def _thing(row: Session) -> journal.Thing:
    return journal.thing(row)._replace(store=row.connection.store_id)


def _time(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _session(key: str) -> Session:
    try:
        return sessions.named(key)
    except SessionProblem:
        raise Http404 from None


def _result(key: str) -> Result:
    rows = Result.objects.select_related("session__connection__store", "session__connection__credential")
    row = rows.filter(pk=int(key)).first() if key.isdecimal() else None
    if row is None:
        raise Http404
    return row
