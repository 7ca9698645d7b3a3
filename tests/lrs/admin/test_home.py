"""The home page: numbers that lead to lists."""

import re
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from lrs.models import Credential
from statements import glance
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
