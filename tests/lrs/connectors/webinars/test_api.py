"""Webinar sessions and rosters in the query API, as an LMS that plans them uses it."""

import json
from datetime import datetime, timedelta

import pytest
import yaml
from django.contrib.auth.models import Permission, User
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from lrs.connectors.webinars import importing
from lrs.connectors.webinars.models import Expected, Session
from statements.models import Act
from tests.lrs.connectors.webinars.conftest import END, OLENA, PETRO, START, planned, run, told
from tests.lrs.reports.conftest import reader_of

SESSIONS = "/api/v1/webinars/sessions"
WHEN = {"scheduled_start": "2026-01-12T12:00:00+02:00", "scheduled_end": "2026-01-12T13:00:00+02:00"}


class Lms:
    """An LMS with a credential."""

    def __init__(self, store, *scopes):
        self.api = reader_of(store, *scopes).api

    def send(self, method, address="", given=None, **more):
        content = given if isinstance(given, bytes) else json.dumps(given).encode()
        return self.api.generic(
            method, f"{SESSIONS}{address}", content, content_type=more.pop("content_type", "application/json"), **more
        )

    def get(self, address="", **parameters):
        return self.api.get(f"{SESSIONS}{address}", parameters)


@pytest.fixture
def generic(connect):
    """A connection whose lists come by webhook and CSV."""
    return connect("attendance", secret="s", home_page="https://lms.example.org")


@pytest.fixture
def lms(generic):
    """An LMS that may plan in the connection's store."""
    return Lms(generic.store.name, "webinars/write")


def new(generic, **more):
    return {"connection": generic.name, "meeting_id": "room 7", "title": "Охорона праці", **WHEN, **more}


def faults(answer):
    assert answer.status_code == 400, answer.content
    return [one["pointer"] for one in answer.json()["errors"]]


def mails(session):
    return sorted(Expected.objects.filter(session=session).values_list("email", flat=True))


def test_a_session_is_planned_read_changed_and_its_roster_kept(lms, generic):
    teacher = {"external_id": "", "email": "curator@example.org", "name": "Curator"}
    given = new(generic, activity_id="https://lms.example/webinar/7", instructors=[teacher], roster=[{"email": OLENA}])
    made = lms.send("POST", given=given)
    assert made.status_code == 201, made.content
    found = made.json()
    number = found["session"]
    assert made.headers["Location"] == f"{SESSIONS}/{number}"
    assert found == lms.get(f"/{number}").json()
    assert found == {
        "session": number,
        "connection": str(generic.pk),
        "connection_name": generic.name,
        "provider": "attendance",
        "meeting_id": "room 7",
        "title": "Охорона праці",
        "scheduled_start": "2026-01-12T10:00:00Z",
        "scheduled_end": "2026-01-12T11:00:00Z",
        "activity_id": "https://lms.example/webinar/7",
        "parent": "",
        "instructors": [teacher],
        "state": "scheduled",
        "reason": "",
        "asked_next": "2026-01-12T11:00:00Z",
        "expected": 1,
        "passed": 0,
        "failed": 0,
        "attended": 0,
        "review": 0,
    }
    part = lms.send("PATCH", f"/{number}", {"title": "Other", "scheduled_end": "2026-01-12T14:00:00+02:00"}).json()
    assert (part["title"], part["scheduled_end"], part["asked_next"]) == ("Other", *["2026-01-12T12:00:00Z"] * 2)
    assert (part["activity_id"], part["instructors"]) == (found["activity_id"], [teacher])
    whole = lms.send("PUT", f"/{number}", WHEN).json()
    assert (whole["title"], whole["activity_id"], whole["instructors"]) == ("", "", [])
    assert lms.send("POST", f"/{number}/roster", {"roster": [{"email": PETRO, "name": "Petro"}]}).json() == {
        "expected": 2
    }
    rows = lms.get(f"/{number}/roster").json()["results"]
    assert [(row["email"], row["name"]) for row in rows] == [(OLENA, ""), (PETRO, "Petro")]
    assert lms.send("DELETE", f"/{number}/roster?email={OLENA.upper()}").status_code == 204
    assert lms.send("DELETE", f"/{number}/roster?email={OLENA}").status_code == 404
    assert lms.send("PUT", f"/{number}/roster", {"roster": [{"external_id": "417"}]}).json() == {"expected": 1}
    assert lms.get(f"/{number}/roster").json()["results"][0]["external_id"] == "417"
    assert lms.send("PUT", f"/{number}/roster", {"roster": []}).json() == {"expected": 0}
    acts = Act.objects.filter(kind="webinars.session", thing=str(number)).order_by("pk")
    assert [act.what for act in acts] == ["add", "change", "change", *["roster"] * 4]


def test_the_same_room_and_start_is_the_same_session_however_often_it_is_sent(lms, generic):
    first = lms.send("POST", given=new(generic, roster=[{"email": OLENA}]))
    again = lms.send(
        "POST", given={**new(generic, connection=str(generic.pk)), "title": "", "roster": [{"email": PETRO}]}
    )
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "expected": 2}
    assert Session.objects.filter(connection=generic).count() == 1
    other = {"scheduled_start": "2026-01-13T10:00:00Z", "scheduled_end": "2026-01-13T11:00:00Z"}
    assert lms.send("POST", given=new(generic, **other)).status_code == 201


def test_sessions_are_listed_by_filters_and_page_by_page(lms, generic, connect):
    for day in range(5):
        planned(generic, meeting=f"room {day % 2}", start=START + timedelta(days=day), end=END + timedelta(days=day))
    planned(connect("attendance", secret="s"), meeting="elsewhere")
    starts = [row["scheduled_start"][:10] for row in lms.get(connection=generic.name).json()["results"]]
    assert starts == [f"2026-01-{day}" for day in (16, 15, 14, 13, 12)]
    found, page = [], lms.get(limit=2).json()
    while True:
        found += [row["session"] for row in page["results"]]
        if page["next"] is None:
            break
        page = lms.api.get(page["next"]).json()
    assert len(found) == len(set(found)) == 6

    def number(**filters):
        return len(lms.get(**filters).json()["results"])

    assert number(meeting_id="room 1") == 2
    assert number(start_from="2026-01-13T10:00:00Z", start_until="2026-01-15T10:00:00Z") == 2
    assert number(connection=str(generic.pk), state="scheduled") == 5
    assert number(state="final") == number(connection="nobody") == number(connection="no\0body") == 0
    assert number(state="scheduled", connection=generic.name, limit=3) == 3


def test_a_list_takes_as_many_queries_for_many_as_for_few(remembering, lms, generic):
    counted = []
    for days in (1, 20):
        for day in range(days):
            planned(generic, start=START + timedelta(days=day), end=END + timedelta(days=day))
        lms.get()
        with CaptureQueriesContext(database) as queries:
            assert len(lms.get().json()["results"]) == days
        counted.append(len(queries))
    assert counted[0] == counted[1] <= 6


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"meeting_id": None}, ["meeting_id"]),
        ({"meeting_id": "a\nb"}, ["meeting_id"]),
        ({"meeting_id": 7}, ["meeting_id"]),
        ({"connection": "nobody"}, ["connection"]),
        ({"connection": 7}, ["connection"]),
        ({"scheduled_start": "tomorrow", "scheduled_end": 5}, ["scheduled_start", "scheduled_end"]),
        ({"scheduled_end": "2026-01-12T12:00:00"}, ["scheduled_end"]),
        ({"scheduled_end": "2026-01-12T12:00:00+02:00"}, ["scheduled_end"]),
        ({"scheduled_start": "0001-01-01T00:00:00+14:00"}, ["scheduled_start"]),
        ({"scheduled_end": "9999-12-31T23:59:59-14:00"}, ["scheduled_end"]),
        ({"title": ["x"]}, ["title"]),
        ({"title": "\0"}, ["title"]),
        ({"activity_id": "webinar 7"}, ["activity_id"]),
        ({"activity_id": "https://lms.example/a b"}, ["activity_id"]),
        ({"parent": "course"}, ["parent"]),
        ({"start": "x", "state": "final"}, ["start", "state"]),
        ({"instructors": {}}, ["instructors"]),
        ({"instructors": [{"name": "Nobody"}]}, ["instructors[0]"]),
        ({"instructors": [{"email": "a@b<c"}]}, ["instructors[0].email"]),
        ({"roster": [{"email": OLENA}, {"email": "n/a"}, 7]}, ["roster[1].email", "roster[2]"]),
        ({"roster": [{"external_id": "x" * 401}]}, ["roster[0].external_id"]),
    ],
)
def test_a_field_that_is_wrong_is_named_and_nothing_is_kept(lms, generic, given, named):
    assert faults(lms.send("POST", given=new(generic, **given))) == named
    assert not Expected.objects.filter(session__connection=generic).exists()


def test_a_change_that_does_not_fit_is_refused_with_the_field(lms, generic):
    first, second = planned(generic), planned(generic, start=END, end=END + timedelta(hours=1))
    address = f"/{first.pk}"
    assert faults(lms.send("PUT", address, {"title": "x"})) == ["scheduled_start", "scheduled_end"]
    assert faults(lms.send("PATCH", address, {"scheduled_end": "2026-01-12T09:00:00Z"})) == ["scheduled_end"]
    assert faults(lms.send("PATCH", address, {"scheduled_start": "2026-01-12T11:00:00Z"})) == ["scheduled_end"]
    both = {"scheduled_start": second.start.isoformat(), "scheduled_end": second.end.isoformat()}
    assert faults(lms.send("PATCH", address, both)) == ["scheduled_start"]
    assert faults(lms.send("PATCH", address, {"meeting_id": "other"})) == ["meeting_id"]
    assert faults(lms.send("PATCH", address, [])) == [""]
    assert faults(lms.send("PATCH", address, b"{")) == [""]
    assert faults(lms.send("PUT", f"{address}/roster", {})) == ["roster"]
    assert faults(lms.send("POST", f"{address}/roster", {"roster": [{"name": "Nobody"}]})) == ["roster[0]"]
    assert faults(lms.send("DELETE", f"{address}/roster")) == ["?email"]
    assert faults(lms.get(address, cursor="x")) == ["?cursor"]
    assert lms.send("PATCH", address, b"title=x", content_type="application/x-www-form-urlencoded").status_code == 415
    for answer in (
        lms.get(state="over"),
        lms.get(start_from="today"),
        lms.get(cursor="x"),
        lms.get(limit="-1"),
        lms.get(since="x"),
    ):
        assert len(faults(answer)) == 1
    first.refresh_from_db()
    assert (first.start, first.end, mails(first)) == (START, END, sorted([OLENA, PETRO]))


def test_nobody_without_the_scope_plans_and_nobody_sees_another_store(generic, lms):
    session = planned(generic)
    reader, stranger = Lms(generic.store.name, "reports/read"), Lms("another store of webinars", "all")
    sender = Lms(generic.store.name, "statements/write")
    assert [row["session"] for row in reader.get().json()["results"]] == [session.pk]
    assert stranger.get().json()["results"] == []
    assert faults(stranger.send("POST", given=new(generic))) == ["connection"]
    for method, address, given in (
        ("GET", "", None),
        ("GET", "/roster", None),
        ("GET", "/results", None),
        ("PUT", "", WHEN),
        ("PATCH", "", {"title": "x"}),
        ("PUT", "/roster", {"roster": []}),
        ("POST", "/roster", {"roster": []}),
        ("DELETE", f"/roster?email={OLENA}", None),
    ):
        address = f"/{session.pk}{address}"
        assert Client().generic(method, f"{SESSIONS}{address}").status_code == 401, address
        assert stranger.send(method, address, given).status_code == 404, address
        assert sender.send(method, address, given).status_code == 403, address
        assert reader.send(method, address, given).status_code == (200 if method == "GET" else 403), address
    assert reader.send("POST", given=new(generic)).status_code == 403
    assert Client().get(SESSIONS).status_code == 401
    assert lms.get(f"/{10**30}").status_code == lms.get("/0").status_code == 404
    session.refresh_from_db()
    assert (session.title, mails(session)) == ("Охорона праці", sorted([OLENA, PETRO]))


def test_who_is_signed_in_plans_with_the_permission_and_the_form_token(generic):
    session = planned(generic)
    address = f"{SESSIONS}/{session.pk}"
    user = User.objects.create_user("planner", is_staff=True)
    browser = Client(SERVER_NAME="localhost", enforce_csrf_checks=True)
    browser.force_login(user)

    def patch(**headers):
        return browser.patch(address, {"title": "By hand"}, content_type="application/json", headers=headers)

    assert browser.get(address).status_code == 200
    assert patch().status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="change_session", content_type__app_label="webinars"))
    assert "X-CSRFToken" in patch().json()["error"]
    assert browser.get("/admin/password_change/").status_code == 200
    token = browser.cookies["lrs_csrf"].value
    assert patch(**{"X-CSRFToken": token}).json()["title"] == "By hand"


@pytest.fixture
def settled(generic):
    """A session that is over: Olena was there, Petro was not, and nobody knows who Guest 7 is."""
    session = planned(generic)
    head = "meeting_id,scheduled_start,scheduled_end,email,name,joined_at,left_at"
    room = "85746065,2026-01-12T10:00:00Z,2026-01-12T11:00:00Z"
    rows = (
        f"{room},{OLENA},Olena,2026-01-12T10:00:00Z,2026-01-12T11:00:00Z",
        f"{room},,Guest 7,2026-01-12T10:10:00Z,2026-01-12T10:30:00Z",
    )
    content = "\n".join((head, *rows)).encode()
    assert importing.attendance(generic, content, END + timedelta(hours=2), dry=False).faults == []
    run(generic, END + timedelta(hours=2))
    session.refresh_from_db()
    assert session.state == Session.State.FINAL
    return session


def test_results_are_read_with_their_statements(lms, generic, settled):
    found = {row["verdict"]: row for row in lms.get(f"/{settled.pk}/results").json()["results"]}
    assert {name: len(row["statements"]) for name, row in found.items()} == {"passed": 2, "failed": 1, "review": 0}
    assert (found["passed"]["email"], found["passed"]["seconds"], found["passed"]["ratio"]) == (OLENA, 3600, 1.0)
    assert (found["failed"]["email"], found["failed"]["reason"]) == (PETRO, "absent")
    assert found["review"]["name"] == "Guest 7"
    assert [row["email"] for row in lms.get(f"/{settled.pk}/results", verdict="failed").json()["results"]] == [PETRO]
    first = lms.get(f"/{settled.pk}/results", limit=2).json()
    second = lms.api.get(first["next"]).json()
    assert (len(first["results"]), len(second["results"]), second["next"]) == (2, 1, None)
    assert faults(lms.get(f"/{settled.pk}/roster", cursor=first["next"].partition("cursor=")[2])) == ["?cursor"]
    row = lms.get(connection=generic.name).json()["results"][0]
    assert (row["state"], row["expected"], row["passed"], row["failed"], row["review"]) == ("final", 2, 1, 1, 1)


def test_a_roster_that_changes_when_all_is_settled_is_judged_again(lms, generic, settled):
    assert ("failed", PETRO) in told(generic)
    assert lms.send("DELETE", f"/{settled.pk}/roster?email={PETRO}").status_code == 204
    run(generic, timezone.now() + timedelta(seconds=1))
    assert not [who for verb, who in told(generic) if verb == "failed"]
    late = {"roster": [{"email": "late@example.com"}]}
    assert lms.send("POST", f"/{settled.pk}/roster", late).json() == {"expected": 2}
    run(generic, timezone.now() + timedelta(seconds=1))
    assert [who for verb, who in told(generic) if verb == "failed"] == ["late@example.com"]
    assert faults(lms.send("PATCH", f"/{settled.pk}", {"scheduled_start": "2026-01-12T09:00:00Z"})) == [
        "scheduled_start"
    ]


def test_people_of_a_roster_may_swap_their_addresses_and_turn_out_to_be_one(lms, generic):
    session = planned(generic, roster=())
    address = f"/{session.pk}/roster"
    one, two = {"external_id": "1", "email": OLENA}, {"external_id": "2", "email": PETRO}
    assert lms.send("PUT", address, {"roster": [one, two]}).json() == {"expected": 2}
    since = list(session.roster.order_by("person").values_list("added", flat=True))
    swapped = {"roster": [{**one, "email": PETRO}, {**two, "email": OLENA}]}
    assert lms.send("PUT", address, swapped).json() == {"expected": 2}
    rows = list(session.roster.order_by("person").values_list("person", "email", "added"))
    assert rows == [("1", PETRO, since[0]), ("2", OLENA, since[1])]
    same = {"roster": [{"external_id": "1", "email": OLENA, "name": "Olena"}]}
    assert lms.send("POST", address, same).json() == {"expected": 1}
    assert list(session.roster.values_list("person", "email", "name")) == [("1", OLENA, "Olena")]


def test_a_roster_of_thousands_is_taken_at_once(lms, generic):
    session = planned(generic, roster=())
    people = [{"external_id": str(number), "email": f"l{number}@example.org"} for number in range(3000)]
    with CaptureQueriesContext(database) as queries:
        assert lms.send("PUT", f"/{session.pk}/roster", {"roster": people}).json() == {"expected": 3000}
        assert lms.send("POST", f"/{session.pk}/roster", {"roster": people[:2]}).json() == {"expected": 3000}
    assert len(queries) < 80


def test_a_session_that_gave_no_list_and_is_moved_into_the_future_is_asked_for_again(lms, generic):
    session = planned(generic)
    for minutes in range(0, 65, 5):
        run(generic, END + timedelta(minutes=minutes))
    session.refresh_from_db()
    assert session.state == Session.State.NO_DATA
    then = (timezone.now() + timedelta(days=7)).replace(microsecond=0)
    given = {"scheduled_start": then.isoformat(), "scheduled_end": (then + timedelta(hours=1)).isoformat()}
    found = lms.send("PATCH", f"/{session.pk}", given).json()
    assert (found["state"], found["reason"]) == ("scheduled", "")
    assert datetime.fromisoformat(found["asked_next"]) == then + timedelta(hours=1)


def test_the_document_has_every_operation_with_its_shape():
    paths = yaml.safe_load(Client().get("/api/schema").content)["paths"]
    found = {
        (path.removeprefix(SESSIONS), method): one
        for path, methods in paths.items()
        for method, one in methods.items()
        if path.startswith(SESSIONS)
    }
    assert set(found) == {
        *(("", method) for method in ("get", "post")),
        *(("/{number}", method) for method in ("get", "put", "patch")),
        *(("/{number}/roster", method) for method in ("get", "put", "post", "delete")),
        ("/{number}/results", "get"),
    }
    for (path, method), one in found.items():
        assert ("requestBody" in one) == (method in ("post", "put", "patch")), (path, method)
        assert {"basic", "bearer", "session"} >= {name for each in one["security"] for name in each}
        assert {"400", "401", "403", "404"} <= one["responses"].keys()
    assert len({one["operationId"] for one in found.values()}) == len(found)
