"""Writing to SQLite: one writer at a time, so that its time of storing always moves forward."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection
from django.db import transaction as django_transaction

from statements.entry import Entry
from statements.errors import TooSlow
from statements.store.rows import MENTION, STATEMENT, Row

# A write transaction is alone.
FOR_UPDATE = ""


@contextmanager
def transaction(store: int, refers: bool) -> Iterator[datetime]:
    """See Dialect.transaction; atomic() begins IMMEDIATE (config.settings), so no other write is open."""
    with django_transaction.atomic():
        now = datetime.now(UTC)
        last = _newest(store)
        # A clock that was set back must not store something before what readers have seen.
        yield now if last is None or last < now else last + timedelta(microseconds=1)


def quick(entry: Entry, besides: Callable[[], None] | None) -> bool:
    """See Dialect.quick; without a network in between the general way is short enough."""
    return False


@contextmanager
def writing(statements: Iterable[Row], mentions: Iterable[Row]) -> Iterator[None]:
    """See Dialect.writing."""
    _insert("INSERT", "statements_statement", STATEMENT, statements)
    _insert("INSERT", "statements_mention", MENTION, mentions)
    yield


def link(mentions: Sequence[Row]) -> None:
    """See Dialect.link."""
    _insert("INSERT OR IGNORE", "statements_mention", MENTION, mentions)


def replace(table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """See Dialect.replace."""
    changed = ", ".join(f'"{column}" = excluded."{column}"' for column in columns if column != "key")
    _insert("INSERT", table, columns, rows, f" ON CONFLICT (key) DO UPDATE SET {changed}")


def through(store: int) -> datetime:
    """See Dialect.through.

    With no write open nothing can appear before now. With one open, it is stored after everything that is seen here.
    """
    connection.ensure_connection()
    if connection.in_atomic_block:
        return _newest(store) or datetime.fromtimestamp(0, UTC)
    raw: sqlite3.Connection = connection.connection
    (patience,) = raw.execute("PRAGMA busy_timeout").fetchone()
    raw.execute("PRAGMA busy_timeout = 0")
    try:
        raw.execute("BEGIN IMMEDIATE")
        now = datetime.now(UTC)
        raw.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return _newest(store) or datetime.fromtimestamp(0, UTC)
    finally:
        raw.execute(f"PRAGMA busy_timeout = {int(patience)}")
    return now - timedelta(microseconds=1)


def first_rows(table: str, column: str, store: int, keys: Sequence[UUID], most: int) -> list[str]:
    """See Dialect.first_rows."""
    within, values = among(f'"{column}"', [each.hex for each in keys])
    sql = f'SELECT "{column}" FROM {table} WHERE store = %s AND {within} ORDER BY "{column}" LIMIT {most}'
    return [key(value) for (value,) in select(sql, [store, *values])]


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """See Dialect.limited."""
    connection.ensure_connection()
    raw: sqlite3.Connection = connection.connection
    end = monotonic() + seconds
    raw.set_progress_handler(lambda: monotonic() > end, 10_000)
    try:
        yield
    except OperationalError as problem:
        if "interrupted" in str(problem):
            raise TooSlow(seconds) from None
        raise
    finally:
        raw.set_progress_handler(None, 0)


def select(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """See Dialect.select."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def among(column: str, keys: Sequence[str]) -> tuple[str, list[Any]]:
    """See Dialect.among."""
    return f"{column} IN ({', '.join(['%s'] * len(keys))})", list(keys)


def given(**columns: str) -> str:
    """See Dialect.given; the types are what JSON makes of them."""
    fields = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in columns)
    return f"(SELECT {fields} FROM json_each(%s)) given"


def time(moment: datetime) -> Any:
    """See Dialect.time: as Django keeps it, so that text compares like time."""
    return str(moment.astimezone(UTC).replace(tzinfo=None))


def moment(value: Any) -> datetime:
    """See Dialect.moment: a column comes as a naive time, an expression as text."""
    return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).replace(tzinfo=UTC)


def key(value: Any) -> str:
    """See Dialect.key."""
    return str(value)


def _newest(store: int) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(stored) FROM statements_statement WHERE store = %s", [store])
        (newest,) = cursor.fetchone()
    return None if newest is None else moment(newest)


def _insert(verb: str, table: str, columns: Sequence[str], rows: Iterable[Row], ending: str = "") -> None:
    names = ", ".join(f'"{column}"' for column in columns)
    marks = ", ".join(["%s"] * len(columns))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"{verb} INTO {table} ({names}) VALUES ({marks}){ending}",
            [[time(value) if isinstance(value, datetime) else value for value in row] for row in rows],
        )
