import json
from pathlib import Path

import jsonschema
import pytest

from statements.errors import Invalid
from statements.profiles import PROFILES, Mode, Practice, findings, udemy
from statements.xapi import text

PAYLOADS = Path(__file__).parents[2] / "payloads" / "udemy"
PROGRESS = "https://w3id.org/xapi/cmi5/result/extensions/progress"
AS_DOCUMENTED = [
    "course_progressed",
    "course_completed",
    "learning_path_progressed",
    "learning_path_completed_extension100",
    "sumtotal_course_progressed",
    "missing_id",
]


def payload(name):
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def found(statement):
    return [(finding.rule, finding.pointer, finding.severity) for finding in udemy.findings(statement)]


@pytest.mark.parametrize("name", AS_DOCUMENTED)
def test_what_udemy_documents_gives_no_findings(name):
    assert found(payload(name)) == []


@pytest.mark.parametrize("name", ["learning_path_progressed", "learning_path_completed_extension100"])
def test_a_percentage_within_an_extension_is_a_reading_of_the_documentation_too(name):
    percent = 100 if "completed" in name else 50
    for within in ({"scaled": percent}, {"score": {"scaled": percent}}):
        assert found(changed(name, "result", "extensions", to={"https://x.example/progress": within})) == []
    for within in ({"scaled": 101}, {"score": percent}, {"raw": percent}):
        deviating = changed(name, "result", "extensions", to={"https://x.example/progress": within})
        assert [pointer for _, pointer, _ in found(deviating)] == ["/result/extensions"]


def changed(name, *path, to=None):
    statement = payload(name)
    place = statement
    for step in path[:-1]:
        place = place[step]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return statement


COURSE, PATH = "course_progressed", "learning_path_progressed"
DONE, PATH_DONE = "course_completed", "learning_path_completed_extension100"
DEVIATING = {
    "another verb": (
        changed(COURSE, "verb", "id", to="http://adlnet.gov/expapi/verbs/launched"),
        [("verb", "/verb/id", "error")],
    ),
    "an actor that is neither": (
        changed(COURSE, "actor", to={"openid": "https://example.com/ann"}),
        [("actor", "/actor", "error")],
    ),
    "no kind": (
        changed(COURSE, "object", to={"id": "https://example.com/1"}),
        [("kind", "/object", "error"), ("object-id", "/object/id", "warning")],
    ),
    "no timestamp": (changed(COURSE, "timestamp"), [("timestamp", "/timestamp", "warning")]),
    "no result": (changed(COURSE, "result"), [("result", "/result", "error")]),
    "done while under way": (
        changed(COURSE, "result", "completion", to=True),
        [("completion", "/result/completion", "error")],
    ),
    "not done when completed": (
        changed(DONE, "result", "completion", to=False),
        [("completion", "/result/completion", "error")],
    ),
    "nothing of completion": (
        changed(COURSE, "result", "completion"),
        [("completion", "/result/completion", "warning")],
    ),
    "a course without its score": (
        changed(COURSE, "result", "score"),
        [("course-scaled", "/result/score", "error")],
    ),
    "a course below nothing": (
        changed(COURSE, "result", "score", "scaled", to=-0.5),
        [("course-scaled", "/result/score/scaled", "error")],
    ),
    "a completed course at 90 %": (
        changed(DONE, "result", "score", "scaled", to=0.9),
        [("course-completed-scaled", "/result/score/scaled", "error")],
    ),
    "a path with its progress in the score": (
        changed(PATH, "result", to={"completion": False, "score": {"scaled": 0.5}}),
        [("path-scaled", "/result/extensions", "warning")],
    ),
    "a path without progress": (
        changed(PATH, "result", "extensions"),
        [("path-percentage", "/result/extensions", "error")],
    ),
    "a path at 101 %": (
        changed(PATH, "result", "extensions", PROGRESS, to=101),
        [("path-percentage", "/result/extensions", "error")],
    ),
    "a completed path at 99 %": (
        changed(PATH_DONE, "result", "extensions", PROGRESS, to=99),
        [("path-completed-percentage", "/result/extensions", "error")],
    ),
    "a percentage as text": (
        changed(PATH, "result", "extensions", PROGRESS, to="50"),
        [("number-as-text", "/result/extensions/" + PROGRESS.replace("/", "~1"), "warning")],
    ),
    "two percentages": (
        changed(PATH, "result", "extensions", to={"https://x.example/a": 1, "https://x.example/b": 2}),
        [("one-percentage", "/result/extensions", "error")],
    ),
    "a path that is only known by its address": (
        changed(
            PATH,
            "object",
            to={"id": "https://example.udemy.com/learning-paths/1", "definition": {"type": "http://x/y"}},
        ),
        [],
    ),
    "a completed path with scaled 1": (
        payload("learning_path_completed_scaled1"),
        [("path-scaled", "/result/extensions", "warning")],
    ),
}


@pytest.mark.parametrize("case", DEVIATING)
def test_a_deviation_is_found_at_its_place_by_its_rule(case):
    statement, expected = DEVIATING[case]
    assert found(statement) == expected
    assert all(finding.problem for finding in udemy.findings(statement))


def test_a_key_that_no_database_takes_can_still_be_named():
    statement = changed(PATH, "result", "extensions", to={"https://x.example/\0\ud800": "7"})
    ((_, pointer, _),) = found(statement)
    assert pointer == "/result/extensions/https:~1~1x.example~1\ufffd?"


def test_the_schema_alone_tells_a_vendor_the_same():
    schema = PROFILES["udemy"].schema
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator(schema)
    assert all(checker.is_valid(payload(name)) for name in AS_DOCUMENTED)
    deviating = [statement for statement, expected in DEVIATING.values() if expected]
    told = [statement for statement in deviating if not checker.is_valid(statement)]
    # How many percentages there are is the one thing that a schema cannot say.
    assert len(told) == len(deviating) - 1


def given(*statements):
    return text.cut(json.dumps(statements).encode(), nesting=64, most=10)


def test_errors_refuse_a_statement_where_the_practice_is_so_and_warnings_do_not():
    wrong, odd = payload("progressed_completion_true"), payload("learning_path_ext_string")
    rejecting = Practice("udemy", Mode.REJECT)
    with pytest.raises(Invalid) as refused:
        findings(given(odd, wrong), rejecting)
    assert [fault.pointer for fault in refused.value.faults] == ["/1/result/completion"]
    assert list(findings(given(odd), rejecting)) == [0]
    assert list(findings(given(payload("course_progressed"), odd, wrong), Practice("udemy"))) == [1, 2]
    assert findings(given(odd, wrong), Practice("udemy", Mode.OFF)) == {}
    assert findings(given(odd, wrong), None) == {}
