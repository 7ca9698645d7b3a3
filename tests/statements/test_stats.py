"""Counts of very many statements come from days that were counted before, and are the same."""

import itertools
import random
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lrs import credentials
from statements import glance, progress, stats
from statements.errors import Invalid
from statements.models import Activity, Statement, Tally
from statements.stats import Counting
from statements.store import counts
from tests import sample

VOIDED = {"id": "http://adlnet.gov/expapi/verbs/voided"}


def voiding(id: str) -> dict:
    said = sample.statement()
    return {
        "id": str(uuid.uuid4()),
        "actor": said["actor"],
        "verb": VOIDED,
        "object": {"objectType": "StatementRef", "id": id},
    }


def keep(store, *statements):
    """Store them one after the other, uncounted."""
    from lrs import auth
    from lrs.models import Credential
    from statements.ingest import Source, ingest
    from statements.xapi.text import Given
    from statements.xapi.versions import Version

    found = (
        Credential.objects.filter(store=store).first()
        or credentials.create(f"credential {uuid.uuid4()}", scopes=["all"], store=store.name).credential
    )
    caller = auth.caller_of(found)
    for one in statements:
        ingest(
            [Given(orjson.dumps(one), one, "/0")],
            source=Source(caller.tenant, caller.credential, caller.authority),
            version=Version.V1,
        )


def both(asked):
    """What is counted row by row, and what is added up."""
    exact = [row._replace(people=None) for row in stats.count(replace(asked, most=None))]
    added = list(stats.count(replace(asked, most=0)))
    return sorted(exact, key=str), sorted(added, key=str)


@pytest.fixture
def spread(store):
    """40 statements, as if they had come on several days."""
    verbs = ("completed", "progressed", "failed")
    for number in range(40):
        keep(store, sample.statement(verb=verbs[number % 3], thing=f"https://a.example/{number % 5}"))
    for number, row in enumerate(Statement.objects.filter(store=store.pk).order_by("key")):
        stored = datetime(2026, 1, 1, 23, 59, 59, tzinfo=UTC) + timedelta(days=3 * (number % 13), seconds=number % 2)
        Statement.objects.filter(pk=row.pk).update(stored=stored, kind=("", "webinar")[number % 2])
    return store


@pytest.mark.parametrize("period", stats.PERIODS)
@pytest.mark.parametrize("by", [(), ("verb",), ("source", "kind"), ("verb", "source", "kind")])
def test_days_that_were_counted_add_up_to_what_rows_do(spread, period, by):
    glance.follow(spread.pk)
    exact, added = both(Counting(spread.pk, period=period, by=by))
    assert exact == added
    assert sum(row.amount for row in added) == 40


@pytest.mark.parametrize(
    "limits",
    [
        {"since": datetime(2026, 1, 5, tzinfo=UTC)},
        {"until": datetime(2026, 1, 17, tzinfo=UTC)},
        {"since": datetime(2026, 1, 5, tzinfo=UTC), "until": datetime(2026, 1, 17, tzinfo=UTC), "kind": "webinar"},
        {"credential": -1},
    ],
)
def test_limits_hold_for_what_is_added_up(spread, limits):
    glance.follow(spread.pk)
    exact, added = both(Counting(spread.pk, by=("verb",), period="day", **limits))
    assert exact == added


def test_what_is_not_counted_yet_is_added(store):
    keep(store, sample.statement(), sample.statement(verb="failed"))
    counts.advance(store.pk, 1)
    exact, added = both(Counting(store.pk, by=("verb", "source")))
    assert exact == added
    assert sum(row.amount for row in added) == 2


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_what_was_voided_is_not_counted_whatever_came_first(store, batch):
    dice = random.Random(batch)
    for order in itertools.permutations("TVW"):
        # A statement and two that void it, between others; counted meanwhile or only afterwards.
        target = sample.statement()
        said = {"T": target, "V": voiding(target["id"]), "W": voiding(target["id"])}
        for name in order:
            keep(store, sample.statement(), said[name])
            if dice.random() < 0.5:
                counts.advance(store.pk, batch)
    while counts.advance(store.pk, batch):
        pass
    exact, added = both(Counting(store.pk, by=("verb",)))
    assert exact == added
    assert sum(row.amount for row in added) == 18 + 12


def test_a_year_of_statements_takes_a_constant_number_of_queries(spread):
    glance.follow(spread.pk)
    with CaptureQueriesContext(connection) as queries:
        list(stats.count(Counting(spread.pk, by=("verb", "kind"), most=0)))
    assert len(queries) <= 9
    assert Tally.objects.filter(store=spread.pk).count() < 40


@pytest.mark.parametrize(
    ("asked", "cure"),
    [
        ({"by": ("activity",)}, "add activity"),
        ({"since": datetime(2026, 1, 5, 7, tzinfo=UTC)}, "whole days"),
        ({"activity": uuid.UUID(int=1).hex}, None),
    ],
)
def test_what_cannot_be_added_up_says_what_it_needs(spread, asked, cure):
    glance.follow(spread.pk)
    counting = Counting(spread.pk, most=0, **asked)
    if cure is None:
        assert list(stats.count(counting)) == []
        return
    with pytest.raises(Invalid, match=cure):
        list(stats.count(counting))


def test_one_activity_is_counted_by_what_mentions_it(store):
    keep(store, *[sample.statement(thing=f"https://a.example/{number % 2}") for number in range(6)])
    glance.follow(store.pk)
    key = Activity.objects.get(store=store.pk, iri="https://a.example/1").pk.hex
    [row] = stats.count(Counting(store.pk, activity=key, by=("activity",), most=3))
    assert (row.amount, row.people, row.by["activity"]) == (3, 1, "https://a.example/1")
    with pytest.raises(Invalid, match="closer together"):
        list(stats.count(Counting(store.pk, activity=key, most=2)))


def test_more_groups_than_can_be_told_quickly_are_asked_for_otherwise(spread, monkeypatch):
    glance.follow(spread.pk)
    monkeypatch.setattr(stats, "MOST_GROUPS", 12)
    assert list(stats.count(Counting(spread.pk, most=0)))
    with pytest.raises(Invalid, match="format=ndjson or csv"):
        list(stats.count(Counting(spread.pk, period="day", by=("kind",), most=0)))


@pytest.fixture
def completed(store):
    """Three people have completed two courses each, one of them in another month."""
    for number in range(6):
        said = sample.statement(
            f"mailto:p{number % 3}@example.com", "completed", f"https://a.example/{number // 3}", percent=100
        )
        keep(store, said | {"timestamp": f"2026-0{1 + number // 5}-03T00:00:00Z"})
    progress.follow(store.pk)
    return store


def test_many_completions_are_counted_without_their_people(completed):
    asked = Counting(completed.pk, stats.COMPLETIONS, by=("activity", "kind", "source"))
    exact = list(stats.count(replace(asked, most=6)))
    assert sum(row.amount for row in exact) == sum(row.people or 0 for row in exact) == 6
    many = list(stats.count(replace(asked, most=5)))
    assert [row.people for row in many] == [None] * len(exact)
    assert many == [row._replace(people=None) for row in exact]


def test_too_many_completions_are_asked_for_in_a_shorter_time(completed, monkeypatch):
    monkeypatch.setattr(stats, "_MOST_COMPLETIONS", 5)
    asked = Counting(completed.pk, stats.COMPLETIONS, most=5)
    with pytest.raises(Invalid, match="more than 5 completions in this time; bring since and until closer"):
        list(stats.count(asked))
    [row] = stats.count(replace(asked, since=datetime(2026, 2, 1, tzinfo=UTC)))
    assert (row.amount, row.people) == (1, 1)


def test_counting_completions_reads_an_index_that_has_all_it_needs(completed, database):
    if database == "sqlite":
        # It has no columns that an index merely carries along.
        return
    with CaptureQueriesContext(connection) as queries:
        list(stats.count(Counting(completed.pk, stats.COMPLETIONS, by=("activity", "kind", "source"), most=5)))
    counting = next(query["sql"] for query in queries if "GROUP BY" in query["sql"])
    with connection.cursor() as cursor:
        # What was not vacuumed has to be looked up in the table, and costs as much there.
        cursor.execute("VACUUM ANALYZE statements_progress")
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("SET enable_bitmapscan = off")
        cursor.execute("EXPLAIN " + counting)
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
        cursor.execute("RESET enable_bitmapscan")
    assert "Index Only Scan using progress_completed" in plan
