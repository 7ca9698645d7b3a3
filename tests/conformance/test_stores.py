"""A credential sees its own store only."""

import json

from tests.client import Client
from tests.conformance.examples import MIXED, activity, agent, attachment, ids, mixed, part, statement, verb, voiding


def test_statements_of_another_store_are_not_found_in_any_way(client: Client, stranger: Client):
    given = statement()
    client.post_statements(given)

    for asked in (
        {},
        {"agent": json.dumps(given["actor"])},
        {"agent": json.dumps(given["actor"]), "related_agents": "true"},
        {"verb": given["verb"]["id"]},
        {"activity": given["object"]["id"], "related_activities": "true"},
        {"since": "2020-01-01T00:00:00Z"},
    ):
        assert ids(client.all_statements(asked)) == [given["id"]]
        assert stranger.all_statements(asked) == []
    assert stranger.get_statements({"statementId": given["id"]}).status_code == 404


def test_one_id_in_two_stores_is_two_statements(client: Client, stranger: Client):
    mine = statement()
    theirs = {**mine, "verb": verb("fail")}

    assert client.post_statements(mine).json() == stranger.post_statements(theirs).json() == [mine["id"]]
    assert client.get_statements({"statementId": mine["id"]}).json()["verb"] == mine["verb"]
    assert stranger.get_statements({"statementId": mine["id"]}).json()["verb"] == theirs["verb"]


def test_a_void_reaches_its_own_store_only(client: Client, stranger: Client):
    given = statement()
    client.post_statements(given)
    stranger.post_statements(given)
    stranger.post_statements(voiding(given["id"]))

    assert client.get_statements({"statementId": given["id"]}).status_code == 200
    assert stranger.get_statements({"statementId": given["id"]}).status_code == 404


def test_what_a_store_knows_of_activities_and_agents_is_not_told_in_another(client: Client, stranger: Client):
    described = {**activity("secret"), "definition": {"name": {"en": "Merger"}}}
    client.post_statements(statement(actor={**agent("ann"), "name": "Ann of Accounting"}, object=described))

    for asked in (
        ("activities", {"activityId": described["id"]}),
        ("agents", {"agent": json.dumps(agent("ann"))}),
    ):
        here, there = (each.request("GET", asked[0], params=asked[1]).text for each in (client, stranger))
        assert "Merger" in here or "Accounting" in here
        assert "Merger" not in there
        assert "Accounting" not in there
    stranger.post_statements(statement(object=activity("secret")))
    assert "Merger" not in stranger.get_statements({"format": "canonical"}).text


def test_documents_of_another_store_are_not_there(client: Client, stranger: Client):
    where = {"activityId": activity("course")["id"], "agent": json.dumps(agent("ann"))}
    client.request("PUT", "activities/state", params={**where, "stateId": "place"}, json={"page": 7})

    assert stranger.request("GET", "activities/state", params={**where, "stateId": "place"}).status_code == 404
    assert stranger.request("GET", "activities/state", params=where).json() == []
    assert stranger.request("DELETE", "activities/state", params=where).status_code == 204
    assert client.request("GET", "activities/state", params=where).json() == ["place"]


def test_the_data_of_an_attachment_is_not_given_to_who_names_its_hash_in_another_store(
    client: Client, stranger: Client
):
    secret = b"the secret"
    given = statement(attachments=[attachment(secret)])
    client.request("POST", "statements", content=mixed(given, [part(secret)]), headers=MIXED).raise_for_status()

    asking = statement(attachments=[attachment(secret, fileUrl="https://files.example.com/x")])
    stranger.post_statements(asking).raise_for_status()

    assert secret in client.get_statements({"attachments": "true"}).content
    assert secret not in stranger.get_statements({"attachments": "true"}).content
