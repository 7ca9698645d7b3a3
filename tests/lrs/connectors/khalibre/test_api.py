"""Khalibre's reading actions in the query API: who may ask, what is answered, and what when Khalibre does not."""

from collections import deque

import pytest
import yaml
from django.contrib.auth.models import User
from django.test import Client

from tests.lrs.reports.conftest import reader_of

ACTIONS = ("courses", "courses/40517", "courses/40517/progress", "progress?email=a@example.org")


@pytest.fixture
def ask(connection, store):
    """Asks for an action of the connection as somebody who may read its store's reports."""
    api = reader_of(store.name, "reports/read").api

    def get(action, **parameters):
        return api.get(f"/api/v1/connections/{connection.pk}/khalibre/{action}", parameters)

    return get


@pytest.fixture
def filled(side):
    """Two courses, and somebody's progress."""
    side.course(40517, "Safeguarding", (20121, "Phnom Penh office"), price="12.5", languages=["en", "km"])
    side.course(2, "First aid")
    side.row("a@example.org", 2)
    side.row("b@example.org", 1)
    return side


def test_courses_are_listed_by_page_and_keywords(ask, filled):
    found = ask("courses").json()
    assert [one["courseId"] for one in found["items"]] == [40517, 2]
    assert (found["page"], found["pageSize"], found["lastPage"], found["totalCount"]) == (1, 10, 1, 2)
    assert found["items"][0]["communities"] == [{"id": 20121, "name": "Phnom Penh office", "bookingUrl": None}]
    assert [one["courseId"] for one in ask("courses", page=2, page_size=1).json()["items"]] == [2]
    assert [one["title"] for one in ask("courses", keywords="first").json()["items"]] == ["First aid"]


def test_a_course_is_given_in_detail_with_the_types_of_khalibres_tables(ask, filled):
    found = ask("courses/40517").json()
    assert (found["title"], found["price"], found["languages"]) == ("Safeguarding", 12.5, ["en", "km"])


def test_progress_is_given_by_course_and_by_learner(ask, filled):
    by_course = ask("courses/40517/progress").json()
    assert [(one["emailAddress"], one["completedActivity"]) for one in by_course["items"]] == [
        ("a@example.org", 2),
        ("b@example.org", 1),
    ]
    by_learner = ask("progress", email="b@example.org").json()
    assert [one["completedActivity"] for one in by_learner["items"]] == [1]


@pytest.mark.parametrize(
    ("action", "given", "named"),
    [
        ("courses", {"page": "0"}, "?page"),
        ("courses", {"page": "x"}, "?page"),
        ("courses", {"page_size": "1001"}, "?page_size"),
        ("courses", {"pageSize": "10"}, "?pageSize"),
        ("courses", {"keywords": ""}, "?keywords"),
        ("courses/40517", {"page": "1"}, "?page"),
        ("courses/40517/progress", {"format": "csv"}, "?format"),
        ("progress", {}, "?email"),
        ("progress", {"email": "nobody"}, "?email"),
        ("progress", {"email": "a@example.org\n"}, "?email"),
    ],
)
def test_a_wrong_parameter_is_named_and_khalibre_is_not_asked(ask, filled, action, given, named):
    answer = ask(action, **given)
    assert answer.status_code == 400
    assert [one["pointer"] for one in answer.json()["errors"]] == [named]
    assert filled.asked == []


@pytest.mark.parametrize("action", ACTIONS)
def test_only_a_reader_of_the_connections_own_store_is_answered(connection, filled, action):
    address = f"/api/v1/connections/{connection.pk}/khalibre/{action}"
    assert Client().get(address).status_code == 401
    assert reader_of(connection.store.name, "statements/write").api.get(address).status_code == 403
    assert reader_of("another store", "all").api.get(address).status_code == 404
    assert filled.asked == []
    assert reader_of(connection.store.name, "statements/read").api.get(address).status_code == 200


def test_somebody_who_is_signed_in_reads_it_too(connection, filled):
    browser = Client()
    browser.force_login(User.objects.create_user("reader of Khalibre", is_staff=True))
    address = f"/api/v1/connections/{connection.pk}/khalibre/courses"
    assert browser.get(address).json()["totalCount"] == 2
    assert browser.get(address, {"store": connection.store.name}).status_code == 200
    assert browser.get(address, {"store": "nowhere"}).status_code == 404
    assert browser.post(address).status_code == 405


def test_a_connection_to_somebody_else_has_no_such_addresses(connect, store, filled):
    other = connect()
    answer = reader_of(store.name, "reports/read").api.get(f"/api/v1/connections/{other.pk}/khalibre/courses")
    assert answer.status_code == 404
    assert "not to Khalibre" in answer.json()["error"]


@pytest.mark.parametrize(
    ("script", "status", "about"),
    [
        ([(401, {})] * 4, 502, "401"),
        ([(403, {})], 502, "403"),
        ([(429, {"retry-after": "60"})], 429, "60 s"),
        ([(500, {})] * 9, 502, "500"),
        ([(0, {})] * 9, 503, "could not be reached|did not answer"),
    ],
)
def test_what_is_wrong_with_khalibre_is_told_and_is_no_fault_of_ours(ask, filled, script, status, about):
    filled.script["/courses"] = deque(script)
    answer = ask("courses")
    assert answer.status_code == status, answer.content
    assert any(one in answer.json()["error"] for one in about.split("|")), answer.content
    assert answer.headers.get("Retry-After") == ("60" if status == 429 else None)
    assert "WWW-Authenticate" not in answer.headers


def test_a_course_that_khalibre_does_not_know_is_not_found(ask, filled):
    assert ask("courses/9").status_code == 404
    assert ask("courses/9/progress").status_code == 404
    assert ask("courses/x").status_code == 404


def test_a_connection_whose_host_is_not_there_or_not_allowed_says_so(ask, connection, filled, settings):
    from lrs.connectors import connections

    connections.change(connection, {"api_url": "http://127.0.0.1:9/nothing"})
    assert ask("courses").status_code == 503
    settings.LRS_OUTBOUND_ALLOW = []
    answer = ask("courses")
    assert (answer.status_code, "LRS_OUTBOUND_ALLOW" in answer.json()["error"]) == (503, True)


def test_the_document_has_the_four_actions_with_every_field_typed(ask):
    found = yaml.safe_load(Client().get("/api/schema").content)
    base = "/api/v1/connections/{connection}/khalibre"
    shapes = {
        path.removeprefix(f"{base}/"): one["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        for path, one in found["paths"].items()
        if path.startswith(base)
    }
    assert {path: name.rpartition("/")[2] for path, name in shapes.items()} == {
        "courses": "CoursePage",
        "courses/{course}": "Course",
        "courses/{course}/progress": "ProgressPage",
        "progress": "ProgressPage",
    }
    components = found["components"]["schemas"]
    for name in ("Course", "ProgressRow", "Community", "DeliveryMethod", "CoursePage", "ProgressPage"):
        untyped = [
            field
            for field, schema in components[name]["properties"].items()
            if not {"type", "anyOf", "$ref"} & schema.keys()
        ]
        assert untyped == [], name
    assert "501" not in found["paths"][f"{base}/courses"]["get"]["responses"]
