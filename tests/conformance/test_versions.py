"""Two versions of the standard over one store.

A statement is given back as it was stored, whichever version the reader speaks; the header names the reader's.
"""

import json

import pytest

from tests.client import Client
from tests.conformance.examples import agent, reference, statement

HEADER = "X-Experience-API-Version"
CONTEXT = {
    "contextAgents": [{"objectType": "contextAgent", "agent": agent("eve")}],
    "contextGroups": [{"objectType": "contextGroup", "group": {"objectType": "Group", "member": [agent("bob")]}}],
}


@pytest.mark.parametrize("reader", ["1.0.3", "2.0.0"])
@pytest.mark.parametrize("writer", ["1.0.3", "2.0.0"])
def test_a_statement_is_given_back_as_it_was_stored_in_either_version(client: Client, writer, reader):
    given = statement(context=CONTEXT if writer == "2.0.0" else {"platform": "here"})
    client.speaking(writer).post_statements(given).raise_for_status()

    one = client.speaking(reader).get_statements({"statementId": given["id"]})
    page = client.speaking(reader).get_statements()

    assert one.headers[HEADER] == page.headers[HEADER] == reader
    kept = one.json()
    assert page.json()["statements"] == [kept]
    assert kept["version"] == {"1.0.3": "1.0.0", "2.0.0": "2.0.0"}[writer]
    assert {name: kept[name] for name in given} == given


@pytest.mark.parametrize("format", ["ids", "canonical", "exact"])
def test_what_only_version_2_knows_reaches_a_reader_of_version_1(client: Client, format):
    client.speaking("2.0.0").post_statements(statement(context=CONTEXT))

    (kept,) = client.speaking("1.0.3").get_statements({"format": format}).json()["statements"]

    assert kept["context"] == CONTEXT


def test_what_only_version_2_knows_is_found_by_a_reader_of_version_1(client: Client):
    given = statement(context=CONTEXT)
    client.speaking("2.0.0").post_statements(given)

    asked = {"agent": json.dumps(agent("eve")), "related_agents": "true"}
    assert [each["id"] for each in client.speaking("1.0.3").all_statements(asked)] == [given["id"]]


def test_what_only_version_2_knows_is_refused_from_a_sender_of_version_1(client: Client):
    answer = client.speaking("1.0.3").post_statements([statement(), statement(context=CONTEXT)])

    assert answer.status_code == 400
    assert {error["pointer"] for error in answer.json()["errors"]} == {
        "/1/context/contextAgents",
        "/1/context/contextGroups",
    }


def test_the_same_statement_in_the_other_version_is_a_retry(client: Client):
    given = statement()

    for version in ("1.0.3", "2.0.0", "1.0.3"):
        assert client.speaking(version).post_statements(given).json() == [given["id"]]
    (kept,) = client.all_statements()
    assert kept["version"] == "1.0.0"


def test_references_cross_versions(client: Client):
    target = statement(context=CONTEXT)
    referrer = reference(target["id"])
    client.speaking("2.0.0").post_statements(target)
    client.speaking("1.0.3").post_statements(referrer)

    asked = {"agent": json.dumps(agent("eve")), "related_agents": "true"}
    assert {each["id"] for each in client.all_statements(asked)} == {target["id"], referrer["id"]}


@pytest.mark.parametrize(
    ("asked", "answered"), [("1.0", "1.0.3"), ("1.0.9", "1.0.3"), ("2.0", "2.0.0"), ("2.0.1", "2.0.0")]
)
def test_any_patch_of_a_version_is_spoken(client: Client, asked, answered):
    answer = client.speaking(asked).get_statements()

    assert (answer.status_code, answer.headers[HEADER]) == (200, answered)


@pytest.mark.parametrize("asked", ["0.9", "1.1.0", "2.1.0", "3", "", "1.0.x", "2.0.0, 1.0.3"])
def test_any_other_version_is_refused(client: Client, asked):
    answer = client.speaking(asked).get_statements()

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [HEADER]
    assert answer.headers[HEADER] in ("1.0.3", "2.0.0")
