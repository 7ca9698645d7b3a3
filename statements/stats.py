"""Counts for charts and summaries, by day, week or month (UTC; a week begins on Monday)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, F, QuerySet
from django.db.models.functions import TruncDay, TruncMonth, TruncWeek

from statements.errors import Fault, Invalid
from statements.models import Activity, Progress, Statement, Verb

PERIODS = {"day": TruncDay, "week": TruncWeek, "month": TruncMonth}
STATEMENTS = "statements"
COMPLETIONS = "completions"
# What is counted: its rows, its time, whose it is, and what it can be counted by.
_COUNTED: Mapping[str, tuple[type[Any], str, str, Mapping[str, str]]] = {
    STATEMENTS: (
        Statement,
        "stored",
        "actor",
        {"verb": "verb", "source": "credential", "kind": "kind", "activity": "object"},
    ),
    COMPLETIONS: (
        Progress,
        "completed_at",
        "person",
        {"source": "credential", "kind": "kind", "activity": "activity"},
    ),
}
# Counting so many takes some 40 ms.
MOST_COUNTED = 50_000


@dataclass(frozen=True, slots=True)
class Counting:
    """What to count: STATEMENTS that hold by when they were stored, or COMPLETIONS by when they happened.

    `since` is included and `until` is not; `by` are any of verb, source, kind and activity; `kind` and `source` (the
    credential's number) restrict. `most` is how many rows may be read for it.
    """

    store: int
    what: str = STATEMENTS
    period: str = "month"
    by: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    kind: str | None = None
    credential: int | None = None
    activity: str | None = None
    most: int | None = MOST_COUNTED


class Counted(NamedTuple):
    """How many in a period. `by` has the credential's number for source and IRIs for verb and activity."""

    period: date
    by: Mapping[str, Any]
    activity_name: str | None
    amount: int
    people: int


def count(asked: Counting) -> Iterator[Counted]:
    """The counts, the oldest period first. Raises Invalid where it cannot be counted so, or not fast enough."""
    model, time, who, fields = _COUNTED[asked.what]
    faults = [
        Fault("?by", "by", f"{asked.what} cannot be counted by {name}; but by {', '.join(fields)}")
        for name in asked.by
        if name not in fields
    ]
    if faults:
        raise Invalid(*faults)
    rows = _within(model, time, fields["activity"], asked)
    if asked.most is not None and rows.order_by()[asked.most : asked.most + 1].values_list("key").exists():
        problem = f"there are more than {asked.most} {asked.what} in this time; bring since and until closer together"
        raise Invalid(Fault("?since", "filter-needed", problem))
    groups = list(
        rows.annotate(period=PERIODS[asked.period](time))
        .values("period", **{f"by_{name}": F(fields[name]) for name in asked.by})
        .annotate(amount=Count("key"), people=Count(who, distinct=True))
        .order_by("period", *[f"by_{name}" for name in asked.by])
    )
    verbs = _iris(Verb, asked.store, groups, "by_verb")
    activities = _iris(Activity, asked.store, groups, "by_activity")
    for group in groups:
        named = {name: group[f"by_{name}"] for name in asked.by}
        activity_name = None
        if "verb" in named:
            named["verb"] = verbs.get(named["verb"], (None, None))[0]
        if "activity" in named:
            named["activity"], activity_name = activities.get(named["activity"], (None, None))
        yield Counted(group["period"].date(), named, activity_name, group["amount"], group["people"])


def _within(model: type[Any], time: str, activity: str, asked: Counting) -> "QuerySet[Any]":
    rows: QuerySet[Any] = model.objects.filter(store=asked.store)
    rows = rows.filter(voided=False) if model is Statement else rows.filter(completed_at__isnull=False)
    limits = {
        f"{time}__gte": asked.since,
        f"{time}__lt": asked.until,
        "kind": asked.kind,
        "credential": asked.credential,
        activity: asked.activity,
    }
    return rows.filter(**{name: value for name, value in limits.items() if value is not None})


def _iris(
    model: type[Any], store: int, groups: Sequence[Mapping[str, Any]], name: str
) -> dict[UUID | None, tuple[str | None, str | None]]:
    wanted = {group[name] for group in groups if group.get(name) is not None}
    found = model.objects.filter(store=store, pk__in=wanted).values_list("pk", "iri", "name") if wanted else ()
    return {key: (iri, text) for key, iri, text in found}
