"""A sender who heard no answer sends again: that is success, and never a second copy (xAPI 1.0.3 Data 2.3.1)."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.client import Client, Statement
from tests.conformance.examples import activity, agent, ids, new_id, statement, verb

COMPLETED = json.loads(
    (Path(__file__).parent.parent / "payloads" / "xapi" / "completed.json").read_text(encoding="utf-8")
)


def send(client: Client, how: str, statements: list[Statement]) -> httpx.Response:
    if how == "PUT":
        (one,) = statements
        return client.put_statement(one["id"], {name: value for name, value in one.items() if name != "id"})
    return client.post_statements(statements[0] if how == "POST" else statements)


@pytest.mark.parametrize("timestamp", ["with a timestamp", "without"])
@pytest.mark.parametrize("again", ["POST", "PUT", "POST of a list"])
@pytest.mark.parametrize("first", ["POST", "PUT", "POST of a list"])
def test_an_identical_retry_is_success(client: Client, first, again, timestamp):
    given = [statement(timestamp="2026-01-31T08:00:00Z") if timestamp == "with a timestamp" else statement()]
    send(client, first, given).raise_for_status()

    answer = send(client, again, given)

    if again == "PUT":
        assert (answer.status_code, answer.content) == (204, b"")
    else:
        assert (answer.status_code, answer.json()) == (200, ids(given))
    assert ids(client.all_statements()) == ids(given)


def test_a_batch_sent_again_gives_all_ids_in_order(client: Client):
    batch = [statement() for _ in range(30)]

    first, again = client.post_statements(batch), client.post_statements(batch)
    reversed_again = client.post_statements(batch[::-1])

    assert first.json() == again.json() == ids(batch)
    assert reversed_again.json() == ids(batch[::-1])
    assert len(client.all_statements()) == 30


@pytest.mark.parametrize("old", [0, 1])
def test_one_that_is_there_and_one_that_is_new_give_both_ids(client: Client, old):
    batch = [statement(), statement()]
    client.post_statements(batch[old])

    assert client.post_statements(batch).json() == ids(batch)
    assert set(ids(client.all_statements())) == set(ids(batch))


def test_a_retry_leaves_what_is_stored_as_it_is(client: Client):
    given = statement()
    client.post_statements(given)
    before = client.get_statements({"statementId": given["id"]}).text
    client.post_statements({**given, "verb": {**given["verb"], "display": {"en": "read"}}})

    assert client.get_statements({"statementId": given["id"]}).text == before


def test_the_timestamp_that_the_server_had_set_may_come_back(client: Client):
    given = statement()
    client.post_statements(given)
    kept = client.get_statements({"statementId": given["id"]}).json()

    assert client.post_statements(kept).json() == [given["id"]]


def another_time_zone(given: Statement) -> None:
    given["timestamp"] = "2025-01-15T08:30:00.123Z"


def another_spelling_of_the_time(given: Statement) -> None:
    given["timestamp"] = "20250115T083000.123000Z"


def without_timestamp(given: Statement) -> None:
    del given["timestamp"]


def without_default_object_types(given: Statement) -> None:
    del given["actor"]["objectType"], given["object"]["objectType"]


def with_default_object_types(given: Statement) -> None:
    given["context"]["instructor"]["objectType"] = "Agent"
    given["context"]["contextActivities"]["category"][0]["objectType"] = "Activity"


def another_verb_display(given: Statement) -> None:
    given["verb"]["display"] = {"fr": "a terminé"}


def without_verb_display(given: Statement) -> None:
    del given["verb"]["display"]


def another_definition(given: Statement) -> None:
    given["object"]["definition"] = {"name": {"en": "A better name"}}


def members_in_another_order(given: Statement) -> None:
    given["context"]["team"]["member"].reverse()


def one_context_activity_outside_of_a_list(given: Statement) -> None:
    (given["context"]["contextActivities"]["category"],) = given["context"]["contextActivities"]["category"]


def ids_in_another_case(given: Statement) -> None:
    given["id"] = given["id"].lower()
    given["context"]["registration"] = given["context"]["registration"].lower()


def a_duration_cut_to_hundredths(given: Statement) -> None:
    given["result"]["duration"] = "PT1H2M3.45S"


def properties_in_another_order(given: Statement) -> None:
    for name, value in [*given.items()][::-1]:
        given[name] = given.pop(name) if name in given else value


def with_stored_version_and_authority(given: Statement) -> None:
    given |= {"stored": "2020-01-01T00:00:00Z", "version": "1.0.1", "authority": agent("somebody")}


SAME: list[Callable[[Statement], None]] = [
    another_time_zone,
    another_spelling_of_the_time,
    without_timestamp,
    without_default_object_types,
    with_default_object_types,
    another_verb_display,
    without_verb_display,
    another_definition,
    members_in_another_order,
    one_context_activity_outside_of_a_list,
    ids_in_another_case,
    a_duration_cut_to_hundredths,
    properties_in_another_order,
    with_stored_version_and_authority,
]


@pytest.mark.parametrize("change", SAME, ids=lambda change: change.__name__)
def test_the_same_statement_in_other_words_is_success(client: Client, change):
    first = {**COMPLETED, "id": new_id()}
    client.post_statements(first).raise_for_status()
    again = copy.deepcopy(first)
    change(again)

    answer = client.post_statements(again)

    assert answer.status_code == 200, answer.text
    assert len(client.all_statements()) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": agent("bob")},
        {"verb": verb("fail")},
        {"object": activity("other")},
        {"result": {"success": True}},
        {"result": {"score": {"raw": 1.2}}},
        {"context": {"platform": "elsewhere"}},
        {"timestamp": "2026-01-31T08:00:01Z"},
    ],
)
@pytest.mark.parametrize("how", ["POST", "PUT", "POST of a list"])
def test_another_statement_with_a_used_id_is_a_conflict_and_not_stored(client: Client, how, changes):
    given = statement(timestamp="2026-01-31T08:00:00Z", result={"score": {"raw": 1.1}})
    client.post_statements(given)
    before = client.all_statements()

    answer = send(client, how, [{**given, **changes}])

    assert answer.status_code == 409
    assert client.all_statements() == before


@pytest.mark.parametrize("place", [0, 1, 25])
def test_one_conflicting_statement_keeps_a_whole_batch_out(client: Client, place):
    taken = statement()
    client.post_statements(taken)
    batch = [statement() for _ in range(25)]
    batch.insert(place, {**taken, "verb": verb("fail")})

    answer = client.post_statements(batch)

    assert answer.status_code == 409
    assert taken["id"] in answer.json()["error"]
    assert ids(client.all_statements()) == [taken["id"]]


@pytest.mark.parametrize("place", [0, 1, 25])
def test_one_invalid_statement_keeps_a_whole_batch_out(client: Client, place):
    batch = [statement(object=activity("never")) for _ in range(25)]
    batch.insert(place, statement(verb={"id": "not an IRI"}))

    assert client.post_statements(batch).status_code == 400
    assert client.all_statements() == []


def test_what_a_refused_batch_tells_of_an_activity_is_not_kept(client: Client):
    described = {**activity("never"), "definition": {"name": {"en": "Never"}}}
    taken = statement()
    client.post_statements(taken)

    client.post_statements([statement(object=described), {**taken, "verb": verb("fail")}])

    assert "definition" not in client.request("GET", "activities", params={"activityId": described["id"]}).json()
    client.post_statements(statement(object=described))
    assert "definition" in client.request("GET", "activities", params={"activityId": described["id"]}).json()


def test_one_id_twice_in_a_batch_is_refused(client: Client):
    given = statement()

    assert client.post_statements([given, {**given, "id": given["id"].upper()}]).status_code == 400
    assert client.all_statements() == []
