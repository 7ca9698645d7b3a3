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
