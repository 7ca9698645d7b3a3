"""The ready questions have one answer, whichever way they are asked: API, CSV, SQL view, Parquet in DuckDB."""

import base64
import csv
import io
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from django.core.management import call_command
from django.db import connection

from tests.printed import documents

ROOT = Path(__file__).parents[3]
# What the printed questions are asked for, in SQL and in the API.
PRINTED = (
    ("activity", "activity_name", "count"),
    ("person_name", "activity_name", "progress"),
    ("person_name", "score"),
    ("source", "kind", "count"),
    ("id", "source", "findings"),
)
FROM, UNTIL = "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"
WEBINAR = "https://webinars.demo.example/zoom/3"
SIDES = ("Udemy Business", "Adobe Learning Manager")


@pytest.fixture(scope="module")
def lake(demo, tmp_path_factory):
    """DuckDB over the exported Parquet files."""
    folder = tmp_path_factory.mktemp("lake")
    call_command("export", "parquet", store=demo.name, out=str(folder), stdout=io.StringIO())
    progress = folder / "progress.parquet"
    call_command("export", "parquet", "progress", store=demo.name, out=str(progress), stdout=io.StringIO())
    con = duckdb.connect()
    con.sql("SET TimeZone = 'UTC'")
    con.sql(f"CREATE VIEW statement AS SELECT * FROM read_parquet('{folder}/store=*/*/*.parquet')")
    con.sql(f"CREATE VIEW progress AS SELECT * FROM '{progress}'")
    return con


def from_csv(demo, report, **given):
    answer = demo.get(report, format="csv", **given)
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode(), newline="")))


def by_view(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def texts(rows):
    return sorted(tuple(str(value) for value in row) for row in rows)


def moment(text):
    return text.replace("T", " ").replace("Z", "") if connection.vendor == "sqlite" else text


def alike(api, csv, view, parquet):
    assert texts(api), "a question without an answer proves nothing"
    assert texts(api) == texts(csv) == texts(view) == texts(parquet)


def test_completions_of_each_course_last_month(demo, lake):
    asked = {"count": "completions", "by": "activity", "kind": "course", "since": FROM, "until": UNTIL}

    def take(rows):
        return [(row["activity"], row["count"]) for row in rows]

    where = "kind = 'course' AND completed_at >= {0} AND completed_at < {1} GROUP BY activity"
    alike(
        take(demo.rows("summary", **asked)),
        take(from_csv(demo, "summary", **asked)),
        by_view(
            "SELECT activity, count(*) FROM report_completion WHERE store = %s AND " + where.format("%s", "%s"),
            demo.store,
            moment(FROM),
            moment(UNTIL),
        ),
        lake.sql("SELECT activity, count(*) FROM progress WHERE " + where.format(f"'{FROM}'", f"'{UNTIL}'")).fetchall(),
    )


def test_learners_stuck_between_1_and_99_percent(demo, lake):
    asked = {"status": "in_progress", "progress_min": "1", "progress_max": "99", "active_until": FROM}

    def take(rows):
        return [(row["person"], row["activity"], float(row["progress"])) for row in rows]

    what = "person, activity, progress"
    where = "status = 'in_progress' AND progress BETWEEN 1 AND 99 AND last_activity < {0}"
    alike(
        take(demo.rows("progress", limit=1000, **asked)),
        take(from_csv(demo, "progress", **asked)),
        by_view(
            f"SELECT {what} FROM report_progress WHERE store = %s AND {where.format('%s')}", demo.store, moment(FROM)
        ),
        lake.sql(f"SELECT {what} FROM progress WHERE " + where.format(f"'{FROM}'")).fetchall(),
    )


def test_who_failed_a_webinar(demo, lake):
    webinar = next(row["activity"] for row in demo.rows("activities", kind="webinar", limit=1000) if row["failed"] > 0)
    asked = {"activity": webinar, "status": "failed"}

    def take(rows):
        return [(row["person"], row["person_name"]) for row in rows]

    sql = "SELECT person, person_name FROM {0} WHERE status = 'failed' AND activity = {1}"
    alike(
        take(demo.rows("progress", **asked)),
        take(from_csv(demo, "progress", **asked)),
        by_view(sql.format("report_progress", "%s") + " AND store = %s", webinar, demo.store),
        lake.sql(sql.format("progress", f"'{webinar}'")).fetchall(),
    )


def test_udemy_and_adobe_side_by_side(demo, lake):
    asked = {"count": "completions", "by": "source,kind", "since": "2025-11-01T00:00:00Z", "until": UNTIL}

    def take(rows):
        counted: Counter[tuple[str, str]] = Counter()
        for row in rows:
            if row["source"].startswith(SIDES):
                counted[row["source"], row["kind"]] += int(row["count"])
        return [(*named, amount) for named, amount in counted.items()]

    sides = " OR ".join(f"source LIKE '{side}%%'" for side in SIDES)
    sql = f"SELECT source, kind, count(*) FROM {{0}} WHERE completed_at IS NOT NULL AND ({sides}) GROUP BY source, kind"
    alike(
        take(demo.rows("summary", **asked)),
        take(from_csv(demo, "summary", **asked)),
        by_view(sql.replace("WHERE", "WHERE store = %s AND").format("report_completion"), demo.store),
        lake.sql(sql.replace("%%", "%").format("progress")).fetchall(),
    )


def test_statements_with_findings(demo, lake):
    def take(rows):
        return [(row["id"], row["source"], row["findings"]) for row in rows]

    sql = "SELECT id, source, findings FROM {0} WHERE findings > 0 AND NOT voided"
    alike(
        take(demo.rows("statements", has_finding="true", limit=9)),
        take(from_csv(demo, "statements", has_finding="true")),
        by_view(sql.format("report_statement") + " AND store = %s", demo.store),
        lake.sql(sql.format("statement")).fetchall(),
    )


def test_the_questions_are_answered_as_they_are_printed(demo, lrs_url, tmp_path):
    printed = (ROOT / "README.md").read_text().partition("## Ready questions\n")[2].partition("\n## ")[0]
    webinar = next(row["activity"] for row in demo.rows("activities", kind="webinar", limit=1000) if row["failed"] > 0)
    for given, here in {
        WEBINAR: webinar,
        "'demo'": f"'{demo.name}'",
        "--store demo": f"--store {shlex.quote(demo.name)}",
        "KEY:SECRET": base64.b64decode(demo.authorization.partition(" ")[2]).decode(),
        "http://localhost:8000": lrs_url,
        ".venv/bin/python manage.py": f"{shlex.quote(sys.executable)} {ROOT / 'manage.py'}",
    }.items():
        assert given in printed
        printed = printed.replace(given, here)
    asked, exported = re.findall(r"```sh\n(.*?)```", printed, re.DOTALL)
    questions, views = re.findall(r"```sql\n(.*?)```", printed, re.DOTALL)
    by_curl = [followed(demo, page) for page in documents(run(asked, tmp_path))]
    run(exported, tmp_path)
    lake = duckdb.connect()
    lake.execute(views.replace("'lake/", f"'{tmp_path}/lake/").replace("'progress.", f"'{tmp_path}/progress."))
    sql = [question for question in questions.split(";") if question.strip()]
    assert len(by_curl) == len(sql) == len(PRINTED)
    for rows, question, names in zip(by_curl, sql, PRINTED, strict=True):
        api = [tuple(row[name] for name in names) for row in rows]
        view = by_view(question)
        assert api, "a question without an answer proves nothing"
        assert texts(api) == texts(view) == texts(lake.sql(question).fetchall()), question


def run(script, folder):
    done = subprocess.run(
        ["bash", "-e"], input=script, capture_output=True, text=True, cwd=folder, env={**os.environ}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def followed(demo, page):
    """The rows of a page and of those that follow."""
    rows = page["results"]
    while page["next"]:
        page = demo.api.get(page["next"]).json()
        rows += page["results"]
    return rows


@pytest.mark.parametrize(("report", "view"), [("statements", "report_statement"), ("progress", "report_progress")])
def test_api_and_view_have_the_same_columns(demo, report, view):
    from lrs import report_views
    from lrs.reports import columns

    own = {"store", "store_name", "key"}
    assert {column.name for column in columns.REPORTS[report]} == {
        column.name for column in report_views.VIEWS[view].columns
    } - own
