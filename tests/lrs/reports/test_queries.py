"""What the query API answers, to whom, and with how many queries."""

from datetime import datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from lrs.reports import columns, listings, walk
from statements import progress
from tests.lrs.reports.conftest import reader_of
from tests.statements.test_progress import send, statement

LISTS = [name for name in columns.REPORTS if name != "summary"]


@pytest.mark.parametrize("report", columns.REPORTS)
def test_every_report_has_the_columns_that_are_written_down(demo, report):
    answer = demo.get(report, since="2100-01-01T00:00:00Z") if report == "summary" else demo.get(report)
    assert answer.status_code == 200, answer.content
    for row in answer.json()["results"]:
        assert list(row) == [column.name for column in columns.REPORTS[report]]


@pytest.mark.parametrize("ordering", ["-stored", "stored"])
def test_pages_have_every_statement_once_and_in_order(demo, ordering):
    found = demo.rows("statements", ordering=ordering, limit=333)
    assert len(found) == len({row["id"] for row in found}) == 1996
    times = [datetime.fromisoformat(row["stored"]) for row in found]
    assert times == sorted(times, reverse=ordering == "-stored")


@pytest.mark.parametrize(
    ("given", "holds"),
    [
        ({"learner": "learner00001@demo.example"}, lambda row: row["learner"].endswith("learner00001@demo.example")),
        ({"verb": "http://adlnet.gov/expapi/verbs/completed"}, lambda row: row["verb"].endswith("/completed")),
        ({"activity": "https://www.udemy.com/course/530003"}, lambda row: row["activity"].endswith("/530003")),
        ({"kind": "webinar"}, lambda row: row["kind"] == "webinar"),
        ({"platform": "Zoom"}, lambda row: row["platform"] == "Zoom"),
        ({"completed": "true"}, lambda row: row["completed"] is True),
        ({"success": "false"}, lambda row: row["success"] is False),
        ({"scaled_min": "0.5", "scaled_max": "0.6"}, lambda row: 0.5 <= row["scaled"] <= 0.6),
        ({"progress_min": "1", "progress_max": "99"}, lambda row: 1 <= row["progress"] <= 99),
        ({"has_finding": "true"}, lambda row: row["findings"] > 0),
        ({"activity_name": "first AID, webinar 7"}, lambda row: "First aid, webinar 7" in row["activity_name"]),
        ({"voided": "true"}, lambda row: row["voided"]),
        (
            {"timestamp_from": "2026-10-01T00:00:00Z", "timestamp_until": "2026-11-01T00:00:00Z"},
            lambda row: row["timestamp"].startswith("2026-10"),
        ),
        (
            {"verb": "http://adlnet.gov/expapi/verbs/failed", "platform": "Zoom"},
            lambda row: row["verb"].endswith("/failed") and row["platform"] == "Zoom",
        ),
    ],
)
def test_a_filter_finds_all_that_it_means_and_nothing_else(demo, given, holds):
    every = demo.rows("statements", limit=1000)
    if "voided" in given:
        every = demo.rows("statements", limit=1000, voided="true")
        assert len(every) == 4
    if given.get("learner"):
        # The learner's account at Adobe Learning Manager is somebody else's identifier: rank 1 is not linked.
        assert not any("account" in row["learner"] for row in demo.rows("statements", **given))
    wanted = [row["id"] for row in every if _holds(holds, row)]
    assert wanted
    assert [row["id"] for row in demo.rows("statements", limit=7, **given)] == wanted


def _holds(holds, row):
    try:
        return holds(row)
    except (TypeError, AttributeError):
        return False


@pytest.mark.parametrize("report", ["statements", "progress"])
def test_a_source_that_there_is_not_has_nothing_and_is_no_error(demo, report, monkeypatch):
    # As with more rows than are looked at.
    monkeypatch.setattr(walk, "MOST_SEEN", 50)
    assert demo.rows(report, source="nobody", completed="false") == []
    assert demo.rows(report, source="nobody", activity_name="first aid") == []


@pytest.mark.parametrize(
    ("report", "given"),
    [
        ("statements", {}),
        ("statements", {"verb": "http://adlnet.gov/expapi/verbs/completed"}),
        ("statements", {"learner": "learner00000@demo.example", "ordering": "stored"}),
        ("statements", {"platform": "Zoom", "ordering": "stored"}),
        ("statements", {"has_finding": "true"}),
        ("progress", {}),
        ("progress", {"status": "completed", "ordering": "completed_at"}),
    ],
)
def test_a_name_of_many_activities_finds_what_one_of_few_does(demo, monkeypatch, report, given):
    few = demo.rows(report, activity_name="first aid", limit=7, **given)
    assert few
    assert all("First aid" in row["activity_name"] for row in few)
    monkeypatch.setattr(listings, "_MOST_NAMED", 10)
    monkeypatch.setattr(listings, "_MOST_SORTED", 10)
    assert demo.rows(report, activity_name="first aid", limit=7, **given) == few


@pytest.mark.parametrize("ordering", ["-last_activity", "last_activity"])
def test_the_progress_of_an_activity_is_listed_however_many_have_it(demo, monkeypatch, ordering):
    most = max(demo.rows("activities", limit=1000), key=lambda row: row["people"])
    asked = {"activity": most["activity"], "ordering": ordering, "limit": 3}
    whole = demo.rows("progress", **asked)
    assert len(whole) > 10
    monkeypatch.setattr(listings, "_MOST_SORTED", 4)
    monkeypatch.setattr(walk, "MOST_SEEN", 5)
    assert demo.rows("progress", **asked) == whole


def test_pages_that_count_are_shorter_and_leave_nobody_out(demo, monkeypatch):
    whole = demo.rows("people", limit=1000)
    monkeypatch.setattr(listings, "_MOST_STANDINGS", 60)
    assert 0 < len(demo.get("people", limit=1000).json()["results"]) < len(whole)
    assert demo.rows("people", limit=1000) == whole


@pytest.mark.parametrize(("report", "filter"), [("people", "reference"), ("activities", "activity")])
def test_a_name_that_few_have_is_answered_with_the_filter_that_leads_there(demo, monkeypatch, report, filter):
    monkeypatch.setattr(walk, "MOST_SEEN", 5)
    answer = demo.get(report, name="zzz")
    assert answer.status_code == 400
    assert f"{filter} instead" in answer.json()["error"]


def test_a_learner_is_found_with_all_identifiers_whichever_is_asked_for(demo):
    by_mail = demo.rows("statements", learner="LEARNER00000@demo.example")
    account = '{"account":{"homePage":"https://learningmanager.adobe.com/app/learner?accountId=1001","name":"7000000"}}'
    by_account = demo.rows("statements", learner=account)
    assert by_mail == by_account
    assert {row["learner"].split()[0] for row in by_mail} == {"mbox", "account"}
    (person,) = {row["person"] for row in by_mail}
    assert demo.rows(f"people/{person}/timeline") == by_mail
    (found,) = demo.rows("people", learner="learner00000@demo.example")
    assert found["person"] == person
    assert found["identities"] == 2


def test_progress_follows_statements(demo):
    (row,) = [
        row
        for row in demo.rows("activities", activity="https://webinars.demo.example/zoom/3")
        if row["activity"] == "https://webinars.demo.example/zoom/3"
    ]
    standings = demo.rows("progress", activity="https://webinars.demo.example/zoom/3", limit=5)
    assert row["people"] == len({standing["person"] for standing in standings})
    for status in ("registered", "in_progress", "passed", "completed", "failed", "unregistered"):
        assert row[status] == len([standing for standing in standings if standing["status"] == status])


def test_a_store_is_seen_by_its_own_credentials_alone(demo, empty):
    person = demo.rows("people", limit=1)[0]["person"]
    assert [empty.rows(report) for report in ("statements", "progress", "people", "activities")] == [[]] * 4
    assert empty.rows("statements", learner="learner00000@demo.example") == []
    assert empty.rows("statements", person=person) == []
    assert empty.rows("progress", person=person) == []
    assert empty.get(f"people/{person}/timeline").status_code == 404
    assert empty.get("statements", store=demo.name).status_code == 404
    assert empty.get("changes").json()["results"] == []
    cursor = demo.get("statements", limit=1).json()["next"]
    assert empty.api.get(cursor).json()["results"] == []


def test_only_a_scope_that_reads_reads(store):
    assert Client(SERVER_NAME="localhost").get("/api/v1/statements").status_code == 401
    for scope, status in (("statements/write", 403), ("statements/read/mine", 403), ("statements/read", 200)):
        assert reader_of(store.name, scope).get("statements").status_code == status
    for scope in ("all/read", "all", "reports/read"):
        assert reader_of(store.name, scope).get("statements").status_code == 200


def test_a_signed_in_administrator_says_which_store(demo, empty, root):
    assert root.get("/api/v1/statements").json()["errors"][0]["pointer"] == "?store"
    assert len(root.get("/api/v1/statements", {"store": demo.name, "limit": 5}).json()["results"]) == 5


def test_a_session_sees_what_its_role_may_see_in_the_administration(demo, viewer, operator):
    from django.contrib.auth.models import User

    of_operators = ("quarantine", "connections")
    nobody, outsider = Client(SERVER_NAME="localhost"), Client(SERVER_NAME="localhost")
    nobody.force_login(User.objects.create_user("without a role", is_staff=True))
    outsider.force_login(User.objects.create_user("outsider", is_staff=False))
    for report in (*columns.REPORTS, "changes"):
        given = {"store": demo.name, "limit": 1}
        path = f"/api/v1/{report}"
        assert operator.get(path, given).status_code == 200, report
        assert viewer.get(path, given).status_code == (403 if report in of_operators else 200), report
        assert nobody.get(path, given).status_code == outsider.get(path, given).status_code == 403


@pytest.mark.parametrize(
    ("report", "given", "pointer"),
    [
        ("statements", {"verbs": "x"}, "?verbs"),
        ("statements", {"since": "yesterday"}, "?since"),
        ("statements", {"since": "0001-01-01T00:00:00+14:00"}, "?since"),
        ("statements", {"success": "perhaps"}, "?success"),
        ("statements", {"scaled_min": "nan"}, "?scaled_min"),
        ("statements", {"learner": "nobody"}, "?learner"),
        ("statements", {"person": "1"}, "?person"),
        ("statements", {"platform": "\0"}, "?platform"),
        ("statements", {"cursor": "x"}, "?cursor"),
        ("statements", {"limit": "many"}, "?limit"),
        ("statements", {"fields": "id,colour"}, "?fields"),
        ("statements", {"ordering": "text"}, "?ordering"),
        ("statements", {"format": "xml"}, "?format"),
        ("progress", {"status": "lost"}, "?status"),
        ("statements", {"kind": "kourse"}, "?kind"),
        ("activities", {"kind": "kourse"}, "?kind"),
        ("summary", {"by": "colour"}, "?by"),
        ("summary", {"count": "completions", "by": "verb"}, "?by"),
        ("changes", {"after": "x"}, "?after"),
        ("changes", {"kind": "course"}, "?kind"),
    ],
)
def test_an_error_names_the_parameter(empty, report, given, pointer):
    answer = empty.get(report, **given)
    assert answer.status_code == 400
    body = answer.json()
    assert pointer in [fault["pointer"] for fault in body["errors"]], body
    assert body["error"]


def test_a_cursor_of_one_order_is_refused_in_another(demo):
    cursor = demo.get("statements", limit=1).json()["next"].partition("cursor=")[2].partition("&")[0]
    assert demo.get("statements", cursor=cursor, ordering="stored").status_code == 400


def test_a_list_that_would_read_too_much_says_which_filter_it_needs(demo, monkeypatch):
    monkeypatch.setattr(walk, "MOST_SEEN", 200)
    answer = demo.get("statements", platform="Vatra", limit=50)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["rule"] == "filter-needed"
    assert "learner" in answer.json()["error"]
    streamed = demo.get("statements", platform="Vatra", format="ndjson")
    assert streamed.status_code == 200
    assert len(b"".join(streamed.streaming_content).splitlines()) > 20


@pytest.mark.parametrize("report", [*LISTS, "changes"])
def test_a_page_of_any_size_takes_the_same_number_of_queries(demo, remembering, report):
    reader = reader_of(demo.name, "reports/read")
    # The first request asks for the credential too.
    reader.get(report, limit=1)
    amounts = []
    for limit in (5, 35):
        with CaptureQueriesContext(connection) as queries:
            assert reader.get(report, limit=limit).status_code == 200
        amounts.append(len(queries))
    assert amounts[0] == amounts[1] <= 14


def test_no_query_counts_all_or_skips_rows_by_number(demo):
    with CaptureQueriesContext(connection) as queries:
        for report in ("statements", "progress", "people"):
            address = demo.get(report, limit=20).json()["next"]
            demo.api.get(address)
    skipped = [query["sql"] for query in queries if "OFFSET" in query["sql"] and "OFFSET 10000" not in query["sql"]]
    assert skipped == []
    assert not any("COUNT(*)" in query["sql"] for query in queries)


def test_the_summary_counts_what_the_lists_show(demo):
    completions = demo.rows("summary", count="completions", by="source,kind")
    done = demo.rows("progress", completed="true", ordering="-completed_at", limit=1000)
    assert sum(row["count"] for row in completions) == len(done)
    by_verb = demo.rows("summary", by="verb", period="day")
    assert sum(row["count"] for row in by_verb) == len(demo.rows("statements", limit=1000))


def test_sources_say_when_they_were_last_heard_of(demo):
    rows = {row["source"].partition(" (")[0]: row for row in demo.rows("sources")}
    newest = demo.rows("statements", source=rows["Khalibre"]["source"], limit=1000)[0]
    assert rows["Khalibre"]["last_statement"] >= newest["stored"]
    assert rows["Udemy Business"]["findings"] > 0


def test_what_is_made_of_progress_says_how_far_that_is_behind(store):
    reader = reader_of(store.name, "reports/read")
    send(store, statement("ann", "completed", "1", 1))
    for report in ("progress", "people", "activities", "summary"):
        for format in ("json", "csv"):
            assert float(reader.get(report, format=format).headers["X-Progress-Behind"]) > 0
    progress.follow(store.pk)
    assert reader.get("progress").headers["X-Progress-Behind"] == "0.000"
    assert len(reader.rows("progress")) == 1
