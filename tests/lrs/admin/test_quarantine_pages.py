"""Quarantine in the administration: seen by reason, understood, mended, sent once more, dismissed, written down."""

import json
import uuid
from io import StringIO

import orjson
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from lrs import background, quarantine, tasks, watch
from lrs.admin.marked import mark
from lrs.models import BackgroundTask, Credential, Refusal, RefusalKind, Shape
from statements.models import Act, Provenance, Statement
from tests import sample

KINDS = "/admin/lrs/refusalkind/"
REFUSALS = "/admin/lrs/refusal/"


def spelled(**changed):
    """A statement whose score is a number in quotes."""
    return sample.statement(result={"completion": False, "score": {"scaled": "0.25"}}, **changed)


def refuse(client, *statements):
    for one in statements:
        assert client.post_statements(one).status_code == 400
    return list(Refusal.objects.filter(store__credentials__key=client.auth[0]).order_by("pk"))


def acts(row):
    found = Act.objects.filter(kind=row._meta.label_lower, thing=str(row.pk)).order_by("pk")
    return [act.what for act in found]


def test_reasons_are_listed_the_newest_first(operator, client, credential):
    refuse(client, spelled(), spelled(), sample.statement(verb="progressed", actor={"mbox": "ann@example.com"}))
    html = operator.get(KINDS, {"store": credential.credential.store_id}).content.decode()
    newest, older = RefusalKind.objects.filter(credential=credential.credential).order_by("-last")
    assert html.index(f"{KINDS}{newest.pk}/change/") < html.index(f"{KINDS}{older.pk}/change/")
    assert "number /result/score/scaled" in html or older.what.partition("\n")[0] in html
    assert "2 open" in html
    assert credential.credential.name in html


def test_the_lists_take_as_many_queries_for_many_as_for_few(operator, client, credential):
    store = credential.credential.store_id
    kind = refuse(client, spelled())[0].kind
    pages = [(KINDS, {"store": store}), (f"{KINDS}{kind.pk}/change/", {})]
    counted = []
    for _ in range(2):
        for page, query in pages:
            operator.get(page, query)
            with CaptureQueriesContext(connection) as queries:
                assert operator.get(page, query).status_code == 200
            counted.append(len(queries))
        refuse(client, *[spelled() for _ in range(5)], {}, {"actor": 1}, sample.statement(version="x"))
    assert counted[:2] == counted[2:]
    assert max(counted) <= 12, counted


def test_a_repair_that_would_help_is_offered_switched_on_and_written_down(operator, client, credential):
    (row,) = refuse(client, spelled())
    page = f"{KINDS}{row.kind_id}/change/"
    html = operator.get(page).content.decode()
    assert "Switch numeric-string on" in html
    assert "Switch missing-object-type on" not in html
    operator.post(f"{KINDS}{row.kind_id}/repair/", {"repair": "numeric-string"})
    credential.credential.refresh_from_db()
    assert credential.credential.repairs == ["numeric-string"]
    act = Act.objects.get(kind="lrs.credential", thing=str(credential.credential.pk))
    assert (act.what, json.loads(act.before), json.loads(act.after)) == (
        "repair",
        {"repairs": []},
        {"repairs": ["numeric-string"]},
    )
    assert "Switch numeric-string on" not in operator.get(page).content.decode()
    answer = operator.post(f"{REFUSALS}{row.pk}/replay/", follow=True).content.decode()
    assert "It was accepted." in answer
    assert Statement.objects.filter(store=credential.credential.store_id).count() == 1


def test_a_repair_that_needs_an_address_asks_for_it(operator, client, credential):
    (row,) = refuse(client, sample.statement(thing="/courses/1"))
    page = f"{KINDS}{row.kind_id}/"
    assert "Switch sumtotal-relative-id on" in operator.get(page + "change/").content.decode()
    answer = operator.post(page + "repair/", {"repair": "sumtotal-relative-id"}, follow=True).content.decode()
    assert "needs an address" in answer
    operator.post(page + "repair/", {"repair": "sumtotal-relative-id", "base": "https://lms.example.com/"})
    credential.credential.refresh_from_db()
    found = credential.credential
    assert (found.repairs, found.base) == (["sumtotal-relative-id"], "https://lms.example.com/")


def test_all_of_a_reason_is_replayed_in_the_background(operator, client, credential):
    rows = refuse(client, spelled(), spelled(), spelled())
    kind = rows[0].kind
    Credential.objects.filter(pk=credential.credential.pk).update(repairs=["numeric-string"])
    answer = operator.post(f"{KINDS}{kind.pk}/replay/")
    task = BackgroundTask.objects.order_by("-pk")[0]
    assert answer.headers["Location"] == f"/admin/lrs/backgroundtask/{task.pk}/change/"
    tasks.work_off(background.KINDS)
    task.refresh_from_db()
    assert (task.state, task.sentence, task.link) == (
        "done",
        "3 of 3 were accepted.",
        f"{KINDS}{kind.pk}/change/",
    )
    assert set(Refusal.objects.filter(kind=kind).values_list("state", flat=True)) == {"replayed"}
    assert acts(kind) == ["replay refusals"]
    # When it came is kept.
    received = {row.received for row in rows}
    told = Provenance.objects.filter(refusal__in=[row.pk for row in rows])
    assert {one.received for one in told} == received


def test_one_and_all_are_dismissed(operator, client):
    first, second = refuse(client, spelled(), spelled())
    operator.post(f"{REFUSALS}{first.pk}/dismiss/")
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("dismissed", "open")
    operator.post(f"{KINDS}{first.kind_id}/dismiss/")
    second.refresh_from_db()
    kind = RefusalKind.objects.get(pk=first.kind_id)
    assert (second.state, kind.dismissed) == ("dismissed", True)
    assert (acts(first), acts(kind)) == (["dismiss"], ["dismiss"])


def test_one_and_all_that_was_dismissed_is_opened_again(operator, client):
    first, second = refuse(client, spelled(), spelled())
    page = f"{KINDS}{first.kind_id}/"
    assert "Open again" not in operator.get(page + "change/").content.decode()
    assert "is not dismissed" in operator.post(page + "reopen/", follow=True).content.decode()
    operator.post(page + "dismiss/")
    assert "Open again" in operator.get(f"{REFUSALS}{first.pk}/change/").content.decode()
    operator.post(f"{REFUSALS}{first.pk}/reopen/")
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("open", "dismissed")
    assert "is not dismissed" in operator.post(f"{REFUSALS}{first.pk}/reopen/", follow=True).content.decode()
    assert "Open again" in operator.get(page + "change/").content.decode()
    operator.post(page + "reopen/")
    second.refresh_from_db()
    kind = RefusalKind.objects.get(pk=first.kind_id)
    assert (second.state, kind.dismissed) == ("open", False)
    assert (acts(first), acts(kind)) == (["reopen"], ["dismiss", "reopen"])
    its = Credential.objects.filter(pk=kind.credential_id)
    assert [trouble.what for trouble in watch.troubles(timezone.now(), its)] == ["new kind of refusal"]


def test_a_kind_that_is_dismissed_by_command_is_no_news(client):
    first, second = refuse(client, spelled(), spelled())
    output = StringIO()
    call_command("quarantine", "dismiss", "--fingerprint", first.kind.fingerprint, "--json", stdout=output)
    done = {each["number"] for each in json.loads(output.getvalue()) if each["state"] == "dismissed"}
    assert {first.pk, second.pk} <= done
    assert RefusalKind.objects.get(pk=first.kind_id).dismissed
    its = Credential.objects.filter(pk=first.kind.credential_id)
    assert list(watch.troubles(timezone.now(), its)) == []


@pytest.mark.parametrize(
    ("headers", "repair"),
    [
        ({"Content-Type": "text/json"}, "other-content-type"),
        ({"X-Experience-API-Version": "0.95"}, "other-version"),
    ],
)
def test_a_repair_of_what_is_around_the_statements_is_offered(operator, client, headers, repair):
    given = {"Content-Type": "application/json"} | headers
    client.request("POST", "statements", content=json.dumps(sample.statement()).encode(), headers=given)
    client.request("POST", "statements", content=b"no JSON", headers=given)
    row = Refusal.objects.filter(store__credentials__key=client.auth[0]).order_by("-pk")[0]
    html = operator.get(f"{KINDS}{row.kind_id}/change/").content.decode()
    assert f"Switch {repair} on" in html
    assert f"The repair {repair} would change 1 of the newest 2 open requests." in html


def test_a_kind_is_opened_again_by_command(client):
    (row,) = refuse(client, spelled())
    quarantine.dismiss_kind(row.kind)
    output = StringIO()
    call_command("quarantine", "reopen", "--fingerprint", row.kind.fingerprint, "--json", stdout=output)
    assert row.pk in [each["number"] for each in json.loads(output.getvalue()) if each["state"] == "open"]
    assert not RefusalKind.objects.get(pk=row.kind_id).dismissed
    with pytest.raises(CommandError, match="not dismissed"):
        call_command("quarantine", "reopen", str(row.pk))
    with pytest.raises(CommandError, match="Name numbers"):
        call_command("quarantine", "reopen")


def test_a_request_is_shown_with_its_faulty_place_and_without_secrets(operator, client):
    headers = {"X-Api-Key": "hidden-1", "User-Agent": "the sender 7"}
    assert client.request("POST", "statements", json=spelled(), headers=headers).status_code == 400
    row = Refusal.objects.order_by("-pk")[0]
    html = operator.get(f"{REFUSALS}{row.pk}/change/").content.decode()
    marked = html.partition('<mark class="r-line r-faulty"')[2].partition("</mark>")[0]
    assert "&quot;scaled&quot;: &quot;0.25&quot;" in marked
    assert "POST /xapi/statements" in html
    assert "the sender 7" in html
    assert "hidden-1" not in html
    assert client.auth[1] not in html
    file = operator.get(f"{REFUSALS}{row.pk}/body/")
    assert file.content == bytes(row.body)
    assert file.headers["Content-Disposition"].startswith("attachment")


def test_a_body_is_edited_and_replayed(operator, client, credential):
    (row,) = refuse(client, spelled())
    mended = sample.statement()
    wrong = operator.post(f"{REFUSALS}{row.pk}/edit/", {"body": "{}", "replay": "1"}, follow=True).content.decode()
    assert "It was refused again" in wrong
    assert "HTTP 400" in wrong
    good = operator.post(f"{REFUSALS}{row.pk}/edit/", {"body": json.dumps(mended), "replay": "1"}, follow=True)
    assert "It was accepted." in good.content.decode()
    assert mended["id"] in good.content.decode()
    row.refresh_from_db()
    assert (row.state, json.loads(bytes(row.edited))) == ("replayed", mended)
    assert acts(row) == ["edit", "replay", "edit", "replay"]
    again = operator.post(f"{REFUSALS}{row.pk}/replay/", follow=True).content.decode()
    assert "was replayed already" in again
    assert Statement.objects.filter(store=credential.credential.store_id).count() == 1


@pytest.mark.parametrize("path", ["replay", "dismiss", "reopen", "edit"])
def test_nobody_acts_without_the_permission(viewer, client, path):
    (row,) = refuse(client, spelled())
    assert viewer.post(f"{REFUSALS}{row.pk}/{path}/").status_code == 403
    assert viewer.get(f"{REFUSALS}{row.pk}/change/").status_code == 403
    assert viewer.get(f"{REFUSALS}{row.pk}/body/").status_code == 403
    kind = {"edit": "repair"}.get(path, path)
    assert viewer.post(f"{KINDS}{row.kind_id}/{kind}/", {"repair": "numeric-string"}).status_code == 403
    row.refresh_from_db()
    assert (row.state, row.edited, acts(row)) == ("open", None, [])


def test_what_does_not_exist_is_not_found(operator):
    assert operator.get(f"{KINDS}999999999/change/").status_code == 404
    assert operator.get(f"{REFUSALS}none/change/").status_code == 404


def test_shapes_can_be_read_with_an_example(operator, viewer, client, credential):
    Credential.objects.filter(pk=credential.credential.pk).update(shapes=True)
    from lrs import auth, shapes
    from statements.xapi.text import Given

    one = sample.statement()
    credential.credential.refresh_from_db()
    shapes.note(auth.caller_of(credential.credential), [Given(orjson.dumps(one), one, "")])
    shape = Shape.objects.get(credential=credential.credential)
    html = operator.get("/admin/lrs/shape/", {"store": shape.store_id}).content.decode()
    assert f"/admin/lrs/shape/{shape.pk}/change/" in html
    page = operator.get(f"/admin/lrs/shape/{shape.pk}/change/").content.decode()
    assert "/result/score/scaled" in page
    assert one["id"] in page
    assert viewer.get(f"/admin/lrs/shape/{shape.pk}/change/").status_code == 403


# --- the body with its marks


def marks(body, *pointers):
    errors = [{"pointer": pointer, "rule": "r", "problem": f"wrong at {pointer}"} for pointer in pointers]
    found = mark(body, errors)
    return {line.number: (line.text.strip(), line.problems) for line in found.lines if line.problems}


def test_a_fault_marks_its_place_or_what_it_is_missing_in():
    body = b'[{"a": {"b~/c": [1.0, 2e3]}}, {"x": "\xc3\xbc"}]'
    assert marks(body, "/0/a/b~0~1c/1") == {6: ("2e3", ("wrong at /0/a/b~0~1c/1",))}
    assert marks(body, "/1/verb/id") == {10: ("{", ("wrong at /1/verb/id",))}
    assert marks(body, "?statementId") == {}
    assert list(marks(body, "")) == [1]


def test_the_values_stand_there_as_they_came():
    body = b'{"n": 1.50, "n": 1e400, "s": "\\u00fc \\" <b>", "e": {}, "l": [], "t": [true, null]}'
    shown = "\n".join(line.text for line in mark(body, []).lines)
    assert '"n": 1.50' in shown
    assert '"n": 1e400' in shown
    assert '"e": {},' in shown
    assert json.loads(shown) == json.loads(body)


def test_what_is_no_json_is_shown_with_the_line_that_is_broken():
    found = mark(b'{\n"a": 1,\n"b" 2}', [{"pointer": "", "rule": "json", "problem": "is not JSON at line 3, column 5"}])
    assert [line.number for line in found.lines if line.problems] == [3]
    assert mark(b"\xff\x00", []).lines[0].number == 1
    assert list(mark(b"", []).lines) == []


def test_of_a_long_body_what_is_around_the_marks_is_shown():
    body = json.dumps([{"id": str(uuid.UUID(int=number))} for number in range(2000)]).encode()
    found = mark(body, [{"pointer": "/1000/id", "rule": "r", "problem": "wrong"}])
    assert len(found.lines) < 40
    assert found.lines[0].number == found.lines[-1].number == 0
    assert found.places == [next(line.number for line in found.lines if line.problems)]


def test_a_body_that_is_nested_without_end_is_shown_as_it_is():
    body = b"[" * 100_000
    assert mark(body, []).lines[0].text.startswith("[[[")


def test_reasons_are_narrowed_to_what_is_open_or_dismissed_and_to_a_credential(operator, client, credential):
    store = credential.credential.store_id
    open_one, dismissed = refuse(client, spelled(), sample.statement(actor={"mbox": "ann@example.com"}))
    quarantine.dismiss_kind(dismissed.kind)

    def shown(**query):
        html = operator.get(KINDS, {"store": store, **query}).content.decode()
        return {row.kind_id for row in (open_one, dismissed) if f"{KINDS}{row.kind_id}/change/" in html}

    assert shown() == {open_one.kind_id, dismissed.kind_id}
    assert shown(state="open") == {open_one.kind_id}
    assert shown(state="dismissed") == {dismissed.kind_id}
    assert shown(credential=credential.credential.pk, state="open") == {open_one.kind_id}
    nothing = operator.get(KINDS, {"store": store, "state": "open", "credential": 0}).content.decode()
    assert "Select a valid choice" in nothing


def test_a_body_in_one_line_is_edited_in_many_and_stays_the_original_where_nothing_is_changed(operator, client):
    (row,) = refuse(client, spelled())
    assert b"\n" not in bytes(row.body)
    page = operator.get(f"{REFUSALS}{row.pk}/change/")
    given = page.context["form"]["body"].value()
    assert '\n    "score": {\n      "scaled": "0.25"' in given
    operator.post(f"{REFUSALS}{row.pk}/edit/", {"body": given.replace("\n", "\r\n")})
    row.refresh_from_db()
    assert row.edited is None
    operator.post(f"{REFUSALS}{row.pk}/edit/", {"body": given.replace('"0.25"', "0.25")})
    edited = Refusal.objects.get(pk=row.pk).edited
    assert edited is not None
    assert b'"scaled": 0.25' in bytes(edited)


def test_a_request_says_which_repair_would_help_and_a_reason_what_it_means(operator, client):
    (row,) = refuse(client, sample.statement(result={"score": {"scaled": "7"}}))
    html = operator.get(f"{REFUSALS}{row.pk}/change/").content.decode()
    assert "The repair numeric-string would change requests like this one." in html
    assert f'<a href="{KINDS}{row.kind_id}/change/">Switch it on' in html
    (row,) = refuse(client, sample.statement(result={"score": {"scaled": 7}}))[1:]
    assert "A number is too small or too large" in operator.get(f"{KINDS}{row.kind_id}/change/").content.decode()
