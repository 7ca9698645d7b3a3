"""The Agents resource over HTTP (xAPI 1.0.3 Communication 2.4)."""

import json
from typing import Any

import pytest

from tests.client import Client

AGENTS: dict[str, dict[str, Any]] = {
    "mbox": {"mbox": "mailto:ann@example.com"},
    "mbox_sha1sum": {"mbox_sha1sum": "ebd31e95054c018b10727ccffd2ef2ec3a016ee9"},
    "openid": {"openid": "https://ann.example.com"},
    "account": {"account": {"homePage": "https://lms.example.com", "name": "ann"}},
}


def statement(actor: dict[str, Any]) -> dict[str, Any]:
    return {
        "actor": actor,
        "verb": {"id": "http://adlnet.gov/expapi/verbs/attended"},
        "object": {"id": "https://lms.example.com/course/1"},
    }


@pytest.mark.parametrize("identifier", AGENTS)
def test_an_unknown_agent_is_a_person_of_what_was_asked(client: Client, identifier):
    agent = AGENTS[identifier]

    answer = client.request("GET", "agents", params={"agent": json.dumps({**agent, "name": "Ann"})})

    assert answer.status_code == 200
    assert answer.json() == {
        "objectType": "Person",
        "name": ["Ann"],
        identifier: [agent[identifier]],
    }


@pytest.mark.parametrize("identifier", AGENTS)
def test_a_person_has_every_name_that_statements_gave(client: Client, identifier):
    agent = AGENTS[identifier]
    for name in ("Ann", "Ann B.", "Ann"):
        client.post_statements(statement({**agent, "name": name})).raise_for_status()

    answer = client.request("GET", "agents", params={"agent": json.dumps(agent)})

    assert answer.json() == {
        "objectType": "Person",
        "name": ["Ann", "Ann B."],
        identifier: [agent[identifier]],
    }
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["ETag"].strip('"').isalnum()


def test_an_agent_without_a_name_is_a_person_without_names(client: Client):
    client.post_statements(statement(AGENTS["mbox"])).raise_for_status()

    person = client.request("GET", "agents", params={"agent": json.dumps(AGENTS["mbox"])}).json()

    assert person == {"objectType": "Person", "mbox": ["mailto:ann@example.com"]}


def test_another_store_knows_other_names(client: Client, another_client: Client):
    client.post_statements(statement({**AGENTS["mbox"], "name": "Ann"})).raise_for_status()

    person = another_client.request("GET", "agents", params={"agent": json.dumps(AGENTS["mbox"])}).json()

    assert person == {"objectType": "Person", "mbox": ["mailto:ann@example.com"]}


def test_head_has_no_body(client: Client):
    head = client.request("HEAD", "agents", params={"agent": json.dumps(AGENTS["mbox"])})

    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"agent": "not JSON"},
        {"agent": '{"objectType": "Agent", "name": "nobody"}'},
        {"agent": '{"objectType": "Group", "member": [{"mbox": "mailto:ann@example.com"}]}'},
        {"agent": '{"mbox": "mailto:ann@example.com", "openid": "https://ann.example.com"}'},
        {"Agent": '{"mbox": "mailto:ann@example.com"}'},
        {"agent": '{"mbox": "mailto:ann@example.com"}', "limit": "1"},
    ],
)
def test_what_names_no_agent_is_refused(client: Client, params):
    answer = client.request("GET", "agents", params=params)

    assert answer.status_code == 400
    assert answer.json()["errors"]
    assert answer.headers["X-Experience-API-Version"] == "1.0.3"
