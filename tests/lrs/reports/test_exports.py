"""The same rows in every format, in constant memory, safe to open, and in files that others read."""

import csv
import fcntl
import gzip
import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import duckdb
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pyarrow import parquet

from lrs.reports import columns, exports, views
from lrs.reports.columns import Column, Type
from lrs.reports.walk import Walk
from statements import progress
from statements.errors import TooSlow
from statements.models import Activity, Identity, Progress
from tests.lrs.reports.conftest import END, reader_of
from tests.lrs.reports.test_changes import keep
from tests.statements.test_progress import crowd, send, statement

TEXT = Column("text", Type.TEXT, "")
NUMBER = Column("number", Type.NUMBER, "")


def body(answer):
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def from_csv(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def shown(row):
    return {
        name: "" if value is None else json.dumps(value) if isinstance(value, bool) else str(value)
        for name, value in row.items()
    }


@pytest.mark.parametrize("report", ["statements", "progress", "people", "activities", "sources"])
def test_every_format_has_the_same_rows_and_columns(demo, report, tmp_path):
    # Progress that is streamed has an order of its own.
    given = {"ordering": "-last_activity"} if report == "progress" else {}
    rows = demo.rows(report, limit=500)
    assert rows
    lines = body(demo.get(report, format="ndjson", **given)).splitlines()
    assert [json.loads(line) for line in lines] == rows
    table = from_csv(body(demo.get(report, format="csv", **given)).decode())
    # Numbers may be whole in one and not in the other's spelling, so they are compared as numbers.
    assert [{**row} for row in table] == [shown(row) for row in rows]
    file = tmp_path / "rows.parquet"
    file.write_bytes(body(demo.get(report, format="parquet", **given)))
    found = parquet.read_table(file)
    assert found.column_names == [column.name for column in columns.REPORTS[report]]
    assert json.loads(exports.json(found.to_pylist())) == rows


def test_accept_chooses_a_format_and_fields_the_columns(demo):
    answer = demo.api.get("/api/v1/progress?fields=person,status", headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"] == "text/csv"
    assert body(answer).startswith(b"person,status\r\n")


def test_what_a_spreadsheet_would_calculate_is_text(demo):
    dangerous = ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "＝1"]
    rows = [{"text": text, "number": -1.5} for text in [*dangerous, "plain", "a=b", None]]
    lines = from_csv(b"".join(exports.csv_of([rows], [TEXT, NUMBER], False)).decode())
    assert [line["text"] for line in lines] == [*("'" + text for text in dangerous), "plain", "a=b", ""]
    assert {line["number"] for line in lines} == {"-1.5"}


def test_a_byte_order_mark_comes_on_request(demo):
    assert body(demo.get("sources", format="csv", bom="true")).startswith(b"\xef\xbb\xbfsource,")
    assert body(demo.get("sources", format="csv")).startswith(b"source,")


def test_gzip_comes_where_it_is_accepted(demo):
    plain = body(demo.get("statements", format="csv"))
    answer = demo.api.get("/api/v1/statements?format=csv", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body(answer)) == plain


def test_progress_that_changes_while_it_is_streamed_is_there_once(store, monkeypatch):
    crowd(store, 200)
    progress.follow(store.pk)
    monkeypatch.setattr(views, "_AT_ONCE", 10)
    chunks = iter(reader_of(store.name, "reports/read").get("progress", format="ndjson").streaming_content)
    found = [json.loads(line) for line in next(chunks).splitlines()]
    # The oldest of those that are still to come is the newest now.
    given = {row["person"] for row in found}
    left = Progress.objects.filter(store=store.pk).exclude(person__in=given).earliest("last_activity")
    identifier = Identity.objects.filter(store=store.pk, person=left.person).get().identifier
    activity = Activity.objects.get(store=store.pk, key=left.activity).iri
    actor = identifier.removeprefix("mbox mailto:").removesuffix("@example.com")
    send(store, statement(actor, "progressed", activity.rpartition("/")[2], 10_000))
    progress.follow(store.pk)
    found += [json.loads(line) for chunk in chunks for line in chunk.splitlines()]
    places = [(row["person"], row["activity"], row["registration"]) for row in found]
    assert len(places) == len(set(places)) == Progress.objects.filter(store=store.pk).count() > 50


def test_a_stream_gives_up_a_query_that_takes_too_long(database, settings):
    settings.LRS_QUERY_TIMEOUT = 1

    def places(after, amount, most):
        with connection.cursor() as cursor:
            cursor.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
        return []

    with pytest.raises(TooSlow):
        list(views._portions(Walk(places, lambda found: {})))
    # The limit stays with the connection.
    connection.close()


def test_80_mb_of_rows_take_no_more_memory_than_two(tmp_path):
    rows = [{"text": "x" * 1000, "number": 1.0}] * 2000

    def stream():
        for _ in range(40):
            yield [dict(row) for row in rows]

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for format in ("csv", "ndjson"):
        written = sum(len(chunk) for chunk in exports.FORMATS[format].make(stream(), [TEXT, NUMBER], False))
        assert written > 80_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_an_export_of_many_statements_stays_below_200_mb(demo, tmp_path):
    code = (
        "import django; django.setup()\n"
        "from django.core.management import call_command\n"
        f"call_command('export', 'csv', store={demo.name!r}, out={str(tmp_path / 'all.csv')!r})\n"
        # Of this program alone: ru_maxrss begins with what its parent had.
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ}, check=True)
    assert int(done.stdout) < 200_000
    assert len(from_csv((tmp_path / "all.csv").read_text())) == 1996


def test_the_parquet_of_each_day_goes_on_where_it_stopped(database, tmp_path):
    from lrs import demo as generator

    name = f"increments {tmp_path.name}"
    generator.fill(name, 300, seed=1, end=END, say=lambda done: None)
    call_command("export", "parquet", store=name, out=str(tmp_path), since_last=True, stdout=io.StringIO())
    first = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")}
    generator.fill(name, 500, seed=1, end=END, say=lambda done: None)
    call_command("export", "parquet", store=name, out=str(tmp_path), since_last=True, stdout=io.StringIO())
    call_command("export", "parquet", store=name, out=str(tmp_path), since_last=True, stdout=io.StringIO())
    files = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")}
    assert len(files) == len(first) + 1
    assert first.items() <= files.items()
    assert list(tmp_path.rglob("*.part")) == []
    api = reader_of(name, "reports/read")
    changes = api.get("changes", limit=1000).json()["results"]
    sql = f"SELECT id FROM read_parquet('{tmp_path}/store=*/date=*/*.parquet', hive_partitioning=true) ORDER BY stored"
    assert [id for (id,) in duckdb.connect().execute(sql).fetchall()] == [row["id"] for row in changes]
    assert len(changes) == 500


@pytest.fixture
def lake(store, credential, tmp_path):
    """A folder that a store is exported to, piece by piece."""
    from lrs import auth
    from statements.ingest import Source

    caller = auth.caller_of(credential.credential)
    return Lake(store, Source(caller.tenant, caller.credential, caller.authority), tmp_path)


class Lake(NamedTuple):
    """A store, who sends to it, and the folder."""

    store: Any
    source: Any
    folder: Path

    def keep(self, amount):
        """Store so many more statements."""
        keep(self.source, amount)

    def export(self, **given):
        """The command, with its words as a shell has them."""
        call_command("export", "parquet", store=self.store.name, out=str(self.folder), stdout=io.StringIO(), **given)

    def ids(self):
        """What DuckDB reads."""
        files = f"{self.folder}/store=*/date=*/*.parquet"
        found = duckdb.connect().execute(f"SELECT id FROM read_parquet('{files}') ORDER BY id").fetchall()
        return [str(id) for (id,) in found]

    def all(self):
        """What the store has."""
        from statements.models import Statement

        return sorted(str(id) for id in Statement.objects.filter(store=self.store.pk).values_list("id", flat=True))


def test_an_export_of_everything_replaces_those_of_what_came(lake):
    for _ in range(3):
        lake.keep(20)
        lake.export(since_last=True)
    assert len(list(lake.folder.rglob("*.parquet"))) == 3
    lake.export()
    assert lake.ids() == lake.all()
    lake.keep(20)
    lake.export(since_last=True)
    assert lake.ids() == lake.all()
    assert len(lake.ids()) == 80


KILLED = """
import os, sys, django
django.setup()
from django.core.management import call_command
from lrs.reports import files
def die(*given):
    os.kill(os.getpid(), 9)
setattr(files, sys.argv[3], die)
call_command("export", "parquet", store=sys.argv[1], out=sys.argv[2], since_last=sys.argv[4] == "since last")
"""


@pytest.mark.parametrize("before", ["_remove", "_replace"])
@pytest.mark.parametrize("way", ["since last", "everything"])
def test_an_export_that_was_killed_is_made_up_by_the_next(lake, before, way):
    for _ in range(2):
        lake.keep(20)
        lake.export(since_last=True)
    lake.keep(20)
    command = [sys.executable, "-c", KILLED, lake.store.name, str(lake.folder), before, way]
    killed = subprocess.run(command, env={**os.environ}, check=False, timeout=60)
    assert killed.returncode == -9
    lake.keep(20)
    lake.export(since_last=True)
    assert lake.ids() == lake.all()
    assert len(lake.ids()) == 80


def test_two_exports_into_one_folder_do_not_mix(lake):
    lake.keep(20)
    lake.export(since_last=True)
    with (lake.folder / "_since").joinpath(f"{quote(lake.store.name)}.lock").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CommandError, match="another export into this folder is under way"):
            lake.export(since_last=True)
    lake.export(since_last=True)
    assert lake.ids() == lake.all()


def test_the_demo_goes_on_where_a_smaller_one_ended(database, tmp_path):
    from lrs import demo as generator
    from statements.models import Statement

    name = f"growing {tmp_path.name}"
    for amount in (700, 1300):
        store = generator.fill(name, amount, seed=1, end=END, say=lambda done: None)
        assert Statement.objects.filter(store=store).count() == amount


def test_what_cannot_be_exported_is_said_in_a_sentence(demo, tmp_path):
    with pytest.raises(CommandError, match="no store"):
        call_command("export", "csv", store="nowhere", out=str(tmp_path / "x"))
    with pytest.raises(CommandError, match="since-last"):
        call_command("export", "csv", store=demo.name, out=str(tmp_path / "x"), since_last=True)
    with pytest.raises(CommandError, match="there is no parameter"):
        call_command("export", "csv", store=demo.name, out=str(tmp_path / "x"), where="colour=red")
