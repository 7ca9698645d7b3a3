"""The Activity Profile and Agent Profile resources over HTTP (xAPI 1.0.3 Communication 2.6, 2.7, 3.1)."""

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.client import Client

ACTIVITY = {"activityId": "https://lms.example.com/course/1"}
AGENT = {"agent": json.dumps({"mbox": "mailto:ann@example.com"})}
RESOURCES = [("activities/profile", ACTIVITY), ("agents/profile", AGENT)]
NEW = {"If-None-Match": "*"}

both = pytest.mark.parametrize(("path", "context"), RESOURCES)


def rules(answer: httpx.Response) -> set[tuple[str, str]]:
    assert answer.status_code == 400, answer.text
    return {(error["pointer"], error["rule"]) for error in answer.json()["errors"]}


@both
def test_a_profile_is_kept_merged_and_deleted(client: Client, path, context):
    one = {**context, "profileId": "https://example.com/profile"}

    assert client.request("PUT", path, params=one, json={"a": 1}, headers=NEW).status_code == 204
    assert client.request("POST", path, params=one, json={"b": 2}).status_code == 204
    assert client.request("GET", path, params=one).json() == {"a": 1, "b": 2}
    assert client.request("GET", path, params=context).json() == ["https://example.com/profile"]
    assert client.request("DELETE", path, params=one).status_code == 204
    assert client.request("GET", path, params=one).status_code == 404
    assert client.request("GET", path, params=context).json() == []


@both
def test_an_existing_profile_is_not_replaced_without_its_etag(client: Client, path, context):
    one = {**context, "profileId": "p"}
    client.request("POST", path, params=one, json={"by": 0})
    etag = client.request("GET", path, params=one).headers["ETag"]

    with client.speaking("2.0.0") as newer:
        for speaker in (client, newer):
            refused = speaker.request("PUT", path, params=one, json={"by": 1})

            assert refused.status_code == 409
            assert etag in refused.json()["error"]
    assert client.request("PUT", path, params=one, json={"by": 1}, headers=NEW).status_code == 412
    assert client.request("PUT", path, params=one, json={"by": 1}, headers={"If-Match": '"1"'}).status_code == 412
    assert client.request("GET", path, params=one).json() == {"by": 0}
    assert client.request("PUT", path, params=one, json={"by": 1}, headers={"If-Match": etag}).status_code == 204
    assert client.request("GET", path, params=one).json() == {"by": 1}


@both
def test_version_1_wants_a_condition_for_a_new_profile_and_version_2_does_not(client: Client, path, context):
    one = {**context, "profileId": "p"}

    assert rules(client.request("PUT", path, params=one, json={})) == {("If-Match", "precondition")}
    assert client.request("GET", path, params=context).json() == []
    with client.speaking("2.0.0") as newer:
        assert newer.request("PUT", path, params=one, json={}).status_code == 204


@both
def test_the_time_of_change_moves_forward(client: Client, path, context):
    one = {**context, "profileId": "p"}
    client.request("POST", path, params=one, json={"a": 1})
    before = client.request("GET", path, params=one).headers["Last-Modified"]
    time.sleep(1.1)
    client.request("POST", path, params=one, json={"a": 1})
    after = client.request("GET", path, params=one).headers["Last-Modified"]

    assert before.endswith(" GMT")
    assert parsedate_to_datetime(after) > parsedate_to_datetime(before)
    assert client.request("GET", path, params=context).headers["Last-Modified"] == after


@both
def test_since_is_compared_as_an_instant(client: Client, path, context):
    client.request("POST", path, params={**context, "profileId": "p"}, json={})
    ago, ahead = (datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (-1, 1))
    east = ago + timedelta(hours=5, minutes=30)

    for since, found in ((ago.isoformat(), ["p"]), (ahead.isoformat(), []), (f"{east:%Y-%m-%dT%H:%M:%S}+05:30", ["p"])):
        assert client.request("GET", path, params={**context, "since": since}).json() == found


@both
def test_wrong_parameters_are_refused(client: Client, path, context):
    (name,) = context
    one = {**context, "profileId": "p"}

    for method in ("PUT", "POST", "DELETE"):
        assert rules(client.request(method, path, params=context)) == {("?profileId", "required")}
    for method in ("GET", "PUT", "POST", "DELETE"):
        assert (f"?{name}", "required") in rules(client.request(method, path, params={"profileId": "p"}))
        assert rules(client.request(method, path, params={**one, name: "true"}))
        assert rules(client.request(method, path, params={**one, "profileid": "p"}))
        assert rules(client.request(method, path, params={**one, "stateId": "p"}))
    assert rules(client.request("GET", path, params={**context, "since": "true"})) == {("?since", "since")}


def test_state_and_profiles_do_not_share_documents(client: Client):
    client.request("PUT", "activities/profile", params={**ACTIVITY, "profileId": "x"}, json={"a": 1}, headers=NEW)
    client.request("PUT", "agents/profile", params={**AGENT, "profileId": "x"}, json={"b": 1}, headers=NEW)

    assert client.request("GET", "activities/state", params={**ACTIVITY, **AGENT}).json() == []
    assert client.request("GET", "activities/profile", params={**ACTIVITY, "profileId": "x"}).json() == {"a": 1}
    assert client.request("GET", "agents/profile", params={**AGENT, "profileId": "x"}).json() == {"b": 1}


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        ("state", {"GET state", "POST state"}),
        ("profile", {"GET profile", "POST profile", "GET agents", "GET activities"}),
        ("statements/read", {"GET agents", "GET activities"}),
        ("statements/read/mine", set()),
        ("statements/write", set()),
        ("all/read", {"GET state", "GET profile", "GET agents", "GET activities"}),
        ("all", {"GET state", "POST state", "GET profile", "POST profile", "GET agents", "GET activities"}),
    ],
)
def test_a_scope_reaches_as_far_as_it_says(scoped, scope, may):
    caller = scoped(scope)
    requests = {
        "GET state": ("GET", "activities/state", {**ACTIVITY, **AGENT}),
        "POST state": ("POST", "activities/state", {**ACTIVITY, **AGENT, "stateId": "s"}),
        "GET profile": ("GET", "agents/profile", AGENT),
        "POST profile": ("POST", "activities/profile", {**ACTIVITY, "profileId": "p"}),
        "GET agents": ("GET", "agents", AGENT),
        "GET activities": ("GET", "activities", ACTIVITY),
    }

    answers = {
        name: caller.request(method, path, params=params, json={} if method == "POST" else None).status_code
        for name, (method, path, params) in requests.items()
    }

    assert {name for name, status in answers.items() if status < 300} == may
    assert {status for name, status in answers.items() if name not in may} <= {403}


def test_a_large_document_is_kept_and_one_over_the_limit_is_not(client: Client):
    one = {**ACTIVITY, "profileId": "large"}
    content = b"0123456789abcdef" * 2**21
    headers = {"Content-Type": "application/octet-stream", **NEW}

    assert client.request("PUT", "activities/profile", params=one, content=content, headers=headers).status_code == 204
    assert client.request("GET", "activities/profile", params=one).content == content

    headers["If-None-Match"] = '"1"'
    refused = client.request("PUT", "activities/profile", params=one, content=content + b"0", headers=headers)
    assert refused.status_code == 413


def test_a_document_does_not_grow_over_the_limit_by_merging(client: Client):
    one = {**ACTIVITY, "profileId": "growing"}
    half = "x" * 17 * 2**20
    assert client.request("POST", "activities/profile", params=one, json={"a": half}).status_code == 204

    assert client.request("POST", "activities/profile", params=one, json={"b": half}).status_code == 413
    assert client.request("GET", "activities/profile", params=one).json().keys() == {"a"}
    assert client.request("POST", "activities/profile", params=one, json={"a": "y"}).status_code == 204
