"""The SQL views: their columns and types are a contract, and they say what the tables say."""

import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from lrs import report_views
from lrs.models import Credential
from statements import people, progress
from statements.models import Store
from tests.statements.test_progress import crowd, send, statement, void

README = Path(__file__).parents[2] / "README.md"
TEXT, NAME, UUID, TIME = "text", "character varying", "uuid", "timestamp with time zone"
MANY, NUMBER, FLAG = "bigint", "double precision", "boolean"
# Others rely on these: add columns at the end of a view if you must, and change none.
CONTRACT: dict[str, dict[str, str]] = {
    "report_statement": {
        "store": MANY, "store_name": NAME, "key": UUID, "id": UUID, "stored": TIME, "timestamp": TIME, "voided": FLAG,
        "voids": UUID, "person": UUID, "person_name": TEXT, "learner": TEXT, "verb": TEXT, "verb_name": TEXT,
        "activity": TEXT, "activity_name": TEXT, "kind": NAME, "registration": UUID, "completion": FLAG,
        "completed": FLAG, "success": FLAG, "scaled": NUMBER, "raw": NUMBER, "min": NUMBER, "max": NUMBER,
        "progress": NUMBER, "duration": NUMBER, "platform": TEXT, "language": TEXT, "source": NAME,
        "attachments": "smallint", "findings": MANY,
    },
    "report_progress": {
        "store": MANY, "store_name": NAME, "key": UUID, "person": UUID, "person_name": TEXT, "person_reference": TEXT,
        "activity": TEXT, "activity_name": TEXT, "kind": NAME, "registration": UUID, "status": NAME, "source": NAME,
        "platform": TEXT, "first_seen": TIME, "last_activity": TIME, "progress": NUMBER, "progress_at": TIME,
        "progress_max": NUMBER, "completed_at": TIME, "rolled_back_at": TIME, "success": FLAG, "success_at": TIME,
        "score": NUMBER, "state": NAME, "state_at": TIME, "attempts": "integer", "statements": "integer",
    },
    "report_completion": {
        "store": MANY, "store_name": NAME, "person": UUID, "person_name": TEXT, "activity": TEXT,
        "activity_name": TEXT, "kind": NAME, "registration": UUID, "source": NAME, "completed_at": TIME,
        "success": FLAG, "score": NUMBER,
    },
    "report_activity": {
        "store": MANY, "store_name": NAME, "activity": TEXT, "name": TEXT, "kind": NAME, "people": MANY,
        "registered": MANY, "in_progress": MANY, "passed": MANY, "completed": MANY, "failed": MANY,
        "unregistered": MANY, "statements": MANY, "last_activity": TIME,
    },
    "report_person": {
        "store": MANY, "store_name": NAME, "person": UUID, "name": TEXT, "reference": TEXT, "created": TIME,
        "identities": MANY, "activities": MANY, "completed": MANY, "last_activity": TIME,
    },
    "report_source_quality": {
        "store": MANY, "store_name": NAME, "source": NAME, "statements": MANY, "voided": MANY, "first_stored": TIME,
        "last_stored": TIME, "findings": MANY, "with_findings": MANY, "refused": MANY, "last_refused": TIME,
    },
}  # fmt: skip


def select(sql: str, *values: Any) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.mark.parametrize("view", CONTRACT)
def test_columns_and_types_are_what_others_rely_on(database, view):
    if database == "postgresql":
        rows = select(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s"
            " ORDER BY ordinal_position",
            view,
        )
        assert {row["column_name"]: row["data_type"] for row in rows} == CONTRACT[view]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {view} LIMIT 1")
        assert [column[0] for column in cursor.description] == list(CONTRACT[view])


def test_the_readme_describes_every_column_of_every_view():
    section = README.read_text().partition("## SQL views")[2].partition("\n## ")[0]
    for name, view in report_views.VIEWS.items():
        table = section.partition(f"### `{name}`")[2].partition("\n### ")[0]
        described = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", table, re.MULTILINE)
        assert described == [(column.name, column.type, column.says) for column in view.columns]


def test_a_statement_is_told_with_names_instead_of_keys(store, credential):
    done = statement("ann", "completed", "1", 5, completion=True, score={"scaled": 0.5}, duration="PT90S")
    done["actor"]["name"] = "Ann"
    done["verb"]["display"] = {"en": "finished"}
    done["object"]["definition"]["name"] = {"de": "Kurs", "en-GB": "Course"}
    done["context"] = {"registration": str(uuid.uuid4()), "platform": "Udemy Business"}
    taken_back = void(done)
    send(store, done, credential=credential.credential.pk)
    send(store, taken_back, credential=credential.credential.pk)
    progress.follow(store.pk)
    person = people.person_of(store.pk, "mbox mailto:ann@example.com")
    assert person is not None
    row, voiding = select("SELECT * FROM report_statement WHERE store = %s ORDER BY stored", store.pk)
    told = {name: str(row[name]) for name in ("id", "person", "registration")}
    assert told == {"id": done["id"], "person": str(person.key), "registration": done["context"]["registration"]}
    names = ("store_name", "person_name", "learner", "verb_name", "activity", "activity_name", "kind", "source")
    assert [row[name] for name in names] == [
        store.name,
        "Ann",
        "mbox mailto:ann@example.com",
        "finished",
        "https://lms.example.com/1",
        "Course",
        "course",
        credential.credential.name,
    ]
    numbers = ("completion", "completed", "scaled", "progress", "duration", "voided", "findings")
    assert [row[name] for name in numbers] == [True, True, 0.5, 100, 90, True, 0]
    assert str(voiding["voids"]) == done["id"]
    assert voiding["activity"] is None


def test_progress_completions_activities_and_people_agree(store, credential):
    crowd(store, 300)
    progress.follow(store.pk)
    rows = select("SELECT * FROM report_progress WHERE store = %s", store.pk)
    assert sum(row["statements"] for row in rows) == 285
    completions = select("SELECT * FROM report_completion WHERE store = %s", store.pk)
    assert len(completions) == sum(row["completed_at"] is not None for row in rows) > 0
    activities = select("SELECT * FROM report_activity WHERE store = %s", store.pk)
    assert len(activities) == 5
    for status in ("registered", "in_progress", "passed", "completed", "failed", "unregistered"):
        assert sum(row[status] for row in activities) == sum(row["status"] == status for row in rows)
    assert {str(row["person"]) for row in rows} == {
        str(row["person"])
        for row in select("SELECT * FROM report_person WHERE store = %s AND activities > 0", store.pk)
    }
    done = select("SELECT sum(completed) AS done FROM report_person WHERE store = %s", store.pk)
    assert done == [{"done": len(completions)}]


def test_a_merged_person_is_one_row(store):
    send(store, statement("ann", "completed", "1", 1), statement("bob", "completed", "2", 1))
    progress.follow(store.pk)
    people.link(store.pk, ["mbox mailto:ann@example.com", "mbox mailto:bob@example.com"], by="test")
    (row,) = select("SELECT * FROM report_person WHERE store = %s", store.pk)
    assert (row["identities"], row["activities"], row["completed"]) == (2, 2, 2)


def test_a_source_is_told_with_what_it_sent(store, credential):
    sent = [statement("ann", "completed", str(number), 1) for number in range(3)]
    send(store, *sent, credential=credential.credential.pk)
    send(store, void(sent[0]), credential=None)
    (row,) = select("SELECT * FROM report_source_quality WHERE store = %s", store.pk)
    assert (row["source"], row["statements"], row["voided"], row["refused"]) == (credential.credential.name, 3, 1, 0)


def test_the_views_are_there_again_after_a_migration(database):
    report_views.drop([("any", False)])
    assert not set(CONTRACT) & set(connection.introspection.table_names(include_views=True))
    call_command("migrate", verbosity=0)
    assert set(CONTRACT) <= set(connection.introspection.table_names(include_views=True))


def test_stores_without_anything_have_no_rows(database):
    empty = Store.objects.create(name=str(uuid.uuid4()))
    assert not Credential.objects.filter(store=empty).exists()
    for view in CONTRACT:
        assert select(f"SELECT * FROM {view} WHERE store = %s", empty.pk) == []
