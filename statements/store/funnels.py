"""Every write of funnels: how many people stand where with each activity, in the transaction of their progress.

They are counted as standings change: counting anew what a hundred thousand people have begun takes longer than a list
may. Whoever writes holds the lock of the store's checkpoint, so that what is read here stays as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from django.db import connection
from django.db.models import Max, QuerySet

from statements.models import Funnel, Progress
from statements.standing import Standing, Status, Whose
from statements.store.dialect import dialect

Standings = Mapping[Whose, Standing]

_COUNTS = ("people", *(status.value for status in Status), "statements")
_COLUMNS = ("key", "store", "kinds", *_COUNTS, "last_activity")
_RECOUNT = f"""
INSERT INTO statements_funnel ({", ".join(_COLUMNS)})
SELECT
    activity, store,
    (
        SELECT {{as_object}}(kind, standings) FROM (
            SELECT kind, count(*) AS standings FROM statements_progress one
            WHERE one.store = progress.store AND one.activity = progress.activity GROUP BY kind
        ) kinds
    ),
    count(DISTINCT person), {", ".join(f"count(*) FILTER (WHERE status = '{status}')" for status in Status)},
    sum(statements), max(last_activity)
FROM statements_progress progress WHERE store = %s AND {{among}} GROUP BY store, activity
"""
_NEVER = datetime.fromtimestamp(0, UTC)
_AS_OBJECT = {"postgresql": "jsonb_object_agg", "sqlite": "json_group_object"}


def follow(store: int, before: Standings, after: Standings) -> None:
    """Take away what rows of progress were `before` they were written, and add what they are `after` that.

    One that is missing before is new, and one that is missing after is gone.
    """
    activities = sorted({whose.activity for whose in (*before, *after)})
    funnels = {key: Funnel(key=key, store=store, kinds={}, last_activity=_NEVER) for key in activities}
    funnels |= {row.key.hex: row for row in _among(Funnel.objects.filter(store=store), "key", activities)}
    for whose, told in before.items():
        _count(funnels[whose.activity], told, -1)
    for whose, told in after.items():
        _count(funnels[whose.activity], told, 1)
    for activity, amount in _people(store, before, after):
        funnels[activity].people += amount
    _date(store, funnels, before, after)
    dialect().replace("statements_funnel", _COLUMNS, [_row(key, funnels[key]) for key in activities])
    _among(Funnel.objects.filter(store=store, people=0), "key", activities).delete()


def recount(store: int, activities: Sequence[str]) -> None:
    """Make the funnels of some activities anew, from their progress."""
    _among(Funnel.objects.filter(store=store), "key", activities).delete()
    among, values = dialect().among("activity", activities)
    with connection.cursor() as cursor:
        cursor.execute(_RECOUNT.format(as_object=_AS_OBJECT[connection.vendor], among=among), [store, *values])


def _count(funnel: Funnel, told: Standing, amount: int) -> None:
    setattr(funnel, told.status.value, getattr(funnel, told.status.value) + amount)
    funnel.statements += amount * told.statements
    funnel.kinds[told.kind] = funnel.kinds.get(told.kind, 0) + amount


def _people(store: int, before: Standings, after: Standings) -> Iterator[tuple[str, int]]:
    """By how many people an activity has more or less: somebody may stand there under several registrations."""
    were = {(whose.activity, whose.person) for whose in before}
    are = {(whose.activity, whose.person) for whose in after}
    changed = sorted(were ^ are)
    if not changed:
        return
    here = dialect()
    asked = [{"activity": activity, "person": person} for activity, person in changed]
    rows = here.select(
        f"SELECT one.activity, one.person, one.registration FROM {here.given(activity='uuid', person='uuid')}"
        " JOIN statements_progress one"
        " ON one.store = %s AND one.person = given.person AND one.activity = given.activity",
        [orjson.dumps(asked).decode(), store],
    )
    stay = {
        (here.key(activity), here.key(person))
        for activity, person, registration in rows
        if Whose(here.key(person), here.key(activity), registration and here.key(registration)) not in after
    }
    for activity, person in changed:
        if (activity, person) not in stay:
            yield activity, 1 if (activity, person) in are else -1


def _date(store: int, funnels: Mapping[str, Funnel], before: Standings, after: Standings) -> None:
    """Move last_activity on, and back where what was the last is so no more."""
    for whose, told in after.items():
        funnel = funnels[whose.activity]
        funnel.last_activity = max(funnel.last_activity, told.last_activity)
    lost = {
        whose.activity
        for whose, told in before.items()
        if told.last_activity == funnels[whose.activity].last_activity
        and (whose not in after or after[whose].last_activity < told.last_activity)
    }
    standings = _among(Progress.objects.filter(store=store), "activity", sorted(lost))
    for activity, last in standings.values_list("activity").annotate(last=Max("last_activity")).order_by():
        funnels[activity.hex].last_activity = last


def _among(rows: "QuerySet[Any]", column: str, keys: Sequence[str]) -> "QuerySet[Any]":
    clause, values = dialect().among(f'"{rows.model._meta.db_table}"."{column}"', keys)
    return rows.extra(where=[clause], params=values)  # noqa: S610  (our own words)


def _row(key: str, funnel: Funnel) -> tuple[str, int, str, *tuple[int, ...], datetime]:
    kinds = {kind: standings for kind, standings in funnel.kinds.items() if standings}
    counts = [getattr(funnel, name) for name in _COUNTS]
    return (key, funnel.store, orjson.dumps(kinds).decode(), *counts, funnel.last_activity)
