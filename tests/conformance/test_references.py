"""Statements about statements are found by what these say (xAPI 1.0.3 Communication 2.1.3, "StatementRefs")."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import pytest

from tests.client import Client, Statement
from tests.conformance.examples import activity, agent, ids, new_id, reference, statement, verb, voiding

REGISTRATION = "6f1a2b3c-0000-4000-8000-00000000abcd"
FILTERS = {
    "agent": json.dumps(agent("eve")),
    "verb": verb("pass")["id"],
    "activity": activity("exam")["id"],
    "registration": REGISTRATION,
}


def told() -> Statement:
    """A statement that each of FILTERS finds."""
    return statement(
        actor=agent("eve"),
        verb=verb("pass"),
        object=activity("exam"),
        context={"registration": REGISTRATION},
    )


def found(client: Client, asked: dict[str, str]) -> set[str]:
    return set(ids(client.all_statements(asked)))


@pytest.mark.parametrize("order", ["the target first", "the reference first", "together", "together, reference first"])
@pytest.mark.parametrize("name", FILTERS)
def test_a_reference_is_found_by_what_its_target_says(client: Client, name, order):
    target = told()
    referrer = reference(target["id"].upper())
    requests = {
        "the target first": [[target], [referrer]],
        "the reference first": [[referrer], [target]],
        "together": [[target, referrer]],
        "together, reference first": [[referrer, target]],
    }
    for request in [[statement()], *requests[order]]:
        client.post_statements(request).raise_for_status()

    assert found(client, {name: FILTERS[name]}) == {target["id"], referrer["id"]}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_chain_of_references_is_found_by_what_its_last_target_says(client: Client, order):
    target = told()
    near = reference(target["id"])
    far = reference(near["id"], actor=agent("ida"))
    for place in order:
        client.post_statements((target, near, far)[place]).raise_for_status()

    for asked in FILTERS.items():
        assert found(client, dict([asked])) == {target["id"], near["id"], far["id"]}
    assert found(client, {"agent": json.dumps(agent("tom"))}) == {near["id"], far["id"]}
    assert found(client, {"agent": json.dumps(agent("ida"))}) == {far["id"]}


@pytest.mark.parametrize("order", ["reference then void", "void then reference"])
def test_a_reference_is_found_by_what_its_voided_target_says(client: Client, order):
    target = told()
    referrer, void = reference(target["id"]), voiding(target["id"])
    later = [referrer, void] if order == "reference then void" else [void, referrer]
    for each in [target, *later]:
        client.post_statements(each).raise_for_status()

    for asked in FILTERS.items():
        assert found(client, dict([asked])) == {referrer["id"], void["id"]}


def test_conditions_must_hold_together_on_one_statement_of_the_chain(client: Client):
    target = told()
    referrer = reference(target["id"])
    client.post_statements([target, referrer])
    of_referrer = {"agent": json.dumps(agent("tom")), "verb": verb("confirmed")["id"]}

    assert found(client, FILTERS) == {target["id"], referrer["id"]}
    assert found(client, of_referrer) == {referrer["id"]}
    assert found(client, {**of_referrer, "verb": FILTERS["verb"]}) == set()
    assert found(client, {**of_referrer, "agent": FILTERS["agent"]}) == set()
    assert found(client, {**of_referrer, "registration": REGISTRATION}) == set()


def test_related_agents_of_a_target_find_its_reference(client: Client):
    target = statement(context={"instructor": agent("eve")})
    referrer = reference(target["id"])
    client.post_statements([target, referrer])

    assert found(client, {"agent": FILTERS["agent"]}) == set()
    assert found(client, {"agent": FILTERS["agent"], "related_agents": "true"}) == {target["id"], referrer["id"]}


def test_since_until_and_limit_are_about_the_reference_itself(client: Client):
    target = told()
    referrer = reference(target["id"])
    client.post_statements(target)
    client.post_statements(referrer)
    stored = client.get_statements({"statementId": target["id"]}).json()["stored"]

    assert found(client, {"verb": FILTERS["verb"], "until": stored}) == {target["id"]}
    assert found(client, {"verb": FILTERS["verb"], "since": stored}) == {referrer["id"]}
    page = client.get_statements({"verb": FILTERS["verb"], "limit": "1"}).json()
    assert ids(page["statements"]) == [referrer["id"]]


def test_the_context_statement_and_a_reference_within_a_substatement_are_not_followed(client: Client):
    target = told()
    about = {"objectType": "StatementRef", "id": target["id"]}
    inner = {"objectType": "SubStatement", "actor": agent("bob"), "verb": verb("plan"), "object": about}
    client.post_statements([target, statement(context={"statement": about}), statement(object=inner)])

    assert found(client, {"verb": FILTERS["verb"]}) == {target["id"]}


def test_references_in_a_circle_are_stored_and_found(client: Client):
    one, two, himself = new_id(), new_id(), new_id()
    first = reference(two, id=one, actor=agent("eve"))
    second = reference(one, id=two)
    own = reference(himself, id=himself, actor=agent("eve"))
    for each in (first, second, own):
        client.post_statements(each).raise_for_status()

    assert found(client, {"agent": FILTERS["agent"]}) == {one, two, himself}


def test_a_reference_and_its_target_that_arrive_at_one_moment_do_not_miss_each_other(client: Client):
    pairs = [(target := told(), reference(target["id"])) for _ in range(20)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(client.post_statements, [each for pair in pairs for each in pair]))

    assert {answer.status_code for answer in answers} == {200}
    for asked in FILTERS.items():
        assert found(client, dict([asked])) == {each["id"] for pair in pairs for each in pair}
