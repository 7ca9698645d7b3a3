"""A statement as it is kept: the sender's text, with what the LRS has to add."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statements.xapi import normalise, text
from statements.xapi.versions import Version

PAYLOADS = Path(__file__).parents[2] / "payloads/xapi"
COMPLETED = (PAYLOADS / "completed.json").read_bytes().strip()
PLANNED = (PAYLOADS / "planned.json").read_bytes().strip()
ID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
AUTHORITY = b'{"account": {"homePage":"https://lrs.example.com","name":"udemy"}}'


def kept(raw: bytes, version: Version = Version.V1) -> bytes:
    (one,) = text.cut(raw, nesting=50, most=1)
    return normalise.statement(one, id=ID, authority=AUTHORITY, version=version)


def test_the_senders_text_is_kept_byte_by_byte_and_ours_added_behind_it():
    assert kept(COMPLETED) == COMPLETED[:-1] + b',"authority":' + AUTHORITY + b',"version":"1.0.0"}'


def test_an_id_is_added_where_the_sender_gave_none():
    raw = b'{"actor": {}, "verb": {}, "object": {} }'

    assert kept(raw, Version.V2) == (
        raw[:-1] + b',"id":"' + ID.encode() + b'","authority":' + AUTHORITY + b',"version":"2.0.0"}'
    )


def test_an_id_and_a_version_stay_as_the_sender_wrote_them():
    raw = b'{"version": "1.0.9", "id": "ABCDEF00-0000-4000-8000-000000000000", "object": {}}'

    assert kept(raw, Version.V2) == raw[:-1] + b',"authority":' + AUTHORITY + b"}"


def test_stored_and_authority_of_the_sender_are_dropped():
    raw = (
        b'{"stored":"2020-01-01T00:00:00Z","object":{"n": 1.10},"authority":{"mbox":"mailto:me@example.com"},"id":"x"}'
    )

    assert kept(raw) == b'{"object":{"n": 1.10},"id":"x","authority":' + AUTHORITY + b',"version":"1.0.0"}'


def test_a_key_is_known_however_it_is_spelled():
    assert b"2020" not in kept(b'{"\\u0073tored":"2020-01-01T00:00:00Z","object":{}}')


def test_neither_stored_nor_timestamp_is_put_into_the_text():
    assert json.loads(kept(PLANNED)).keys() == {"actor", "verb", "object", "context", "id", "authority", "version"}


def test_a_single_context_activity_becomes_a_list_in_the_statement_and_in_its_substatement():
    found = json.loads(kept(PLANNED))

    assert found["context"]["contextActivities"] == {"other": [{"id": "https://courses.example.com/plan"}]}
    (grouping,) = found["object"]["context"]["contextActivities"]["grouping"]
    assert grouping["id"] == "https://courses.example.com/health"
    assert b'{"https://courses.example.com/credits": 2.50}' in kept(PLANNED)


def test_a_statement_that_is_rewritten_keeps_its_numbers_and_its_order():
    raw = (
        b'{"verb":{},"result":{"score":{"raw":1.10,"max":12345678901234567890,"min":0.12345678901234567890123}},'
        b'"object":{"id":"a"},"context":{"z":1E2,"contextActivities":{"parent":{"id":"b"},"other":[]},"a":-0},"id":"x"}'
    )

    assert kept(raw) == raw.replace(b'{"id":"b"}', b'[{"id":"b"}]')[:-1] + (
        b',"authority":' + AUTHORITY + b',"version":"1.0.0"}'
    )


def test_half_of_a_surrogate_pair_survives_rewriting():
    raw = b'{"object":{"name":"\\ud800"},"stored":"x","\\udfff":1.10,"id":"x","version":"1.0.0"}'

    assert json.loads(kept(raw)) == {
        "object": {"name": "\ud800"},
        "\udfff": 1.1,
        "id": "x",
        "version": "1.0.0",
        "authority": json.loads(AUTHORITY),
    }


@pytest.mark.parametrize(
    ("version", "given", "expected"),
    [
        (Version.V2, "2023-05-04T12:00:00.123-05:00", "2023-05-04T17:00:00.123000Z"),
        (Version.V2, "2023-05-04T12:00:00+0200", "2023-05-04T10:00:00Z"),
        (Version.V2, "2023-05-04T12:00:00.1Z", "2023-05-04T12:00:00.1Z"),
        (Version.V1, "2023-05-04T12:00:00-05:00", "2023-05-04T12:00:00-05:00"),
    ],
)
def test_version_2_keeps_timestamps_in_utc_and_version_1_as_they_came(version, given, expected):
    raw = b'{"object": {}, "timestamp": "%b", "result": {"score": {"raw": 1.10}}}' % given.encode()

    kept_text = kept(raw, version)

    assert json.loads(kept_text)["timestamp"] == expected
    assert b"1.10" in kept_text


def test_what_was_given_is_left_alone():
    (one,) = text.cut(PLANNED, nesting=50, most=1)
    normalise.statement(one, id=ID, authority=AUTHORITY, version=Version.V1)

    assert one.value == json.loads(PLANNED)


@pytest.mark.parametrize("payload", [COMPLETED, PLANNED])
def test_what_is_kept_can_be_taken_in_again_and_stays_the_same(payload):
    once = kept(payload)

    assert json.loads(kept(once)) == json.loads(once)


activities = st.fixed_dictionaries({"id": st.text(max_size=5)})
contexts = st.fixed_dictionaries(
    {},
    optional={
        "contextActivities": st.dictionaries(
            st.sampled_from(["parent", "grouping", "category", "other"]), activities | st.lists(activities, max_size=3)
        ),
        "platform": st.text(max_size=5),
    },
)
statements = st.fixed_dictionaries(
    {"object": activities | st.fixed_dictionaries({"objectType": st.just("SubStatement"), "context": contexts})},
    optional={"id": st.just("x"), "version": st.just("1.0.0"), "stored": st.just("s"), "context": contexts}
    | {"timestamp": st.just("2025-01-15T09:30:00.10Z")}
    | {name: st.integers() | st.text(max_size=5) for name in ("result", "authority")},
)


def listed(statement: dict[str, Any]) -> dict[str, Any]:
    context = statement.get("context")
    if context is None or "contextActivities" not in context:
        return statement
    kinds = {
        kind: found if isinstance(found, list) else [found] for kind, found in context["contextActivities"].items()
    }
    return statement | {"context": context | {"contextActivities": kinds}}


@settings(deadline=None)
@given(statements, st.sampled_from(Version))
def test_nothing_but_what_the_standard_says_is_changed(value, version):
    found = json.loads(kept(json.dumps(value).encode(), version))
    expected = listed(value) | {"authority": json.loads(AUTHORITY)}
    expected = {"id": ID, "version": "1.0.0" if version is Version.V1 else "2.0.0"} | expected
    expected["object"] = listed(value["object"])
    expected.pop("stored", None)

    assert found == expected
