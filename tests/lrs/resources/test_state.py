"""The State resource over HTTP (xAPI 1.0.3 Communication 2.2, 2.3, 3.1)."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.client import Client

STATE = "activities/state"
AGENT = {"objectType": "Agent", "account": {"homePage": "https://lms.example.com", "name": "ann"}}
CONTEXT = {"activityId": "https://lms.example.com/course/1", "agent": json.dumps(AGENT)}
ONE = {**CONTEXT, "stateId": "bookmark"}
OTHER_REGISTRATION = {"registration": "ec531277-b57b-4c15-8d91-d292c5b2b8f7"}


def rules(answer: httpx.Response) -> set[tuple[str, str]]:
    assert answer.status_code == 400, answer.text
    return {(error["pointer"], error["rule"]) for error in answer.json()["errors"]}


def test_a_document_comes_back_as_it_was_sent(client: Client):
    content = bytes(range(256))

    put = client.request("PUT", STATE, params=ONE, content=content, headers={"Content-Type": "image/x-own; a=b"})
    got = client.request("GET", STATE, params=ONE)

    assert (put.status_code, put.content) == (204, b"")
    assert "Content-Length" not in put.headers
    assert got.status_code == 200
    assert got.content == content
    assert got.headers["Content-Type"] == "image/x-own; a=b"
    assert got.headers["Content-Length"] == "256"
    assert got.headers["ETag"] == f'"{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"'
    assert got.headers["X-Experience-API-Version"] == "1.0.3"
    assert abs(parsedate_to_datetime(got.headers["Last-Modified"]).timestamp() - time.time()) < 60


def test_head_has_the_headers_of_get_and_no_body(client: Client):
    client.request("PUT", STATE, params=ONE, json={"a": 1})

    head = client.request("HEAD", STATE, params=ONE)
    got = client.request("GET", STATE, params=ONE)

    assert (head.status_code, head.content) == (200, b"")
    for name in ("ETag", "Content-Length", "Content-Type", "Last-Modified"):
        assert head.headers[name] == got.headers[name]


def test_who_has_the_document_already_is_told_so(client: Client):
    client.request("PUT", STATE, params=ONE, json={"a": 1})
    etag = client.request("GET", STATE, params=ONE).headers["ETag"]

    again = client.request("GET", STATE, params=ONE, headers={"If-None-Match": etag})

    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)


def test_no_page_of_a_browser_runs_or_keeps_a_document(client: Client):
    client.request("PUT", STATE, params=ONE, content=b"<script>", headers={"Content-Type": "text/html"})

    got = client.request("GET", STATE, params=ONE)

    assert got.headers["Content-Security-Policy"] == "sandbox"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Cache-Control"] == "private, no-cache"


def test_what_is_not_there_is_404_and_may_be_deleted(client: Client):
    assert client.request("GET", STATE, params=ONE).status_code == 404
    assert client.request("DELETE", STATE, params=ONE).status_code == 204


def test_a_deleted_document_is_gone(client: Client):
    client.request("PUT", STATE, params=ONE, json={})

    deleted = client.request("DELETE", STATE, params=ONE)

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert client.request("GET", STATE, params=ONE).status_code == 404


def test_the_ids_of_a_context_are_listed(client: Client):
    for id in ("b", "a", "ü / ?"):
        client.request("PUT", STATE, params={**CONTEXT, "stateId": id}, json={})
    client.request("PUT", STATE, params={**CONTEXT, "activityId": "https://lms.example.com/2", "stateId": "c"}, json={})

    listed = client.request("GET", STATE, params=CONTEXT)

    assert listed.json() == ["a", "b", "ü / ?"]
    assert "Last-Modified" in listed.headers
    assert client.request("GET", STATE, params={**CONTEXT, "activityId": "https://lms.example.com/3"}).json() == []


def test_since_excludes_what_did_not_change_after_it(client: Client):
    client.request("PUT", STATE, params={**CONTEXT, "stateId": "old"}, json={})
    time.sleep(0.01)
    since = {"since": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() % 10**9:09d}Z"}
    client.request("PUT", STATE, params={**CONTEXT, "stateId": "new"}, json={})

    assert client.request("GET", STATE, params={**CONTEXT, **since}).json() == ["new"]

    client.request("POST", STATE, params={**CONTEXT, "stateId": "old"}, json={"a": 1})

    assert client.request("GET", STATE, params={**CONTEXT, **since}).json() == ["new", "old"]


def test_a_registration_is_a_context_of_its_own(client: Client):
    client.request("PUT", STATE, params=ONE, json={"in": "none"})
    client.request("PUT", STATE, params={**ONE, **OTHER_REGISTRATION}, json={"in": "one"})
    upper = {"registration": OTHER_REGISTRATION["registration"].upper()}

    assert client.request("GET", STATE, params=ONE).json() == {"in": "none"}
    assert client.request("GET", STATE, params={**ONE, **upper}).json() == {"in": "one"}
    assert client.request("GET", STATE, params={**CONTEXT, "registration": str(uuid.uuid4())}).json() == []


def test_without_a_registration_all_of_them_are_meant(client: Client):
    client.request("PUT", STATE, params={**CONTEXT, "stateId": "a"}, json={})
    client.request("PUT", STATE, params={**CONTEXT, "stateId": "a", **OTHER_REGISTRATION}, json={})
    client.request("PUT", STATE, params={**CONTEXT, "stateId": "b", **OTHER_REGISTRATION}, json={})

    assert client.request("GET", STATE, params=CONTEXT).json() == ["a", "b"]
    assert client.request("GET", STATE, params={**CONTEXT, **OTHER_REGISTRATION}).json() == ["a", "b"]

    assert client.request("DELETE", STATE, params={**CONTEXT, **OTHER_REGISTRATION}).status_code == 204
    assert client.request("GET", STATE, params=CONTEXT).json() == ["a"]

    assert client.request("DELETE", STATE, params=CONTEXT).status_code == 204
    assert client.request("GET", STATE, params=CONTEXT).json() == []


def test_all_of_a_context_cannot_be_deleted_under_one_etag(client: Client):
    client.request("PUT", STATE, params=ONE, json={})

    answer = client.request("DELETE", STATE, params=CONTEXT, headers={"If-Match": '"abc"'})

    assert rules(answer) == {("If-Match", "precondition")}
    assert client.request("GET", STATE, params=CONTEXT).json() == ["bookmark"]


def test_one_agent_is_the_same_however_it_is_written(client: Client):
    client.request("PUT", STATE, params=ONE, json={})
    other = {"name": "Ann", "account": {"name": "ann", "homePage": "https://lms.example.com"}}
    group = {"objectType": "Group", "account": AGENT["account"]}

    assert client.request("GET", STATE, params={**CONTEXT, "agent": json.dumps(other)}).json() == ["bookmark"]
    assert client.request("GET", STATE, params={**CONTEXT, "agent": json.dumps(group)}).json() == ["bookmark"]


def test_another_store_has_other_documents(client: Client, another_client: Client):
    client.request("PUT", STATE, params=ONE, json={})

    assert another_client.request("GET", STATE, params=ONE).status_code == 404
    assert another_client.request("GET", STATE, params=CONTEXT).json() == []
    another_client.request("DELETE", STATE, params=CONTEXT)
    another_client.request("DELETE", STATE, params=ONE)
    assert client.request("GET", STATE, params=CONTEXT).json() == ["bookmark"]


# --- merging


def test_a_posted_object_is_merged_and_keeps_its_numbers(client: Client):
    json_type = {"Content-Type": "application/json"}
    first = client.request("POST", STATE, params=ONE, content=b'{"a": 1.10, "b": {"c": 1}}', headers=json_type)
    second = client.request(
        "POST", STATE, params=ONE, content=b'{"b": {"d": 2}, "e": 12345678901234567890}', headers=json_type
    )

    got = client.request("GET", STATE, params=ONE)

    assert (first.status_code, second.status_code) == (204, 204)
    assert got.content == b'{"a":1.10,"b":{"d": 2},"e":12345678901234567890}'
    assert got.headers["ETag"] == f'"{hashlib.sha1(got.content, usedforsecurity=False).hexdigest()}"'


@pytest.mark.parametrize(
    ("content", "content_type", "rule"),
    [
        (b"abcdefg", "not/json", ("Content-Type", "merge")),
        (b'{"a":1}{', "application/json", ("", "json")),
        (b"[1]", "application/json", ("", "json-object")),
        (b"{}", "", ("Content-Type", "merge")),
    ],
)
def test_what_cannot_be_merged_changes_nothing(client: Client, content, content_type, rule):
    client.request("PUT", STATE, params=ONE, json={"kept": True})

    answer = client.request("POST", STATE, params=ONE, content=content, headers={"Content-Type": content_type})

    assert rules(answer) == {rule}
    assert client.request("GET", STATE, params=ONE).json() == {"kept": True}


def test_nothing_is_merged_into_a_document_of_another_type(client: Client):
    client.request("PUT", STATE, params=ONE, content=b"{}", headers={"Content-Type": "text/plain"})

    assert rules(client.request("POST", STATE, params=ONE, json={})) == {("Content-Type", "merge")}
    assert client.request("GET", STATE, params=ONE).content == b"{}"


def test_a_refused_first_post_leaves_nothing_behind(client: Client):
    answer = client.request(
        "POST", STATE, params=ONE, content=b'{"a":1}[', headers={"Content-Type": "application/json"}
    )

    assert rules(answer) == {("", "json")}
    assert client.request("GET", STATE, params=CONTEXT).json() == []


def test_anything_may_be_posted_where_there_is_nothing(client: Client):
    posted = client.request("POST", STATE, params=ONE, content=b"abc", headers={"Content-Type": "text/plain"})

    assert posted.status_code == 204
    assert client.request("GET", STATE, params=ONE).content == b"abc"


def test_an_empty_document_is_a_document(client: Client):
    client.request("PUT", STATE, params=ONE, content=b"", headers={"Content-Type": "text/plain"})

    got = client.request("GET", STATE, params=ONE)

    assert (got.status_code, got.content) == (200, b"")
    assert client.request("GET", STATE, params=CONTEXT).json() == ["bookmark"]


# --- many at once


def at_once(amount: int, act: Callable[[int], httpx.Response]) -> list[int]:
    with ThreadPoolExecutor(amount) as pool:
        return sorted(answer.status_code for answer in pool.map(act, range(amount)))


@pytest.mark.parametrize("existing", [False, True])
def test_parallel_merges_into_one_document_keep_every_key(client: Client, existing):
    if existing:
        client.request("PUT", STATE, params=ONE, json={"first": True})
    for turn in range(5):
        params = {**ONE, "stateId": "bookmark" if existing else f"new {turn}"}

        def merge(i: int, turn: int = turn, params: dict[str, str] = params) -> httpx.Response:
            return client.request("POST", STATE, params=params, json={f"{turn}.{i}": i})

        assert at_once(8, merge) == [204] * 8
        kept = client.request("GET", STATE, params=params).json()
        assert {f"{turn}.{i}" for i in range(8)} <= kept.keys()
    if existing:
        assert len(client.request("GET", STATE, params=ONE).json()) == 41


def test_of_parallel_first_puts_one_is_first(client: Client):
    headers = {"If-None-Match": "*"}

    answers = at_once(8, lambda i: client.request("PUT", STATE, params=ONE, json={"by": i}, headers=headers))

    assert answers == [204] + [412] * 7


def test_of_parallel_puts_on_one_version_one_wins(client: Client):
    client.request("PUT", STATE, params=ONE, json={})
    for turn in range(5):
        headers = {"If-Match": client.request("GET", STATE, params=ONE).headers["ETag"]}

        def put(i: int, turn: int = turn, headers: dict[str, str] = headers) -> httpx.Response:
            return client.request("PUT", STATE, params=ONE, json={"turn": turn, "by": i}, headers=headers)

        assert at_once(8, put) == [204] + [412] * 7


def test_merging_and_deleting_at_once_fails_for_nobody(client: Client):
    def act(i: int) -> httpx.Response:
        if i % 3 == 0:
            return client.request("DELETE", STATE, params=ONE if i % 2 else CONTEXT)
        return client.request("POST", STATE, params=ONE, json={str(i): i})

    with ThreadPoolExecutor(8) as pool:
        assert {answer.status_code for answer in pool.map(act, range(48))} == {204}


# --- versions


def test_version_1_puts_a_state_without_conditions_and_version_2_does_not_replace_it(client: Client):
    with client.speaking("2.0.0") as newer:
        assert newer.request("PUT", STATE, params=ONE, json={"by": 0}).status_code == 204
        assert client.request("PUT", STATE, params=ONE, json={"by": 1}).status_code == 204

        refused = newer.request("PUT", STATE, params=ONE, json={"by": 2})

    assert refused.status_code == 409
    assert "If-Match" in refused.json()["error"]
    assert refused.headers["X-Experience-API-Version"] == "2.0.0"
    assert client.request("GET", STATE, params=ONE).json() == {"by": 1}


@pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_a_wrong_etag_changes_nothing_and_the_right_one_does(client: Client, version, method):
    client.request("POST", STATE, params=ONE, json={"a": 1})
    before = client.request("GET", STATE, params=ONE)
    body = None if method == "DELETE" else {"a": 2}

    with client.speaking(version) as speaker:
        wrong = speaker.request(method, STATE, params=ONE, json=body, headers={"If-Match": '"1234"'})
        unchanged = speaker.request("GET", STATE, params=ONE)
        right = speaker.request(method, STATE, params=ONE, json=body, headers={"If-Match": before.headers["ETag"]})

    assert wrong.status_code == 412
    assert unchanged.content == before.content
    assert unchanged.headers["Last-Modified"] == before.headers["Last-Modified"]
    assert right.status_code == 204
    after = client.request("GET", STATE, params=ONE)
    assert after.status_code == 404 if method == "DELETE" else after.json() == {"a": 2}


# --- what is refused


def test_an_answer_names_everything_that_is_wrong_with_the_parameters(client: Client):
    wrong = {
        "activityid": "https://lms.example.com/course/1",
        "agent": '{"mbox": "ann@example.com"}',
        "registration": "true",
        "since": "yesterday",
        "foo": "bar",
    }

    found = rules(client.request("GET", STATE, params=wrong))

    assert {
        ("?activityId", "required"),
        ("?activityid", "unknown-parameter"),
        ("?registration", "registration"),
        ("?since", "since"),
        ("?foo", "unknown-parameter"),
    } <= found
    assert any(pointer.startswith("?agent") for pointer, _ in found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("activityId", None),
        ("activityId", "true"),
        ("agent", None),
        ("agent", "not JSON"),
        ("agent", "true"),
        ("agent", '{"name": "nobody"}'),
        ("agent", '{"objectType": "Group", "member": [{"mbox": "mailto:ann@example.com"}]}'),
        ("registration", "true"),
        ("stateId", ""),
        ("stateId", "a\0b"),
        ("StateId", "bookmark"),
        ("profileId", "bookmark"),
    ],
)
def test_wrong_parameters_are_refused_by_every_method(client: Client, name, value):
    params = {key: text for key, text in {**ONE, name: value}.items() if text is not None}

    for method in ("GET", "PUT", "POST", "DELETE"):
        answer = client.request(method, STATE, params=params, json=None if method in ("GET", "DELETE") else {})

        assert any(pointer.startswith(f"?{name}") for pointer, _ in rules(answer))


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_document_needs_an_id(client: Client, method):
    assert rules(client.request(method, STATE, params=CONTEXT, json={})) == {("?stateId", "required")}


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_since_is_a_parameter_of_reading_alone(client: Client, method):
    params = {**ONE, "since": "2026-01-01T00:00:00Z"}

    assert rules(client.request(method, STATE, params=params, json={})) == {("?since", "unknown-parameter")}


def test_an_agent_whose_name_no_column_takes_has_documents_all_the_same(client: Client):
    agent = json.dumps({"account": {"homePage": "https://lms.example.com", "name": "a\0b"}})
    params = {**ONE, "agent": agent}

    assert client.request("PUT", STATE, params=params, json={"a": 1}).status_code == 204
    assert client.request("GET", STATE, params=params).json() == {"a": 1}


def test_an_unknown_method_is_405(client: Client):
    assert client.request("PATCH", STATE, params=ONE, json={}).status_code == 405


def test_long_names_are_kept(client: Client):
    params = {"activityId": f"https://lms.example.com/{'a' * 2000}", "agent": CONTEXT["agent"], "stateId": "i" * 1000}

    assert client.request("PUT", STATE, params=params, json={"a": 1}).status_code == 204
    assert client.request("GET", STATE, params=params).json() == {"a": 1}
