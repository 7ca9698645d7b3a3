"""The Agents resource over HTTP (xAPI 1.0.3 Communication 2.4)."""

import json
from hashlib import sha1
from typing import Any

import pytest

from statements import people, progress
from tests.client import Client

AGENTS: dict[str, dict[str, Any]] = {
    "mbox": {"mbox": "mailto:ann@example.com"},
    "mbox_sha1sum": {"mbox_sha1sum": "ebd31e95054c018b10727ccffd2ef2ec3a016ee9"},
    "openid": {"openid": "https://ann.example.com"},
    "account": {"account": {"homePage": "https://lms.example.com", "name": "ann"}},
}


SHA1_OF_ANN = sha1(b"mailto:ann@example.com", usedforsecurity=False).hexdigest()


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


def test_linked_identifiers_are_one_person_whichever_is_asked_for(client: Client, store):
    client.post_statements(statement({**AGENTS["mbox"], "name": "Ann"})).raise_for_status()
    client.post_statements(statement({**AGENTS["account"], "name": "A. Nobody"})).raise_for_status()
    progress.follow(store.pk)
    # One of them is in no statement yet.
    linked = [f"mbox {AGENTS['mbox']['mbox']}", "account https://lms.example.com ann", "openid https://ann.example.com"]
    people.link(store.pk, linked, by="test")

    answers = [client.request("GET", "agents", params={"agent": json.dumps(AGENTS[kind])}) for kind in AGENTS]

    assert answers[3].json() == {
        "objectType": "Person",
        "name": ["A. Nobody", "Ann"],
        "mbox": [AGENTS["mbox"]["mbox"]],
        "openid": [AGENTS["openid"]["openid"]],
        "account": [AGENTS["account"]["account"]],
    }
    assert [sorted(answer.json().get("name", [])) for answer in answers] == [
        ["A. Nobody", "Ann"],
        [],
        *[["A. Nobody", "Ann"]] * 2,
    ]


def test_an_address_and_its_sha1_are_one_person(client: Client, store):
    for agent in (AGENTS["mbox"], {"mbox_sha1sum": SHA1_OF_ANN}):
        client.post_statements(statement(agent)).raise_for_status()
    progress.follow(store.pk)

    person = client.request("GET", "agents", params={"agent": json.dumps(AGENTS["mbox"])}).json()

    assert person["mbox_sha1sum"] == [SHA1_OF_ANN]
