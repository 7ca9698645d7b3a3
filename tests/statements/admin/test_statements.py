"""Statements in the administration: the list, and the page of one."""

import json
import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from lrs import credentials
from lrs.credentials import Issued
from statements import keys
from statements.admin import search
from statements.admin.search import Wanted
from statements.models import Act, Finding, Store
from statements.models import Statement as Row
from tests import sample
from tests.conformance import examples

LIST = "/admin/statements/statement/"


def _key(store: Store, statement: dict) -> str:
    return str(uuid.UUID(keys.statement(store.namespace.bytes, statement["id"])))


def _read(browser, url: str, **query: object) -> str:
    answer = browser.get(url, query)
    assert answer.status_code == 200, (answer.status_code, answer.headers.get("Location"))
    return re.sub(r"\s+", " ", answer.content.decode())


def _rows(html: str) -> list[str]:
    return re.findall(r'<a class="r-main" href="[^"]*">(.*?)</a>', html)


def test_a_statement_is_a_sentence_in_the_list(viewer, store, credential):
    sample.send(credential.credential, [sample.statement(percent=25)])
    assert _rows(_read(viewer, LIST, store=store.pk)) == [
        "ann@example.com progressed to 25 % in course “Data protection: the complete course”"
    ]


def test_the_list_goes_to_older_statements_and_back_again_without_losing_one(viewer, store, credential):
    sent = [sample.statement(percent=number % 100, mail=f"mailto:p{number}@example.com") for number in range(130)]
    sample.send(credential.credential, sent)
    seen: list[str] = []
    pages: list[list[str]] = []
    url, html = f"{LIST}?store={store.pk}", ""
    while url:
        html = _read(viewer, url)
        pages.append(_rows(html))
        seen += pages[-1]
        older = re.findall(r'rel="next" href="([^"]*)"', html)
        url = LIST + older[0].replace("&amp;", "&") if older else ""
    assert [len(page) for page in pages] == [50, 50, 30]
    assert len(set(seen)) == 130
    newer = re.findall(r'rel="prev" href="([^"]*)"', html)
    assert _rows(_read(viewer, LIST + newer[0].replace("&amp;", "&"))) == pages[1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "ann@example.com"}, 2),
        ({"q": sample.COURSE}, 2),
        ({"q": "http://adlnet.gov/expapi/verbs/completed"}, 1),
        ({"learner": "bob@example.com"}, 1),
        ({"activity": "https://example.com/other"}, 1),
        ({"kind": "course"}, 3),
        ({"kind": "webinar"}, 0),
        ({"completed": "yes"}, 1),
        ({"completed": "no"}, 2),
        ({"voided": "yes"}, 0),
        ({"findings": "yes"}, 0),
        ({"since": "2001-01-01"}, 3),
        ({"until": "2001-01-01"}, 0),
        ({"learner": "ann@example.com", "completed": "yes"}, 1),
        ({"q": "ann@example.com", "activity": "https://example.com/other"}, 0),
    ],
)
def test_the_list_is_narrowed_by_what_is_asked(viewer, store, credential, query, found):
    sample.send(
        credential.credential,
        [
            sample.statement(percent=25),
            sample.statement(verb="completed", percent=100),
            sample.statement("mailto:bob@example.com", thing="https://example.com/other", percent=5),
        ],
    )
    assert len(_rows(_read(viewer, LIST, store=store.pk, **query))) == found


def test_a_source_is_a_filter(viewer, store, credential):
    from lrs import credentials

    other = credentials.create(f"other {uuid.uuid4()}", store=store.name)
    sample.send(credential.credential, [sample.statement()])
    sample.send(other.credential, [sample.statement("mailto:bob@example.com")])
    assert [row[:3] for row in _rows(_read(viewer, LIST, store=store.pk, source=other.credential.pk))] == ["bob"]


def test_an_id_in_the_search_leads_to_its_statement(viewer, store, credential):
    one = sample.statement()
    sample.send(credential.credential, [one])
    answer = viewer.get(LIST, {"store": store.pk, "q": one["id"].upper()})
    assert answer.headers["Location"] == f"{LIST}{_key(store, one)}/change/"


def test_a_name_that_several_have_is_answered_with_a_choice(viewer, store, credential):
    people = [f"mailto:{name}@example.com" for name in ("ann", "bob")]
    named = [sample.statement(mail, actor={"mbox": mail, "name": "Kim Lee"}) for mail in people]
    sample.send(credential.credential, named)
    html = _read(viewer, LIST, store=store.pk, q="Kim Lee")
    assert html.count(">Kim Lee</a>") == 2


def test_one_page_looks_at_a_bounded_number_of_statements(store, credential, monkeypatch):
    monkeypatch.setattr(search, "_FIRST", 5)
    monkeypatch.setattr(search, "_MOST", 10)
    sample.send(credential.credential, [sample.statement() for _ in range(40)])
    found = search.find(Wanted(store.pk, kind="webinar"), 5)
    assert (found.rows, found.reached is not None) == ([], True)
    assert search.find(Wanted(store.pk, kind="course"), 5, found.reached).rows


@pytest.mark.parametrize("amount", [3, 60])
def test_the_list_takes_as_many_queries_for_many_statements_as_for_few(viewer, store, credential, amount):
    sample.send(credential.credential, sample.many(f"list {uuid.uuid4()}", amount))
    viewer.get(LIST, {"store": store.pk})
    with CaptureQueriesContext(connection) as queries:
        viewer.get(LIST, {"store": store.pk})
    assert len(queries) <= 17, [query["sql"][:120] for query in queries]
    assert not [query for query in queries if "COUNT(" in query["sql"].upper()]


def test_a_statement_is_shown_with_every_number_as_it_was_spelled(viewer, store, credential):
    one = sample.statement(result={"score": {"raw": 10}})
    text = json.dumps(one).replace('"raw": 10', '"raw": 1.50E+1')
    from lrs import auth
    from statements.ingest import Source, ingest
    from statements.xapi.text import Given
    from statements.xapi.versions import Version

    caller = auth.caller_of(credential.credential)
    source = Source(caller.tenant, caller.credential, caller.authority)
    ingest([Given(text.encode(), json.loads(text), "")], source=source, version=Version.V1)
    html = viewer.get(f"{LIST}{_key(store, one)}/change/").content.decode()
    assert "&quot;raw&quot;: 1.50E+1" in html


def test_a_statement_shows_what_refers_to_it(viewer, store, credential):
    one = sample.statement()
    about = sample.statement(
        "mailto:boss@example.com",
        verb="commented",
        percent=None,
        object={"objectType": "StatementRef", "id": one["id"]},
    )
    sample.send(credential.credential, [one, about])
    assert "boss@example.com commented another statement" in _read(viewer, f"{LIST}{_key(store, one)}/change/")
    assert "ann@example.com progressed to 25 %" in _read(viewer, f"{LIST}{_key(store, about)}/change/")


def test_a_statement_shows_what_deviates_from_its_sender_s_profile(viewer, store):
    made = credentials.create(f"udemy {uuid.uuid4()}", store=store.name, profile="udemy").credential
    one, good = sample.statement(result={"completion": True}), sample.statement()
    sample.send(made, [one, good])
    html = _read(viewer, f"{LIST}{_key(store, one)}/change/")
    assert "2 findings" in html
    panel = html.partition('id="findings"')[2].partition("</section>")[0]
    for finding in Finding.objects.filter(store=store.pk):
        for said in (finding.rule, finding.pointer, finding.problem):
            assert escape(said) in panel
    assert panel.count("<li>") == 2
    assert 'id="findings"' not in _read(viewer, f"{LIST}{_key(store, good)}/change/")


def test_a_repaired_statement_shows_how_it_was_sent(viewer, store, credential):
    credentials.change(credential.credential.key, repairs=["numeric-string"])
    credential.credential.refresh_from_db()
    one, good = sample.statement(result={"score": {"scaled": "0.50"}}), sample.statement()
    sample.send(credential.credential, [one, good])
    html = _read(viewer, f"{LIST}{_key(store, one)}/change/")
    json_now, _, original = html.partition("As it was sent")
    assert "&quot;scaled&quot;: 0.50" in json_now
    assert "&quot;scaled&quot;: &quot;0.50&quot;" in original
    assert "numeric-string@" in html
    assert "As it was sent" not in _read(viewer, f"{LIST}{_key(store, good)}/change/")


def test_the_data_of_attachments_is_downloaded_and_never_shown_as_a_page(viewer, store, client):
    data = b"<script>alert(1)</script>"
    one = examples.statement(
        attachments=[examples.attachment(data), examples.attachment(b"far", fileUrl="https://x.y/z")]
    )
    one["attachments"][0] |= {"contentType": "text/html", "display": {"de": "Urkunde"}}
    content = examples.mixed(one, [examples.part(data)])
    assert client.request("POST", "statements", content=content, headers=examples.MIXED).status_code == 200
    page = f"{LIST}{_key(store, one)}/change/"
    html = _read(viewer, page)
    assert "text/html" in html
    assert f"{len(data)} bytes" in html
    assert "not kept here" in html
    assert ">Urkunde</a>" in html
    (address,) = re.findall(r'href="([^"]*attachment[^"]*)" download', html)
    answer = viewer.get(address.replace("&amp;", "&"))
    assert b"".join(answer.streaming_content) == data
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert viewer.get(page.replace("/change/", "/attachment/"), {"sha2": "0" * 64}).status_code == 404


def test_what_a_sender_writes_is_never_html_of_ours(viewer, store, credential):
    nasty = "<script>alert(1)</script>"
    one = sample.statement(actor={"mbox": sample.ANN, "name": nasty})
    sample.send(credential.credential, [one])
    for url in (
        f"{LIST}?store={store.pk}",
        f"{LIST}{_key(store, one)}/change/",
        f"/admin/statements/person/?store={store.pk}",
    ):
        assert nasty not in viewer.get(url).content.decode()


def test_an_operator_voids_a_statement_and_says_why(operator, viewer, store, credential: Issued):
    one = sample.statement()
    sample.send(credential.credential, [one])
    url = f"{LIST}{_key(store, one)}/void/"
    assert viewer.post(url, {"reason": "a test"}).status_code == 403
    assert operator.post(url, {"reason": ""}).status_code == 302
    assert not Row.objects.get(store=store.pk, id=one["id"]).voided
    assert operator.post(url, {"reason": "a test"}).status_code == 302
    assert Row.objects.get(store=store.pk, id=one["id"]).voided
    act = Act.objects.get(store=store.pk)
    assert (act.what, act.reason, json.loads(act.before), json.loads(act.after)["voided"]) == (
        "void", "a test", {"voided": False}, True,
    )  # fmt: skip
    assert operator.get(url).status_code == 405


def test_nothing_of_a_statement_can_be_edited_or_deleted(root, store, credential):
    one = sample.statement()
    sample.send(credential.credential, [one])
    key = _key(store, one)
    for url in (f"{LIST}add/", f"{LIST}{key}/delete/"):
        assert root.get(url, follow=True).status_code == 404
    root.post(f"{LIST}{key}/change/", {"text": "{}"})
    assert one["id"] in Row.objects.get(pk=key).text


def test_whoever_is_not_signed_in_sees_nothing(store, credential):
    from django.test import Client as Browser

    answer = Browser(SERVER_NAME="localhost").get(LIST)
    assert answer.headers["Location"].startswith("/admin/login/")


def test_only_who_may_see_credentials_is_led_to_one(viewer, operator, store, credential):
    one = sample.statement()
    sample.send(credential.credential, [one])
    link = f'<a href="/admin/lrs/credential/{credential.credential.pk}/change/">'
    page = f"{LIST}{_key(store, one)}/change/"
    assert (link in _read(viewer, page), link in _read(operator, page)) == (False, True)
    assert credential.credential.name in _read(viewer, page)
