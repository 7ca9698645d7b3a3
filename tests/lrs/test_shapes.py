import json
import time
import uuid
from datetime import datetime
from pathlib import Path

import pytest

from lrs import auth, credentials, shapes
from lrs.models import Shape
from statements.xapi import text
from tests.client import Client

PAYLOADS = Path(__file__).parents[1] / "payloads" / "udemy"


def payload(name, **changed):
    return json.loads((PAYLOADS / f"{name}.json").read_text()) | {"id": str(uuid.uuid4())} | changed


@pytest.fixture
def issued(store):
    return credentials.create(f"udemy {uuid.uuid4()}", store=store.name, profile="udemy")


@pytest.fixture
def udemy(lrs_url, issued):
    with Client(lrs_url, issued.credential.key, issued.secret) as client:
        yield client


def seen(issued):
    return list(Shape.objects.filter(credential=issued.credential).order_by("first"))


def test_a_shape_is_its_places_and_types_with_indices_and_languages_folded():
    statement = {
        "id": "x",
        "verb": {"id": "v", "display": {"en-US": "did", "de": "tat"}},
        "result": {"completion": False, "score": {"scaled": 0.25}, "extensions": {"https://x.example/p": 50}},
        "object": {"definition": {"name": {"en": "n"}}},
        "attachments": [{"length": 1}, {"length": 2, "sha2": None}],
    }
    assert shapes.places(statement) == tuple(
        sorted(
            [
                "/ object",
                "/attachments array",
                "/attachments/* object",
                "/attachments/*/length number",
                "/attachments/*/sha2 null",
                "/id string",
                "/object object",
                "/object/definition object",
                "/object/definition/name object",
                "/object/definition/name/* string",
                "/result object",
                "/result/completion boolean",
                "/result/extensions object",
                "/result/extensions/https:~1~1x.example~1p number",
                "/result/score object",
                "/result/score/scaled number",
                "/verb object",
                "/verb/display object",
                "/verb/display/* string",
                "/verb/id string",
            ]
        )
    )


def test_what_a_sender_really_sends_can_be_read_afterwards(udemy, issued):
    first = payload("course_progressed")
    sent = [first, payload("course_progressed"), payload("course_completed"), payload("learning_path_progressed")]
    for statement in sent:
        assert udemy.post_statements(statement).status_code == 200
    # One that is refused was sent all the same.
    assert udemy.post_statements(payload("learning_path_ext_string", verb={"id": 5})).status_code == 400
    until = time.monotonic() + 20
    while sum(shape.count for shape in seen(issued)) < 5 and time.monotonic() < until:
        time.sleep(0.1)
    course, path, wrong = seen(issued)
    assert [course.count, path.count, wrong.count] == [3, 1, 1]
    assert json.loads(course.example) == first
    assert "/verb/id number" in wrong.places
    assert course.first <= course.last


def test_a_sender_without_a_profile_is_not_looked_at(client, credential):
    client.post_statements(payload("course_progressed"))
    assert seen(credential) == []


def test_somebody_who_sends_ever_new_shapes_gets_only_so_many(issued, monkeypatch):
    monkeypatch.setattr(shapes, "MOST_SHAPES", 3)
    caller = auth.caller_of(issued.credential)
    for number in range(6):
        shapes.note(caller, text.cut(json.dumps({f"new{number}\0": 1}).encode(), nesting=9, most=9))
    assert len(seen(issued)) == 3


def test_a_huge_statement_has_an_example_of_bounded_size(issued):
    statement = json.dumps({"a": "x" * 200_000, "b": {str(number): 1 for number in range(2000)}})
    shapes.note(auth.caller_of(issued.credential), text.cut(statement.encode(), nesting=9, most=9))
    (shape,) = seen(issued)
    assert len(shape.example) <= 64 * 1024 + 1
    assert len(shape.places) <= 400


def test_counts_of_several_are_added_up(issued):
    caller = auth.caller_of(issued.credential)
    before = datetime.now().astimezone()
    shapes.note(caller, text.cut(b'[{"a": 1}, {"a": 2}, {"a": 3}]', nesting=9, most=9))
    shapes.flush()
    (shape,) = seen(issued)
    assert shape.count == 3
    assert shape.last >= before
