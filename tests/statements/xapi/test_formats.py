"""How a kept statement is given out: exact, ids or canonical."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statements.xapi import formats, normalise, text
from statements.xapi.versions import Version

PAYLOADS = Path(__file__).parents[2] / "payloads/xapi"
AUTHORITY = b'{"objectType":"Agent","name":"Udemy","account":{"homePage":"https://lrs.example.com","name":"udemy"}}'
NUMBERS = [b"0.12345678901234567890123", b"1.10", b"12345678901234567890", b"1E-7"]


def kept(name: str) -> bytes:
    (one,) = text.cut((PAYLOADS / f"{name}.json").read_bytes(), nesting=50, most=1)
    return normalise.statement(one, id="0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", authority=AUTHORITY, version=Version.V1)


COMPLETED, PLANNED = kept("completed"), kept("planned")
STORED = datetime(2025, 1, 15, 9, 30, tzinfo=UTC)


# --- exact


def test_exact_is_the_kept_text_with_stored_behind_it():
    assert formats.exact(COMPLETED, STORED, True) == COMPLETED[:-1] + b',"stored":"2025-01-15T09:30:00.000000Z"}'


def test_a_missing_timestamp_is_the_time_of_storing():
    found = json.loads(formats.exact(PLANNED, STORED.replace(microsecond=42), False))

    assert found["timestamp"] == found["stored"] == "2025-01-15T09:30:00.000042Z"


# --- ids


def test_ids_leaves_only_what_identifies():
    found = json.loads(formats.ids(COMPLETED))

    assert found["actor"] == {
        "objectType": "Agent",
        "account": {"homePage": "https://people.example.com", "name": "ann 4711"},
    }
    assert found["verb"] == {"id": "http://adlnet.gov/expapi/verbs/completed"}
    assert found["object"] == {"id": "https://courses.example.com/fire-safety"}
    assert found["context"]["instructor"] == {"mbox": "mailto:teacher@Example.com"}
    assert found["context"]["team"] == {
        "objectType": "Group",
        "member": [{"mbox": "mailto:bob@example.com"}, {"openid": "https://id.example.com/eve"}],
    }
    assert found["context"]["contextActivities"] == {
        "parent": [{"id": "https://courses.example.com/safety"}],
        "category": [{"id": "https://w3id.org/xapi/cmi5"}],
    }
    assert found["authority"].keys() == {"objectType", "account"}
    assert found["result"] == json.loads(COMPLETED)["result"]
    assert found["attachments"] == json.loads(COMPLETED)["attachments"]


def test_ids_reaches_into_a_substatement():
    found = json.loads(formats.ids(PLANNED))

    assert found["actor"] == {
        "objectType": "Group",
        "member": [
            {"mbox": "mailto:ann@example.com"},
            {"objectType": "Agent", "mbox_sha1sum": "0d2e1b8d8a1c4b4c9d3b2f7f3f6f0c8d1b2a3c4d"},
        ],
    }
    assert found["object"] == {
        "objectType": "SubStatement",
        "actor": {"objectType": "Group", "mbox": "mailto:day@example.com"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/attended"},
        "object": {"id": "https://courses.example.com/first-aid"},
        "context": {
            "registration": "0f0a7a52-0d5e-4d3b-9f0e-5a3f4f7b8c11",
            "instructor": {"mbox": "mailto:sub-teacher@example.com"},
            "contextActivities": {"grouping": [{"id": "https://courses.example.com/health"}]},
        },
        "timestamp": "2025-02-01T08:00:00Z",
    }
    assert found["context"]["contextAgents"][0]["agent"] == {"mbox": "mailto:coach@example.com"}
    assert found["context"]["contextGroups"][0]["group"]["member"] == [{"mbox": "mailto:helper@example.com"}]


def test_a_statement_reference_is_an_identifier_already():
    reference = b'{"objectType":"StatementRef","id":"0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"}'
    statement = b'{"actor":{"mbox":"mailto:a@example.com"},"verb":{"id":"v:1"},"object":%b}' % reference

    assert formats.ids(statement) == statement == formats.canonical(statement, {}, ["de"])


# --- canonical


def known(definitions: dict[str, Any]) -> dict[str, bytes]:
    return {iri: json.dumps(definition).encode() for iri, definition in definitions.items()}


KNOWN = known(
    {
        "https://courses.example.com/fire-safety": {
            "name": {"en": "Fire", "de-AT": "Feuer"},
            "choices": [{"id": "stay", "description": {"en": "Stay", "de": "Bleib"}}, {"id": "go"}],
            "extensions": {"https://courses.example.com/words": {"de": "eins", "en": "one"}},
        },
        "https://w3id.org/xapi/cmi5": {"name": {"en": "cmi5"}},
        "https://courses.example.com/first-aid": {"description": {"de": "Hilfe", "en": "Aid"}},
    }
)


def test_canonical_has_one_language_in_each_language_map():
    found = json.loads(formats.canonical(COMPLETED, {}, ["de"]))

    assert found["verb"]["display"] == {"de": "hat abgeschlossen"}
    definition = found["object"]["definition"]
    assert definition["name"] == {"de": "Brandschutz"}
    assert definition["description"] == {"de": "Was zu tun ist, wenn es brennt"}
    assert [one["description"] for one in definition["choices"]] == [{"de": "Bleiben"}, {"de": "Gehen"}]
    assert definition["extensions"]["https://courses.example.com/words"] == {"de": "eins", "en": "one"}
    assert found["context"]["contextActivities"]["parent"][0]["definition"]["name"] == {"de": "Sicherheit"}
    assert found["attachments"][0]["display"] == {"de": "Zeugnis"}
    assert found["actor"] == json.loads(COMPLETED)["actor"]


def test_canonical_chooses_for_each_language_map_by_itself():
    found = json.loads(formats.canonical(COMPLETED, KNOWN, ["en-GB"]))

    assert found["verb"]["display"] == {"en-GB": "completed (GB)"}
    assert found["object"]["definition"]["name"] == {"en": "Fire"}
    assert found["attachments"][0]["display"] == {"en-US": "Certificate"}


def test_canonical_gives_the_known_display_of_a_verb():
    displays = dict.fromkeys((verb_of(COMPLETED), verb_of(PLANNED, "object")), b'{"de":"bekannt","en":"known"}')
    found = json.loads(formats.canonical(COMPLETED, {}, ["de"], displays))
    planned = json.loads(formats.canonical(PLANNED, {}, ["en"], displays))

    assert found["verb"] == {"id": verb_of(COMPLETED), "display": {"de": "bekannt"}}
    assert planned["object"]["verb"]["display"] == {"en": "known"}


def verb_of(statement, *path):
    found = json.loads(statement)
    for name in path:
        found = found[name]
    return found["verb"]["id"]


def test_canonical_gives_the_known_definitions_everywhere():
    found = json.loads(formats.canonical(COMPLETED, KNOWN, ["de"]))
    planned = json.loads(formats.canonical(PLANNED, KNOWN, ["de"]))

    assert found["object"]["definition"] == {
        "name": {"de-AT": "Feuer"},
        "choices": [{"id": "stay", "description": {"de": "Bleib"}}, {"id": "go"}],
        "extensions": {"https://courses.example.com/words": {"de": "eins", "en": "one"}},
    }
    assert found["context"]["contextActivities"]["category"][0]["definition"] == {"name": {"en": "cmi5"}}
    assert planned["object"]["object"] == {
        "id": "https://courses.example.com/first-aid",
        "definition": {"description": {"de": "Hilfe"}},
    }
    assert planned["object"]["verb"]["display"] == {"de": "besuchte"}


def test_canonical_of_a_statement_with_one_language_and_nothing_known_is_its_text():
    statement = (
        b'{ "verb": {"id":"v:1","display":{"en":"did"}}, "object": {"id":"a:1", "definition":{"name":{"de":"x"}}} }'
    )

    assert formats.canonical(statement, {}, ["fr"]) == statement


def test_definitions_with_what_orjson_cannot_write_are_given_out():
    iri, definition = "https://courses.example.com/fire-safety", {"extensions": {"x:1": 2**70, "x:2": "\ud800"}}

    found = json.loads(formats.canonical(COMPLETED, known({iri: definition}), []))

    assert found["object"]["definition"] == definition


# --- both


@pytest.mark.parametrize("number", [NUMBERS[0], NUMBERS[2], NUMBERS[3]])
def test_every_format_keeps_the_spelling_of_numbers(number):
    assert number in formats.ids(COMPLETED)
    assert number in formats.canonical(COMPLETED, KNOWN, ["de"])
    assert number in formats.exact(COMPLETED, STORED, True)


def test_every_format_keeps_the_order_of_keys():
    for found in (formats.ids(COMPLETED), formats.canonical(COMPLETED, KNOWN, ["de"])):
        assert list(json.loads(found)) == list(json.loads(COMPLETED))
        assert b'"raw": 1.10' in found


def test_half_of_a_surrogate_pair_is_given_out_in_every_format():
    statement = (
        b'{"actor":{"mbox":"mailto:a@example.com","name":"\\ud800"},"verb":{"id":"v:1","display":{"en":"\\ud800","de":"x"}},'
        b'"object":{"id":"a:1"},"result":{"extensions":{"x:1":"\\udfff","x:2":1.10}}}'
    )

    assert json.loads(formats.ids(statement))["actor"] == {"mbox": "mailto:a@example.com"}
    assert json.loads(formats.canonical(statement, {}, ["en"]))["verb"]["display"] == {"en": "\ud800"}
    assert b'{"x:1":"\\udfff","x:2":1.10}' in formats.canonical(statement, {}, ["en"])


# --- languages


@pytest.mark.parametrize(
    ("header", "ranges"),
    [
        ("", []),
        ("de", ["de"]),
        ("da, en-GB;q=0.8, en;q=0.7", ["da", "en-GB", "en"]),
        ("en;q=0.5,de;q=0.9 , fr", ["fr", "de", "en"]),
        ("de;q=0, en", ["en"]),
        ("*, en;q=0.5", ["en"]),
        ("de ; q = 0.3, fr;Q=1.0", ["fr", "de"]),
        ("en,de", ["en", "de"]),
        ("en;q=high, de;q=-1, fr;q=0.55555, nl;q=2, it", ["it"]),
        (",;,en_US,-,toolongforalanguage, x", ["x"]),
    ],
)
def test_the_languages_of_a_header_come_in_the_order_of_their_quality(header, ranges):
    assert formats.languages(header) == ranges


@pytest.mark.parametrize(
    ("tags", "wanted", "chosen"),
    [
        (["en", "de"], ["de"], "de"),
        (["en", "DE-at"], ["de-AT"], "DE-at"),
        (["en", "de-AT"], ["de"], "de-AT"),
        (["en", "de"], ["de-AT"], "de"),
        (["en", "zh", "zh-Hant"], ["zh-Hant-TW"], "zh-Hant"),
        (["fr", "de-AT", "de"], ["de"], "de"),
        (["en", "en-US", "de"], ["en-GB", "de"], "en"),
        (["en-US", "de"], ["en-GB", "de"], "de"),
        (["de", "en-US"], ["en-GB"], "en-US"),
        (["de", "den"], ["de-CH"], "de"),
        (["den", "fr"], ["de", "fr"], "fr"),
        (["fr", "und", "nl"], ["de"], "und"),
        (["fr", "nl"], ["de"], "fr"),
        (["fr", "nl"], [], "fr"),
        (["en", "EN"], ["en"], "en"),
    ],
)
def test_the_language_shown_is_the_nearest_to_what_is_wanted(tags, wanted, chosen):
    assert formats.choose(tuple(tags), tuple(wanted)) == chosen


tags = st.lists(
    st.sampled_from(["en", "EN", "en-US", "de", "de-AT", "zh-Hant-TW", "und", "fr"]), min_size=1, unique=True
)
ranges = st.lists(st.sampled_from(["en", "en-GB", "de", "de-AT-x-a", "zh", "nl", "und"]), max_size=4)


@settings(deadline=None)
@given(tags, ranges)
def test_some_language_is_always_chosen(tags, wanted):
    assert formats.choose(tuple(tags), tuple(wanted)) in tags


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_header_is_understood_or_passed_over(header):
    assert all(len(one) > 0 for one in formats.languages(header))
