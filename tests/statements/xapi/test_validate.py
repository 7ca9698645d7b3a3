"""Statements as they come, and every fault that is found in them."""

import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statements.errors import Fault, Invalid
from statements.xapi import validate, values
from statements.xapi.text import Given
from statements.xapi.versions import Version

PAYLOADS = Path(__file__).parents[2] / "payloads" / "xapi"
V1, V2 = Version.V1, Version.V2


def payload(name: str) -> dict[str, Any]:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


COMPLETE = payload("complete")
SUBSTATEMENT = payload("complete_substatement")
CONTEXT_AGENTS = payload("context_agents")
SIMPLE = {
    "actor": {"mbox": "mailto:learner@example.com"},
    "verb": {"id": "http://example.com/verbs/read"},
    "object": {"id": "http://example.com/book"},
}
MISSING: Any = object()


def changed(statement: Any, pointer: str, value: Any) -> Any:
    """A copy with another value (or none, for MISSING) at a JSON pointer."""
    made = copy.deepcopy(statement)
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    place = made
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place[part]
    key = int(last) if isinstance(place, list) else last
    if value is MISSING:
        del place[key]
    else:
        place[key] = value
    return made


def found(statement: Any, version: Version = V1) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.rule) for fault in validate.faults(statement, version)]


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("statement", [SIMPLE, COMPLETE, SUBSTATEMENT], ids=["simple", "complete", "substatement"])
def test_a_statement_that_follows_the_standard_has_no_faults(statement, version):
    assert validate.faults(statement, version) == []


def test_context_agents_and_groups_belong_to_version_2():
    assert found(CONTEXT_AGENTS, V2) == []
    assert found(CONTEXT_AGENTS, V1) == [
        ("/context/contextAgents", "unknown-property"),
        ("/context/contextGroups", "unknown-property"),
        ("/version", "version-1"),
    ]


def test_a_fault_has_its_place_its_rule_and_a_sentence():
    assert validate.faults(changed(SIMPLE, "/actor/mbox", "foo@bar"), V1, "/1") == [
        Fault("/1/actor/mbox", "mailto", "'foo@bar' is not a mailto: IRI")
    ]


def test_a_misspelt_property_is_named_with_a_hint():
    wrong_case = validate.faults(changed(changed(SIMPLE, "/verb", MISSING), "/Verb", SIMPLE["verb"]), V2)
    assert wrong_case == [
        Fault("/verb", "required", "verb is missing"),
        Fault(
            "/Verb",
            "unknown-property",
            "Statement (Data 2.4) has no property 'Verb'; the case is wrong, it is 'verb'",
        ),
    ]
    (misspelt,) = validate.faults(changed(SIMPLE, "/atachments", []), V2)
    assert misspelt.problem == "Statement (Data 2.4) has no property 'atachments'; is 'attachments' meant?"
    (unknown,) = validate.faults(changed(SIMPLE, "/a~1b~0c", 1), V2)
    assert unknown == Fault("/a~1b~0c", "unknown-property", "Statement (Data 2.4) has no property 'a/b~c'")


def test_every_fault_of_a_statement_is_found():
    statement = {
        "actor": {"mbox": "x", "name": 7},
        "verb": {"id": "read", "display": {"en_US": "read", "de": None}},
        "object": {"id": "http://example.com/book", "definition": {"moreInfo": ""}},
        "result": {"score": {"scaled": 1.5, "raw": 5, "min": 9, "max": 3}, "success": "true", "duration": "1h"},
        "timestamp": "2024-02-30T00:00:00Z",
    }
    assert sorted(found(statement)) == [
        ("/actor/mbox", "mailto"),
        ("/actor/name", "type"),
        ("/object/definition/moreInfo", "iri"),
        ("/result/duration", "duration"),
        ("/result/score/min", "score"),
        ("/result/score/raw", "score"),
        ("/result/score/raw", "score"),
        ("/result/score/scaled", "range"),
        ("/result/success", "type"),
        ("/timestamp", "timestamp"),
        ("/verb/display/de", "null"),
        ("/verb/display/en_US", "language-tag"),
        ("/verb/id", "iri"),
    ]


INNER = "/object/object/definition"
# What is changed in which statement, and the one fault that follows: (statement, pointer, value, pointer, rule).
ONE_FAULT: list[tuple[Any, str, Any, str, str]] = [
    (SIMPLE, "/actor", MISSING, "/actor", "required"),
    (SIMPLE, "/actor", None, "/actor", "null"),
    (SIMPLE, "/actor", [SIMPLE["actor"]], "/actor", "type"),
    (SIMPLE, "/id", "1", "/id", "uuid"),
    (SIMPLE, "/id", 1, "/id", "type"),
    (SIMPLE, "/objectType", "Statement", "/objectType", "unknown-property"),
    (SIMPLE, "/version", "1.1.0", "/version", "version-1"),
    (SIMPLE, "/stored", "2024", "/stored", "timestamp"),
    (SIMPLE, "/attachments", {}, "/attachments", "type"),
    # Actors
    (SIMPLE, "/actor", {}, "/actor", "identifier"),
    (SIMPLE, "/actor/openid", "http://a.example", "/actor", "identifier"),
    (SIMPLE, "/actor/objectType", "agent", "/actor/objectType", "value"),
    (SIMPLE, "/actor/objectType", "Activity", "/actor/objectType", "value"),
    (SIMPLE, "/actor/member", [], "/actor/member", "unknown-property"),
    (SIMPLE, "/actor", {"mbox_sha1sum": "0"}, "/actor/mbox_sha1sum", "sha1"),
    (SIMPLE, "/actor", {"openid": "id"}, "/actor/openid", "iri"),
    (SIMPLE, "/actor", {"account": {"homePage": "http://a.example"}}, "/actor/account/name", "required"),
    (SIMPLE, "/actor", {"account": {"homePage": "a", "name": ""}}, "/actor/account/homePage", "iri"),
    (SIMPLE, "/actor", {"objectType": "Group"}, "/actor/member", "identifier"),
    (SIMPLE, "/actor", {"objectType": "Group", "member": []}, "/actor/member", "identifier"),
    (COMPLETE, "/actor/member/0/objectType", "Group", "/actor/member/0/objectType", "value"),
    (COMPLETE, "/actor/member/3/account/homepage", "x:y", "/actor/member/3/account/homepage", "unknown-property"),
    (COMPLETE, "/context/team/mbox", "mailto:a@b.example", "/context/team", "identifier"),
    (COMPLETE, "/context/team/objectType", "Agent", "/context/team/objectType", "value"),
    (COMPLETE, "/authority/member/1", MISSING, "/authority/member", "authority"),
    (COMPLETE, "/authority/member/0", {"mbox": "mailto:a@b.example"}, "/authority/member", "authority"),
    (COMPLETE, "/authority/mbox", "mailto:a@b.example", "/authority", "authority"),
    # Objects
    (SIMPLE, "/object/id", MISSING, "/object/id", "required"),
    (SIMPLE, "/object/objectType", "activity", "/object/objectType", "value"),
    (SIMPLE, "/object/objectType", "StatementRef", "/object/id", "uuid"),
    (SIMPLE, "/verb/id", "http://adlnet.gov/expapi/verbs/voided", "/object/objectType", "voided"),
    (COMPLETE, "/object/definition/interactionType", "Matching", "/object/definition/interactionType", "value"),
    (COMPLETE, "/object/definition/target/1/id", "1", "/object/definition/target/1/id", "duplicate-id"),
    (COMPLETE, "/object/definition/source/1/id", 2, "/object/definition/source/1/id", "type"),
    (COMPLETE, "/object/definition/steps", [], "/object/definition/steps", "interaction"),
    (COMPLETE, "/object/definition/extensions/x", 1, "/object/definition/extensions/x", "iri"),
    (SUBSTATEMENT, "/object/id", "x", "/object/id", "substatement"),
    (SUBSTATEMENT, "/object/authority", {}, "/object/authority", "substatement"),
    (SUBSTATEMENT, "/object/object/objectType", "SubStatement", "/object/object/objectType", "value"),
    (SUBSTATEMENT, f"{INNER}/interactionType", MISSING, f"{INNER}/interactionType", "required"),
    (SUBSTATEMENT, f"{INNER}/choices/1/id", "yes", f"{INNER}/choices/1/id", "duplicate-id"),
    (SUBSTATEMENT, "/object/timestamp", "soon", "/object/timestamp", "timestamp"),
    (SUBSTATEMENT, "/context/revision", "1", "/context/revision", "context"),
    (SUBSTATEMENT, "/object/verb/id", "http://adlnet.gov/expapi/verbs/voided", "/object/object/objectType", "voided"),
    # Results and contexts
    (COMPLETE, "/result/score/max", 0, "/result/score/min", "score"),
    (COMPLETE, "/result/score/scaled", -1.01, "/result/score/scaled", "range"),
    (COMPLETE, "/result/score/raw", "12", "/result/score/raw", "type"),
    (COMPLETE, "/result/score/raw", True, "/result/score/raw", "type"),
    (COMPLETE, "/result/completion", 0, "/result/completion", "type"),
    (COMPLETE, "/context/contextActivities/Parent", [], "/context/contextActivities/Parent", "unknown-property"),
    (COMPLETE, "/context/contextActivities/grouping/0/id", "x", "/context/contextActivities/grouping/0/id", "iri"),
    (COMPLETE, "/context/contextActivities/parent", "x:y", "/context/contextActivities/parent", "type"),
    (COMPLETE, "/context/statement/objectType", MISSING, "/context/statement/objectType", "required"),
    (COMPLETE, "/context/language", "de_CH", "/context/language", "language-tag"),
    (COMPLETE, "/attachments/0/length", 2.5, "/attachments/0/length", "type"),
    (COMPLETE, "/attachments/0/length", -1, "/attachments/0/length", "range"),
    (COMPLETE, "/attachments/0/sha2", "1234", "/attachments/0/sha2", "sha2"),
    (COMPLETE, "/attachments/0/contentType", "text", "/attachments/0/contentType", "media-type"),
    (COMPLETE, "/attachments/0/display", MISSING, "/attachments/0/display", "required"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "at", "value", "pointer", "rule"), ONE_FAULT)
def test_one_mistake_is_one_fault_at_its_place(statement, at, value, pointer, rule):
    wrong = changed(statement, at, value)
    if at == "/result/score/max":
        wrong = changed(wrong, "/result/score/raw", MISSING)
    assert set(found(wrong)) == {(pointer, rule)}


ONE_FAULT_IN_V2: list[tuple[str, Any, str, str]] = [
    ("/context/contextAgents/0/objectType", "Agent", "/context/contextAgents/0/objectType", "value"),
    ("/context/contextAgents/0/objectType", MISSING, "/context/contextAgents/0/objectType", "required"),
    ("/context/contextAgents/0/agent", MISSING, "/context/contextAgents/0/agent", "required"),
    ("/context/contextAgents/0/agent/objectType", "Group", "/context/contextAgents/0/agent/objectType", "value"),
    ("/context/contextAgents/0/relevantTypes", [], "/context/contextAgents/0/relevantTypes", "relevant-types"),
    ("/context/contextAgents/0/relevantTypes/0", "x", "/context/contextAgents/0/relevantTypes/0", "iri"),
    ("/context/contextAgents", {}, "/context/contextAgents", "type"),
    ("/context/contextGroups/0/objectType", "contextAgent", "/context/contextGroups/0/objectType", "value"),
    ("/context/contextGroups/0/group/member", [], "/context/contextGroups/0/group/member", "identifier"),
    ("/context/contextGroups/0/relevantTypes", None, "/context/contextGroups/0/relevantTypes", "null"),
    ("/version", "1.1.0", "/version", "version-2"),
]


@pytest.mark.parametrize(("at", "value", "pointer", "rule"), ONE_FAULT_IN_V2)
def test_one_mistake_in_version_2_is_one_fault_at_its_place(at, value, pointer, rule):
    assert set(found(changed(CONTEXT_AGENTS, at, value), V2)) == {(pointer, rule)}


def test_a_voiding_statement_has_a_statement_reference():
    voiding = changed(SIMPLE, "/verb/id", "http://adlnet.gov/expapi/verbs/voided")
    reference = {"objectType": "StatementRef", "id": "e05aa883-acaf-40ad-bf54-02c8ce485fb0"}
    assert found(changed(voiding, "/object", reference)) == []


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "text", [], [SIMPLE]])
def test_what_is_not_an_object_is_no_statement(value):
    assert [fault.pointer for fault in validate.faults(value, V1)] == [""]


def test_a_batch_names_every_fault_of_every_statement():
    first = changed(SIMPLE, "/actor/mbox", "x")
    last = changed(changed(SIMPLE, "/verb/id", "read"), "/foo", 1)
    with pytest.raises(Invalid) as refused:
        validate.batch([Given(b"", first, "/0"), Given(b"", SIMPLE, "/1"), Given(b"", last, "/2")], V1)
    assert [(fault.pointer, fault.rule) for fault in refused.value.faults] == [
        ("/0/actor/mbox", "mailto"),
        ("/2/verb/id", "iri"),
        ("/2/foo", "unknown-property"),
    ]


@pytest.mark.parametrize("version", Version)
def test_the_same_id_twice_in_a_batch_is_a_fault(version):
    identifier = "e05aa883-acaf-40ad-bf54-02c8ce485fb0"
    statements = [changed(SIMPLE, "/id", identifier), SIMPLE, changed(SIMPLE, "/id", identifier.upper())]
    with pytest.raises(Invalid) as refused:
        validate.batch([Given(b"", statement, f"/{i}") for i, statement in enumerate(statements)], version)
    problem = f"'{identifier.upper()}' is also the id of /0"
    assert refused.value.faults == (Fault("/2/id", "duplicate-id", problem),)


@pytest.mark.parametrize("key", ["interactionType", "interaction\\u0054ype"])
def test_an_interaction_in_a_batch_has_each_of_its_components_once_however_its_key_is_spelt(key):
    statement = changed(SIMPLE, "/object/definition", {"interactionType": "choice", "choices": [{"id": "a"}] * 2})
    raw = json.dumps(statement).replace("interactionType", key).encode()
    assert json.loads(raw) == statement
    with pytest.raises(Invalid) as refused:
        validate.batch([Given(raw, statement, "")], V1)
    assert [fault.pointer for fault in refused.value.faults] == ["/object/definition/choices/1/id"]


def test_a_batch_without_faults_passes():
    validate.batch([Given(b"", COMPLETE, "/0"), Given(b"", SIMPLE, "/1")], V1)
    validate.batch([], V2)


def test_an_agent_of_a_query_is_an_agent_or_an_identified_group():
    assert validate.agent({"mbox": "mailto:a@b.example"}, V1, "agent") == []
    assert validate.agent({"objectType": "Group", "mbox": "mailto:a@b.example"}, V2, "agent") == []
    anonymous = {"objectType": "Group", "member": [{"mbox": "mailto:a@b.example"}]}
    assert [fault.rule for fault in validate.agent(anonymous, V1, "agent")] == ["identifier"]
    assert [fault.pointer for fault in validate.agent({"mbox": "a"}, V1, "agent")] == ["agent/mbox"]
    assert [fault.rule for fault in validate.agent("wrong", V1, "agent")] == ["type"]


def test_a_parameter_is_held_to_the_standard_of_its_type():
    assert validate.parameter("verb", "http://example.com/verbs/read", "iri") == []
    assert validate.parameter("registration", "wrong", "uuid") == [
        Fault(
            "registration",
            "uuid",
            "'wrong' is not a UUID in its standard form (8-4-4-4-12 hexadecimal digits)",
        )
    ]


def test_half_a_surrogate_pair_is_text_but_no_identifier():
    assert found(changed(COMPLETE, "/result/response", "a\ud800")) == []
    assert found(changed(COMPLETE, "/result/extensions/a:b", {"\ud800": "\udfff"})) == []
    assert found(changed(SIMPLE, "/verb/id", "http://a/\ud800")) == [("/verb/id", "iri")]
    (fault,) = validate.faults(changed(SIMPLE, "/\ud800", 1), V1)
    assert (
        json.dumps(fault).encode() == rb'["/\\ud800", "unknown-property", ' + json.dumps(fault.problem).encode() + b"]"
    )


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("depth", [200, 990, 100_000])
def test_deep_nesting_is_refused_where_no_extension_is(depth):
    assert found(changed(COMPLETE, "/result/extensions/a:b", nested(depth))) == []
    assert found(changed(COMPLETE, "/result", nested(depth))) != []


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("/context/contextActivities/other", [{"id": "a:b"}] * 100_000 + [{}]),
        ("/attachments", [{}] * 100_000),
        ("/result/extensions", {f"x{i}": 1 for i in range(100_000)}),
        ("/result/extensions", {f"x{i}": 1 for i in range(4_000)}),
        ("/object/definition/source", [{"id": "a"}] * 100_000),
        ("/attachments/0/contentType", "a/b" + "; " * 1_000_000 + "="),
        ("/result/duration", "P" + "1Y" * 1_000_000),
        ("/verb/id", "http://a/" + "x" * 3_000_000 + " "),
        ("/actor/member/0/mbox", "mailto:" + "x" * 3_000_000),
    ],
)
def test_a_huge_statement_is_refused_in_seconds_with_a_bounded_answer(at, value):
    begin = time.process_time()
    faults = validate.faults(changed(COMPLETE, at, value), V1)
    assert time.process_time() - begin < 5
    assert 0 < len(faults) <= validate.MOST_FAULTS


# --- The two engines give the same answer: on statements that something happened to ...

TEXTS = [
    *("", "x", "a:b", "a:b\n", "mailto:a@b.c", "mailto:a@b.c\n", "P1D", "P4W1D", "en", "en-a-bb-a-cc", "text/plain"),
    *("2024-01-01T00:00:00Z", "2024-01-01T00:00:00-00:00", "1.0.3", "2.0.0", "choice", "likert"),
    *("Agent", "agent", "Group", "Activity", "StatementRef", "SubStatement", "e05aa883-acaf-40ad-bf54-02c8ce485fb0"),
    "http://adlnet.gov/expapi/verbs/voided",
]
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text() | st.sampled_from(TEXTS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(TEXTS), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every value inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [step for key, part in inner for step in ((*way, key), *places(part, (*way, key)))]


WHOLE = [COMPLETE, SUBSTATEMENT, CONTEXT_AGENTS, SIMPLE]
PARTS = [part for whole in WHOLE for way in places(whole) if isinstance(part := whole[way[0]], dict)]
NAMES = sorted({way[-1] for whole in WHOLE for way in places(whole) if isinstance(way[-1], str)})


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A statement with up to three places changed, removed, added, or moved in from elsewhere."""
    statement = copy.deepcopy(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(1, 3))):
        way = draw(st.sampled_from(places(statement) or [("x",)]))
        place = statement
        for key in way[:-1]:
            place = place[key]
        action = draw(st.sampled_from(["change", "remove", "add", "move"]))
        if action == "change":
            place[way[-1]] = draw(ANYTHING)
        elif action == "remove" and isinstance(place, dict):
            place.pop(way[-1], None)
        elif action == "add" and isinstance(place, dict):
            place[draw(st.sampled_from(NAMES) | st.text(max_size=5))] = draw(ANYTHING)
        elif action == "move":
            place[way[-1]] = copy.deepcopy(draw(st.sampled_from(PARTS)))
    return statement


@given(mutated(), st.sampled_from(Version))
@settings(max_examples=100, deadline=None)
def test_both_engines_agree_on_changed_statements(statement, version):
    engines = validate.STATEMENT[version]
    assert engines.fast.is_valid(statement) == engines.thorough.is_valid(statement)


@given(mutated(), st.sampled_from(Version))
@settings(max_examples=100, deadline=None)
def test_what_is_refused_is_always_explained(statement, version):
    faults = validate.faults(statement, version)
    assert faults or validate.STATEMENT[version].thorough.is_valid(statement)
    assert all(fault.rule and fault.problem for fault in faults)


def subschemas(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from subschemas(inner)


OWN_WORDS = {"anyOf", "oneOf", "not", "contains", "minItems", "maxItems"}


def test_a_schema_has_its_own_words_where_its_keyword_says_nothing():
    silent = []
    for path in (Path(validate.__file__).parent / "schemas").rglob("*.json"):
        parts = list(subschemas(json.loads(path.read_text())))
        # What stands below "if" and "not" is a question: its answer is never told.
        questions = [part[word] for part in parts for word in ("if", "not") if word in part]
        asked = {id(inner) for question in questions for inner in subschemas(question)}
        told = [part for part in parts if id(part) not in asked]
        silent += [(path.name, part) for part in told if OWN_WORDS & part.keys() and "x-rule" not in part]
    assert silent == []


# --- ... and on every format, by pattern and by predicate


@pytest.mark.parametrize(
    ("name", "pattern"), [(name, form.pattern) for name, form in values.FORMATS.items() if form.pattern]
)
def test_both_engines_agree_on_a_format(name, pattern):
    accepts = values.FORMATS[name].accepts
    engines = validate.engines_of({"format": name})

    @given(st.text() | st.from_regex(pattern, fullmatch=True) | st.from_regex(pattern))
    @settings(max_examples=100, deadline=None)
    def agree(text: str) -> None:
        assert engines.fast.is_valid(text) == accepts(text) == engines.thorough.is_valid(text)

    agree()
