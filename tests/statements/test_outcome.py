import json
from pathlib import Path

import pytest

from statements import outcome
from statements.outcome import PROGRESS, Outcome

PAYLOADS = Path(__file__).parents[1] / "payloads" / "udemy"

AS_SENT = {
    "course_progressed": Outcome("course", 25.0, False),
    "course_completed": Outcome("course", 100.0, True),
    "sumtotal_course_progressed": Outcome("course", 50.0, False),
    "learning_path_progressed": Outcome("learning_path", 50.0, False),
    "learning_path_ext_string": Outcome("learning_path", 50.0, False),
    "learning_path_completed_extension100": Outcome("learning_path", 100.0, True),
    "learning_path_completed_scaled1": Outcome("learning_path", 100.0, True),
    "learning_path_ext_101": Outcome("learning_path", None, False),
    "progressed_completion_true": Outcome("course", 50.0, True),
}
TYPES = {
    "http://adlnet.gov/expapi/activities/course": "course",
    "course": "course",
    "Course": "course",
    "https://www.udemy.com/xapi/types#Course": "course",
    "http://activitystrea.ms/schema/1.0/collection": "learning_path",
    "http://activitystrea.ms/collection": "learning_path",
    "Collection": "learning_path",
    "collection": "learning_path",
    "http://adlnet.gov/expapi/activities/media": "media",
}
ADDRESSES = {
    "https://www.udemy.com/course/533682": "course",
    "https://immuta.udemy.com/course/triplet_design/": "course",
    "https://example.udemy.com/learning-paths/2903050": "learning_path",
    "https://example.udemy.com/learning-paths/2903050/": "learning_path",
    "https://example.com/course/5/question/2": "",
    "https://example.com/articles/5": "",
}


def payload(name):
    return json.loads((PAYLOADS / f"{name}.json").read_text())


@pytest.mark.parametrize("name", AS_SENT)
def test_each_form_of_udemy_says_where_the_learner_stands(name):
    assert outcome.of(payload(name)) == AS_SENT[name]


@pytest.mark.parametrize("type", TYPES)
def test_the_kind_is_known_by_iri_or_by_the_last_word_in_any_case(type):
    assert outcome.kind({"id": "https://example.com/1", "definition": {"type": type}}) == TYPES[type]


@pytest.mark.parametrize("address", ADDRESSES)
def test_without_a_type_the_address_tells_the_kind(address):
    assert outcome.kind({"id": address}) == ADDRESSES[address]


def test_a_known_type_counts_more_than_the_address():
    thing = {"id": "https://example.udemy.com/course/1", "definition": {"type": "http://activitystrea.ms/collection"}}
    assert outcome.kind(thing) == "learning_path"


def test_the_only_percentage_of_a_path_counts_whatever_its_key():
    statement = payload("learning_path_progressed")
    statement["result"]["extensions"] = {"https://www.udemy.com/xapi/percent": "62.5", "https://x.example/name": "x"}
    assert outcome.of(statement).progress == 62.5


@pytest.mark.parametrize("within", [{"scaled": 62.5}, {"scaled": "62.5"}, {"score": {"scaled": 62.5}}])
def test_a_scaled_score_within_a_path_s_extension_is_its_percentage(within):
    statement = payload("learning_path_progressed")
    for key in ("https://www.udemy.com/xapi/progress", PROGRESS):
        statement["result"]["extensions"] = {key: within}
        assert outcome.of(statement) == Outcome("learning_path", 62.5, False)


@pytest.mark.parametrize("within", [{"score": 50}, {"scaled": 101}, {"scaled": {"scaled": 5}}, {"raw": 5}, [50]])
def test_what_else_an_extension_holds_is_no_percentage(within):
    statement = payload("learning_path_progressed")
    statement["result"]["extensions"] = {"https://www.udemy.com/xapi/progress": within}
    assert outcome.of(statement).progress is None


def test_of_two_percentages_under_unknown_keys_neither_is_guessed():
    statement = payload("learning_path_progressed")
    statement["result"]["extensions"] = {"https://x.example/a": 10, "https://x.example/b": 20}
    assert outcome.of(statement).progress is None


def test_an_extension_of_a_course_is_no_progress_unless_it_is_the_known_one():
    statement = payload("course_progressed")
    statement["result"] = {"extensions": {"https://x.example/lectures": 12}}
    assert outcome.of(statement).progress is None
    statement["result"]["extensions"][PROGRESS] = "100"
    assert outcome.of(statement).progress == 100.0


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "", "half", True, None, -1, 100.5, [50]])
def test_what_is_no_percentage_is_none(value):
    statement = payload("learning_path_progressed")
    statement["result"]["extensions"][PROGRESS] = value
    assert outcome.of(statement).progress is None
