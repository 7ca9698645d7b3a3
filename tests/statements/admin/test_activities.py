"""An activity's page: how many get through, how far they are, what its definition was."""

import re
import uuid

from django.db import connection
from django.test.utils import CaptureQueriesContext

from statements import keys
from tests import sample

LIST = "/admin/statements/activity/"


def _text(answer) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_an_activity_shows_how_many_get_through(viewer, store, credential):
    sample.send(
        credential.credential,
        [
            sample.statement("mailto:a@example.com", percent=100, verb="completed"),
            sample.statement("mailto:b@example.com", percent=45),
            sample.statement("mailto:c@example.com", percent=41),
            sample.statement("mailto:d@example.com", verb="registered", percent=None),
        ],
    )
    key = uuid.UUID(keys.thing(store.pk, "activity", sample.COURSE))
    html = _text(viewer.get(f"{LIST}{key}/change/"))
    numbers = re.findall(r'r-funnel-number">(\d+) <small>([\d.]+) %', html)
    assert numbers == [("4", "100.0"), ("3", "75.0"), ("1", "25.0")]
    assert "<title>40–49 %: Learners 2</title>" in html
    assert len(re.findall('class="r-main"', html)) == 4
    one = _text(viewer.get(f"{LIST}{key}/change/", {"status": "completed"}))
    assert re.findall(r'class="r-main"[^>]*>([^<]*)<', one) == ["a@example.com"]


def test_an_activity_shows_the_versions_of_its_definition(viewer, store, credential):
    other = sample.statement()
    other["object"] = {**other["object"], "definition": {"name": {"en-US": "Renamed"}}}
    sample.send(credential.credential, [sample.statement(), sample.statement(), other])
    key = uuid.UUID(keys.thing(store.pk, "activity", sample.COURSE))
    html = _text(viewer.get(f"{LIST}{key}/change/"))
    assert "Versions in its latest statements" in html
    assert "<summary>2 statements" in html
    assert "<summary>1 statement," in html


def test_activities_are_found_by_a_part_of_their_name(viewer, store, credential):
    sample.send(credential.credential, [sample.statement(), *sample.many(f"activities {store.pk}", 120)])
    assert "Data protection: the complete course" in _text(
        viewer.get(LIST, {"store": store.pk, "q": "PROTECTION: the"})
    )
    with CaptureQueriesContext(connection) as queries:
        viewer.get(LIST, {"store": store.pk})
    assert len(queries) <= 10, [query["sql"][:120] for query in queries]


def test_each_step_of_the_funnel_leads_to_its_learners(viewer, store, credential):
    sample.send(
        credential.credential,
        [
            sample.statement("mailto:a@example.com", "registered", percent=None),
            sample.statement("mailto:b@example.com", percent=10),
            sample.statement("mailto:c@example.com", "passed", percent=None, result={"success": True}),
            sample.statement("mailto:d@example.com", "completed", percent=100),
        ],
    )
    page = f"{LIST}{uuid.UUID(keys.thing(store.pk, 'activity', sample.COURSE))}/change/"
    html = _text(viewer.get(page))
    steps = re.findall(r'r-funnel-name"><a href="([^#"]*)#learners">', html)
    learners = [sorted(re.findall(r">(\w)@example\.com<", _text(viewer.get(step)))) for step in steps]
    assert learners == [["a", "b", "c", "d"], ["b", "c", "d"], ["c", "d"]]


def test_activities_without_a_name_come_last_and_say_their_iri_once(viewer, store, credential):
    nameless = "https://a.example.com/course/1"
    said = sample.statement()
    sample.send(credential.credential, [said, {**said, "id": str(uuid.uuid4()), "object": {"id": nameless}}])
    html = _text(viewer.get(LIST, {"store": store.pk}))
    shown = re.findall(r'class="r-main"[^>]*>([^<]*)<', html)
    assert shown == ["Data protection: the complete course", nameless]
    assert html.count(f">{nameless}<") == 1
