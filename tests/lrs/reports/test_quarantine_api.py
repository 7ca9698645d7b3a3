"""The quarantine in the query API: who may look, who may act, and what is answered."""

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from lrs import background, tasks
from lrs.models import Credential, Refusal, RefusalKind
from statements.models import Act, Statement
from tests import sample
from tests.lrs.reports.conftest import reader_of

API = "/api/v1/quarantine"


def spelled():
    return sample.statement(result={"completion": False, "score": {"scaled": "0.25"}})


@pytest.fixture
def refused(client, credential):
    """Two requests that were refused because of a number in quotes."""
    for _ in range(2):
        assert client.post_statements(spelled()).status_code == 400
    return list(Refusal.objects.filter(credential=credential.credential).order_by("pk"))


@pytest.fixture
def owner(store):
    """A credential of the store that may do everything."""
    return reader_of(store.name, "all").api


def switch_on(credential):
    Credential.objects.filter(pk=credential.credential.pk).update(repairs=["numeric-string"])


def test_reasons_are_listed_page_by_page(owner, client, refused, credential):
    client.post_statements({"actor": {}})
    found = owner.get(f"{API}/kinds").json()
    newest, older = found["results"]
    assert found["before"] is None
    assert (older["count"], older["open"], older["source"]) == (2, 2, credential.credential.name)
    assert older["what"] == RefusalKind.objects.get(pk=older["number"]).what.splitlines()
    first = owner.get(f"{API}/kinds", {"limit": 1}).json()
    assert (first["results"], first["before"]) == ([newest], newest["number"])
    assert owner.get(f"{API}/kinds", {"before": first["before"]}).json()["results"] == [older]
    listed = owner.get(API, {"reason": older["reason"]}).json()["results"]
    assert {row["number"] for row in listed} == {row.pk for row in refused}


def test_reasons_take_as_many_queries_for_many_as_for_few(remembering, owner, client, refused):
    counted = []
    owner.get(f"{API}/kinds")
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert owner.get(f"{API}/kinds").status_code == 200
        counted.append(len(queries))
        for wrong in ({}, {"actor": 1}, sample.statement(version="x")):
            client.post_statements(wrong)
    assert counted[0] == counted[1] <= 12


def test_one_request_is_given_with_its_body_and_errors(owner, refused, client):
    found = owner.get(f"{API}/{refused[0].pk}").json()
    assert json.loads(found["body"]["text"])["result"]["score"] == {"scaled": "0.25"}
    assert (found["errors"], found["state"], found["edited"]) == (refused[0].errors, "open", None)
    assert client.auth[1] not in json.dumps(found)


def test_a_body_that_is_no_text_is_given_in_base64(owner, client, credential):
    client.request("POST", "statements", content=b"\xff\xfe", headers={"Content-Type": "application/json"})
    (row,) = Refusal.objects.filter(credential=credential.credential)
    assert owner.get(f"{API}/{row.pk}").json()["body"] == {"base64": "//4="}


def test_a_request_is_replayed_and_it_is_written_down(owner, refused, credential):
    one = refused[0]
    again = owner.post(f"{API}/{one.pk}/replay").json()
    assert (again["state"], again["result"]["status"]) == ("open", 400)
    switch_on(credential)
    found = owner.post(f"{API}/{one.pk}/replay").json()
    assert (found["state"], found["result"]["status"]) == ("replayed", 200)
    assert Statement.objects.filter(store=one.store_id).count() == 1
    twice = owner.post(f"{API}/{one.pk}/replay")
    assert (twice.status_code, twice.json()["errors"][0]["rule"]) == (400, "quarantine")
    said = Act.objects.filter(kind="lrs.refusal", thing=str(one.pk)).values_list("what", flat=True)
    assert list(said) == ["replay", "replay"]


def test_a_body_is_edited_and_the_original_is_taken_again(owner, refused):
    one = refused[0]
    mended = json.dumps(sample.statement())
    edited = owner.post(f"{API}/{one.pk}/edit", mended, content_type="application/json").json()
    assert edited["edited"] == {"text": mended}
    assert owner.post(f"{API}/{one.pk}/edit", "", content_type="text/plain").json()["edited"] is None
    owner.post(f"{API}/{one.pk}/edit", mended, content_type="application/x-www-form-urlencoded")
    assert owner.post(f"{API}/{one.pk}/replay").json()["state"] == "replayed"


def test_one_and_all_are_dismissed(owner, refused):
    one, other = refused
    assert owner.post(f"{API}/{one.pk}/dismiss").json()["state"] == "dismissed"
    other.refresh_from_db()
    assert other.state == "open"
    assert owner.post(f"{API}/kinds/{one.kind_id}/dismiss").json()["dismissed"] is True
    other.refresh_from_db()
    assert other.state == "dismissed"


def test_what_was_dismissed_is_opened_again(owner, refused):
    one, other = refused
    kind = f"{API}/kinds/{one.kind_id}"
    wrong = owner.post(f"{API}/{one.pk}/reopen")
    assert (wrong.status_code, wrong.json()["errors"][0]["rule"]) == (400, "quarantine")
    assert owner.post(f"{kind}/dismiss").json()["open"] == 0
    assert owner.post(f"{API}/{one.pk}/reopen").json()["state"] == "open"
    found = owner.post(f"{kind}/reopen").json()
    assert (found["dismissed"], found["open"]) == (False, 2)
    other.refresh_from_db()
    assert other.state == "open"
    said = Act.objects.filter(kind="lrs.refusalkind", thing=str(one.kind_id)).values_list("what", flat=True)
    assert list(said) == ["dismiss", "reopen"]


def test_a_repair_is_switched_on_beside_those_that_are_and_it_is_written_down(owner, refused, credential):
    one = refused[0]
    Credential.objects.filter(pk=credential.credential.pk).update(repairs=["bare-collection-type"])
    address = f"{API}/kinds/{one.kind_id}/repair"
    found = owner.post(address, '{"repair": "numeric-string"}', content_type="application/json").json()
    assert found["repairs"] == ["bare-collection-type", "numeric-string"]
    assert owner.post(f"{API}/{one.pk}/replay").json()["state"] == "replayed"
    act = Act.objects.get(kind="lrs.credential", thing=str(credential.credential.pk))
    assert act.what == "repair"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"repair": "everything"}', "There is no repair 'everything'"),
        ('{"repair": "sumtotal-relative-id"}', "needs an address"),
        ('{"repair": ["numeric-string"]}', "must be text"),
        ("[]", "must be a JSON object"),
    ],
)
def test_a_repair_that_cannot_be_switched_on_is_said_to_be_so(owner, refused, credential, body, said):
    answer = owner.post(f"{API}/kinds/{refused[0].kind_id}/repair", body, content_type="application/json")
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    credential.credential.refresh_from_db()
    assert credential.credential.repairs == []


def test_all_of_a_reason_is_replayed_in_the_background(owner, refused, credential):
    switch_on(credential)
    answer = owner.post(f"{API}/kinds/{refused[0].kind_id}/replay")
    assert answer.status_code == 202
    tasks.work_off(background.KINDS)
    done = tasks.BackgroundTask.objects.get(pk=answer.json()["task"])
    assert (done.state, done.sentence) == ("done", "2 of 2 were accepted.")


def test_who_reads_reports_may_look_and_not_act(store, refused):
    reader = reader_of(store.name, "reports/read").api
    one = refused[0]
    assert reader.get(f"{API}/{one.pk}").status_code == 200
    ones = [f"{one.pk}/{what}" for what in ("replay", "dismiss", "reopen", "edit")]
    for path in [*ones, *[f"kinds/{one.kind_id}/{what}" for what in ("replay", "dismiss", "reopen", "repair")]]:
        answer = reader.post(f"{API}/{path}", "{}", content_type="application/json")
        assert answer.status_code == 403
        assert answer.json()["error"].endswith("lacks the scope all.")
    one.refresh_from_db()
    assert (one.state, one.result) == ("open", {})


def test_another_store_is_not_seen(refused, database):
    import uuid

    other = reader_of(f"other {uuid.uuid4()}", "all").api
    one = refused[0]
    assert other.get(f"{API}/kinds").json()["results"] == []
    assert other.get(f"{API}/{one.pk}").status_code == 404
    assert other.post(f"{API}/{one.pk}/dismiss").status_code == 404
    assert other.post(f"{API}/kinds/{one.kind_id}/dismiss").status_code == 404
    assert Client(SERVER_NAME="localhost").get(f"{API}/{one.pk}").status_code == 401


def test_people_act_with_their_permission_and_a_form_token(operator, viewer, refused):
    one = refused[0]
    assert viewer.get(f"{API}/{one.pk}").status_code == 403
    assert viewer.post(f"{API}/{one.pk}/dismiss").status_code == 403
    assert operator.get(f"{API}/{one.pk}").status_code == 200
    strict = Client(SERVER_NAME="localhost", enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    forged = strict.post(f"{API}/{one.pk}/dismiss")
    assert forged.status_code == 403
    assert "form token" in forged.json()["error"]
    strict.get("/admin/lrs/refusalkind/")
    strict.get(f"/admin/lrs/refusal/{one.pk}/change/")
    token = strict.cookies["lrs_csrf"].value
    assert strict.post(f"{API}/{one.pk}/dismiss", headers={"X-CSRFToken": token}).json()["state"] == "dismissed"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/kinds?colour=red", 400), ("/kinds?before=999999999", 400), ("/999999999999999999999", 404), ("/0", 404)],
)
def test_what_is_asked_wrongly_is_answered_in_the_shape_of_the_house(owner, path, status):
    answer = owner.get(API + path)
    assert answer.status_code == status, answer.content
    assert set(answer.json()) == {"error", "errors"}
