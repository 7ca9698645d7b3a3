"""Whether two statements say the same."""

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statements.xapi import text
from statements.xapi.equality import same, same_time

PAYLOADS = Path(__file__).parents[2] / "payloads/xapi"
COMPLETED = (PAYLOADS / "completed.json").read_bytes()
PLANNED = (PAYLOADS / "planned.json").read_bytes()


def read(payload: bytes) -> dict[str, Any]:
    value: dict[str, Any] = text.read_exactly(payload)
    return value


def changed(payload: bytes, old: str, new: str) -> dict[str, Any]:
    """The payload with another spelling somewhere."""
    before = payload.decode()
    assert before.count(old) == 1, old
    return read(before.replace(old, new).encode())


@pytest.mark.parametrize("payload", [COMPLETED, PLANNED])
@pytest.mark.parametrize("assigned", ["authority", "stored", "version", "timestamp"])
def test_what_the_lrs_assigns_is_no_difference(payload, assigned):
    value = read(payload)

    assert same(value, value | {assigned: "something else"})
    assert same({name: one for name, one in value.items() if name != assigned}, value)


@pytest.mark.parametrize(
    ("payload", "old", "new"),
    [
        (COMPLETED, "3F0C5A8E-6B0B-4C5E", "3f0c5a8e-6b0b-4c5e"),
        (COMPLETED, '"id": "3F0C5A8E-6B0B-4C5E-9C0A-2B6E0D6C7A11",', ""),
        (COMPLETED, '"objectType": "Agent", ', ""),
        (COMPLETED, '"objectType": "Activity",', ""),
        (COMPLETED, '"de": "hat abgeschlossen"', '"fr": "a fini"'),
        (COMPLETED, '"de": "Brandschutz"', '"de": "Feuer"'),
        (COMPLETED, ', "definition": {"name": {"en-US": "Safety", "de": "Sicherheit"}}', ""),
        (COMPLETED, "EC531277-B57B", "ec531277-b57b"),
        (COMPLETED, "teacher@Example.com", "teacher@example.COM"),
        (COMPLETED, '"language": "en-US"', '"language": "en-us"'),
        (COMPLETED, '[{"id": "https://w3id.org/xapi/cmi5"}]', '{"id": "https://w3id.org/xapi/cmi5"}'),
        (COMPLETED, "PT1H2M3.456S", "PT1H2M3.45S"),
        (COMPLETED, "PT1H2M3.456S", "PT1H2M3.459S"),
        (COMPLETED, '"raw": 1.10', '"raw": 1.1'),
        (COMPLETED, '"raw": 1.10', '"raw": 110E-2'),
        (COMPLETED, '"max": 2', '"max": 2.0'),
        (COMPLETED, "495395e777cd", "495395E777CD"),
        (COMPLETED, "application/pdf", "Application/PDF"),
        (COMPLETED, '"length": 1024', '"length": 1024.0'),
        (
            COMPLETED,
            '{"mbox": "mailto:bob@example.com", "name": "Bob"}, {"openid": "https://id.example.com/eve"}',
            '{"openid": "https://id.example.com/eve"}, {"objectType": "Agent", "name": "Bob", '
            '"mbox": "mailto:bob@example.com"}',
        ),
        (PLANNED, "2025-02-01T08:00:00Z", "2025-02-01T09:00:00.000000+01:00"),
        (PLANNED, "0f0a7a52", "0F0A7A52"),
        (PLANNED, '{"en": "First aid", "de": "Erste Hilfe"}', '{"en": "Help"}'),
        (PLANNED, '"display": {"en": "attended", "de": "besuchte"}', '"display": {}'),
        (
            PLANNED,
            '{"mbox": "mailto:helper@example.com"}',
            '{"mbox": "mailto:helper@EXAMPLE.com", "objectType": "Agent"}',
        ),
    ],
)
def test_another_spelling_of_the_same_is_no_difference(payload, old, new):
    assert same(read(payload), changed(payload, old, new))
    assert same(changed(payload, old, new), read(payload))


@pytest.mark.parametrize(
    ("payload", "old", "new"),
    [
        (COMPLETED, "3F0C5A8E-6B0B-4C5E", "4f0c5a8e-6b0b-4c5e"),
        (COMPLETED, "Ann Learner", "Anna Learner"),
        (COMPLETED, '"name": "ann 4711"', '"name": "Ann 4711"'),
        (COMPLETED, "mailto:teacher@", "mailto:Teacher@"),
        (COMPLETED, "verbs/completed", "verbs/Completed"),
        (COMPLETED, "fire-safety", "fire-Safety"),
        (COMPLETED, "PT1H2M3.456S", "PT1H2M3.46S"),
        (COMPLETED, "PT1H2M3.456S", "PT62M3.456S"),
        (COMPLETED, '"raw": 1.10', '"raw": 1.11'),
        (COMPLETED, "0.12345678901234567890123", "0.12345678901234567890124"),
        (COMPLETED, "12345678901234567890,", "12345678901234567891,"),
        (COMPLETED, '"completion": true', '"completion": false'),
        (COMPLETED, '"completion": true', '"completion": 1'),
        (COMPLETED, '"min": 0', '"min": false'),
        (COMPLETED, '"min": 0, ', ""),
        (COMPLETED, ', {"openid": "https://id.example.com/eve"}', ""),
        (COMPLETED, '"https://w3id.org/xapi/cmi5"', '"https://w3id.org/xapi/scorm"'),
        (COMPLETED, '"category"', '"other"'),
        (COMPLETED, "495395e777cd", "595395e777cd"),
        (COMPLETED, "certificate.pdf", "other.pdf"),
        (COMPLETED, '"Zeugnis"', '"Urkunde"'),
        (PLANNED, "2025-02-01T08:00:00Z", "2025-02-01T08:00:00.001Z"),
        (PLANNED, '"objectType": "Group", "name": "Day shift"', '"name": "Day shift"'),
        (PLANNED, "first-aid", "second-aid"),
        (PLANNED, "roles.example.com/coach", "roles.example.com/tutor"),
    ],
)
def test_another_content_is_a_difference(payload, old, new):
    assert not same(read(payload), changed(payload, old, new))
    assert not same(changed(payload, old, new), read(payload))


def test_one_activity_twice_is_not_once():
    value, other = read(COMPLETED), read(COMPLETED)
    other["context"]["contextActivities"]["category"] *= 2

    assert not same(value, other)


def test_the_order_of_a_list_in_an_extension_counts():
    value = {"result": {"extensions": {"https://x.example.com": [1, 2]}}}

    assert not same(value, {"result": {"extensions": {"https://x.example.com": [2, 1]}}})


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("PT1S", "PT1.009S", True),
        ("PT1.5S", "PT1,50S", True),
        ("PT0.004S", "PT0S", True),
        ("PT1.01S", "PT1.02S", False),
        ("PT1H", "PT60M", False),
        ("P1.234Y", "P1.23Y", False),
    ],
)
def test_a_duration_counts_to_the_hundredth_of_a_second(one, other, alike):
    assert same({"result": {"duration": one}}, {"result": {"duration": other}}) is alike


def test_a_double_and_all_digits_of_the_same_number_are_alike():
    assert same({"x": 0.12345678901234567890123}, {"x": Decimal("0.12345678901234567890123")})
    assert same({"x": 12345678901234567890}, {"x": Decimal(12345678901234567890)})
    assert not same({"x": 12345678901234567890}, {"x": Decimal(12345678901234567891)})


@pytest.mark.parametrize(
    "strange",
    [
        {},
        {"actor": 1, "verb": [], "object": "x", "context": [1], "attachments": {"a": 1}, "result": None},
        {"object": {"objectType": []}, "context": {"contextActivities": [1], "team": {"member": "x"}}},
        {"attachments": [1, {"sha2": 5, "display": []}, None], "actor": {"member": [1, "x", None], "mbox": 3}},
        {"object": {"objectType": "SubStatement", "timestamp": "yesterday", "result": {"duration": 3}}},
    ],
)
def test_what_is_no_statement_is_compared_without_an_error(strange):
    assert same(strange, copy.deepcopy(strange))
    assert not same(strange, read(COMPLETED))
    assert not same(read(COMPLETED), strange)


def test_a_deep_extension_is_compared():
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]

    assert same({"result": {"extensions": {"x": deep}}}, {"result": {"extensions": {"x": [deep[0]]}}})
    assert not same({"result": {"extensions": {"x": deep}}}, {"result": {"extensions": {"x": deep[0]}}})


# --- timestamps

NOON = datetime(2025, 1, 15, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kept_was_given", "sent", "alike"),
    [
        (True, "2025-01-15T12:00:00.123456Z", True),
        (True, "2025-01-15T13:00:00.1234569+01:00", True),
        (True, "2025-01-15T12:00:00.123Z", False),
        (True, None, True),
        (False, None, True),
        (False, "2024-12-31T00:00:00Z", True),
    ],
)
def test_a_timestamp_differs_only_from_another_that_a_sender_gave(kept_was_given, sent, alike):
    assert same_time(NOON, kept_was_given, sent) is alike


# --- laws

words = st.text(max_size=3)
agents = st.fixed_dictionaries({"mbox": words}, optional={"name": words, "objectType": st.just("Agent")})
groups = st.fixed_dictionaries({"objectType": st.just("Group"), "member": st.lists(agents, max_size=4)})
listed = st.lists(st.fixed_dictionaries({"id": words}, optional={"definition": st.just({"type": "t"})}), max_size=4)
contexts = st.fixed_dictionaries(
    {},
    optional={
        "team": groups,
        "instructor": agents | groups,
        "contextActivities": st.dictionaries(st.sampled_from(["parent", "other"]), listed),
        "contextAgents": st.lists(
            st.fixed_dictionaries({"agent": agents, "relevantTypes": st.lists(words)}), max_size=3
        ),
    },
)
extensions = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(words, below, max_size=3),
    max_leaves=6,
)
parts = {
    "actor": agents | groups,
    "verb": st.fixed_dictionaries({"id": words}, optional={"display": st.dictionaries(words, words, max_size=1)}),
    "result": st.fixed_dictionaries({"extensions": st.dictionaries(words, extensions, max_size=3)}),
    "context": contexts,
    "attachments": st.lists(
        st.fixed_dictionaries({"sha2": words, "length": st.integers(), "display": st.just({"en": "x"})})
    ),
}
activities = st.fixed_dictionaries({"id": words})
inner = st.fixed_dictionaries({"objectType": st.just("SubStatement"), "object": activities}, optional=parts)
statements = st.fixed_dictionaries({"object": activities | inner | agents | groups}, optional=parts)


def shuffled(value: Any, draw: Any, ordered: bool = False) -> Any:
    """Keys in another order, and the lists that have no order too."""
    if isinstance(value, dict):
        names = draw(st.permutations(list(value)))
        return {name: shuffled(value[name], draw, ordered or name == "extensions") for name in names}
    if isinstance(value, list):
        below = [shuffled(one, draw, ordered) for one in value]
        return below if ordered else draw(st.permutations(below))
    return value


@settings(deadline=None)
@given(statements, st.data())
def test_order_says_nothing(value, data):
    assert same(value, shuffled(value, data.draw))


@settings(deadline=None)
@given(statements, statements, st.data())
def test_equality_is_reflexive_and_symmetric(one, other, data):
    mixed = shuffled(one | {name: other[name] for name in data.draw(st.sets(st.sampled_from(list(other))))}, data.draw)
    before = json.dumps((one, mixed))

    assert same(one, one)
    assert same(one, mixed) is same(mixed, one)
    assert json.dumps((one, mixed)) == before
