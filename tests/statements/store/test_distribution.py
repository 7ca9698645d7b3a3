"""What can be seen of distribution without a cluster: the plan, and that everything works with the keys it needs."""

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from statements.store import distribution
from statements.store.distribution import TABLES, By
from tests import sample

# One row for each store, or few rows that nobody joins with statements.
LEFT_WHERE_THEY_ARE = {
    "statements_act",
    "statements_checkpoint",
    "statements_counted",
    "statements_link",
    "statements_store",
    "statements_title",
}


def run(*arguments):
    output = StringIO()
    call_command("distribute", *arguments, stdout=output)
    return output.getvalue()


def distributed(by):
    """Each table and its column of distribution."""
    return dict(re.findall(r"create_distributed_table\('(\w+)', '(\w+)'", "\n".join(distribution.plan(by, 8))))


@pytest.mark.usefixtures("database")
def test_every_table_of_statements_has_its_place():
    known = {name for name in connection.introspection.table_names() if name.startswith("statements_")}
    assert known == TABLES.keys() | LEFT_WHERE_THEY_ARE
    assert distributed(By.STORE) == dict.fromkeys(TABLES, "store")
    assert distributed(By.STATEMENT)["statements_mention"] == "statement"


def test_the_first_table_says_how_many_shards_and_the_others_lie_beside_it():
    steps = json.loads(run("--by", "statement", "--shards", "12", "--dry-run", "--json"))["sql"]
    assert steps[0] == "SELECT create_reference_table('statements_store')"
    assert steps[1] == (
        "SELECT create_distributed_table('statements_statement', 'key', colocate_with => 'none', shard_count => 12)"
    )
    assert all(step.endswith("colocate_with => 'statements_statement')") for step in steps[2:])


def test_without_a_cluster_it_says_what_to_do_and_changes_nothing(database):
    expected = "SQLite is one file" if database == "sqlite" else "This PostgreSQL has no Citus"
    with pytest.raises(CommandError, match=expected):
        run("--by", "store")
    with pytest.raises(CommandError, match="from 1 to 10000"):
        run("--by", "store", "--shards", "0", "--dry-run")


def primary_keys():
    with connection.cursor() as cursor:
        return {
            table: {
                column
                for found in connection.introspection.get_constraints(cursor, table).values()
                if found["primary_key"]
                for column in found["columns"]
            }
            for table in TABLES
        }


@pytest.fixture
def keys_with_the_store(database):
    """The primary keys as distribution by store makes them; on SQLite there is nothing to distribute."""
    changes = [step for step in distribution.plan(By.STORE, 8) if step.startswith("ALTER")]
    with connection.cursor() as cursor:
        for change in changes if database == "postgresql" else ():
            cursor.execute(change)
        yield
        for change in changes if database == "postgresql" else ():
            cursor.execute(change.replace("(store, key)", "(key)"))


def test_a_primary_key_has_the_column_of_distribution(database):
    here = primary_keys()
    assert all(column in here[table] for table, column in distributed(By.STATEMENT).items())


def test_statements_come_in_and_are_found_with_the_store_in_every_key(keys_with_the_store, database, client, store):
    from statements import progress
    from statements.models import Progress

    if database == "postgresql":
        here = primary_keys()
        assert all(column in here[table] for table, column in distributed(By.STORE).items())
    sent = [sample.statement(f"mailto:ann{number}@example.com", percent=25) for number in range(30)]
    assert client.post_statements(sent).status_code == 200
    assert client.post_statements(sent[0]).status_code == 200
    assert len(client.all_statements()) == 30
    progress.follow(store.pk)
    progress.rebuild(store.pk, lambda done: None)
    assert Progress.objects.filter(store=store.pk).count() == 30
