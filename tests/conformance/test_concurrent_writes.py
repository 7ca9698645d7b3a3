"""Many senders at once: nothing is lost, nothing is there twice, nobody gets an error for another's sake."""

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx

from tests.client import Client, Statement
from tests.conformance.examples import activity, agent, ids, reference, statement, verb

SENDERS = 8


def at_once(client: Client, requests: list[list[object]]) -> list[httpx.Response]:
    """The answers to requests of several senders, who each post theirs in order and begin together."""
    ready = Barrier(len(requests))

    def send(bodies: list[object]) -> list[httpx.Response]:
        with client.speaking("1.0.3") as sender:
            sender.http.get("about")
            ready.wait()
            return [sender.request("POST", "statements", json=body) for body in bodies]

    with ThreadPoolExecutor(len(requests)) as pool:
        return [answer for answers in pool.map(send, requests) for answer in answers]


def test_one_id_posted_by_eight_at_once_is_eight_successes_and_one_statement(client: Client):
    for _ in range(5):
        given = statement()

        answers = at_once(client, [[given]] * SENDERS)

        assert [answer.status_code for answer in answers] == [200] * SENDERS, answers[0].text
        assert {answer.text for answer in answers} == {json.dumps([given["id"]])}
        assert ids(client.all_statements()).count(given["id"]) == 1


def test_one_batch_posted_by_eight_at_once_is_eight_successes_and_one_copy(client: Client):
    batch = [statement() for _ in range(40)]

    answers = at_once(client, [[random.sample(batch, len(batch))] for _ in range(SENDERS)])

    assert [answer.status_code for answer in answers] == [200] * SENDERS, answers[0].text
    assert Counter(ids(client.all_statements())) == Counter(ids(batch))


def test_of_eight_different_statements_with_one_id_one_is_stored_and_the_others_are_told(client: Client):
    for _ in range(5):
        given = statement()
        differing = [{**given, "verb": verb(f"verb-{sender}")} for sender in range(SENDERS)]

        answers = at_once(client, [[each] for each in differing])

        assert sorted(answer.status_code for answer in answers) == [200] + [409] * (SENDERS - 1)
        winner = next(each for each, answer in zip(differing, answers, strict=True) if answer.status_code == 200)
        assert client.get_statements({"statementId": given["id"]}).json()["verb"] == winner["verb"]


def course(number: int, sender: int, turn: int) -> dict[str, Any]:
    names = {"en": f"Course {number}, told by {sender} in {turn}", f"x-{sender}": f"{turn}"}
    return {**activity(f"course-{number}"), "definition": {"name": names}}


def test_eight_senders_of_batches_over_shared_courses_get_no_error_and_lose_nothing(client: Client):
    def batch(sender: int, turn: int) -> list[Statement]:
        return [
            statement(
                actor={**agent(f"person-{random.randrange(10)}"), "name": f"Person {turn} of {sender}"},
                object=course(random.randrange(20), sender, turn),
                context={"contextActivities": {"parent": [course(random.randrange(20), sender, turn)]}},
            )
            for _ in range(10)
        ]

    sent = [[batch(sender, turn) for turn in range(10)] for sender in range(SENDERS)]

    answers = at_once(client, [list(batches) for batches in sent])

    assert Counter(answer.status_code for answer in answers) == {200: 80}
    kept = client.all_statements({"limit": "0"})
    assert Counter(ids(kept)) == Counter(each["id"] for batches in sent for batch in batches for each in batch)


def test_batches_that_touch_the_same_activities_in_opposite_order_do_not_block_each_other(client: Client):
    def batch(sender: int, turn: int) -> list[Statement]:
        numbers = range(20) if sender % 2 else reversed(range(20))
        return [statement(object=course(number, sender, turn)) for number in numbers]

    answers = at_once(client, [[batch(sender, turn) for turn in range(4)] for sender in range(SENDERS)])

    assert Counter(answer.status_code for answer in answers) == {200: 32}
    assert len(client.all_statements({"limit": "0"})) == 640


def test_batches_with_the_same_statements_in_opposite_order_do_not_block_each_other(client: Client):
    batches = [[statement() for _ in range(20)] for _ in range(4)]

    def turned(sender: int) -> list[object]:
        return [batch if sender % 2 else batch[::-1] for batch in batches]

    answers = at_once(client, [turned(sender) for sender in range(SENDERS)])

    assert Counter(answer.status_code for answer in answers) == {200: 32}
    assert len(client.all_statements()) == 80


def test_every_definition_of_an_activity_that_arrives_at_once_is_merged(client: Client):
    answers = at_once(client, [[statement(object=course(1, sender, 0))] for sender in range(SENDERS)])

    assert Counter(answer.status_code for answer in answers) == {200: SENDERS}
    told = client.request("GET", "activities", params={"activityId": activity("course-1")["id"]}).json()
    assert set(told["definition"]["name"]) == {"en", *(f"x-{sender}" for sender in range(SENDERS))}


def test_references_and_batches_at_once_do_not_block_each_other(client: Client):
    targets = [statement() for _ in range(SENDERS)]

    def mixture(sender: int) -> list[object]:
        about = [reference(target["id"]) for target in random.sample(targets, SENDERS)]
        return [targets[sender], about, [statement() for _ in range(25)], statement()]

    answers = at_once(client, [mixture(sender) for sender in range(SENDERS)])

    assert Counter(answer.status_code for answer in answers) == {200: 4 * SENDERS}
    found = client.all_statements({"agent": json.dumps(agent("ann")), "limit": "0"})
    assert len(found) == SENDERS * (1 + SENDERS + 25 + 1)


def test_eight_merges_into_one_state_document_at_once_are_all_kept(client: Client):
    where = {"activityId": activity("course")["id"], "agent": json.dumps(agent("ann")), "stateId": "progress"}
    ready = Barrier(SENDERS)

    def merge(sender: int) -> int:
        with client.speaking("1.0.3") as own:
            own.http.get("about")
            ready.wait()
            return own.request("POST", "activities/state", params=where, json={f"key-{sender}": sender}).status_code

    with ThreadPoolExecutor(SENDERS) as pool:
        statuses = list(pool.map(merge, range(SENDERS)))

    assert statuses == [204] * SENDERS
    kept = client.request("GET", "activities/state", params=where).json()
    assert kept == {f"key-{sender}": sender for sender in range(SENDERS)}
