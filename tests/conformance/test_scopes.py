"""What a credential may do, and may not (xAPI 1.0.3 Communication 4.2)."""

import json
from collections.abc import Callable

import httpx
import pytest

from tests.client import Client
from tests.conformance.examples import activity, agent, attachment, ids, reference, statement, verb

STATE = {"activityId": activity("course")["id"], "agent": json.dumps(agent("ann")), "stateId": "place"}
ACTIVITY_PROFILE = {"activityId": activity("course")["id"], "profileId": "plan"}
AGENT_PROFILE = {"agent": json.dumps(agent("ann")), "profileId": "wishes"}
NEW = {"If-None-Match": "*"}

REQUESTS: dict[str, Callable[[Client], int]] = {
    "write statements": lambda client: client.post_statements(statement()).status_code,
    "read statements": lambda client: client.get_statements().status_code,
    "write state": lambda client: client.request("PUT", "activities/state", params=STATE, json={}).status_code,
    "read state": lambda client: client.request("GET", "activities/state", params=STATE).status_code,
    "delete state": lambda client: client.request("DELETE", "activities/state", params=STATE).status_code,
    "write activity profiles": lambda client: (
        client.request("PUT", "activities/profile", params=ACTIVITY_PROFILE, json={}, headers=NEW).status_code
    ),
    "read activity profiles": lambda client: (
        client.request("GET", "activities/profile", params=ACTIVITY_PROFILE).status_code
    ),
    "write agent profiles": lambda client: (
        client.request("PUT", "agents/profile", params=AGENT_PROFILE, json={}, headers=NEW).status_code
    ),
    "read agent profiles": lambda client: client.request("GET", "agents/profile", params=AGENT_PROFILE).status_code,
}
REQUESTS["read activities"] = lambda client: (
    client.request("GET", "activities", params={"activityId": activity("course")["id"]}).status_code
)
REQUESTS["read agents"] = lambda client: (
    client.request("GET", "agents", params={"agent": json.dumps(agent("ann"))}).status_code
)

PROFILES = {"write activity profiles", "read activity profiles", "write agent profiles", "read agent profiles"}
STATES = {"write state", "read state", "delete state"}
DIRECTORY = {"read activities", "read agents"}
READING = {"read statements", "read state", "read activity profiles", "read agent profiles", *DIRECTORY}
REACHES: dict[str, set[str]] = {
    "statements/write": {"write statements"},
    "xapi:write": {"write statements"},
    "statements/read/mine": {"read statements"},
    "statements/read": {"read statements", *DIRECTORY},
    "xapi:read": {"read statements", *DIRECTORY},
    "state": STATES,
    "profile": PROFILES | DIRECTORY,
    "all/read": READING,
    "all": set(REQUESTS),
}


@pytest.mark.parametrize("scope", REACHES)
def test_a_scope_reaches_as_far_as_this_and_no_further(caller: Callable[..., Client], scope):
    client = caller(scope)

    answers = {name: ask(client) for name, ask in REQUESTS.items()}

    assert {name for name, status in answers.items() if status != 403} == REACHES[scope]
    assert all(status in (200, 204, 404) for status in answers.values() if status != 403)


def test_who_may_not_is_told_what_is_missing_and_nothing_is_stored(client: Client, caller: Callable[..., Client]):
    answer = caller("statements/read").post_statements(statement())

    assert answer.status_code == 403
    assert "statements/write" in answer.json()["error"]
    assert answer.json()["errors"] == []
    assert answer.headers["X-Experience-API-Version"] == "1.0.3"
    assert client.all_statements() == []


def test_who_may_not_write_is_told_so_before_the_body_is_looked_at(caller: Callable[..., Client]):
    answer = caller("statements/read").request("POST", "statements", content=b"{", headers={"Content-Type": "a/b"})

    assert answer.status_code == 403


def test_mine_is_what_the_credential_itself_has_sent(client: Client, caller: Callable[..., Client]):
    sender = caller("statements/write", "statements/read/mine")
    other = [statement() for _ in range(3)]
    own = [statement() for _ in range(3)]
    for theirs, mine in zip(other, own, strict=True):
        client.post_statements(theirs)
        sender.post_statements(mine)

    assert ids(sender.all_statements({"limit": "1"})) == ids(reversed(own))
    assert ids(sender.all_statements({"verb": verb("read")["id"], "ascending": "true"})) == ids(own)
    assert sender.get_statements({"statementId": own[0]["id"]}).status_code == 200
    assert sender.get_statements({"statementId": other[0]["id"]}).status_code == 404
    assert len(client.all_statements()) == 6


def test_mine_does_not_tell_of_another_senders_statement_by_a_reference_to_it(
    client: Client, caller: Callable[..., Client]
):
    sender = caller("statements/write", "statements/read/mine")
    theirs = statement(verb=verb("pass"), attachments=[attachment(b"x", fileUrl="https://files.example.com/x")])
    mine = reference(theirs["id"])
    client.post_statements(theirs)
    sender.post_statements(mine)

    assert ids(sender.all_statements({"verb": verb("pass")["id"]})) == [mine["id"]]


def test_a_page_of_one_credential_is_not_for_another(client: Client, caller: Callable[..., Client]):
    client.post_statements([statement() for _ in range(2)])
    more = client.get_statements({"limit": "1"}).json()["more"]

    answer = caller("statements/read/mine").http.get(client.url + more)

    assert answer.status_code == 404


def test_about_is_for_everybody(client: Client):
    client.http.auth = httpx.Auth()
    answer = client.request("GET", "about", headers={"X-Experience-API-Version": ""})

    assert answer.status_code == 200
    assert {"1.0.3", "2.0.0"} <= set(answer.json()["version"])
