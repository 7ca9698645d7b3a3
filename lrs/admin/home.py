"""The home page: today at a glance. Every number leads to the list behind it."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.contrib import admin
from django.http import Http404, HttpRequest
from django.urls import NoReverseMatch
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from lrs import quarantine
from lrs.connectors import connections, sign_in
from lrs.connectors.models import Connection, InboxEvent, Run, Task
from lrs.connectors.sealed import Unsealable
from lrs.connectors.webinars.models import Result
from lrs.models import BackgroundTask, Credential, Refusal, RefusalKind
from statements import glance
from statements.admin.charts import COLOURS, Bars, Series
from statements.admin.page import Text, address, looked_at
from statements.models import Person, Statement, Store

_DAYS = 14
_WEEK = timedelta(days=7)
# More than so many are not counted.
_MOST = 1_000
_MOST_KINDS = 5
_MOST_CONNECTIONS = 50
_LONGEST = 120

admin.site.index_template = "service/home.html"
admin.site.enable_nav_sidebar = True


class Card(NamedTuple):
    """A number, what it is, where it is listed, how good it is ("", "warn", "bad"), and a word beside."""

    number: str
    name: Text
    url: str = ""
    tone: str = ""
    small: Text = ""


class Trouble(NamedTuple):
    """Something that somebody should look at."""

    what: Text
    name: str
    sentence: Text
    url: str


def figures(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the template service/home.html shows; called by django-unfold."""
    try:
        looked = looked_at(request)
    except Http404:
        return {**context, "page_title": _("Home")}
    now = timezone.now()
    store = looked.store
    credentials = list(Credential.objects.filter(store=store))
    days = glance.days(store.pk, now, _DAYS)
    seeing = request.user.has_perm("statements.view_statement")
    joined = _joined(store) if request.user.has_perm("connectors.view_connection") else []
    troubles = _silent(credentials, days, now) if request.user.has_perm("lrs.view_credential") else []
    if request.user.has_perm("lrs.view_refusal"):
        troubles += _refused(credentials, now)
    troubles += _failing(joined)
    if request.user.has_perm("webinars.view_result"):
        troubles += _unknown(store)
    found = {
        "page_title": _("Home"),
        "page_subtitle": _("%(store)s, today (UTC)") % {"store": store.name},
        "looked": looked,
        "cards": _cards(request, store, credentials, days, now) if seeing else [],
        "chart": _chart(days, {row.pk: row.name for row in credentials}) if seeing else None,
        "troubles": troubles,
        "joined": joined,
        "nothing_yet": not days.sources and not Statement.objects.filter(store=store.pk).exists(),
        "credentials_url": address(Credential),
        "may_issue": request.user.has_perm("lrs.add_credential"),
    }
    return {**context, **found}


def _cards(
    request: HttpRequest, store: Store, credentials: Sequence[Credential], days: glance.Days, now: datetime
) -> list[Card]:
    today = now.date()
    since = f"{today:%Y-%m-%d}"
    week = f"{(now - _WEEK).date():%Y-%m-%d}"
    learners = glance.active_learners(store.pk, now)
    findings = sum(glance.findings(store.pk, [row.pk for row in credentials], now - _WEEK).values())
    more = "+" if days.capped else ""
    cards = [
        Card(_number(days.statements(today)) + more, _("statements today"), address(Statement, since=since)),
        Card(
            _number(days.completions(today)) + more,
            _("completions today"),
            address(Statement, since=since, completed="yes"),
        ),
        Card(
            _number(learners.number) + ("+" if learners.more else ""),
            _("active learners"),
            address(Person, since=week),
            small=_("7 days"),
        ),
        Card(
            _number(findings),
            _("findings"),
            address(Statement, findings="yes", since=week),
            tone="warn" if findings else "",
            small=_("7 days"),
        ),
    ]
    if request.user.has_perm("lrs.view_refusal"):
        refused = Refusal.objects.filter(store=store, state=Refusal.State.OPEN)[:_MOST].count()
        leads = page_of(RefusalKind, state="open")
        cards.append(Card(_capped(refused), _("open refusals"), leads, tone="bad" if refused else ""))
    if request.user.has_perm("connectors.view_inboxevent"):
        cards += _inbox(store, now)
    running = BackgroundTask.objects.filter(state__in=["waiting", "running"])[:_MOST].count()
    if running and request.user.has_perm("lrs.view_backgroundtask"):
        cards.append(Card(_capped(running), _("tasks under way"), address(BackgroundTask)))
    return cards


def _inbox(store: Store, now: datetime) -> list[Card]:
    connections = list(Connection.objects.filter(store=store).values_list("pk", flat=True))
    if not connections:
        return []
    rows = InboxEvent.objects.filter(connection__in=connections)
    waiting = rows.filter(state=InboxEvent.State.WAITING)
    depth = waiting[:_MOST].count()
    oldest = waiting.order_by("pk").values_list("received", flat=True).first() if depth else None
    waits = now - oldest if oldest else timedelta()
    small = _("oldest %(minutes)d min") % {"minutes": waits.total_seconds() // 60} if depth else ""
    cards = [
        Card(
            _capped(depth),
            _("events in the inbox"),
            page_of(InboxEvent, state="waiting"),
            "bad" if waits > timedelta(minutes=10) else "",
            small,
        )
    ]
    refused = rows.filter(state=InboxEvent.State.REFUSED)[:_MOST].count()
    if refused:
        cards.append(Card(_capped(refused), _("refused events"), page_of(InboxEvent, state="refused"), "bad"))
    return cards


def _chart(days: glance.Days, names: dict[int, str]) -> Bars | None:
    if not days.sources:
        return None
    shown, rest = days.sources[:COLOURS], days.sources[COLOURS:]
    if rest:
        shown, rest = days.sources[: COLOURS - 1], days.sources[COLOURS - 1 :]
    series = [
        Series(
            names.get(source.credential, _("others")),
            [source.statements.get(day, 0) for day in days.days],
            address(Statement, source=source.credential) if source.credential in names else "",
        )
        for source in shown
    ]
    if rest:
        series.append(Series(_("others"), [sum(each.statements.get(day, 0) for each in rest) for day in days.days]))
    labels = [_day(day) for day in days.days]
    short = [label if number % 3 == 1 else "" for number, label in enumerate(labels)]
    return Bars(_("Statements per day, by source"), labels, series, short, unit=_("Day"))


class Joined(NamedTuple):
    """A connection: its provider, its latest run, when the next one is due, and what is wrong with its sign-in."""

    connection: Connection
    title: str
    run: Run | None
    due: datetime | None
    alert: Text
    url: str


def _joined(store: Store) -> list[Joined]:
    rows = list(Connection.objects.filter(store=store).order_by("name")[:_MOST_CONNECTIONS])
    runs: dict[Any, Run] = {}
    for run in Run.objects.filter(connection__in=rows).order_by("-pk")[: 4 * _MOST_CONNECTIONS]:
        runs.setdefault(run.connection_id, run)
    # One that is due in another century is only begun by hand.
    tasks = Task.objects.filter(connection__in=rows, kind="sweep", due__lt=timezone.now() + timedelta(days=366))
    due = dict(tasks.values_list("connection", "due"))
    return [
        Joined(
            row,
            _(connections.provider_of(row).title),
            runs.get(row.pk),
            due.get(row.pk) if row.state == Connection.State.ACTIVE else None,
            _sign_in_alert(row),
            page_of(Connection, pk=row.pk),
        )
        for row in rows
    ]


def _sign_in_alert(row: Connection) -> Text:
    try:
        standing = sign_in.standing(row)
    except Unsealable as problem:
        return str(problem)
    return _("nobody is signed in") if standing and not standing.account else standing.alert if standing else ""


def _silent(credentials: Sequence[Credential], days: glance.Days, now: datetime) -> list[Trouble]:
    last = {source.credential: source.last for source in days.sources}
    found = []
    for row in credentials:
        allowed = timedelta(hours=row.silence_hours)
        heard = last.get(row.pk)
        if allowed and not row.disabled and (heard or row.created) < now - allowed:
            sentence = (
                _("no statement since %(time)s UTC; %(hours)d hours are allowed")
                % {"time": f"{heard:%Y-%m-%d %H:%M}", "hours": row.silence_hours}
                if heard
                else _("no statement in the last %(days)d days; %(hours)d hours are allowed")
                % {"days": _DAYS, "hours": row.silence_hours}
            )
            found.append(Trouble(_("silent"), row.name, sentence, address(Credential, "change", row.pk)))
    return found


def _refused(credentials: Sequence[Credential], now: datetime) -> list[Trouble]:
    """What was refused lately and nobody has seen to, the most frequent reasons first."""
    kinds = quarantine.still_open(RefusalKind.objects.filter(credential__in=credentials, last__gt=now - _WEEK))
    found = []
    for kind in kinds.filter(dismissed=False).select_related("credential").order_by("-count", "-last")[:_MOST_KINDS]:
        words = ngettext("%(number)d request: %(what)s", "%(number)d requests: %(what)s", kind.count)
        sentence = words % {"number": kind.count, "what": _short(kind.sentence)}
        found.append(Trouble(_("refused"), kind.credential.name, sentence, page_of(RefusalKind, pk=kind.pk)))
    return found


def _failing(joined: Sequence[Joined]) -> Iterator[Trouble]:
    """Connections that do not work: by the last check, the last run, or because nobody is signed in."""
    for one in joined:
        problem = one.alert
        if one.run is not None and one.run.ok is False:
            problem = problem or one.run.problem.strip().rpartition("\n")[2]
        if one.connection.check_ok is False:
            problem = problem or one.connection.check_sentence
        if problem:
            yield Trouble(_("went wrong"), one.connection.name, _short(str(problem)), one.url)


def _unknown(store: Store) -> list[Trouble]:
    """People who were in a webinar and of whom nobody knows who they are."""
    rows = Result.objects.filter(verdict=Result.Verdict.REVIEW, session__connection__store=store)
    number = rows[:_MOST].count()
    if not number:
        return []
    words = ngettext(
        "%(number)s person was there and is not known", "%(number)s people were there and are not known", number
    )
    return [Trouble(_("to be reviewed"), _("Webinars"), words % {"number": _capped(number)}, page_of(Result))]


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= _LONGEST else f"{sentence[:_LONGEST]}…"


def page_of(model: Any, pk: object = None, **query: object) -> str:
    """The address of a model's list, or of one of its rows; empty where it has no page."""
    try:
        return address(model, "changelist", **query) if pk is None else address(model, "change", pk, **query)
    except NoReverseMatch:
        return ""


def _capped(number: int) -> str:
    return f"{_number(number)}+" if number >= _MOST else _number(number)


def _number(number: int) -> str:
    return str(number_format(number, force_grouping=True))


def _day(day: date) -> str:
    return f"{day:%m-%d}"
