"""The SQL views: what reporting tools may rely on, whatever becomes of the tables behind them.

They are made anew after every migration and are out of the way during one: SQLite cannot change a table that a view
reads. On PostgreSQL the role READERS may read them and nothing else (lrs.readers).
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection, transaction

from statements.entry import VOIDED

READERS = "lrs_readers"


class Column(NamedTuple):
    """A column: its name, its type on PostgreSQL, where it comes from, and what it says."""

    name: str
    type: str
    sql: str
    says: str


class View(NamedTuple):
    """What each row is, the columns, and where they come from."""

    says: str
    columns: tuple[Column, ...]
    source: str


_STORE = Column("store", "bigint", "o.id", "number of the store")
_STORE_NAME = Column("store_name", "character varying", "o.name", "name of the store")
_PERSON = Column("person", "uuid", "p.key", "who; the same for all identifiers of one person")
_PERSON_NAME = Column("person_name", "text", "p.name", "empty where unknown")
_ACTIVITY = Column("activity", "text", "a.iri", "IRI of the activity")
_CALLED = "coalesce(nullif(a.name, ''), k.title, a.name)"
_CALLED_SAYS = "in English where there is that, else in any language, else the catalogue's title"
_ACTIVITY_NAME = Column("activity_name", "text", _CALLED, _CALLED_SAYS)
# Of activities' ids that are written with a slash at the end or without one, and with the host in lower case. An id has
# one title; that it is grouped by says so, and PostgreSQL leaves the join out where nobody asks for the name.
_TITLES = """LEFT JOIN (SELECT store, iri, max(title) AS title FROM statements_title GROUP BY store, iri) k
ON k.store = a.store AND k.iri = rtrim(a.iri, '/')"""
_SOURCE = Column("source", "character varying", "c.name", "name of the credential that sent the latest statement")

_PROGRESS_KIND = "coalesce(nullif(g.kind, ''), a.kind)"
_PROGRESS = f"""statements_progress g
JOIN statements_store o ON o.id = g.store
JOIN statements_person p ON p.store = g.store AND p.key = g.person
JOIN statements_activity a ON a.store = g.store AND a.key = g.activity
{_TITLES}
LEFT JOIN lrs_credential c ON c.id = g.credential"""


def _count(name: str, status: str) -> Column:
    return Column(name, "bigint", f"count(*) FILTER (WHERE g.status = '{status}')", f"progress rows that are {status}")


VIEWS = {
    "report_statement": View(
        "a statement, voided ones included",
        (
            _STORE,
            _STORE_NAME,
            Column("key", "uuid", "s.key", "unique among all stores"),
            Column("id", "uuid", "s.id", "of the statement"),
            Column("stored", "timestamp with time zone", "s.stored", "when it arrived"),
            Column("timestamp", "timestamp with time zone", "s.timestamp", "when it happened"),
            Column("voided", "boolean", "s.voided", "whether another statement took it back"),
            Column("voids", "uuid", "t.id", "id of the statement that this one takes back"),
            _PERSON,
            _PERSON_NAME,
            Column("learner", "text", "l.identifier", "the actor: kind of identifier and value"),
            Column("verb", "text", "v.iri", "IRI of the verb"),
            Column("verb_name", "text", "v.name", "how it is displayed"),
            Column("activity", "text", "a.iri", "IRI of the object where that is an activity"),
            _ACTIVITY_NAME,
            Column("kind", "character varying", "coalesce(nullif(s.kind, ''), a.kind, '')", "course, webinar, ..."),
            Column("registration", "uuid", "s.registration", "enrolment or session, if the sender tells"),
            Column("completion", "boolean", "s.completion", "as the result says"),
            Column("completed", "boolean", "s.completed", "completion, in whatever form the sender gave it"),
            Column("success", "boolean", "s.success", "as the result says"),
            Column("scaled", "double precision", "s.scaled", "score, -1 to 1"),
            Column("raw", "double precision", "s.raw", "score"),
            Column("min", "double precision", "s.min", "lowest possible raw score"),
            Column("max", "double precision", "s.max", "highest possible raw score"),
            Column("progress", "double precision", "s.progress", "0 to 100"),
            Column("duration", "double precision", "s.duration", "seconds"),
            Column("platform", "text", "s.platform", "where it happened"),
            Column("language", "text", "s.language", "RFC 5646"),
            Column("source", "character varying", "c.name", "name of the credential that sent it"),
            Column("attachments", "smallint", "s.attachments", "how many"),
            Column(
                "findings",
                "bigint",
                "(SELECT count(*) FROM statements_finding f WHERE f.store = s.store AND f.statement = s.key)",
                "how many deviations from its sender's profile",
            ),
        ),
        f"""statements_statement s
JOIN statements_store o ON o.id = s.store
JOIN statements_verb v ON v.store = s.store AND v.key = s.verb
LEFT JOIN statements_agent l ON l.store = s.store AND l.key = s.actor
LEFT JOIN statements_identity i ON i.store = s.store AND i.key = s.actor
LEFT JOIN statements_person p ON p.store = i.store AND p.key = i.person
LEFT JOIN statements_activity a ON a.store = s.store AND a.key = s.object
{_TITLES}
LEFT JOIN statements_statement t ON t.store = s.store AND t.key = s.target AND v.iri = '{VOIDED}'
LEFT JOIN lrs_credential c ON c.id = s.credential""",
    ),
    "report_progress": View(
        "where a person stands with an activity, under one registration",
        (
            _STORE,
            _STORE_NAME,
            Column("key", "uuid", "g.key", "unique among all stores"),
            _PERSON,
            _PERSON_NAME,
            Column("person_reference", "text", "p.reference", "what the organisation calls them"),
            _ACTIVITY,
            _ACTIVITY_NAME,
            Column("kind", "character varying", _PROGRESS_KIND, "course, webinar, ..."),
            Column("registration", "uuid", "g.registration", "enrolment or session, if the sender tells"),
            Column(
                "status",
                "character varying",
                "g.status",
                "registered, in_progress, passed, completed, failed or unregistered",
            ),
            _SOURCE,
            Column("platform", "text", "g.platform", "of the latest statement"),
            Column("first_seen", "timestamp with time zone", "g.first_seen", "the earliest statement's timestamp"),
            Column("last_activity", "timestamp with time zone", "g.last_activity", "the latest statement's timestamp"),
            Column("progress", "double precision", "g.progress", "the latest, 0 to 100"),
            Column("progress_at", "timestamp with time zone", "g.progress_at", "when that was said"),
            Column("progress_max", "double precision", "g.progress_max", "the greatest, 0 to 100"),
            Column("completed_at", "timestamp with time zone", "g.completed_at", "the first completion"),
            Column("rolled_back_at", "timestamp with time zone", "g.rolled_back_at", "when it was last taken back"),
            Column("success", "boolean", "g.success", "the latest verdict"),
            Column("success_at", "timestamp with time zone", "g.success_at", "when that was said"),
            Column("score", "double precision", "g.score", "the best, scaled"),
            Column("state", "character varying", "g.state", "registered, unregistered or empty"),
            Column("state_at", "timestamp with time zone", "g.state_at", "when that was said"),
            Column("attempts", "integer", "g.attempts", "how often it was tried"),
            Column("statements", "integer", "g.statements", "how many, without voided ones"),
        ),
        _PROGRESS,
    ),
    "report_completion": View(
        "a completion that stands: the progress of those who are done",
        (
            _STORE,
            _STORE_NAME,
            _PERSON,
            _PERSON_NAME,
            _ACTIVITY,
            _ACTIVITY_NAME,
            Column("kind", "character varying", _PROGRESS_KIND, "course, webinar, ..."),
            Column("registration", "uuid", "g.registration", "enrolment or session, if the sender tells"),
            _SOURCE,
            Column("completed_at", "timestamp with time zone", "g.completed_at", "the first completion"),
            Column("success", "boolean", "g.success", "the latest verdict"),
            Column("score", "double precision", "g.score", "the best, scaled"),
        ),
        f"{_PROGRESS}\nWHERE g.completed_at IS NOT NULL",
    ),
    "report_activity": View(
        "an activity that somebody has progress with",
        (
            _STORE,
            _STORE_NAME,
            _ACTIVITY,
            Column("name", "text", _CALLED, _CALLED_SAYS),
            Column("kind", "character varying", "coalesce(nullif(max(g.kind), ''), a.kind)", "course, webinar, ..."),
            Column("people", "bigint", "count(DISTINCT g.person)", "how many people"),
            _count("registered", "registered"),
            _count("in_progress", "in_progress"),
            _count("passed", "passed"),
            _count("completed", "completed"),
            _count("failed", "failed"),
            _count("unregistered", "unregistered"),
            Column("statements", "bigint", "sum(g.statements)", "how many, without voided ones"),
            Column("last_activity", "timestamp with time zone", "max(g.last_activity)", "the latest timestamp"),
        ),
        f"""statements_progress g
JOIN statements_store o ON o.id = g.store
JOIN statements_activity a ON a.store = g.store AND a.key = g.activity
{_TITLES}
GROUP BY o.id, o.name, a.key, a.iri, a.name, a.kind, k.title""",
    ),
    "report_person": View(
        "a person",
        (
            _STORE,
            _STORE_NAME,
            Column("person", "uuid", "p.key", "as in the other views"),
            Column("name", "text", "p.name", "empty where unknown"),
            Column("reference", "text", "p.reference", "what the organisation calls them"),
            Column("created", "timestamp with time zone", "p.created", "when they were first heard of"),
            Column("identities", "bigint", "i.identities", "how many identifiers"),
            Column(
                "activities",
                "bigint",
                "(SELECT count(DISTINCT g.activity) FROM statements_progress g"
                " WHERE g.store = p.store AND g.person = p.key)",
                "how many there is progress with",
            ),
            Column(
                "completed",
                "bigint",
                "(SELECT count(DISTINCT g.activity) FROM statements_progress g"
                " WHERE g.store = p.store AND g.person = p.key AND g.completed_at IS NOT NULL)",
                "how many of these are completed",
            ),
            Column(
                "last_activity",
                "timestamp with time zone",
                "(SELECT max(g.last_activity) FROM statements_progress g WHERE g.store = p.store AND g.person = p.key)",
                "the latest timestamp",
            ),
        ),
        """statements_person p
JOIN statements_store o ON o.id = p.store
JOIN (SELECT store, person, count(*) AS identities FROM statements_identity GROUP BY store, person) i
  ON i.store = p.store AND i.person = p.key""",
    ),
    "report_source_quality": View(
        "a source: a credential, and how good what it sends is",
        (
            _STORE,
            _STORE_NAME,
            Column("source", "character varying", "c.name", "name of the credential"),
            Column("statements", "bigint", "coalesce(s.statements, 0)", "how many were kept"),
            Column("voided", "bigint", "coalesce(s.voided, 0)", "of these, how many were voided"),
            Column("first_stored", "timestamp with time zone", "s.first_stored", "when the first arrived"),
            Column("last_stored", "timestamp with time zone", "s.last_stored", "when the latest arrived"),
            Column("findings", "bigint", "coalesce(f.findings, 0)", "deviations from the sender's profile"),
            Column("with_findings", "bigint", "coalesce(f.with_findings, 0)", "statements that have any"),
            Column("refused", "bigint", "coalesce(r.refused, 0)", "requests that were refused"),
            Column("last_refused", "timestamp with time zone", "r.last_refused", "when the latest was"),
        ),
        """lrs_credential c
JOIN statements_store o ON o.id = c.store_id
LEFT JOIN (SELECT store, credential, count(*) AS statements, count(*) FILTER (WHERE voided) AS voided,
                  min(stored) AS first_stored, max(stored) AS last_stored
           FROM statements_statement GROUP BY store, credential) s ON s.store = c.store_id AND s.credential = c.id
LEFT JOIN (SELECT store, credential, count(*) AS findings, count(DISTINCT statement) AS with_findings
           FROM statements_finding GROUP BY store, credential) f ON f.store = c.store_id AND f.credential = c.id
LEFT JOIN (SELECT credential_id, sum(count) AS refused, max(last) AS last_refused
           FROM lrs_refusalkind GROUP BY credential_id) r ON r.credential_id = c.id""",
    ),
}


_TABLES = {table for view in VIEWS.values() for table in re.findall(r"\b(?:statements|lrs)_\w+", view.source)}


def drop(plan: Sequence[Any] = (), **signal: Any) -> None:
    """Remove the views, if anything is to be migrated."""
    if plan:
        _execute([f"DROP VIEW IF EXISTS {name}" for name in VIEWS])


def create(plan: Sequence[Any] = (), **signal: Any) -> None:
    """Make the views as they are to be, and let the readers read them again.

    Not where only some of the migrations were made, or some unmade: then a table or a column may be missing.
    """
    if any(backwards for _, backwards in plan) or _TABLES - set(connection.introspection.table_names()):
        return
    _execute([f"DROP VIEW IF EXISTS {name}" for name in VIEWS] + [sql(name) for name in VIEWS])
    if connection.vendor == "postgresql":
        grant()


def grant() -> None:
    """Let READERS read the views, where there is that role."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [READERS])
        if cursor.fetchone():
            cursor.execute(f"GRANT SELECT ON {', '.join(VIEWS)} TO {READERS}")


def sql(name: str) -> str:
    """The command that makes a view."""
    view = VIEWS[name]
    columns = ",\n       ".join(f'{_as(column)} AS "{column.name}"' for column in view.columns)
    return f"CREATE VIEW {name} AS\nSELECT {columns}\nFROM {view.source}"


def _as(column: Column) -> str:
    if connection.vendor == "sqlite":
        # SQLite has no UUIDs: they are shown as everybody writes them, although the tables keep bare digits.
        return _DASHED.format(f"replace({column.sql}, '-', '')") if column.type == "uuid" else column.sql
    return f"({column.sql})::{column.type}"


_DASHED = (
    "substr({0}, 1, 8) || '-' || substr({0}, 9, 4) || '-' || substr({0}, 13, 4) || '-' || substr({0}, 17, 4) || '-' ||"
    " substr({0}, 21)"
)


def _execute(commands: Sequence[str]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for command in commands:
            cursor.execute(command)
