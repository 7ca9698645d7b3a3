"""The Activities resource over HTTP (xAPI 1.0.3 Communication 2.5)."""

import pytest

from tests.client import Client

IRI = "https://lms.example.com/course/ü?a=1&b"


def statement(definition: dict[str, object]) -> dict[str, object]:
    return {
        "actor": {"mbox": "mailto:ann@example.com"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/attended"},
        "object": {"objectType": "Activity", "id": IRI, "definition": definition},
    }


def test_an_activity_that_nobody_described_is_its_id(client: Client):
    answer = client.request("GET", "activities", params={"activityId": IRI})

    assert answer.status_code == 200
    assert answer.json() == {"objectType": "Activity", "id": IRI}


def test_an_activity_has_everything_that_statements_told(client: Client):
    kind = "http://adlnet.gov/expapi/activities/course"
    client.post_statements(
        [
            statement({"type": kind, "name": {"en": "One"}, "extensions": {"https://example.com/a": {"b": None}}}),
            statement({"name": {"fr": "Un"}, "moreInfo": "https://lms.example.com/more"}),
        ]
    ).raise_for_status()

    answer = client.request("GET", "activities", params={"activityId": IRI})

    assert answer.json() == {
        "objectType": "Activity",
        "id": IRI,
        "definition": {
            "type": kind,
            "name": {"en": "One", "fr": "Un"},
            "extensions": {"https://example.com/a": {"b": None}},
            "moreInfo": "https://lms.example.com/more",
        },
    }


def test_another_store_was_told_nothing(client: Client, another_client: Client):
    client.post_statements(statement({"name": {"en": "One"}})).raise_for_status()

    answer = another_client.request("GET", "activities", params={"activityId": IRI})

    assert answer.json() == {"objectType": "Activity", "id": IRI}


def test_head_has_no_body(client: Client):
    head = client.request("HEAD", "activities", params={"activityId": IRI})

    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("params", [{}, {"activityId": "true"}, {"activityID": IRI}, {"activityId": IRI, "x": "1"}])
def test_what_names_no_activity_is_refused(client: Client, params):
    answer = client.request("GET", "activities", params=params)

    assert answer.status_code == 400
    assert answer.json()["errors"]
