"""What the parameters of GET /statements find (xAPI 1.0.3 Communication 2.1.3)."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.client import Client
from tests.conformance.examples import activity, agent, ids, new_id, reference, statement, verb

EVE = agent("eve")
EVES_MAIL: dict[str, Any] = {"mbox": "mailto:eve@example.com"}
GROUP: dict[str, Any] = {"objectType": "Group", "member": [agent("bob"), EVE]}
NAMED_GROUP: dict[str, Any] = {**GROUP, "account": {"homePage": "https://people.example.com", "name": "night shift"}}


def sub_statement(**changes: Any) -> dict[str, Any]:
    plain = {"objectType": "SubStatement", "actor": agent("bob"), "verb": verb("plan"), "object": activity("inner")}
    return {**plain, **changes}


def context_agent(agent: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"objectType": "contextAgent", "agent": agent}]


def context_group(group: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"objectType": "contextGroup", "group": group}]


MENTIONED: dict[str, dict[str, Any]] = {
    "as the actor": {"actor": EVE},
    "as the object": {"object": EVE},
    "as a member of an anonymous group that acts": {"actor": GROUP},
    "as a member of an identified group that acts": {"actor": NAMED_GROUP},
    "as a member of an anonymous group that is the object": {"object": GROUP},
}
RELATED: dict[str, dict[str, Any]] = {
    "as the instructor": {"context": {"instructor": EVE}},
    "as a member of a group of instructors": {"context": {"instructor": GROUP}},
    "as a member of the team": {"context": {"team": GROUP}},
    "as a context agent": {"context": {"contextAgents": context_agent(EVE)}},
    "as a member of a context group": {"context": {"contextGroups": context_group(GROUP)}},
    "as the actor of a SubStatement": {"object": sub_statement(actor=EVE)},
    "as the object of a SubStatement": {"object": sub_statement(object=EVE)},
    "as a member of a group in a SubStatement": {"object": sub_statement(actor=GROUP)},
    "as the instructor of a SubStatement": {"object": sub_statement(context={"instructor": EVE})},
    "as a member of a SubStatement's team": {"object": sub_statement(context={"team": GROUP})},
    "as a context agent of a SubStatement": {"object": sub_statement(context={"contextAgents": context_agent(EVE)})},
    "as a member of a SubStatement's context group": {
        "object": sub_statement(context={"contextGroups": context_group(GROUP)})
    },
}


def by_agent(client: Client, agent: dict[str, Any], **more: str) -> list[str]:
    return ids(client.all_statements({"agent": json.dumps(agent), **more}))


@pytest.mark.parametrize("where", MENTIONED)
def test_an_agent_is_found(client: Client, where):
    given = statement(**MENTIONED[where])
    client.post_statements([given, statement()])

    assert by_agent(client, EVE) == [given["id"]]
    assert by_agent(client, EVE, related_agents="true") == [given["id"]]


@pytest.mark.parametrize("where", RELATED)
def test_an_agent_is_found_only_with_related_agents(client: Client, where):
    client = client.speaking("2.0.0")
    given = statement(**RELATED[where])
    client.post_statements([given, statement()])

    assert by_agent(client, EVE) == []
    assert by_agent(client, EVE, related_agents="true") == [given["id"]]


def test_the_authority_is_found_only_with_related_agents(client: Client):
    given = statement()
    client.post_statements(given)
    (kept,) = client.all_statements()

    assert by_agent(client, kept["authority"]) == []
    assert by_agent(client, kept["authority"], related_agents="true") == [given["id"]]


def test_an_identified_group_is_found_by_its_identifier_whatever_the_question_calls_it(client: Client):
    given = statement(actor=NAMED_GROUP)
    client.post_statements([given, statement()])

    assert by_agent(client, {"objectType": "Group", "account": NAMED_GROUP["account"]}) == [given["id"]]
    assert by_agent(client, {"account": NAMED_GROUP["account"]}) == [given["id"]]


def test_an_agent_is_found_by_the_identifier_that_the_statement_has_and_by_no_other(client: Client):
    client.post_statements([statement(actor=EVE), given := statement(actor={**EVES_MAIL, "name": "Eve"})])

    assert by_agent(client, {**EVES_MAIL, "objectType": "Agent", "name": "Somebody"}) == [given["id"]]


@pytest.mark.parametrize(
    "changes",
    [
        {"context": {"contextActivities": {"parent": [activity("eve")]}}},
        {"context": {"contextActivities": {"grouping": activity("eve")}}},
        {"object": sub_statement(object=activity("eve"))},
        {"object": sub_statement(context={"contextActivities": {"other": [activity("eve")]}})},
    ],
)
def test_an_activity_around_a_statement_is_found_only_with_related_activities(client: Client, changes):
    given = statement(**changes)
    client.post_statements([given, statement()])
    iri = activity("eve")["id"]

    assert client.all_statements({"activity": iri}) == []
    assert ids(client.all_statements({"activity": iri, "related_activities": "true"})) == [given["id"]]


def test_conditions_must_hold_together(client: Client):
    registration = new_id()
    both = statement(actor=EVE, verb=verb("pass"), object=activity("exam"), context={"registration": registration})
    others = [
        statement(verb=verb("pass"), object=activity("exam"), context={"registration": registration}),
        statement(actor=EVE, object=activity("exam"), context={"registration": registration}),
        statement(actor=EVE, verb=verb("pass"), context={"registration": registration}),
        statement(actor=EVE, verb=verb("pass"), object=activity("exam")),
    ]
    client.post_statements([both, *others])

    found = client.all_statements(
        {
            "agent": json.dumps(EVE),
            "verb": verb("pass")["id"],
            "activity": activity("exam")["id"],
            "registration": registration.upper(),
        }
    )

    assert ids(found) == [both["id"]]


def test_since_excludes_its_own_instant_and_until_includes_it_to_the_microsecond(client: Client):
    client.post_statements([statement() for _ in range(3)])
    first, second, third = client.all_statements({"ascending": "true"})
    before = datetime.fromisoformat(second["stored"]) - timedelta(microseconds=1)

    def found(**asked: str) -> list[str]:
        return ids(client.all_statements({"ascending": "true", **asked}))

    assert found(since=second["stored"]) == ids([third])
    assert found(until=second["stored"]) == ids([first, second])
    assert found(since=first["stored"], until=second["stored"]) == ids([second])
    assert found(since=before.isoformat()) == ids([second, third])
    assert found(until=before.isoformat()) == ids([first])


def test_a_time_may_be_asked_for_in_any_zone(client: Client):
    client.post_statements([statement() for _ in range(2)])
    first, second = client.all_statements({"ascending": "true"})
    there = datetime.fromisoformat(first["stored"]).astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat()

    assert there.endswith("+05:30")
    assert ids(client.all_statements({"since": there})) == ids([second])


def test_since_and_until_are_about_stored_and_not_about_timestamp(client: Client):
    given = statement(timestamp="2015-01-01T00:00:00Z")
    client.post_statements(given)
    (kept,) = client.all_statements()

    assert ids(client.all_statements({"since": "2020-01-01T00:00:00Z"})) == [given["id"]]
    assert client.all_statements({"until": "2020-01-01T00:00:00Z"}) == []
    assert kept["timestamp"] == "2015-01-01T00:00:00Z"


def test_newest_comes_first_and_ascending_turns_that_round(client: Client):
    given = [statement(), reference(new_id()), statement()]
    for each in given:
        client.post_statements(each)

    assert ids(client.all_statements()) == ids(reversed(given))
    assert ids(client.all_statements({"ascending": "true"})) == ids(given)


@pytest.mark.parametrize("asked", ["0", "1000000"])
def test_limit_zero_and_a_limit_that_is_too_large_are_the_servers_maximum(client: Client, asked):
    client.post_statements([statement() for _ in range(1001)]).raise_for_status()

    page = client.get_statements({"limit": asked}).json()
    rest = client.http.get(client.url + page["more"]).json()

    assert len(page["statements"]) == 1000
    assert len(rest["statements"]) == 1
    assert rest["more"] == ""


def test_canonical_shows_a_verb_as_it_was_last_displayed_and_exact_as_it_was_sent(client: Client):
    bare, shown = verb("read"), {**verb("read"), "display": {"en": "read", "de": "gelesen"}}
    sent = [statement(verb=bare), statement(verb=shown), statement(verb=verb("never-displayed"))]
    client.post_statements(sent)
    german = {"Accept-Language": "de"}

    for one, displayed in zip(sent, ({"de": "gelesen"}, {"de": "gelesen"}, None), strict=True):
        params = {"statementId": one["id"], "format": "canonical"}
        found = client.request("GET", "statements", params=params, headers=german).json()
        assert found["verb"].get("display") == displayed
        assert client.get_statements({"statementId": one["id"]}).json()["verb"] == one["verb"]
