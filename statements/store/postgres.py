"""Writing to PostgreSQL."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from struct import Struct
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections
from django.db import transaction as django_transaction

from statements.entry import Entry
from statements.errors import TooSlow
from statements.store import rows
from statements.store.rows import MENTION, STATEMENT, Row

# Advisory locks. (REFERENCES, store) is shared by writers and exclusive for one that refers to other statements; a lock
# whose key is the time in microseconds says since when a write is open. The function that keeps one statement takes
# the same (migration 0009).
_REFERENCES = 0x4C52
FOR_UPDATE = " FOR UPDATE"

# Below this many statements the round trips of COPY cost more than it saves.
_COPY_FROM = 20

# Each reads from the one before it, because what stands side by side in one SELECT has no promised order.
_OPEN = """
WITH locked AS MATERIALIZED (SELECT {lock}(%s, %s)),
opened AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared((extract(epoch FROM clock_timestamp()) * 1000000)::bigint) FROM locked
)
SELECT clock_timestamp() FROM opened
"""
# The lock is taken before the clock is read for `stored`; a write whose lock is not seen here is stored after this
# statement began.
_THROUGH = """
SELECT least(statement_timestamp(), to_timestamp(min((classid::bigint << 32) | objid::bigint) / 1000000.0))
       - interval '1 microsecond'
FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND mode = 'ShareLock'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

# One statement that nothing refers to yet, with its mentions, in one round trip (migration 0009). Nothing is written
# where it is kept already or where something refers to it, or where it was erased; the general way sorts that out.
_ONE = f"SELECT statements_keep_one(ROW({', '.join(['%s'] * len(STATEMENT))}), %s, %s)"


@contextmanager
def transaction(store: int, refers: bool) -> Iterator[datetime]:
    """See Dialect.transaction."""
    lock = "pg_advisory_xact_lock" if refers else "pg_advisory_xact_lock_shared"
    with django_transaction.atomic():
        ((now,),) = select(_OPEN.format(lock=lock), (_REFERENCES, store))
        yield moment(now)


def quick(entry: Entry, besides: Callable[[], None] | None) -> bool:
    """See Dialect.quick."""
    if besides is None:
        return _keep_one(entry)
    with django_transaction.atomic():
        kept = _keep_one(entry)
        if kept:
            besides()
    return kept


def _keep_one(entry: Entry) -> bool:
    mentioned, roles = zip(*entry.mentions, strict=True)
    values = (*rows.statement(entry, None), "{" + ",".join(mentioned) + "}", "{" + ",".join(map(str, roles)) + "}")
    ((kept,),) = select(_ONE, values)
    return bool(kept)


@contextmanager
def writing(statements: Iterable[Row], mentions: Iterable[Row]) -> Iterator[None]:
    """See Dialect.writing."""
    left = iter(statements)
    some = list(islice(left, _COPY_FROM))
    if len(some) < _COPY_FROM:
        _values("statements_statement", STATEMENT, some)
        _values("statements_mention", MENTION, list(mentions))
        yield
        return
    with _copying("statements_statement", STATEMENT) as copy:
        for row in chain(some, left):
            copy.write_row(row)
        # Made while the server is still busy with the statements, as the last of them are with the first.
        packed = _packed(list(mentions))
    with _copying("statements_mention", MENTION, " (FORMAT binary)") as copy:
        copy.write(packed)
        yield


def link(mentions: Sequence[Row]) -> None:
    """See Dialect.link."""
    _values("statements_mention", MENTION, mentions, " ON CONFLICT DO NOTHING")


def replace(table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """See Dialect.replace. Over a temporary table, because COPY itself replaces nothing."""
    names = ", ".join(f'"{column}"' for column in columns)
    changed = ", ".join(f'"{column}" = excluded."{column}"' for column in columns if column != "key")
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS incoming_{table} (LIKE {table}) ON COMMIT DELETE ROWS")
    _copy(f"incoming_{table}", columns, rows)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM incoming_{table}"
            # By its name, since a distributed table has the store in it (statements.store.distribution).
            f" ON CONFLICT ON CONSTRAINT {table}_pkey DO UPDATE SET {changed}"
        )
        cursor.execute(f"TRUNCATE incoming_{table}")


def through(store: int) -> datetime:
    """See Dialect.through."""
    ((now,),) = select(_THROUGH, ())
    return moment(now)


def select(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """See Dialect.select. Planned once for each connection, and read in the binary form, whose times C code makes.

    Only here: of what Django asks, whose values are part of the text, psycopg would keep the last hundred texts to see
    whether one comes again, which are tens of kilobytes each where a thousand rows are read by their keys.
    """
    # Looked up once: `connection` finds this thread's anew with each use.
    database = connections[DEFAULT_DB_ALIAS]
    with database.wrap_database_errors:
        database.ensure_connection()
        raw: psycopg.Connection[Any] = database.connection
        cursor = psycopg.Cursor(raw)
        raw.prepare_threshold = 0
        try:
            cursor.execute(sql, values or None, prepare=True, binary=True)
        finally:
            raw.prepare_threshold = None
        return cursor.fetchall()


def among(column: str, keys: Sequence[str]) -> tuple[str, list[Any]]:
    """See Dialect.among: one value however many keys, so that the plan is one."""
    return f"{column} = ANY(%s::uuid[])", ["{" + ",".join(keys) + "}"]


def first_rows(table: str, column: str, store: int, keys: Sequence[UUID], most: int) -> list[str]:
    """See Dialect.first_rows. Key by key, because with IN (...) PostgreSQL reads all the rows and sorts them."""
    rows = select(
        f"SELECT wanted.key FROM unnest(%s::uuid[]) WITH ORDINALITY AS wanted (key, number) CROSS JOIN LATERAL"
        f' (SELECT 1 FROM {table} WHERE store = %s AND "{column}" = wanted.key LIMIT {most}) AS found LIMIT {most}',
        ["{" + ",".join(each.hex for each in keys) + "}", store],
    )
    return [key(value) for (value,) in rows]


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """See Dialect.limited; the limit stays with the connection, so that it costs a round trip only once."""
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    if _limits.get(raw) != seconds:
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {seconds * 1000}")
        _limits[raw] = seconds
    try:
        yield
    except OperationalError as problem:
        if isinstance(problem.__cause__, psycopg.errors.QueryCanceled):
            raise TooSlow(seconds) from None
        raise


_limits: WeakKeyDictionary[psycopg.Connection[Any], int] = WeakKeyDictionary()


def given(**columns: str) -> str:
    """See Dialect.given."""
    fields = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    return f"jsonb_to_recordset(%s::jsonb) given({fields})"


def time(moment: datetime) -> Any:
    """See Dialect.time."""
    return moment


def moment(value: Any) -> datetime:
    """See Dialect.moment."""
    return value.astimezone(UTC)  # type: ignore[no-any-return]


def key(value: Any) -> str:
    """See Dialect.key."""
    return value.hex if isinstance(value, UUID) else value


def _copy(table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    with _copying(table, columns) as copy:
        for row in rows:
            copy.write_row(row)


# What COPY reads in its binary form: a signature, flags and the length of an extension; rows; an end. A row is the
# number of its fields, and each field its length and its bytes (PostgreSQL's manual, COPY, "Binary Format").
_BINARY_BEGIN = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_BINARY_END = b"\xff\xff"
# The columns of MENTION: an integer, a UUID, a time in microseconds since 2000, a UUID, a small integer, a UUID.
_BINARY_MENTION = Struct(">h ii i16s iq i16s ih i16s").pack
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _packed(mentions: Sequence[Row]) -> bytes:
    """What COPY reads: there are many, and their text would cost the server more.

    In the order of the primary key, so that each page of it that a batch has to do with is looked for once.
    """
    moments = {stored: (stored - _EPOCH) // _MICROSECOND for stored in {row[2] for row in mentions}}
    digits = {row[3] for row in mentions} | {row[1] for row in mentions} | {row[5] for row in mentions}
    keys = {key: bytes.fromhex(key) for key in digits}
    rows = [
        _BINARY_MENTION(6, 4, store, 16, keys[key], 8, moments[stored], 16, keys[statement], 2, role, 16, keys[via])
        for store, key, stored, statement, role, via in mentions
    ]
    rows.sort()
    return b"".join((_BINARY_BEGIN, *rows, _BINARY_END))


@contextmanager
def _copying(table: str, columns: Sequence[str], form: str = "") -> Iterator[psycopg.Copy]:
    names = ", ".join(f'"{column}"' for column in columns)
    command = f"COPY {table} ({names}) FROM STDIN{form}"
    # Outside of execute() Django leaves errors as psycopg names them; a retry must know them.
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(command) as copy:
        yield copy


def _values(table: str, columns: Sequence[str], rows: Sequence[Row], ending: str = "") -> None:
    if not rows:
        return
    names = ", ".join(f'"{column}"' for column in columns)
    row = f"({', '.join(['%s'] * len(columns))})"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) VALUES {', '.join([row] * len(rows))}{ending}",
            [value for given in rows for value in given],
        )
