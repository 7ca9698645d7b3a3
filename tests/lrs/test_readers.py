"""Roles of PostgreSQL that may read the views; SQLite says that it has none."""

import json
import uuid
from collections.abc import Iterator
from io import StringIO
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from lrs import report_views
from tests import databases


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("reader", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def name(database: str) -> Iterator[str]:
    """A name of a role that is removed afterwards."""
    name = f"reader_{uuid.uuid4().hex[:10]}"
    yield name
    if database == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"DROP ROLE IF EXISTS {name}")


def as_reader(name: str, password: str) -> "psycopg.Connection[tuple[object, ...]]":
    where = urlsplit(databases.place().url)
    netloc = f"{name}:{password}@{where.netloc.rpartition('@')[2]}"
    return psycopg.connect(where._replace(netloc=netloc).geturl())


def test_a_reader_reads_every_view_and_nothing_else(name, database):
    if database == "sqlite":
        with pytest.raises(CommandError, match="SQLite has no roles"):
            run("create", name)
        return
    made = json.loads(run("create", name, "--json"))
    # Views that were made anew by a migration are the reader's as well.
    report_views.create()
    with as_reader(name, made["password"]) as reader:
        for view in report_views.VIEWS:
            reader.execute(f"SELECT * FROM {view} LIMIT 1")
        for forbidden in ("SELECT 1 FROM statements_statement", "SELECT secret_hash FROM lrs_credential"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(forbidden)
            reader.rollback()
        assert reader.execute("SHOW timezone").fetchone() == ("UTC",)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.execute("CREATE TABLE mine (a integer)")
        reader.rollback()
        # The role can take that setting off, and still owns nothing and may change nothing.
        reader.execute("SET default_transaction_read_only = off")
        reader.commit()
        for forbidden in ("DELETE FROM lrs_credential", "UPDATE report_person SET name = ''"):
            with pytest.raises(psycopg.errors.Error):
                reader.execute(forbidden)
            reader.rollback()
    assert run("drop", name) == f"{name} is gone.\n"


def test_what_makes_no_sense_is_refused_in_a_sentence(name, database):
    if database == "sqlite":
        return
    with pytest.raises(CommandError, match="A role's name has small letters"):
        run("create", 'a"; DROP ROLE b')
    run("create", name)
    with pytest.raises(CommandError, match="already"):
        run("create", name)
    with pytest.raises(CommandError, match="There is no reader 'postgres'"):
        run("drop", "postgres")
