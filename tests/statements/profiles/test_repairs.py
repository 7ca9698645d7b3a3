import json
from pathlib import Path
from typing import NamedTuple

import pytest

from statements.profiles import repairs
from statements.profiles.repairs import REPAIRS
from statements.xapi import text, validate
from statements.xapi.text import Given
from statements.xapi.versions import Version

PAYLOADS = Path(__file__).parents[2] / "payloads" / "udemy"
PROGRESS = "https://w3id.org/xapi/cmi5/result/extensions/progress"
ALL = tuple(REPAIRS)


class Repaired(NamedTuple):
    given: Given
    repairs: tuple[str, ...]


def mend(raw, *names, base=""):
    (given,) = text.cut(raw if isinstance(raw, bytes) else json.dumps(raw).encode(), nesting=64, most=1)
    (mended,), done = repairs.apply([given], names, base)
    return Repaired(mended, done.get(0, ()))


def payload(name):
    return json.loads((PAYLOADS / f"{name}.json").read_text())


@pytest.mark.parametrize(
    "name",
    [path.stem for path in PAYLOADS.glob("*.json") if "api_item" not in path.stem and "INVALID" not in path.stem],
)
def test_what_needs_no_repair_keeps_every_byte(name):
    raw = (PAYLOADS / f"{name}.json").read_bytes().strip()
    repaired = mend(raw, *ALL, base="https://example.udemy.com")
    assert repaired.repairs == ()
    assert repaired.given.raw == raw


def test_a_paths_scaled_100_becomes_the_extension_and_everything_else_stays_as_it_was_spelled():
    raw = (PAYLOADS / "learning_path_completed_scaled100_INVALID.json").read_bytes().strip()
    raw = raw.replace(b"100", b"100.00").replace(
        b'"timestamp"', b'"context": {"extensions": {"http://x/n": 1.10}}, "timestamp"'
    )
    repaired = mend(raw, "scaled-0-100-to-extension")
    assert repaired.repairs == ("scaled-0-100-to-extension@1",)
    assert repaired.given.value["result"] == {"completion": True, "extensions": {PROGRESS: 100.0}}
    assert b'progress":100.00' in repaired.given.raw
    assert b'"http://x/n": 1.10' in repaired.given.raw
    assert validate.faults(repaired.given.value, Version.V1) == []


def test_what_stands_in_the_extension_already_and_the_rest_of_the_score_stay():
    statement = payload("learning_path_completed_scaled100_INVALID")
    statement["result"] |= {"score": {"scaled": 40, "raw": 4}, "extensions": {PROGRESS: 50}}
    assert mend(statement, "scaled-0-100-to-extension").given.value["result"] == {
        "completion": True,
        "score": {"raw": 4},
        "extensions": {PROGRESS: 50},
    }


def test_a_courses_scaled_25_is_not_guessed_at():
    assert mend(payload("scaled_out_of_range"), *ALL).repairs == ()


def test_numbers_that_are_written_as_text_are_read_with_their_spelling():
    statement = payload("course_progressed")
    statement["result"]["score"] = {"scaled": "0.250", "raw": " 7 ", "max": "many"}
    repaired = mend(statement, "numeric-string")
    assert repaired.given.value["result"]["score"] == {"scaled": 0.25, "raw": 7, "max": "many"}
    assert b'"scaled":0.250' in repaired.given.raw


@pytest.mark.parametrize("word", ["Collection", "collection", "COLLECTION", "course"])
def test_a_bare_type_gets_its_iri(word):
    statement = payload("learning_path_progressed")
    statement["object"]["definition"]["type"] = word
    assert validate.faults(statement, Version.V1) != []
    repaired = mend(statement, "bare-collection-type")
    assert repaired.given.value["object"]["definition"]["type"].startswith("http://")
    assert validate.faults(repaired.given.value, Version.V1) == []


@pytest.mark.parametrize(
    ("base", "id", "joined"),
    [
        ("https://", "sumtotaldemo.udemy.com/course/533682", "https://sumtotaldemo.udemy.com/course/533682"),
        ("https://sumtotaldemo.udemy.com", "/course/533682", "https://sumtotaldemo.udemy.com/course/533682"),
        ("https://sumtotaldemo.udemy.com/", "/course/533682", "https://sumtotaldemo.udemy.com/course/533682"),
        ("https://udemy.com", "sumtotaldemo/533682", "https://udemy.com/sumtotaldemo/533682"),
        ("", "sumtotaldemo/533682", None),
        ("https://udemy.com", "two words", None),
        ("https://udemy.com", "https://www.udemy.com/course/533682", None),
    ],
)
def test_an_id_that_is_no_iri_gets_the_configured_base(base, id, joined):
    statement = payload("sumtotal_course_progressed")
    statement["object"]["id"] = id
    repaired = mend(statement, "sumtotal-relative-id", base=base)
    assert repaired.given.value["object"]["id"] == (joined or id)
    assert bool(repaired.repairs) == bool(joined)


@pytest.mark.parametrize(
    ("name", "thing", "type"),
    [
        ("actor", {"member": [{"mbox": "mailto:a@example.com"}]}, "Group"),
        ("actor", {"objectType": None, "mbox": "mailto:a@example.com"}, "Agent"),
        ("object", {"mbox": "mailto:a@example.com"}, "Agent"),
        ("object", {"objectType": "", "id": "https://example.com/1"}, "Activity"),
    ],
)
def test_an_object_type_that_is_missing_is_told_from_the_rest(name, thing, type):
    statement = payload("course_progressed") | {name: thing}
    assert validate.faults(statement, Version.V1) != []
    repaired = mend(statement, "missing-object-type")
    assert repaired.given.value[name]["objectType"] == type
    assert validate.faults(repaired.given.value, Version.V1) == []


def test_several_repairs_meet_in_one_statement():
    statement = payload("learning_path_completed_scaled100_INVALID")
    statement["result"]["score"]["scaled"] = "100"
    statement["object"]["definition"]["type"] = "Collection"
    repaired = mend(statement, *reversed(ALL))
    assert repaired.repairs == ("numeric-string@1", "bare-collection-type@1", "scaled-0-100-to-extension@1")
    assert validate.faults(repaired.given.value, Version.V1) == []


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "raw",
    [b"{}", b'{"result": 1, "object": [], "actor": "x"}', b'{"object": {"definition": 5, "id": 7}, "actor": {}}',
     b'{"result": {"score": {"scaled": {}}, "extensions": []}}', b'{"object": {"definition": {"type": ["x"]}}}'],
)  # fmt: skip
def test_what_is_beyond_repair_is_left_to_the_validation(name, raw):
    assert mend(raw, name, base="https://x.example").given.raw == raw


def test_a_repair_that_is_not_switched_on_does_nothing():
    statement = payload("learning_path_completed_scaled100_INVALID")
    assert mend(statement, "numeric-string", "bare-collection-type").repairs == ()
