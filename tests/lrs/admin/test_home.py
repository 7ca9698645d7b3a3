"""The home page: numbers that lead to lists."""

import re
import uuid
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from lrs.connectors import connections
from lrs.connectors.models import Run, Task
from lrs.connectors.webinars import sessions
from lrs.connectors.webinars.attendance import Plan
from lrs.models import Credential, Refusal
from statements import glance
from statements.admin.charts import Bars, Series
from statements.store import counts
from tests import sample


def _cards(html: str) -> dict[str, str]:
    found = re.findall(r"<strong>([^<]*)</strong><span>([^<(]*?)\s*(?:<small>|</span>)", html)
    return {name.strip(): number for number, name in found}


def test_home_counts_what_came_today(root, store, credential):
    sample.send(
        credential.credential, [sample.statement(), sample.statement("mailto:b@example.com", "completed", percent=100)]
    )
    html = root.get("/admin/", {"store": store.pk}).content.decode()
    cards = _cards(html)
    assert (cards["statements today"], cards["completions today"], cards["active learners"]) == ("2", "1", "2")
    assert credential.credential.name in html


def test_each_number_leads_to_its_list(root, store, credential):
    sample.send(credential.credential, [sample.statement()])
    html = root.get("/admin/", {"store": store.pk}).content.decode()
    links = [url.replace("&amp;", "&") for url in re.findall(r'<a class="r-card[^"]*" href="([^"]*)"', html)]
    assert len(links) >= 4
    assert {root.get(url).status_code for url in links} == {200}


def test_statements_count_once_whether_counted_yet_or_not(store, credential, monkeypatch):
    now = timezone.now()
    sample.send(credential.credential, [sample.statement() for _ in range(7)])
    assert glance.days(store.pk, now, 14).statements(now.date()) == 7
    monkeypatch.setattr(glance, "follow", lambda *given: 0)
    sample.send(credential.credential, [sample.statement() for _ in range(3)])
    assert glance.days(store.pk, now, 14).statements(now.date()) == 10
    while counts.advance(store.pk, 2):
        pass
    assert glance.days(store.pk, now, 14).statements(now.date()) == 10


def test_very_many_active_learners_are_counted_by_the_worker(store, credential, monkeypatch):
    now = timezone.now()
    sample.send(credential.credential, [sample.statement(f"mailto:p{number}@example.com") for number in range(9)])
    monkeypatch.setattr(glance, "_MOST_COUNTED", 4)
    assert glance.active_learners(store.pk, now) == glance.Amount(4, more=True)
    glance.refresh_active(now)
    assert glance.active_learners(store.pk, now) == glance.Amount(9)


def test_a_silent_source_is_named(root, store, credential):
    Credential.objects.filter(pk=credential.credential.pk).update(
        silence_hours=2, created=timezone.now() - timedelta(hours=3)
    )
    html = root.get("/admin/", {"store": store.pk}).content.decode()
    assert re.search(rf"silent</span>\s*<a[^>]*>{credential.credential.name}</a>", html)


def test_home_takes_as_many_queries_for_many_statements_as_for_few(root, store, credential):
    root.get("/admin/", {"store": store.pk})
    with CaptureQueriesContext(connection) as empty:
        root.get("/admin/", {"store": store.pk})
    sample.send(credential.credential, sample.many(f"home {store.pk}", 80))
    with CaptureQueriesContext(connection) as filled:
        root.get("/admin/", {"store": store.pk})
    assert len(filled) <= len(empty) <= 26, [query["sql"][:120] for query in filled]


def _needed(html: str) -> str:
    """What stands under "What needs somebody", without tags."""
    panel = html.partition("What needs somebody</h2>")[2].partition("</section>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", panel)).replace("&#x27;", "'")


def test_what_was_refused_is_named_until_nothing_of_it_is_open(root, store, client, credential):
    wrong = sample.statement(result={"score": {"scaled": "0.25"}})
    for _ in range(2):
        assert client.post_statements({**wrong, "id": str(uuid.uuid4())}).status_code == 400
    html = root.get("/admin/", {"store": store.pk}).content.decode()
    assert f"{credential.credential.name}: 2 requests: /result/score/scaled: '0.25' stands where" in _needed(html)
    list_of_open = re.search(r'href="(/admin/lrs/refusalkind/\?state=open)"', html)
    assert list_of_open is not None
    assert "2 open" in root.get(list_of_open[1]).content.decode()
    Refusal.objects.filter(store=store).update(state=Refusal.State.REPLAYED)
    assert "requests:" not in _needed(root.get("/admin/", {"store": store.pk}).content.decode())
    assert "2 requests" not in root.get(list_of_open[1]).content.decode()


def test_connections_that_do_not_work_and_people_nobody_knows_are_named(root, viewer, store):
    now = timezone.now()
    made = {
        name: connections.create(provider, f"{name} {store.name}", {"store": store.name, **given})
        for name, provider, given in (
            ("Path", "khalibre", {"host": "lms.example.com", "client_id": "app", "client_secret": "x"}),
            ("Rooms", "attendance", {"secret": "x" * 40}),
            ("Teams", "msteams", {"mode": "delegated", "client_id": "a", "client_secret": "x", "tenant_id": "t.com"}),
        )
    }
    Run.objects.create(connection=made["Path"], kind="sweep", started=now, ok=False, problem="Trace\nIt is not there.")
    session = sessions.plan(made["Rooms"], "7", Plan(title="Safety", start=now, end=now + timedelta(hours=1)), now=now)
    session.results.create(key="name guest", name="Guest", verdict="review", changed=now)
    html = root.get("/admin/", {"store": store.pk}).content.decode()
    said = _needed(html)
    assert f"went wrong Path {store.name}: It is not there." in said
    assert f"went wrong Teams {store.name}: nobody is signed in" in said
    assert "Webinars: 1 person was there and is not known" in said
    due = Task.objects.get(connection=made["Path"], kind="sweep").due
    assert f"next sweep at {due:%Y-%m-%d %H:%M} UTC" in html
    assert "Path" not in viewer.get("/admin/", {"store": store.pk}).content.decode()


def test_a_million_stands_beside_the_chart_as_it_is_written():
    chart = Bars("Statements", ["today"], [Series("Udemy", [1_000_000.0])])
    assert [number for _, number in chart.scale] == ["1,000,000", "500,000", "0"]
    assert chart.bars[0].text == "today: Udemy 1,000,000"
