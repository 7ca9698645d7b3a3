import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection

from statements import keys
from statements.entry import Tenant
from statements.errors import Conflict, Invalid
from statements.ingest import Source, ingest
from statements.models import Finding, Provenance, Retry, Statement
from statements.profiles import Mode, Practice
from statements.xapi import text
from statements.xapi.versions import Version

PAYLOADS = Path(__file__).parents[1] / "payloads" / "udemy"
AUTHORITY = b'{"objectType":"Agent","account":{"homePage":"http://localhost","name":"test"}}'


def payload(name, **changed):
    return json.loads((PAYLOADS / f"{name}.json").read_text()) | {"id": str(uuid.uuid4())} | changed


def without_id(name, **changed):
    statement = payload(name, **changed)
    del statement["id"]
    return statement


@pytest.fixture
def send(store):
    def send(*statements, practice=None, credential=7):
        source = Source(Tenant(store.pk, store.namespace.bytes), credential, AUTHORITY, practice)
        given = text.cut(json.dumps(statements).encode(), nesting=64, most=100)
        return ingest(given, source=source, version=Version.V1)

    return send


def test_findings_are_kept_beside_the_statement_and_once(send, store):
    wrong = payload("progressed_completion_true")
    for _ in range(3):
        send(wrong, payload("course_progressed"), practice=Practice("udemy"))
    (finding,) = Finding.objects.filter(store=store.pk)
    row = Statement.objects.get(store=store.pk, id=wrong["id"])
    assert (finding.statement, finding.stored, finding.credential) == (row.key, row.stored, 7)
    assert (finding.rule, finding.pointer, finding.severity) == ("completion", "/result/completion", "error")
    assert json.loads(row.text)["result"] == wrong["result"]


def test_an_error_refuses_where_the_practice_is_so_and_nothing_is_stored(send, store):
    with pytest.raises(Invalid):
        send(payload("course_progressed"), payload("learning_path_ext_101"), practice=Practice("udemy", Mode.REJECT))
    assert not Statement.objects.filter(store=store.pk).exists()
    assert not Finding.objects.filter(store=store.pk).exists()


def test_a_repaired_statement_keeps_its_original_and_comes_back_repaired(send, store):
    broken = payload("learning_path_completed_scaled100_INVALID")
    practice = Practice("udemy", repairs=("scaled-0-100-to-extension",))
    with pytest.raises(Invalid):
        send(broken, practice=Practice("udemy"))
    # Its tries are equal to what was made of the first one.
    for _ in range(3):
        assert send(broken, practice=practice) == [broken["id"]]
    (row,) = Statement.objects.filter(store=store.pk)
    assert (row.kind, row.progress, row.completed, row.scaled) == ("learning_path", 100.0, True, None)
    (provenance,) = Provenance.objects.filter(store=store.pk)
    assert json.loads(provenance.original) == broken
    assert json.loads(provenance.repairs) == ["scaled-0-100-to-extension@1"]
    assert (provenance.received, provenance.refusal) == (None, None)


def test_without_an_id_the_same_content_is_the_same_statement(send, store):
    practice = Practice(content_ids=True)
    first = without_id("course_progressed")
    respelled = json.loads(json.dumps(first)) | {"timestamp": "2025-01-15T10:30:00.000+01:00"}
    respelled["verb"]["display"] = {"de": "kam voran"}
    ids = [send(statement, practice=practice)[0] for statement in (first, first, respelled)]
    assert len(set(ids)) == 1
    others = [
        first | {"timestamp": "2025-01-15T09:30:01.000Z"},
        first | {"actor": {"mbox": "mailto:another@example.com"}},
        first | {"verb": {"id": "http://adlnet.gov/expapi/verbs/completed"}},
        first | {"object": {"id": "https://www.udemy.com/course/2"}},
        first | {"result": {"completion": False, "score": {"scaled": 0.26}}},
    ]
    assert len({send(other, practice=practice)[0] for other in others} | set(ids)) == 6
    # Another credential's word is another's.
    assert send(first, practice=practice, credential=8) != ids[:1]
    assert Retry.objects.get(store=store.pk).count == 2


def test_what_else_a_retry_says_makes_no_conflict_of_it(send, store):
    practice = Practice(content_ids=True)
    first = without_id("course_progressed")
    again = first | {"context": {"platform": "Udemy Business", "extensions": {"https://x.example/attempt": 2}}}
    assert send(first, practice=practice) == send(again, practice=practice)
    (row,) = Statement.objects.filter(store=store.pk)
    assert row.platform is None


def test_without_the_practice_each_is_a_statement_of_its_own(send, store):
    first = without_id("course_progressed")
    assert send(first) != send(first)
    assert not Retry.objects.filter(store=store.pk).exists()


def test_the_same_content_twice_in_a_batch_is_one_statement(send, store):
    one = without_id("course_progressed")
    first, second = send(one, one, practice=Practice(content_ids=True))
    assert first == second
    assert Statement.objects.filter(store=store.pk).count() == 1


def test_an_id_that_is_given_still_conflicts_with_other_content(send, store):
    one = payload("course_progressed")
    send(one, practice=Practice("udemy", content_ids=True))
    with pytest.raises(Conflict):
        send(one | {"result": {"completion": True}}, practice=Practice("udemy", content_ids=True))


def test_eight_that_send_the_same_at_once_make_one_statement(send, store):
    one = without_id("learning_path_ext_string")
    practice = Practice("udemy", content_ids=True)

    def sent(_):
        try:
            return send(one, practice=practice)[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(sent, range(8)))
    assert len(ids) == 1
    assert Statement.objects.filter(store=store.pk).count() == 1
    assert Finding.objects.filter(store=store.pk).count() == 1
    assert Retry.objects.get(store=store.pk).count == 7


def test_equal_numbers_in_other_spelling_have_the_same_content():
    namespace = uuid.uuid4().bytes
    one = {"actor": {"mbox": "mailto:a@example.com"}, "verb": {"id": "v:1"}, "object": {"id": "o:1"}}
    ids = {
        keys.content(namespace, 1, one | {"result": result})
        for result in ({"score": {"scaled": 1}, "completion": True}, {"completion": True, "score": {"scaled": 1.0}})
    }
    assert len(ids) == 1
    assert uuid.UUID(ids.pop()).version == 5
