"""Roles of PostgreSQL that may read the SQL views and nothing else, for reporting tools."""

import re
import secrets
from typing import NamedTuple

from django.db import DatabaseError, connection, transaction
from psycopg import sql

from lrs import report_views

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class ReaderError(Exception):
    """What cannot be done, in a sentence."""


class Reader(NamedTuple):
    """A role and its password, which is kept by PostgreSQL alone."""

    name: str
    password: str
    database: str


def create(name: str, password: str | None = None) -> Reader:
    """Make a role that reads the views of all stores. Raises ReaderError."""
    _require_postgresql()
    if not _NAME.fullmatch(name) or name.startswith("pg_"):
        raise ReaderError("A role's name has small letters, digits and _, begins with a letter and not with pg_.")
    made = secrets.token_urlsafe(24) if password is None else password
    database = str(connection.settings_dict["NAME"])
    role, group = sql.Identifier(name), sql.Identifier(report_views.READERS)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname IN (%s, %s)", [name, report_views.READERS])
        there = {found for (found,) in cursor.fetchall()}
        if name in there:
            raise ReaderError(f"There is a role {name!r} already.")
        if report_views.READERS not in there:
            cursor.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(group))
        cursor.execute("SELECT current_schema()")
        schema = sql.Identifier(cursor.fetchone()[0])
        commands = [
            sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, group),
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), group),
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}").format(role, sql.Literal(made), group),
            sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(role),
            # A date without a time is the same moment as everywhere else, wherever the database's server stands.
            sql.SQL("ALTER ROLE {} SET timezone = 'UTC'").format(role),
        ]
        for command in commands:
            cursor.execute(command)
        report_views.grant()
    return Reader(name, made, database)


def drop(name: str) -> None:
    """Remove a role that `create` made. Raises ReaderError."""
    _require_postgresql()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member"
            " WHERE g.rolname = %s AND r.rolname = %s",
            [report_views.READERS, name],
        )
        if cursor.fetchone() is None:
            raise ReaderError(f"There is no reader {name!r}.")
        try:
            cursor.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
        except DatabaseError as problem:
            raise ReaderError(f"{name!r} cannot be removed: {problem}") from None


def _require_postgresql() -> None:
    if connection.vendor != "postgresql":
        raise ReaderError("SQLite has no roles: whoever may read the file may read the views.")
