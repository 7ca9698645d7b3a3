"""The tables of many rows over the nodes of a Citus cluster: which table goes by which column.

By *store*, all of a store is on one node: its lists ask one node, and a large store cannot outgrow it. By *statement*,
a statement is with its mentions on one node and a store is on all of them: writes spread, lists ask every node.
Nothing else changes: every query of these tables names the store, and no constraint reaches over two of them.

Source: docs.citusdata.com, "Creating and Modifying Distributed Objects" (create_distributed_table, colocate_with,
create_reference_table; a primary key must contain the column of distribution).
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from django.db import connection, transaction


class By(StrEnum):
    """What keeps rows together."""

    STORE = "store"
    STATEMENT = "statement"


class Spread(NamedTuple):
    """A table's column of distribution for each way; None leaves the table where it is."""

    store: str | None
    statement: str | None


# The first is what the others are laid beside.
TABLES: Mapping[str, Spread] = {
    "statements_statement": Spread("store", "key"),
    "statements_mention": Spread("store", "statement"),
    "statements_finding": Spread("store", "statement"),
    "statements_provenance": Spread("store", "statement"),
    "statements_retry": Spread("store", "statement"),
    "statements_agent": Spread("store", "key"),
    "statements_activity": Spread("store", "key"),
    "statements_verb": Spread("store", "key"),
    "statements_attachment": Spread("store", "key"),
    "statements_person": Spread("store", "key"),
    "statements_identity": Spread("store", "key"),
    "statements_progress": Spread("store", "key"),
    "statements_funnel": Spread("store", "key"),
    "statements_erased": Spread("store", "key"),
    "statements_day": Spread("store", None),
    "statements_tally": Spread("store", None),
}
# Small, and joined by all: a copy on every node.
REFERENCE = ("statements_store",)
# A primary key of one column, which says nothing of the store.
_NARROW = frozenset(table for table, spread in TABLES.items() if spread.statement == "key")


class DistributionError(Exception):
    """What cannot be done, and what to do; a sentence."""


def plan(by: By, shards: int) -> Iterator[str]:
    """The SQL statements, in order."""
    for table in REFERENCE:
        yield f"SELECT create_reference_table('{table}')"
    beside = "none"
    for table, spread in TABLES.items():
        column = spread.store if by is By.STORE else spread.statement
        if column is None:
            continue
        if by is By.STORE and table in _NARROW:
            yield (
                f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey,"
                f" ADD CONSTRAINT {table}_pkey PRIMARY KEY (store, key)"
            )
        laid = f"colocate_with => '{beside}'" + (f", shard_count => {shards}" if beside == "none" else "")
        yield f"SELECT create_distributed_table('{table}', '{column}', {laid})"
        if beside == "none":
            beside = table


def distribute(by: By, shards: int) -> list[str]:
    """Carry the plan out, in one transaction; what was done. Raises DistributionError."""
    if connection.vendor != "postgresql":
        raise DistributionError("SQLite is one file; set DATABASE_URL to the coordinator of a Citus cluster.")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'citus'")
        if cursor.fetchone() is None:
            raise DistributionError(
                "This PostgreSQL has no Citus. Install it on every node, run CREATE EXTENSION citus in this database,"
                " add the nodes with citus_add_node, and run this again. --dry-run shows what it would do."
            )
        cursor.execute("SELECT logicalrelid::text FROM pg_dist_partition WHERE logicalrelid = %s::regclass", [_FIRST])
        if cursor.fetchone() is not None:
            raise DistributionError("The tables are distributed already; Citus moves them from here on.")
        done = list(plan(by, shards))
        for statement in done:
            cursor.execute(statement)
    return done


_FIRST = next(iter(TABLES))
