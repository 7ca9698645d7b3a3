"""Connections, the inbox and webinars in the administration."""

import html
import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urljoin

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from lrs.connectors import connections, inbox, worker
from lrs.connectors.contract import Received, Request
from lrs.connectors.models import Budget, Connection, Delivery, InboxEvent, Run, Task
from statements.models import Act

LIST = "/admin/connectors/connection/"
EVENTS = "/admin/connectors/inboxevent/"
DELIVERIES = "/admin/connectors/delivery/"
SESSIONS = "/admin/webinars/session/"
RESULTS = "/admin/webinars/result/"
PAYLOADS = Path(__file__).parents[2] / "payloads"
SECRET = "a-secret-that-nobody-reads"
KHALIBRE = {"host": "lms.example.com", "client_id": "app", "client_secret": SECRET}


@pytest.fixture
def connect(store):
    def make(provider="khalibre", **given):
        chosen = {**(KHALIBRE if provider == "khalibre" else {}), "store": store.name, **given}
        return connections.create(provider, f"{provider} {uuid.uuid4()}", chosen)

    return make


def _page(browser, url, **query):
    answer = browser.get(url, query)
    assert answer.status_code == 200, url
    return html.unescape(answer.content.decode())


def _events(row, number=1, state="refused", **more):
    now = timezone.now()
    received = [Received("", "course.status", uuid.uuid4().hex, now, "one", {"n": n}) for n in range(number)]
    inbox.put(row.pk, received, now=now)
    keys = [inbox.key(row.pk, one) for one in received]
    InboxEvent.objects.filter(key__in=keys).update(state=state, **more)
    return list(InboxEvent.objects.filter(key__in=keys))


def _sent(browser, url, data):
    answer = browser.post(url, data, follow=True)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def _acts(row):
    return {act.what: act for act in Act.objects.filter(thing=str(row.pk)).order_by("pk")}


def test_a_connection_is_made_by_its_form_and_shows_no_secret(operator, store):
    assert "provider=khalibre" in operator.get(LIST + "add/").content.decode()
    name = f"Khalibre {uuid.uuid4()}"
    fields = {**KHALIBRE, "name": name, "store": store.name, "api_version": "1.1", "sweep_minutes": "30"}
    fields |= {"timezone": "Europe/Kyiv", "status_table": "{}"}
    shown = _sent(operator, f"{LIST}add/?provider=khalibre", fields)
    made = Connection.objects.get(name=name)
    assert connections.settings_of(made)["client_secret"] == SECRET
    assert made.settings["sweep_minutes"] == 30
    assert f">{connections.webhook_url(made)}<" in shown
    act = _acts(made)["add"]
    for text in (shown, _page(operator, LIST, store=store.pk), act.before, act.after):
        assert SECRET not in text
    assert "lms.example.com" in act.after


def test_what_does_not_fit_is_said_at_its_field(operator, store):
    fields = {**KHALIBRE, "name": "x", "store": store.name, "api_version": "1.1", "sweep_minutes": "30"}
    fields |= {"status_table": "no JSON", "timezone": "UTC"}
    shown = _sent(operator, f"{LIST}add/?provider=khalibre", fields)
    assert "status_table must be a JSON object" in shown
    assert not Connection.objects.filter(store=store).exists()


@pytest.mark.parametrize("wrong", [{"server": ""}, {"home_page": "no address"}])
def test_a_form_that_is_refused_does_not_give_back_its_secrets(operator, store, wrong):
    given = {"name": "x", "store": store.name, "server": "https://vatra.example.com", "api_token": SECRET}
    given |= {"jwt_public_key": "no key", "jwt_private_key": SECRET, "interval_minutes": "5", "limit_minutes": "60"}
    given |= {"credit_minutes": "0", "credit_percent": "0", **wrong}
    shown = _sent(operator, f"{LIST}add/?provider=vatra", given)
    assert "errorlist" in shown
    assert SECRET not in shown
    assert not Connection.objects.filter(store=store).exists()


def test_settings_are_changed_and_secrets_that_are_not_given_stay(operator, connect):
    row = connect(username="u", password="webhook-password")
    fields = {"host": "other.example.com", "client_id": "app", "client_secret": "", "api_version": "1.1"}
    fields |= {"sweep_minutes": "0", "timezone": "UTC", "status_table": "{}", "forget_password": "on"}
    _sent(operator, f"{LIST}{row.pk}/set/", fields)
    row.refresh_from_db()
    kept = connections.settings_of(row)
    assert (kept["host"], kept["client_secret"], kept["password"]) == ("other.example.com", SECRET, "")
    _sent(operator, f"{LIST}{row.pk}/set/", {**fields, "client_secret": "another-secret"})
    row.refresh_from_db()
    assert connections.settings_of(row)["client_secret"] == "another-secret"
    first, second = Act.objects.filter(thing=str(row.pk), what="change").order_by("pk")
    assert ('"host": "lms.example.com"' in first.before, '"host": "other.example.com"' in first.after) == (True, True)
    assert ("client_secret" in first.after, "client_secret" in second.after) == (False, True)
    assert "another-secret" not in second.before + second.after


def test_the_check_answers_in_a_sentence(operator, connect, settings):
    settings.LRS_OUTBOUND_ALLOW = []
    row = connect(host="127.0.0.1")
    shown = _sent(operator, f"{LIST}{row.pk}/ask/", {})
    row.refresh_from_db()
    assert row.check_sentence.startswith("failed: ")
    assert row.check_sentence in shown
    assert row.check_sentence in _page(operator, LIST, store=row.store_id)
    assert "failed" in _acts(row)["check"].after


def test_a_sweep_is_asked_for_and_a_worker_that_is_at_it_is_left_alone(operator, connect):
    row = connect()
    Task.objects.filter(connection=row, kind="sweep").update(due=timezone.now() + timedelta(hours=1))
    assert "begins within seconds" in _sent(operator, f"{LIST}{row.pk}/sweep/", {})
    assert Task.objects.get(connection=row, kind="sweep").due <= timezone.now()
    assert "sweep" in _acts(row)
    at_it = Task.objects.filter(connection=row, kind="sweep")
    at_it.update(holder="somebody", until=timezone.now() + timedelta(minutes=2))
    assert "right now" in _sent(operator, f"{LIST}{row.pk}/sweep/", {})
    # Who was killed is at nothing any more, whatever is written.
    at_it.update(until=timezone.now() - timedelta(seconds=1))
    assert "begins within seconds" in _sent(operator, f"{LIST}{row.pk}/sweep/", {})


def test_a_sweep_under_way_is_shown_and_one_that_was_killed_too(operator, connect):
    row = connect()
    Run.objects.create(connection=row, kind="sweep", started=timezone.now(), rows=41)
    for minutes, words in ((2, {"a worker is at it", "under way"}), (-1, {"interrupted"})):
        until = timezone.now() + timedelta(minutes=minutes)
        Task.objects.filter(connection=row, kind="sweep").update(holder="somebody", until=until)
        shown = _page(operator, f"{LIST}{row.pk}/change/")
        assert {each for each in ("a worker is at it", "under way", "interrupted") if each in shown} == words


def test_the_page_shows_runs_deliveries_events_and_what_is_due(operator, connect):
    row = connect()
    Run.objects.create(
        connection=row, kind="sweep", started=timezone.now(), ok=False, rows=41, total=97, problem="Trace\nIt broke."
    )
    _events(row, 2, reason="There is no such course.")
    inbox.keep(row, Request({}, "", b"{}", timezone.now()))
    shown = _page(operator, f"{LIST}{row.pk}/change/")
    for words in ("41 / 97", "It broke.", "There is no such course.", "reading the provider's report", "lms.example"):
        assert words in shown
    assert "is not published" in shown
    assert SECRET not in shown


def test_a_connection_is_paused_and_goes_on(operator, connect):
    row = connect()
    assert "is paused" in _sent(operator, f"{LIST}{row.pk}/pause/", {})
    row.refresh_from_db()
    assert row.state == "paused"
    _sent(operator, f"{LIST}{row.pk}/resume/", {})
    row.refresh_from_db()
    assert row.state == "active"
    assert '"state": "paused"' in _acts(row)["pause"].after


def test_the_inbox_is_filtered_and_leads_to_the_older_ones(operator, connect):
    row = connect()
    _events(row, 60, reason="refused-reason")
    _events(row, 1, state="done")
    shown = _page(operator, EVENTS, store=row.store_id, state="refused")
    assert shown.count("refused-reason") == 50
    older = _page(operator, EVENTS + shown.partition('rel="next" href="')[2].partition('"')[0])
    assert older.count("refused-reason") == 10
    assert _page(operator, EVENTS, store=row.store_id, state="done").count("course.status") == 1


def test_an_event_shows_what_came_and_why_and_is_tried_again(operator, connect):
    row = connect()
    (event,) = _events(row, reason="There is no such course.", traceback="Traceback of it")
    shown = _page(operator, f"{EVENTS}{event.pk}/change/")
    for words in ("There is no such course.", "Traceback of it", '"n": 0', "Try again"):
        assert words in shown
    _sent(operator, f"{EVENTS}{event.pk}/again/", {})
    event.refresh_from_db()
    assert (event.state, event.reason) == ("waiting", "")
    act = Act.objects.get(kind="connectors.inboxevent", thing=str(event.pk))
    assert (act.before, act.after) == ('{"state": "refused"}', '{"state": "waiting"}')
    assert "Nothing is to be decided" in _sent(operator, f"{EVENTS}{event.pk}/again/", {})


def test_all_refused_events_of_a_connection_are_tried_again(operator, connect):
    row, other = connect(), connect()
    _events(row, 3)
    _events(other, 1)
    assert "3 events are decided anew" in _sent(operator, f"{LIST}{row.pk}/again/", {})
    assert InboxEvent.objects.filter(connection=row, state="waiting").count() == 3
    assert InboxEvent.objects.filter(connection=other, state="refused").count() == 1


def test_an_event_leads_to_the_statements_that_it_became(operator, store):
    alm = connections.create("alm", f"ALM {uuid.uuid4()}", {"store": store.name, "account_id": "1234"})
    body = (PAYLOADS / "alm/events/COURSE_ENROLLMENT.json").read_bytes()
    delivery = inbox.keep(alm, Request({"content-type": "application/json"}, "", body, timezone.now()))
    worker.work_off_all(timezone.now())
    event = InboxEvent.objects.filter(connection=alm, state="done").exclude(statements=[]).first()
    assert event is not None, list(InboxEvent.objects.filter(connection=alm).values("state", "reason"))
    shown = _page(operator, f"{EVENTS}{event.pk}/change/")
    (link,) = re.findall(r'href="(/admin/statements/statement/[0-9a-f-]+/change/)"', shown)
    assert event.statements[0] in _page(operator, link)
    assert f"{DELIVERIES}{delivery.pk}/change/" in shown
    assert body.decode()[:40] in _page(operator, f"{DELIVERIES}{delivery.pk}/change/")


def test_a_delivery_that_is_no_text_is_shown_without_its_secret_headers(operator, connect):
    row = connect()
    request = Request({"authorization": f"Basic {SECRET}"}, "", b"\xff{broken", timezone.now())
    kept = inbox.keep(row, request)
    Delivery.objects.filter(pk=kept.pk).update(state="unreadable", problem="It is no JSON.")
    shown = _page(operator, f"{DELIVERIES}{kept.pk}/change/")
    assert "{broken" in shown
    assert "It is no JSON." in shown
    assert SECRET not in shown
    assert "unreadable" in _page(operator, DELIVERIES, store=row.store_id)


def test_an_unreadable_delivery_is_read_again(operator, viewer, connect):
    row = connect("alm", account_id="1234")
    body = (PAYLOADS / "alm" / "events" / "COURSE_ENROLLMENT.json").read_bytes()
    kept = inbox.keep(row, Request({"content-type": "application/json"}, "", body, timezone.now()))
    Delivery.objects.filter(pk=kept.pk).update(state="unreadable", problem="Nobody knew this form yet.")
    page = f"{DELIVERIES}{kept.pk}/"
    assert "Try reading it again" in _page(operator, page + "change/")
    assert viewer.post(page + "again/").status_code == 403
    assert "read again within seconds" in _sent(operator, page + "again/", {})
    worker.work_off_all(timezone.now())
    kept.refresh_from_db()
    assert (kept.state, kept.problem, kept.events) == ("cut", "", 1)
    assert "Try reading it again" not in _page(operator, page + "change/")
    assert "read already" in _sent(operator, page + "again/", {})
    act = Act.objects.get(kind="connectors.delivery", thing=str(kept.pk))
    assert (act.what, json.loads(act.before)["state"], json.loads(act.after)["state"]) == (
        "again", "unreadable", "waiting",
    )  # fmt: skip


def test_lists_take_as_many_queries_for_many_as_for_few(operator, connect):
    row = connect()
    _events(row)
    urls = (LIST, EVENTS, DELIVERIES, SESSIONS, RESULTS, f"{LIST}{row.pk}/change/")
    few = [_queries(operator, url, row) for url in urls]
    for _ in range(4):
        _events(connect(), 3)
    _events(row, 20)
    assert [_queries(operator, url, row) for url in urls] == few
    assert max(few[:5]) <= 12
    assert few[5] <= 30


def _queries(browser, url, row):
    browser.get(url, {"store": row.store_id})
    with CaptureQueriesContext(database) as found:
        browser.get(url, {"store": row.store_id})
    return len(found)


def test_a_viewer_sees_and_does_none_of_it(viewer, connect):
    row = connect()
    (event,) = _events(row)
    for url in (LIST, LIST + "add/", f"{LIST}{row.pk}/change/", EVENTS, f"{EVENTS}{event.pk}/change/", DELIVERIES):
        assert viewer.get(url).status_code == 403
    for url in (SESSIONS, SESSIONS + "add/", RESULTS):
        assert viewer.get(url).status_code == 403
    for act in ("set", "ask", "sweep", "pause", "resume", "again", "book"):
        assert viewer.post(f"{LIST}{row.pk}/{act}/").status_code == 403
    assert viewer.post(f"{EVENTS}{event.pk}/again/").status_code == 403


def test_a_course_is_booked_at_khalibre(operator, store, settings):
    from tests.standins import khalibre

    settings.LRS_OUTBOUND_ALLOW = ["127.0.0.1"]
    with khalibre.running() as side:
        row = _khalibre(side, store)
        given = {"community_id": "1", "course_id": "2", "learner_email": "ann@example.com"}
        shown = _sent(operator, f"{LIST}{row.pk}/book/", given)
        assert "The course is booked" in shown
        assert "ann@example.com" in _acts(row)["book"].after
    assert "valid e-mail" in _sent(
        operator, f"{LIST}{row.pk}/book/", {**given, "learner_email": "ann"}
    ).lower().replace("email", "e-mail")


def test_a_sweep_is_shown_with_the_statements_that_it_became(operator, store, settings):
    from lrs.connectors import schedule, sweeps
    from tests.standins import khalibre

    settings.LRS_OUTBOUND_ALLOW = ["127.0.0.1"]
    with khalibre.running() as side:
        row = _khalibre(side, store)
        for number in range(7):
            side.row(f"l{number}@example.com", 1)
        schedule.sweep_now(row, sweeps.silent)
        worker.work_off(timezone.now())
        side.rows[0]["completedActivity"] = 5
        schedule.sweep_now(row, sweeps.silent)
        worker.work_off(timezone.now())
    for killed in (False, True):
        if killed:
            Run.objects.filter(pk=min(row.run_set.values_list("pk", flat=True))).update(finished=None, ok=None)
        shown = _page(operator, f"{LIST}{row.pk}/change/")
        numbers = re.findall(r'data-label="Statements"><span class="r-value">([^<]*)<', shown)
        assert numbers == ["1", "7"]


def test_for_how_long_a_provider_asked_to_wait_is_shown_as_a_time_of_day(operator, connect):
    row = connect()
    until = timezone.now() + timedelta(minutes=1)
    Budget.objects.create(connection=row, bucket="api:100/60", closed_until=until)
    assert f"closed until {until:%H:%M:%S} UTC" in _page(operator, f"{LIST}{row.pk}/change/")


def _khalibre(side, store):
    given = {"host": "127.0.0.1", "client_id": "app", "client_secret": "app-secret", "store": store.name}
    given |= {"api_url": f"{side.url}/o/kh-gateway/lms/v1.1", "token_url": f"{side.url}/o/oauth2/token"}
    return connections.create("khalibre", f"Khalibre {uuid.uuid4()}", given)


START = datetime(2026, 1, 12, 10, 0, tzinfo=UTC)
CSV = (
    "meeting_id,session_id,title,scheduled_start,scheduled_end,email,external_id,name,role,joined_at,left_at,"
    "duration_seconds\n"
    "room-77,,Safety,2026-01-12T10:00:00Z,2026-01-12T11:00:00Z,ann@example.com,,Ann,,2026-01-12T10:00:00Z,"
    "2026-01-12T11:00:00Z,\n"
    "room-77,,Safety,2026-01-12T10:00:00Z,2026-01-12T11:00:00Z,,,Guest 7,,2026-01-12T10:00:00Z,"
    "2026-01-12T11:00:00Z,\n"
)


def _planned(browser, row):
    fields = {"connection": str(row.pk), "meeting": "room-77", "title": "Safety", "start": "2026-01-12T10:00"}
    fields |= {"end": "2026-01-12T11:00", "instructors": "curator@example.com=The Curator"}
    browser.get(SESSIONS, {"store": row.store_id})
    _sent(browser, SESSIONS + "add/", fields)
    return row.webinars.get()


def _file(name, text):
    return SimpleUploadedFile(name, text.encode(), content_type="text/csv")


def test_a_webinar_is_planned_filled_by_files_and_reviewed(operator, connect):
    row = connect("attendance", secret="whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0")
    session = _planned(operator, row)
    assert (session.start, session.instructors[0]["email"]) == (START, "curator@example.com")
    page = f"{SESSIONS}{session.pk}"
    assert "Row 2" in _sent(operator, f"{page}/roster/", {"roster": _file("r.csv", "email,name\nno address,Ann\n")})
    roster = _file("r.csv", "email,external_id,name\nann@example.com,,Ann\npetro@example.com,,Petro\n")
    assert "2 people are on the roster" in _sent(operator, f"{page}/roster/", {"roster": roster})
    tried = _sent(operator, f"{page}/attendance/", {"attendance": _file("a.csv", CSV), "dry": "on"})
    assert "Only tried" in tried
    assert not session.results.exists()
    taken = _sent(operator, f"{page}/attendance/", {"attendance": _file("a.csv", CSV)})
    assert "The file is taken in" in taken
    assert session.results.get(email="ann@example.com").verdict == "passed"
    reviewed = session.results.get(verdict="review")
    assert "Guest 7" in _page(operator, RESULTS, store=row.store_id)
    assert "Guest 7" in _page(operator, f"{page}/change/")
    assert "Guest 7" in _page(operator, f"{RESULTS}{reviewed.pk}/change/")
    link = {"handle": reviewed.handles[0], "email": "petro@example.com", "name": "Petro"}
    assert "settled again" in _sent(operator, f"{RESULTS}{reviewed.pk}/link/", link)
    assert session.results.get(email="petro@example.com").verdict == "passed"
    assert "Guest 7" not in _page(operator, RESULTS, store=row.store_id)
    assert {"add", "roster", "attendance", "link"} <= set(_acts(session))


def test_bigbluebutton_s_exporter_is_given_an_address_that_it_makes_the_right_one_of(operator, connect, settings):
    settings.LRS_PUBLIC_URL = "https://lrs.example.org/tenant"
    row = connect("bigbluebutton", server="https://bbb.example.org", secret="s")
    shown = _page(operator, f"{LIST}{row.pk}/change/")
    [given] = re.findall(r'id="exporter">([^<]+)<', shown)
    # As the exporter does it (new URL of JavaScript).
    assert urljoin(given, "xAPI/statements") == "https://lrs.example.org/tenant/xAPI/statements"


def test_a_file_that_is_too_large_is_said(operator, connect):
    page = f"{SESSIONS}{_planned(operator, connect('attendance')).pk}"
    for name in ("roster", "attendance"):
        sent = _sent(operator, f"{page}/{name}/", {name: _file("a.csv", "x" * 20_000_001)})
        assert "The file is larger than 20 MB." in sent


def test_a_session_is_tried_again(operator, connect):
    row = connect("attendance", secret="whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0")
    session = _planned(operator, row)
    row.webinars.update(state="no_data", due=None, reason="Nothing came.")
    assert "Nothing came." in _page(operator, f"{SESSIONS}{session.pk}/change/")
    _sent(operator, f"{SESSIONS}{session.pk}/again/", {})
    session.refresh_from_db()
    assert session.state != "no_data"
    assert session.due is not None
    assert "again" in _acts(session)


def test_the_query_api_tells_how_connections_are_without_secrets(root, connect):
    row = connect()
    _events(row, 2)
    _events(row, 1, state="waiting")
    kept = inbox.keep(row, Request({}, "", b"{}", timezone.now()))
    answer = root.get("/api/v1/connections", {"store": row.store.name})
    (told,) = answer.json()["results"]
    assert (told["provider"], told["name"], told["state"]) == ("khalibre", row.name, "active")
    assert (told["waiting"], told["refused"], told["check_ok"]) == (1, 2, None)
    assert datetime.fromisoformat(told["last_delivery"]) == kept.received
    due = Task.objects.get(connection=row, kind="sweep").due
    assert abs(datetime.fromisoformat(told["next_sweep"]) - due) < timedelta(seconds=1)
    for secret in (SECRET, row.hook):
        assert secret not in answer.content.decode()


def test_a_session_is_changed_at_its_page_and_what_is_wrong_is_said_at_its_field(operator, viewer, connect):
    from lrs.connectors.webinars import sessions
    from lrs.connectors.webinars.attendance import Attendee
    from tests.lrs.connectors.webinars.conftest import START, planned

    teacher = Attendee(id="417", email="curator@example.com", name="The Curator")
    row = planned(connect("attendance", secret="s"), instructors=(teacher,))
    page, edit = f"{SESSIONS}{row.pk}/change/", f"{SESSIONS}{row.pk}/edit/"
    content = operator.get(page).content.decode()
    assert 'value="2026-01-12T10:00"' in content
    assert "curator@example.com=The Curator" in content
    given = {
        "title": "Safety",
        "start": "2026-01-12T09:30",
        "end": "2026-01-12T11:00",
        "activity": "https://lms.example/7",
        "parent": "",
        "instructors": "curator@example.com=The Curator",
    }
    assert viewer.post(edit, given).status_code == 403
    assert operator.post(edit, given).status_code == 302
    changed = type(row).objects.get(pk=row.pk)
    assert (changed.title, changed.start, changed.activity) == (
        "Safety",
        START - timedelta(minutes=30),
        "https://lms.example/7",
    )
    assert [one.id for one in sessions.instructors(changed)] == ["417"]
    wrong = operator.post(edit, {**given, "end": "2026-01-12T09:00", "title": "x"})
    assert "A session ends after its start." in wrong.content.decode()
    operator.post(edit, {**given, "instructors": "other@example.com"})
    changed.refresh_from_db()
    assert (changed.title, sessions.instructors(changed)[0].email) == ("Safety", "other@example.com")
    assert [act.what for act in Act.objects.filter(kind="webinars.session", thing=str(row.pk))] == ["change"] * 2


def test_the_roster_is_fetched_from_a_provider_that_tells_who_is_registered(operator, connect, settings):
    from tests.lrs.connectors.webinars.conftest import planned
    from tests.standins import etutorium

    settings.LRS_OUTBOUND_ALLOW = ["127.0.0.1"]
    with etutorium.running() as side:
        side.registered = [{"email": "olena.koval@example.com"}, {"email": "petro.bondar@example.com"}]
        row = planned(connect("etutorium", endpoint=side.url, api_token=side.token), meeting="13144", roster=())
        page = f"{SESSIONS}{row.pk}/change/"
        assert "Fetch the roster" in operator.get(page).content.decode()
        said = operator.post(f"{SESSIONS}{row.pk}/fetch/", follow=True).content.decode()
        assert f"{row.roster.count()} people are on the roster." in said
        assert row.roster.count() > 0
    settings.LRS_OUTBOUND_ALLOW = []
    assert "LRS_OUTBOUND_ALLOW" in operator.post(f"{SESSIONS}{row.pk}/fetch/", follow=True).content.decode()
    other = planned(connect("attendance", secret="s"), meeting="another")
    assert "Fetch the roster" not in operator.get(f"{SESSIONS}{other.pk}/change/").content.decode()
    assert b"does not tell who is registered" in operator.post(f"{SESSIONS}{other.pk}/fetch/", follow=True).content
