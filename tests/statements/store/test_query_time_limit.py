"""A query that takes too long is given up, and the connection serves the next one."""

import time

import pytest

LONG = {
    "postgresql": "SELECT pg_sleep(20)",
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n WHERE x < 0",
}


@pytest.mark.usefixtures("database")
def test_a_query_above_the_limit_is_given_up_with_a_sentence_and_the_next_one_works():
    from django.db import connection

    from statements.errors import TooSlow
    from statements.store.dialect import dialect

    here = dialect()
    began = time.monotonic()
    with pytest.raises(TooSlow, match="longer than 1 s"), here.limited(1):
        here.select(LONG[connection.vendor], ())

    assert time.monotonic() - began < 10
    with here.limited(30):
        assert here.select("SELECT 1", ()) == [(1,)]


def test_a_query_that_was_given_up_is_answered_with_503():
    from lrs.problems import answer
    from statements.errors import TooSlow

    response = answer(TooSlow(30))

    assert response.status_code == 503
    assert b"longer than 30 s" in response.content
