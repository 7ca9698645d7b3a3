"""PostgreSQL keeps one statement by a function, to which it is given as a row of the table."""

from typing import Any

import pytest
from django.db import connection

from statements.models import Mention, Statement
from statements.store.rows import STATEMENT
from tests import sample


def test_the_row_has_the_columns_of_the_table_in_their_order(database):
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM statements_statement WHERE 1 = 0")
        assert tuple(column[0] for column in cursor.description) == STATEMENT


@pytest.mark.parametrize("timestamp", ["2026-01-01T00:00:00+00:00", None])
def test_one_statement_and_one_of_a_batch_leave_the_same_rows(client, store, timestamp):
    first, second = sample.statement(), sample.statement()
    for said in (first, second):
        said.pop("timestamp")
        said |= {"timestamp": timestamp} if timestamp else {}
    # The first of all brings names and definitions along, and goes the way of batches.
    assert client.post_statements([first]).status_code == 200
    assert client.post_statements([second]).status_code == 200
    found = [Statement.objects.filter(store=store.pk, id=said["id"]).values().get() for said in (first, second)]
    rows: list[dict[str, Any]] = [dict(row) for row in found]
    mentions = [
        sorted(Mention.objects.filter(store=store.pk, statement=row["key"]).values_list("key", "role")) for row in rows
    ]
    assert mentions[0] == mentions[1]
    for row in rows:
        its = Mention.objects.filter(store=store.pk, statement=row["key"])
        assert set(its.values_list("via", "stored")) == {(row["key"], row["stored"])}
        for own in ("id", "key", "text", "stored"):
            row.pop(own)
        if timestamp is None:
            row.pop("timestamp")
    assert rows[0] == rows[1]
