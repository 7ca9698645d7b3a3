"""Voiding, in whatever order things arrive (xAPI 1.0.3 Data 2.3.2)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.client import Client
from tests.conformance.examples import VOIDED, ids, new_id, reference, statement, verb, voiding


def is_voided(client: Client, id: str) -> bool:
    """Whether the statement is given out as a voided one, and only so."""
    plain = client.get_statements({"statementId": id}).status_code
    voided = client.get_statements({"voidedStatementId": id}).status_code
    assert {plain, voided} == {200, 404}
    return voided == 200


@pytest.mark.parametrize("order", ["after", "before", "in one batch", "in one batch, before"])
def test_a_statement_is_voided_whenever_the_void_arrives(client: Client, order):
    target = statement()
    void = voiding(target["id"].upper())
    requests = {
        "after": [[target], [void]],
        "before": [[void], [target]],
        "in one batch": [[target, void]],
        "in one batch, before": [[void, target]],
    }
    for request in requests[order]:
        client.post_statements(request).raise_for_status()

    assert is_voided(client, target["id"])
    assert ids(client.all_statements()) == [void["id"]]


def test_a_voided_statement_comes_back_as_it_was(client: Client):
    target = statement()
    client.post_statements(target)
    before = client.get_statements({"statementId": target["id"]}).json()
    client.post_statements(voiding(target["id"]))

    assert client.get_statements({"voidedStatementId": target["id"]}).json() == before


@pytest.mark.parametrize("order", ["after", "before"])
def test_a_voiding_statement_cannot_be_voided(client: Client, order):
    target = statement()
    void = voiding(target["id"])
    void_of_void = voiding(void["id"])
    for each in [target, void, void_of_void] if order == "after" else [void_of_void, void, target]:
        client.post_statements(each).raise_for_status()

    assert is_voided(client, target["id"])
    assert not is_voided(client, void["id"])
    assert not is_voided(client, void_of_void["id"])


def test_a_filter_gives_the_voiding_statement_of_a_match_and_never_the_voided_one(client: Client):
    target = statement(verb=verb("pass"))
    void = voiding(target["id"])
    client.post_statements([target, statement()])
    client.post_statements(void)

    assert ids(client.all_statements({"verb": verb("pass")["id"]})) == [void["id"]]
    assert ids(client.all_statements({"verb": VOIDED})) == [void["id"]]


def test_a_statement_voided_twice_is_voided(client: Client):
    target = statement()
    for each in (target, voiding(target["id"]), voiding(target["id"])):
        client.post_statements(each).raise_for_status()

    assert is_voided(client, target["id"])
    assert len(client.all_statements()) == 2


def test_only_the_verb_voided_voids(client: Client):
    target = statement()
    client.post_statements([target, reference(target["id"])])

    assert not is_voided(client, target["id"])


def test_a_voided_reference_is_hidden_and_its_target_is_not(client: Client):
    target = statement(verb=verb("pass"))
    referrer = reference(target["id"])
    void = voiding(referrer["id"])
    client.post_statements([target, referrer, void])

    assert set(ids(client.all_statements({"verb": verb("pass")["id"]}))) == {target["id"], void["id"]}


def test_the_same_void_sent_again_is_success(client: Client):
    target = statement()
    void = voiding(target["id"])
    client.post_statements([target, void])

    assert client.post_statements(void).json() == [void["id"]]
    assert client.post_statements(target).json() == [target["id"]]
    assert is_voided(client, target["id"])


def test_a_void_of_what_is_not_there_is_taken(client: Client):
    assert client.post_statements(voiding(new_id())).status_code == 200


def test_a_void_and_its_target_that_arrive_at_one_moment_do_not_miss_each_other(client: Client):
    targets = [statement() for _ in range(20)]
    sent = [each for target in targets for each in (target, voiding(target["id"]))]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(client.post_statements, sent))

    assert {answer.status_code for answer in answers} == {200}
    assert all(is_voided(client, target["id"]) for target in targets)
