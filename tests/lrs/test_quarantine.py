import base64
import json
import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from lrs import credentials, quarantine
from lrs.models import Refusal, RefusalKind, Scope
from lrs.quarantine import QuarantineError, Refused
from lrs.replay import replay
from statements.errors import Fault
from statements.models import Provenance, Statement
from tests.client import Client

PAYLOADS = Path(__file__).parents[1] / "payloads" / "udemy"
ACTIVITY = "https://www.udemy.com/course/533682"


def statement(**changed):
    return {
        "actor": {"mbox": "mailto:learner@example.com"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/progressed"},
        "object": {"id": ACTIVITY},
        "result": {"completion": False, "score": {"scaled": 0.25}},
    } | changed


def kept(credential):
    return list(Refusal.objects.filter(credential=credential.credential).order_by("pk"))


def one(credential):
    (refusal,) = kept(credential)
    return refusal


def test_a_refused_statement_is_kept_with_its_body_and_every_error(client, credential):
    body = json.dumps(statement(actor={"mbox": "learner@example.com"}, verb={})).encode()
    before = timezone.now()
    answer = client.request("POST", "statements", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    refusal = one(credential)
    assert bytes(refusal.body) == body
    assert refusal.errors == answer.json()["errors"]
    assert (refusal.method, refusal.path, refusal.status) == ("POST", "/xapi/statements", 400)
    assert before < refusal.received <= timezone.now()
    assert refusal.headers["content-type"] == "application/json"


def test_secrets_are_not_kept(client, credential):
    headers = {"X-Api-Key": "hidden-1", "Cookie": "session=hidden-2", "Proxy-Authorization": "hidden-3"}
    client.request("POST", "statements", json={"hidden": "no"}, headers=headers)
    refusal = one(credential)
    everything = json.dumps([refusal.headers, refusal.query])
    assert "hidden" not in everything
    assert base64.b64encode(":".join(client.auth).encode()).decode() not in everything


def test_a_form_that_stands_for_a_request_leaves_its_secret_behind(lrs_url, client, credential):
    pair = base64.b64encode(":".join(client.auth).encode()).decode()
    form = {"Authorization": f"Basic {pair}", "X-Experience-API-Version": "1.0.3", "content": '{"no": "statement"}'}
    answer = client.http.post(f"{lrs_url}/xapi/statements?method=POST", data=form)
    assert answer.status_code == 400
    refusal = one(credential)
    assert bytes(refusal.body) == b'{"no": "statement"}'
    assert pair not in json.dumps([refusal.headers, refusal.query])


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no JSON": ({"content": b"this is not JSON"}, 400, "json"),
    "no UTF-8": ({"content": b'{"\xff": 1}'}, 400, "utf-8"),
    "a NUL in a key": ({"content": b'{"\\u0000": 1, "\\ud800": 2}'}, 400, "required"),
    "another type of content": ({"content": b"a=b", "headers": {"Content-Type": "text/plain"}}, 400, "content-type"),
    "compressed": ({"content": b"x", "headers": {"Content-Encoding": "gzip"}}, 415, "unsupported-media-type"),
    "an unknown version": (
        {"json": statement(), "headers": {"X-Experience-API-Version": "0.95"}},
        400,
        "version X-Experience-API-Version",
    ),
    "another method": ({"method": "DELETE"}, 405, "method-not-allowed"),
    "a method that xAPI does not know": ({"method": "PATCH", "json": statement()}, 405, "method-not-allowed"),
    "a form that cannot be opened": (
        {"content": b"statementId=5", "params": {"method": "PUT"}},
        400,
        "alternate-content content",
    ),
    "an unknown parameter": ({"json": statement(), "params": {"sent": "twice"}}, 400, "unknown-parameter ?sent"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_whatever_is_refused_is_kept(client, credential, case):
    request, status, what = REFUSED[case]
    headers = {"Content-Type": "application/json"} | request.get("headers", {})
    given = {"method": "POST"} | {name: value for name, value in request.items() if name != "headers"}
    answer = client.request(path="statements", headers=headers, **given)
    assert answer.status_code == status, answer.text
    refusal = one(credential)
    assert refusal.status == status
    assert refusal.kind.what.startswith(what.split()[0])
    sent = given.get("content", json.dumps(given["json"], separators=(",", ":")).encode() if "json" in given else b"")
    assert bytes(refusal.body) == sent


def test_a_conflict_is_kept(client, credential):
    id = str(uuid.uuid4())
    assert client.post_statements(statement(id=id)).status_code == 200
    assert client.post_statements(statement(id=id, result={"completion": True})).status_code == 409
    assert one(credential).kind.what == "conflict /id"


def test_a_body_that_is_too_large_is_a_note(client, credential):
    answer = client.request(
        "POST", "statements", content=b" " * (33 * 2**20), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413
    refusal = one(credential)
    assert bytes(refusal.body) == b""
    assert "34603008 bytes" in refusal.note
    with pytest.raises(QuarantineError, match="Its body was not kept"):
        replay(refusal)


def test_a_body_above_the_limit_of_the_quarantine_is_a_note(client, credential):
    body = json.dumps({"no": "x" * (5 * 2**20)}).encode()
    assert client.request("POST", "statements", content=body).status_code == 400
    refusal = one(credential)
    assert bytes(refusal.body) == b""
    assert str(len(body)) in refusal.note


def test_what_is_no_refusal_is_not_kept(client, credential, store, lrs_url):
    assert client.get_statements({"limit": "many"}).status_code == 400
    params = {"activityId": ACTIVITY, "agent": '{"mbox":"mailto:a@example.com"}', "stateId": "s"}
    headers = {"If-Match": '"another"'}
    assert client.request("PUT", "activities/state", params=params, content=b"x", headers=headers).status_code == 412
    with Client(lrs_url, client.auth[0], "wrong") as stranger:
        assert stranger.post_statements({}).status_code == 401
    assert kept(credential) == []


@pytest.mark.parametrize("path", ["statements/", "", "statement", "Statements"])
def test_what_was_sent_to_a_wrong_address_is_kept_and_replayed_as_a_statement(client, credential, store, path):
    answer = client.request("POST", path, json=statement())
    assert answer.status_code == 404
    refusal = one(credential)
    assert (refusal.path, refusal.kind.what) == (f"/xapi/{path}", "not-found")
    assert replay(quarantine.get(refusal.pk)).state == "replayed"
    assert Statement.objects.get(store=store.pk).progress == 25.0


def test_a_document_at_a_wrong_address_is_replayed_at_the_right_one(client, credential):
    params = {"activityId": ACTIVITY, "agent": '{"mbox":"mailto:a@example.com"}', "stateId": "s"}
    assert client.request("PUT", "activities/state/", params=params, content=b"x").status_code == 404
    assert replay(one(credential)).state == "replayed"
    assert client.request("GET", "activities/state", params=params).content == b"x"


def test_strangers_at_a_wrong_address_leave_nothing(lrs_url, client, credential):
    with Client(lrs_url, client.auth[0], "wrong") as stranger:
        assert stranger.request("POST", "statements/", json=statement()).status_code == 404
    assert client.request("GET", "statements/").status_code == 404
    assert kept(credential) == []


AROUND: dict[str, tuple[dict[str, Any], str]] = {
    "another type of content": ({"headers": {"Content-Type": "text/json"}}, "other-content-type"),
    "no type of content": ({"headers": {"Content-Type": ""}}, "other-content-type"),
    "a version that is not spoken": ({"headers": {"X-Experience-API-Version": "v1.0.3"}}, "other-version"),
    "a parameter too many": ({"params": {"tenant": "acme"}}, "other-parameter"),
}


@pytest.mark.parametrize("case", AROUND)
def test_what_is_wrong_around_a_statement_is_mended_by_a_repair(lrs_url, client, credential, store, case):
    request, repair = AROUND[case]
    body = json.dumps(statement(id=str(uuid.uuid4()))).encode()
    headers = {"Content-Type": "application/json"} | request.get("headers", {})
    given = {
        "method": "POST",
        "path": "statements",
        "content": body,
        "headers": headers,
        "params": request.get("params"),
    }
    assert client.request(**given).status_code == 400
    refusal = one(credential)
    assert replay(refusal).state == "open"
    credentials.change(credential.credential.name, repairs=[repair])
    assert replay(quarantine.get(refusal.pk)).state == "replayed"
    origin = Provenance.objects.get(store=store.pk)
    assert json.loads(origin.repairs) == [f"{repair}@1"]
    assert (origin.original.encode(), origin.received) == (body, refusal.received)


@pytest.mark.parametrize("case", AROUND)
def test_with_the_repair_the_next_one_is_taken_and_its_statement_says_so(lrs_url, store, case):
    request, repair = AROUND[case]
    issued = credentials.create(f"mended {uuid.uuid4()}", store=store.name, default_version="1.0.3")
    credentials.change(issued.credential.name, repairs=[repair, "missing-object-type"])
    headers = {"Content-Type": "application/json"} | request.get("headers", {})
    batch = [statement(), statement(actor={"objectType": None, "mbox": "mailto:a@example.com"})]
    with Client(lrs_url, issued.credential.key, issued.secret) as client:
        content = json.dumps(batch).encode()
        answer = client.request("POST", "statements", content=content, headers=headers, params=request.get("params"))
    assert answer.status_code == 200, answer.text
    repairs = Provenance.objects.filter(store=store.pk).values_list("repairs", flat=True)
    assert sorted(json.loads(each) for each in repairs) == [
        [f"{repair}@1"],
        [f"{repair}@1", "missing-object-type@1"],
    ]
    assert kept(issued) == []


def test_a_lack_of_scope_is_kept(lrs_url, store):
    reader = credentials.create(f"reader {uuid.uuid4()}", store=store.name, scopes=[Scope.STATEMENTS_READ])
    with Client(lrs_url, reader.credential.key, reader.secret) as client:
        assert client.post_statements(statement()).status_code == 403
    assert one(reader).kind.what == "forbidden"


def test_repeats_are_one_row_and_the_same_reason_is_one_kind(client, credential):
    for place in range(3):
        batch = [statement()] * place + [statement(result={"score": {"scaled": 7 + place}})]
        for _ in range(2):
            assert client.post_statements([each | {"id": str(uuid.uuid4())} for each in batch]).status_code == 400
        again = {"result": {"score": {"scaled": 50}}}
        client.post_statements(statement(**again))
    (kind,) = RefusalKind.objects.filter(credential=credential.credential)
    assert kind.what == "range /result/score/scaled"
    assert kind.count == 9
    assert sorted(refusal.times for refusal in kept(credential)) == [1, 1, 1, 1, 1, 1, 3]


def test_a_replay_goes_through_the_same_door_and_remembers_when_it_came(client, credential, store):
    body = json.dumps([statement(), statement(result={"score": {"scaled": 25}})])
    client.request("POST", "statements", content=body.encode(), headers={"Content-Type": "application/json"})
    refusal = one(credential)
    assert replay(refusal).state == "open"
    assert refusal.result["status"] == 400
    assert refusal.result["errors"][0]["pointer"] == "/1/result/score/scaled"
    quarantine.edit(refusal, body.replace(": 25}", ": 0.25}").encode())
    done = replay(quarantine.get(refusal.pk))
    assert done.state == "replayed"
    rows = Statement.objects.filter(store=store.pk).order_by("stored")
    assert done.result["answer"] == [str(row.id) for row in rows]
    assert {row.credential for row in rows} == {credential.credential.pk}
    origins = Provenance.objects.filter(store=store.pk)
    assert {(origin.received, origin.refusal) for origin in origins} == {(refusal.received, refusal.pk)}
    with pytest.raises(QuarantineError, match="was replayed already"):
        replay(done)
    with pytest.raises(QuarantineError, match="was replayed already"):
        quarantine.dismiss(done)
    assert rows.count() == 2


def test_a_put_is_replayed_under_its_id(client, credential, store):
    id = str(uuid.uuid4())
    assert client.put_statement(id, statement(verb={"id": "progressed"})).status_code == 400
    refusal = one(credential)
    quarantine.edit(refusal, json.dumps(statement()).encode())
    assert replay(quarantine.get(refusal.pk)).result["status"] == 204
    assert str(Statement.objects.get(store=store.pk).id) == id


def test_a_document_is_replayed_too(client, credential):
    params = {"activityId": ACTIVITY, "agent": '{"mbox":"mailto:a@example.com"}', "stateId": "s"}
    headers = {"Content-Type": "application/json"}
    assert client.request("POST", "activities/state", params=params, content=b"[", headers=headers).status_code == 400
    refusal = one(credential)
    quarantine.edit(refusal, b'{"a": 1}')
    assert replay(quarantine.get(refusal.pk)).state == "replayed"
    assert client.request("GET", "activities/state", params=params).json() == {"a": 1}


def test_a_missing_version_is_mended_by_a_default_version(lrs_url, client, credential):
    answer = client.http.post(f"{lrs_url}/xapi/statements", json=statement(), headers={"X-Experience-API-Version": ""})
    assert answer.status_code == 400
    refusal = one(credential)
    credentials.change(credential.credential.name, default_version="1.0.3")
    done = replay(quarantine.get(refusal.pk))
    assert (done.state, done.result.get("errors")) == ("replayed", None)


def test_a_batch_that_is_refused_again_leaves_nothing_behind(client, credential, store):
    client.post_statements([statement(), statement(verb={})])
    refusal = one(credential)
    replay(refusal)
    assert Statement.objects.filter(store=store.pk).count() == 0


# --- limits


def refused(credential, what, body=b"x" * 1000, rule="rule"):
    fault = Fault(what, rule, "is wrong")
    store = credential.credential.store_id
    return Refused(store, credential.credential.pk, "POST", "/xapi/statements", {}, {}, body, "", 400, "no", [fault])


def test_a_flood_cannot_fill_the_disk_and_its_own_oldest_go_first(credential, settings):
    settings.LRS_QUARANTINE_SIZE = 40_000
    quarantine.keep(refused(credential, "/precious", b"seldom"))
    for number in range(60):
        quarantine.keep(refused(credential, "/flood", b"%5d" % number * 200))
    rows = kept(credential)
    assert sum(row.bytes for row in rows) <= 40_000
    assert bytes(rows[0].body) == b"seldom"
    assert bytes(rows[-1].body) == b"%5d" % 59 * 200
    flood = RefusalKind.objects.get(credential=credential.credential, what="rule /flood")
    assert flood.count == 60
    assert flood.bytes == sum(row.bytes for row in rows[1:])


def test_what_is_new_is_kept_while_a_flood_has_filled_everything(credential, settings):
    settings.LRS_QUARANTINE_SIZE = 40_000
    for number in range(60):
        quarantine.keep(refused(credential, "/flood", b"%5d" % number * 200))
    for number in range(5):
        quarantine.keep(refused(credential, "/new", b"new %d" % number))
    for number in range(60, 90):
        quarantine.keep(refused(credential, "/flood", b"%5d" % number * 200))
    rows = kept(credential)
    assert [bytes(row.body) for row in rows if row.kind.what == "rule /new"] == [b"new %d" % each for each in range(5)]
    assert bytes(rows[-1].body) == b"%5d" % 89 * 200
    assert sum(row.bytes for row in rows) <= 40_000


def test_for_one_that_is_larger_than_the_limit_nothing_else_goes(credential, settings):
    settings.LRS_QUARANTINE_SIZE = 10_000
    quarantine.keep(refused(credential, "/small", b"x"))
    quarantine.keep(refused(credential, "/huge", b"x" * 20_000))
    (row,) = kept(credential)
    kinds = RefusalKind.objects.filter(credential=credential.credential)
    assert {kind.what: kind.bytes for kind in kinds} == {"rule /huge": 0, "rule /small": row.bytes}


@pytest.mark.parametrize("large", ["headers", "query", "errors", "path"])
def test_what_is_large_beside_the_body_counts_too(credential, settings, large):
    settings.LRS_QUARANTINE_SIZE = 40_000
    for number in range(20):
        long = f"{number:05d}" * 400
        plain = refused(credential, "/flood", f"{number}".encode())
        faults = [Fault("/flood", "rule", long) for _ in range(3)]
        changed = {"headers": {"x": long}, "query": {"x": long}, "errors": faults, "path": f"/xapi/{long}"}[large]
        quarantine.keep(replace(plain, **{{"errors": "faults"}.get(large, large): changed}))
    rows = kept(credential)
    assert len(rows) < 20
    taken = sum(len(json.dumps([row.headers, row.query, row.errors, row.path])) + len(row.body) for row in rows)
    assert taken <= sum(row.bytes for row in rows) <= 40_000


def test_a_flood_leaves_the_original_of_a_statement_alone(client, credential, settings):
    client.post_statements(statement(verb={}))
    original = one(credential)
    quarantine.edit(original, json.dumps(statement()).encode())
    replay(quarantine.get(original.pk))
    settings.LRS_QUARANTINE_SIZE = 10_000
    for number in range(10):
        quarantine.keep(refused(credential, "/verb/id", b"%5d" % number * 200, "required"))
    rows = kept(credential)
    assert rows[0].pk == original.pk
    assert len(rows) < 6


def test_ever_new_reasons_become_one(credential, monkeypatch):
    monkeypatch.setattr(quarantine, "MOST_KINDS", 5)
    for number in range(12):
        quarantine.keep(refused(credential, f"/invented{number}"))
    kinds = RefusalKind.objects.filter(credential=credential.credential)
    assert kinds.count() == 6
    assert kinds.get(what="rule").count == 7


def test_what_nobody_wanted_is_forgotten_after_a_while_but_not_an_original(client, credential, settings):
    client.post_statements(statement(verb={}))
    client.post_statements(statement(actor={}))
    _first, second = kept(credential)
    quarantine.edit(second, json.dumps(statement()).encode())
    replay(quarantine.get(second.pk))
    later = timezone.now() + timedelta(days=settings.LRS_QUARANTINE_DAYS, seconds=1)
    assert quarantine.forget(later) >= 1
    assert kept(credential) == [second]
    assert [kind.pk for kind in RefusalKind.objects.filter(credential=credential.credential)] == [second.kind_id]


def test_a_failure_to_keep_changes_nothing_for_the_sender(client, credential, store):
    # An id that no credential has: the database refuses the row.
    nobody = refused(credential, "/x")
    quarantine.keep(Refused(nobody.store, -1, *[getattr(nobody, name) for name in nobody.__slots__[2:]]))
    assert client.post_statements(statement()).status_code == 200


def test_an_edit_can_be_taken_back_and_a_kind_dismissed(client, credential, store):
    client.post_statements(statement(verb={}))
    refusal = one(credential)
    assert quarantine.edit(refusal, b"{}").edited == b"{}"
    assert quarantine.edit(refusal, None).edited is None
    assert quarantine.dismiss_kind(refusal.kind) == 1
    listed = quarantine.kinds(store=store.pk)
    assert [kind.dismissed for kind in listed] == [True]
    assert [each.pk for each in quarantine.refusals(store=store.pk, fingerprint=listed[0].fingerprint)] == [refusal.pk]
    assert not quarantine.refusals(store=store.pk, state="open")
    with pytest.raises(QuarantineError, match="There is no refused request"):
        quarantine.get(refusal.pk, store=-1)
