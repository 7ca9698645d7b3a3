"""Progress through the database: behind ingest, in any order, with duplicates, voids, kills and several workers."""

import json
import os
import random
import subprocess
import sys
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statements import ingest, keys, people, progress
from statements.entry import VOIDED, Tenant
from statements.ingest import Source
from statements.models import Activity, Checkpoint, Funnel, Identity, Progress, Statement, Store
from statements.outcome import PROGRESS
from statements.standing import Status
from statements.store import progress as rows
from statements.xapi import text
from statements.xapi.versions import Version

ADL = "http://adlnet.gov/expapi/verbs/"
UNSATISFY = "http://activitystrea.ms/unsatisfy"
AUTHORITY = b'{"objectType":"Agent","account":{"homePage":"https://lrs.example.com","name":"test"}}'
COURSE = "http://adlnet.gov/expapi/activities/course"


def statement(actor: str, verb: str, activity: str, minute: int, **result: Any) -> dict[str, Any]:
    made = {
        "id": str(uuid.uuid4()),
        "actor": {"mbox": f"mailto:{actor}@example.com"},
        "verb": {"id": verb if ":" in verb else ADL + verb},
        "object": {"id": f"https://lms.example.com/{activity}", "definition": {"type": COURSE}},
        "timestamp": (datetime(2025, 1, 15, 12, tzinfo=UTC) + timedelta(minutes=minute)).isoformat(),
    }
    return {**made, "result": result} if result else made


def void(target: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "actor": {"mbox": "mailto:admin@example.com"},
        "verb": {"id": VOIDED},
        "object": {"objectType": "StatementRef", "id": target["id"]},
    }


def send(store: Store, *statements: dict[str, Any], credential: int | None = 1) -> None:
    given = text.cut(json.dumps(list(statements)).encode(), nesting=64, most=5000)
    source = Source(Tenant(store.pk, store.namespace.bytes), credential, AUTHORITY)
    ingest.ingest(given, source=source, version=Version.V1)


def standings(store: Store) -> dict[tuple[str, str, Any], dict[str, Any]]:
    """All rows of a store, by identifier and activity: what does not depend on the store's number."""
    names = {row.person: row.identifier for row in Identity.objects.filter(store=store.pk).order_by("-identifier")}
    activities = {row.key: row.iri.rpartition("/")[2] for row in Activity.objects.filter(store=store.pk)}
    found = {}
    for told in Progress.objects.filter(store=store.pk).values():
        row: dict[str, Any] = dict(told)
        key = (names[row.pop("person")], activities[row.pop("activity")], row.pop("registration"))
        found[key] = {name: value for name, value in row.items() if name not in ("key", "store")}
    return found


def funnels(store: Store) -> dict[Any, dict[str, Any]]:
    """What is counted of each activity, by its key."""
    found = {}
    for kept in Funnel.objects.filter(store=store.pk).values():
        row: dict[str, Any] = dict(kept)
        del row["store"]
        found[row.pop("key")] = row
    return found


def walked(store: Store) -> dict[Any, dict[str, Any]]:
    """The same, by a walk through all progress."""
    found: dict[Any, dict[str, Any]] = {}
    for activity in Progress.objects.filter(store=store.pk).values_list("activity", flat=True).distinct():
        rows = list(Progress.objects.filter(store=store.pk, activity=activity))
        found[activity] = {
            "kinds": dict(Counter(row.kind for row in rows)),
            "people": len({row.person for row in rows}),
            **{status.value: sum(row.status == status for row in rows) for status in Status},
            "statements": sum(row.statements for row in rows),
            "last_activity": max(row.last_activity for row in rows),
        }
    return found


def of(store: Store, actor: str = "ann", activity: str = "1") -> dict[str, Any]:
    return standings(store)[f"mbox mailto:{actor}@example.com", activity, None]


def test_what_was_sent_is_progress_after_the_follower(store):
    send(store, statement("ann", "registered", "1", 0), statement("ann", "progressed", "1", 5, score={"scaled": 0.25}))
    assert progress.follow(store.pk) == 2
    send(store, statement("ann", "completed", "1", 9, completion=True, score={"scaled": 1}), credential=2)
    assert progress.follow(store.pk) == 1
    row = of(store)
    assert row["status"] == "completed"
    assert row["kind"] == "course"
    assert (row["progress"], row["progress_max"]) == (100, 100)
    assert row["first_seen"] == datetime(2025, 1, 15, 12, tzinfo=UTC)
    assert row["completed_at"] == row["last_activity"] == datetime(2025, 1, 15, 12, 9, tzinfo=UTC)
    assert (row["credential"], row["statements"], row["attempts"], row["state"]) == (2, 3, 1, "registered")


def test_a_course_a_collection_a_certification_and_a_webinar_report_together(store):
    types = {
        "1": COURSE,
        "2": "http://activitystrea.ms/schema/1.0/collection",
        "3": "https://w3id.org/xapi/acrossx/activities/learning-plan",
        "4": "https://w3id.org/xapi/cred/activities/credential",
        "5": "https://w3id.org/xapi/virtual-classroom/activity-types/virtual-classroom",
    }
    for activity, type in types.items():
        done = statement("ann", "attended" if activity == "5" else "completed", activity, 1, completion=True)
        done["object"]["definition"]["type"] = type
        send(store, done)
    progress.follow(store.pk)
    found = Progress.objects.filter(store=store.pk, status="completed").values_list("kind", flat=True)
    assert sorted(found) == ["certification", "course", "learning_path", "learning_path", "webinar"]


def test_each_registration_has_a_row_of_its_own(store):
    one, other = (statement("ann", "completed", "1", 1) for _ in range(2))
    one["context"] = {"registration": str(uuid.uuid4())}
    send(store, one, other)
    progress.follow(store.pk)
    assert {row["statements"] for row in standings(store).values()} == {1}
    assert len(standings(store)) == 2
    assert Progress.objects.filter(store=store.pk, registration=one["context"]["registration"]).count() == 1


def test_the_same_statement_sent_again_counts_once(store):
    sent = statement("ann", "completed", "1", 1)
    for _ in range(3):
        send(store, sent)
        progress.follow(store.pk)
    assert of(store)["statements"] == 1


def test_a_void_that_comes_later_takes_its_statement_away(store):
    done = statement("ann", "completed", "1", 9)
    send(store, statement("ann", "progressed", "1", 5, score={"scaled": 0.25}), done)
    progress.follow(store.pk)
    assert of(store)["status"] == "completed"
    send(store, void(done))
    progress.follow(store.pk)
    row = of(store)
    assert (row["status"], row["progress_max"], row["statements"], row["completed_at"]) == ("in_progress", 25, 1, None)


def test_a_row_whose_only_statement_is_voided_goes(store):
    done = statement("ann", "completed", "1", 9)
    send(store, done)
    progress.follow(store.pk)
    send(store, void(done))
    progress.follow(store.pk)
    assert standings(store) == {}


def test_a_void_that_comes_first_keeps_its_statement_out(store):
    done = statement("ann", "completed", "1", 9)
    send(store, void(done))
    progress.follow(store.pk)
    send(store, done)
    progress.follow(store.pk)
    assert standings(store) == {}


def test_a_rollback_that_comes_later_takes_the_completion_back(store):
    send(store, statement("ann", "completed", "1", 1), statement("ann", "completed", "1", 5))
    progress.follow(store.pk)
    send(store, statement("ann", UNSATISFY, "1", 3, completion=False))
    progress.follow(store.pk)
    assert of(store)["completed_at"] == datetime(2025, 1, 15, 12, 5, tzinfo=UTC)


def test_anonymous_groups_and_statements_about_agents_are_nobodys_progress(store):
    of_group = statement("ann", "completed", "1", 1)
    of_group["actor"] = {"objectType": "Group", "member": [{"mbox": "mailto:team@example.com"}]}
    about_agent = statement("ann", "completed", "1", 1)
    about_agent["object"] = {"objectType": "Agent", "mbox": "mailto:bob@example.com"}
    send(store, of_group, about_agent)
    assert progress.follow(store.pk) == 2
    assert standings(store) == {}


# Few of everything, so that most statements are about the same rows, and much of what is folded anew.
ENROLMENTS = (None, None, "5a6f2f0e-1a54-4f0c-8a3e-1d2b3c4d5e01")
SAID = ("registered", "unregistered", "progressed", "completed", "completed", "failed", UNSATISFY, UNSATISFY)
RESULTS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {},
    {"completion": True},
    {"completion": False, "score": {"scaled": 0.25}},
    {"success": False, "score": {"scaled": -0.5}},
    {"success": True, "completion": True},
    {"extensions": {PROGRESS: 40}},
)


def enrolled(registration: str | None, result: dict[str, Any], **said: Any) -> dict[str, Any]:
    made = statement(**said, **result)
    return {**made, "context": {"registration": registration, "platform": "LMS"}} if registration else made


told = st.builds(
    enrolled,
    actor=st.sampled_from(["ann", "ann", "bob"]),
    verb=st.sampled_from(SAID),
    activity=st.just("1"),
    minute=st.integers(0, 3),
    registration=st.sampled_from(ENROLMENTS),
    result=st.sampled_from(RESULTS),
)


def link(store: Store) -> None:
    people.link(store.pk, ["mbox mailto:ann@example.com", "mbox mailto:bob@example.com"], by="test")


def part(store: Store) -> None:
    """Make two of them, if they are one."""
    if people.same_person(store.pk, "mbox mailto:bob@example.com"):
        people.unlink(store.pk, "mbox mailto:bob@example.com", by="test")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_with_duplicates_voids_and_links_gives_the_same_rows(database, data):
    sent = data.draw(st.lists(told, min_size=4, max_size=12))
    sent += [void(target) for target in sent if data.draw(st.integers(0, 3)) == 0]
    everything = [*sent, *data.draw(st.lists(st.sampled_from(sent), max_size=4))]
    become = data.draw(st.sampled_from([None, None, link, part]))
    # Whoever is linked is folded anew, which would hide what went wrong before: statements come afterwards as well.
    settled = data.draw(st.integers(0, len(everything) // 2))
    first, second = (Store.objects.create(name=str(uuid.uuid4())) for _ in range(2))
    send(first, *sent)
    progress.follow(first.pk)
    if become:
        become(first)
    for number, one in enumerate(data.draw(st.permutations(everything))):
        if become and number < settled and data.draw(st.booleans()):
            data.draw(st.sampled_from([link, part]))(second)
        if become and number == settled:
            become(second)
        send(second, one)
        if data.draw(st.booleans()):
            progress.follow(second.pk)
    progress.follow(second.pk)
    assert standings(first) == standings(second)
    assert funnels(second) == walked(second)
    progress.rebuild(second.pk, lambda done: None)
    assert standings(first) == standings(second)
    assert funnels(second) == walked(second)


def crowd(store: Store, amount: int, seed: int = 1) -> None:
    chance = random.Random(seed)
    verbs = ["registered", "progressed", "completed", "passed", "failed", UNSATISFY]
    made = [
        statement(
            f"learner{chance.randrange(20)}", chance.choice(verbs), str(chance.randrange(5)), chance.randrange(60)
        )
        for _ in range(amount)
    ]
    for at in range(0, amount, 50):
        send(store, *made[at : at + 50])
    for target in chance.sample(made, amount // 20):
        send(store, void(target))


def test_small_batches_fold_to_what_one_large_one_does(store, monkeypatch):
    crowd(store, 300)
    progress.follow(store.pk)
    whole = standings(store)
    Progress.objects.filter(store=store.pk).delete()
    Checkpoint.objects.filter(store=store.pk).delete()
    monkeypatch.setattr(progress, "BATCH", 7)
    progress.follow(store.pk)
    assert standings(store) == whole


def test_funnels_are_what_a_walk_through_progress_counts(store):
    for seed in range(4):
        crowd(store, 100, seed)
        # Kinds that differ, within one standing and between several.
        webinar = statement("learner1", "attended", "1", 30)
        webinar["object"]["definition"]["type"] = "http://adlnet.gov/expapi/activities/meeting"
        stranger = {**webinar, "id": str(uuid.uuid4()), "actor": {"mbox": f"mailto:{seed}@example.com"}}
        send(store, webinar, stranger, statement("learner2", "completed", f"alone-{seed}", 70))
        progress.follow(store.pk)
        assert len(funnels(store)) == 6 + seed
        assert funnels(store) == walked(store)


def test_an_activity_whose_last_statement_is_voided_has_no_funnel(store):
    one, other = statement("ann", "completed", "1", 1), statement("ann", "completed", "2", 1)
    send(store, one, other)
    progress.follow(store.pk)
    assert len(funnels(store)) == 2
    send(store, void(one))
    progress.follow(store.pk)
    assert [row["people"] for row in funnels(store).values()] == [1]


def test_a_rebuild_is_equal_to_the_live_rows(store):
    crowd(store, 300)
    progress.follow(store.pk)
    live = standings(store)
    Progress.objects.filter(store=store.pk).update(statements=0, status="failed")
    said: list[progress.Rebuild] = []
    Funnel.objects.filter(store=store.pk).update(people=0, kinds={})
    progress.rebuild(store.pk, said.append)
    assert standings(store) == live
    assert funnels(store) == walked(store)
    assert said[-1].done == said[-1].all == 22


def test_a_rebuild_that_was_stopped_is_taken_up_where_it_was(store, monkeypatch):
    crowd(store, 100)
    progress.follow(store.pk)
    live = standings(store)
    monkeypatch.setattr(progress, "_REBUILT_AT_ONCE", 4)
    Progress.objects.filter(store=store.pk).update(statements=0)

    def stop(done: progress.Rebuild) -> None:
        if done.done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        progress.rebuild(store.pk, stop)
    said: list[progress.Rebuild] = []
    progress.rebuild(store.pk, said.append)
    assert said[0].done == 12
    assert standings(store) == live


def test_a_rebuild_neither_skips_nor_doubles_what_waits(store):
    crowd(store, 100)
    progress.follow(store.pk)
    crowd(store, 100, seed=2)
    progress.rebuild(store.pk, lambda done: None)
    progress.follow(store.pk)
    live = standings(store)
    progress.rebuild(store.pk, lambda done: None)
    assert standings(store) == live
    assert sum(row["statements"] for row in live.values()) == 190


def test_several_workers_fold_nothing_twice(store, monkeypatch):
    crowd(store, 400)
    monkeypatch.setattr(progress, "BATCH", 10)

    def work() -> None:
        try:
            while progress.lag(store.pk).statements:
                progress.follow(store.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as workers:
        for done in [workers.submit(work) for _ in range(4)]:
            done.result(120)
    assert sum(row["statements"] for row in standings(store).values()) == 380


KILLED = """
import os, sys, django
django.setup()
from statements import progress
from statements.outcome import PROGRESS
from statements.store import progress as rows
written = rows._write
def write_and_die(*given):
    written(*given)
    if write_and_die.left == 0:
        os.kill(os.getpid(), 9)
    write_and_die.left -= 1
write_and_die.left = 3
rows._write = write_and_die
progress.BATCH = 10
progress.follow(int(sys.argv[1]))
"""


def test_a_worker_that_is_killed_between_rows_and_checkpoint_counts_nothing_twice(store):
    crowd(store, 100)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(store.pk)], env=os.environ, check=False, timeout=60)
    assert killed.returncode == -9
    assert 0 < sum(row["statements"] for row in standings(store).values()) < 95
    progress.follow(store.pk)
    live = standings(store)
    assert sum(row["statements"] for row in live.values()) == 95
    progress.rebuild(store.pk, lambda done: None)
    assert standings(store) == live


def test_the_lag_is_told_until_it_is_gone(store):
    assert progress.lag(store.pk) == progress.Lag(0, False, timedelta())
    send(store, statement("ann", "completed", "1", 1), statement("bob", "completed", "1", 1))
    stored = Statement.objects.filter(store=store.pk).earliest("stored").stored
    assert progress.lag(store.pk, stored + timedelta(seconds=7)) == progress.Lag(2, False, timedelta(seconds=7))
    assert store.pk in progress.stores_behind()
    progress.follow(store.pk)
    assert progress.lag(store.pk).statements == 0
    assert store.pk not in progress.stores_behind()


def test_a_batch_takes_a_constant_number_of_queries(store):
    counted = []
    for amount in (40, 400):
        crowd(store, amount, seed=amount)
        with CaptureQueriesContext(connection) as queries:
            assert rows.advance(store.pk, 2000) > amount
        counted.append(len(queries))
    # On PostgreSQL, preparing the table that rows are copied to is one more, once for each connection.
    assert counted[1] <= counted[0] <= 31


def test_progress_by_person_and_by_activity_is_an_index_scan(store):
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    now = datetime(2025, 1, 15, tzinfo=UTC)
    counts = dict.fromkeys(("attempts", "statements", "begun", "ended", "judged", "enrolments"), 0)
    with transaction.atomic(), connection.cursor() as cursor:
        # With a handful of rows any index that begins with the store is as good to PostgreSQL.
        Progress.objects.bulk_create(
            Progress(
                key=uuid.uuid4(), store=store.pk, person=uuid.uuid4(), activity=uuid.uuid4(), first_seen=now,
                last_activity=now, **counts,
            )
            for _ in range(2000)
        )  # fmt: skip
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE statements_progress")
        # Two indexes begin with the activity, and for this one is as good as the other.
        for column, indexes in {
            "person": {"progress_person"},
            "activity": {"progress_activity", "progress_latest"},
        }.items():
            cursor.execute(
                f"{explain} SELECT * FROM statements_progress WHERE store = %s AND {column} = %s",
                [store.pk, keys.thing(store.pk, "agent", "x")],
            )
            plan = str(cursor.fetchall())
            assert [index for index in indexes if index in plan]
        transaction.set_rollback(True)
