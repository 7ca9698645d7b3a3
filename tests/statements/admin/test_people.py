"""A learner's page: where they stand, merge and split, everything about them."""

import json
import re
import uuid
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from statements import people
from statements.models import Act, Progress
from tests import sample

LIST = "/admin/statements/person/"
BOB = "mailto:bob@example.com"


def _person(store, mail: str) -> str:
    found = people.person_of(store.pk, f"mbox {mail}") or people.person_of(store.pk, f"Agent mbox {mail}")
    assert found is not None
    return str(found.pk)


def _text(answer) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_a_learner_s_page_shows_how_far_they_are(viewer, store, credential):
    sample.send(credential.credential, [sample.statement(percent=25), sample.statement(percent=60)])
    html = _text(viewer.get(f"{LIST}{_person(store, sample.ANN)}/change/"))
    assert 'aria-valuenow="60.0"' in html
    assert "<h2>Courses <small>1</small></h2>" in html
    assert html.count("ann@example.com progressed to") == 2


def test_learners_are_listed_once_each_by_their_last_activity(viewer, store, credential):
    sample.send(
        credential.credential,
        [
            sample.statement(days_ago=3),
            sample.statement(thing="https://example.com/b", days_ago=1),
            sample.statement(BOB, days_ago=2),
        ],
    )
    html = _text(viewer.get(LIST, {"store": store.pk}))
    assert re.findall(r'class="r-main"[^>]*>([^<]*)<', html) == ["ann@example.com", "bob@example.com"]


def test_the_list_of_learners_takes_as_many_queries_for_many_as_for_few(viewer, store, credential):
    sample.send(credential.credential, sample.many(f"people {store.pk}", 120))
    viewer.get(LIST, {"store": store.pk})
    with CaptureQueriesContext(connection) as queries:
        viewer.get(LIST, {"store": store.pk})
    assert len(queries) <= 12, [query["sql"][:120] for query in queries]


def test_two_learners_become_one_and_two_again(operator, viewer, store, credential):
    sample.send(credential.credential, [sample.statement(percent=25), sample.statement(BOB, percent=60)])
    ann, bob = _person(store, sample.ANN), _person(store, BOB)
    assert viewer.post(f"{LIST}{ann}/merge/", {"other": "bob@example.com"}).status_code == 403
    operator.post(f"{LIST}{ann}/merge/", {"other": "bob@example.com"})
    assert _person(store, BOB) == ann
    assert [row.progress for row in Progress.objects.filter(store=store.pk)] == [60]
    page = operator.get(f"{LIST}{ann}/change/").content.decode()
    operation = re.findall(r'name="operation" value="([^"]*)"', page)[0]
    operator.post(f"{LIST}{ann}/undo/", {"operation": operation})
    assert _person(store, BOB) == bob
    assert {row.progress for row in Progress.objects.filter(store=store.pk)} == {25, 60}
    acts = list(Act.objects.filter(store=store.pk).order_by("pk"))
    assert [act.what for act in acts] == ["merge", "undo"]
    assert "bob@example.com" in json.dumps(json.loads(acts[0].after))


def test_an_identifier_is_split_off(operator, store, credential):
    sample.send(credential.credential, [sample.statement(), sample.statement(BOB)])
    ann = _person(store, sample.ANN)
    operator.post(f"{LIST}{ann}/merge/", {"other": "bob@example.com"})
    mine = [row.identifier for row in people.identities(store.pk, uuid.UUID(ann))]
    bobs = next(identifier for identifier in mine if "bob" in identifier)
    operator.post(f"{LIST}{ann}/split/", {"identifiers": [bobs]})
    assert _person(store, BOB) != ann
    operator.post(
        f"{LIST}{ann}/split/",
        {"identifiers": [row.identifier for row in people.identities(store.pk, uuid.UUID(ann))]},
    )
    assert _person(store, sample.ANN) == ann


def test_everything_about_a_person_is_one_json_document(operator, store, credential):
    sent = [sample.statement(percent=25), sample.statement(percent=100, verb="completed"), sample.statement(BOB)]
    sample.send(credential.credential, sent)
    answer = operator.get(f"{LIST}{_person(store, sample.ANN)}/download/")
    found = json.loads(b"".join(answer.streaming_content))
    assert {one["id"] for one in found["statements"]} == {one["id"] for one in sent[:2]}
    assert [row["activity"] for row in found["progress"]] == [sample.COURSE]
    assert [row["identifier"].split("mbox ")[1] for row in found["identifiers"]] == [sample.ANN]
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert Act.objects.get(store=store.pk).what == "download"


def test_who_completed_something_is_through_even_where_it_is_begun_again(viewer, store, credential):
    through = sample.statement(verb="completed", percent=100, days_ago=2)
    sample.send(credential.credential, [through, sample.statement(percent=7)])
    html = _text(viewer.get(f"{LIST}{_person(store, sample.ANN)}/change/"))
    assert 'aria-valuenow="100.0"' in html
    assert "begun again: 7 %" in html


def test_learners_are_narrowed_to_those_who_were_active_since_a_day(viewer, store, credential):
    sample.send(credential.credential, [sample.statement(days_ago=9), sample.statement(BOB, days_ago=1)])
    since = (timezone.now() - timedelta(days=3)).date()
    html = _text(viewer.get(LIST, {"store": store.pk, "since": f"{since}"}))
    assert re.findall(r'class="r-main"[^>]*>([^<]*)<', html) == ["bob@example.com"]


def test_what_was_passed_counts_as_completed(viewer, store, credential):
    sample.send(credential.credential, [sample.statement(verb="passed", percent=None, result={"success": True})])
    html = _text(viewer.get(f"{LIST}{_person(store, sample.ANN)}/change/"))
    assert "<strong>1</strong><span>completed</span>" in html
