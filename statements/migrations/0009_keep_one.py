"""PostgreSQL keeps one statement with its mentions in one round trip, by a function.

In a function each command sees what was committed before it began, so that the locks are taken before anything is read.
Its callers, and what the locks mean: statements.store.postgres.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

FUNCTION = """
CREATE FUNCTION statements_keep_one(given statements_statement, mentioned uuid[], roles smallint[])
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(19538, given.store);
    PERFORM pg_advisory_xact_lock_shared((extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
    given.stored := clock_timestamp();
    given."timestamp" := coalesce(given."timestamp", given.stored);
    INSERT INTO statements_statement
        SELECT given.*
        WHERE NOT EXISTS (SELECT 1 FROM statements_statement WHERE store = given.store AND target = given.key)
          AND NOT EXISTS (SELECT 1 FROM statements_erased WHERE store = given.store AND key = given.key)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO statements_mention (store, key, stored, statement, role, via)
        SELECT given.store, each.key, given.stored, given.key, each.role, given.key
        FROM unnest(mentioned, roles) AS each (key, role);
    RETURN true;
END
$$
"""


def create(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Make the function."""
    if editor.connection.vendor == "postgresql":
        editor.execute(FUNCTION)


def drop(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Remove it."""
    if editor.connection.vendor == "postgresql":
        editor.execute("DROP FUNCTION statements_keep_one")


class Migration(migrations.Migration):
    dependencies = [("statements", "0008_completions_by_index")]

    operations = [migrations.RunPython(create, drop)]
