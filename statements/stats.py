"""Counts for charts and summaries, by day, week or month (UTC; a week begins on Monday)."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, F, IntegerField, Q, QuerySet, Sum, Value
from django.db.models.functions import TruncDay, TruncMonth, TruncWeek

from statements import catalogue
from statements.counts import Day, Tally
from statements.errors import Fault, Invalid
from statements.models import Activity, Mention, Progress, Statement, Verb
from statements.store import counts
from statements.xapi.roles import Role

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
# Counting so many, and the different people among them, takes some 40 ms.
MOST_COUNTED = 20_000
# Counting so many completions takes that long where nobody asks for people: an index has all that it needs.
_MOST_COMPLETIONS = 50_000
# Finding so many by what they mention takes that long, and so does telling of so many groups.
_MOST_MENTIONED = 5_000
MOST_GROUPS = 1_000
# So many are counted in addition while the worker is behind.
_MOST_WAITING = 50_000
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Counting:
    """What to count: STATEMENTS that hold by when they were stored, or COMPLETIONS by when they happened.

    `since` is included and `until` is not; `by` are any of verb, source, kind and activity; `kind` and `source` (the
    credential's number) restrict. `most` is how many rows may be read for it; of more statements only days that were
    counted before are added up.
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
    """How many in a period. `by` has the credential's number for source and IRIs for verb and activity.

    `people` is None where there are too many statements or completions to tell.
    """

    period: date
    by: Mapping[str, Any]
    activity_name: str | None
    amount: int
    people: int | None


def count(asked: Counting) -> Iterator[Counted]:
    """The counts, the oldest period first. Raises Invalid where it cannot be counted so, or not fast enough."""
    fields = _COUNTED[asked.what][3]
    faults = [
        Fault("?by", "by", f"{asked.what} cannot be counted by {name}; but by {', '.join(fields)}")
        for name in asked.by
        if name not in fields
    ]
    if faults:
        raise Invalid(*faults)
    many = _are_many(asked)
    groups = _tallied(asked) if many and asked.what == STATEMENTS else _counted(asked, people=not many)
    verbs = _iris(Verb, asked.store, groups, "by_verb")
    activities = _iris(Activity, asked.store, groups, "by_activity")
    called = catalogue.called(asked.store, dict(activities.values()))
    for group in groups:
        named = {name: group[f"by_{name}"] for name in asked.by}
        activity_name = None
        if "verb" in named:
            named["verb"] = verbs.get(named["verb"], (None, None))[0]
        if "activity" in named:
            named["activity"], _ = activities.get(named["activity"], (None, None))
            activity_name = called.get(named["activity"])
        yield Counted(group["period"], named, activity_name, group["amount"], group["people"])


def _counted(asked: Counting, *, people: bool) -> list[dict[str, Any]]:
    """Groups counted row by row, with their different people or without."""
    model, time, who, fields = _COUNTED[asked.what]
    rows = _within(model, time, fields["activity"], asked)
    groups = (
        rows.annotate(period=PERIODS[asked.period](time))
        .values("period", **{f"by_{name}": F(fields[name]) for name in asked.by})
        .annotate(amount=Count("*"), people=Count(who, distinct=True) if people else Value(None, IntegerField()))
        .order_by("period", *[f"by_{name}" for name in asked.by])
    )
    return [{**group, "period": group["period"].date()} for group in groups]


def _are_many(asked: Counting) -> bool:
    """Whether there are too many to count them row by row with their people. Raises Invalid where nothing serves."""
    if asked.most is None:
        return False
    if asked.what == COMPLETIONS:
        rows = _within(Progress, "completed_at", "activity", replace(asked, kind=None, credential=None, activity=None))
        most = max(asked.most, _MOST_COMPLETIONS)
        amount = rows.order_by()[: most + 1].count()
        if amount > most:
            raise _too_many(asked, "bring since and until closer together", most)
        return amount > asked.most
    if asked.activity is not None:
        about = Mention.objects.filter(store=asked.store, key=asked.activity, role=Role.ACTIVITY)
        most = min(asked.most, _MOST_MENTIONED)
        if _exceeds(_between(about, "stored", asked), most):
            raise _too_many(asked, "bring since and until closer together", most)
        return False
    if not _exceed(asked, asked.most):
        return False
    if "activity" in asked.by:
        raise _too_many(asked, "add activity, or bring since and until closer together")
    if any(moment is not None and moment != _midnight(moment) for moment in (asked.since, asked.until)):
        raise _too_many(asked, "make since and until whole days (00:00 UTC), or bring them closer together")
    return True


def _too_many(asked: Counting, cure: str, most: int | None = None) -> Invalid:
    problem = f"there are more than {most or asked.most} {asked.what} in this time; {cure}"
    return Invalid(Fault("?since", "filter-needed", problem))


def _exceed(asked: Counting, most: int) -> bool:
    days = Day.objects.filter(store=asked.store)
    # Days as a whole: a few too many make a summary of counted days, which says the same.
    days = days if asked.since is None else days.filter(day__gte=asked.since.astimezone(UTC).date())
    days = days if asked.until is None else days.filter(day__lte=asked.until.astimezone(UTC).date())
    known = days.aggregate(all=Sum("statements"))["all"] or 0
    return known > most or _exceeds(_between(_waiting(asked.store, *counts.place(asked.store)), "stored", asked), most)


def _exceeds(rows: "QuerySet[Any]", most: int) -> bool:
    return rows.order_by()[most : most + 1].values_list("store").exists()


def _tallied(asked: Counting) -> list[dict[str, Any]]:
    """Groups added up of days that were counted before, and of the statements that came since."""
    for _ in range(_TRIES):
        place = counts.place(asked.store)
        groups = _add_up(asked, *place)
        if counts.place(asked.store) == place:
            return groups
    raise Invalid(Fault("?since", "filter-needed", "statements come too fast to count them now; bring until back"))


def _add_up(asked: Counting, stored: datetime, key: str) -> list[dict[str, Any]]:
    fields = {name: field for name, field in _COUNTED[STATEMENTS][3].items() if name in asked.by}
    such = {
        name: value for name, value in (("kind", asked.kind), ("credential", asked.credential)) if value is not None
    }
    kept = Tally.objects.filter(store=asked.store, **such)
    kept = kept if asked.since is None else kept.filter(day__gte=asked.since.astimezone(UTC).date())
    kept = kept if asked.until is None else kept.filter(day__lt=asked.until.astimezone(UTC).date())
    waiting = _between(_waiting(asked.store, stored, key), "stored", asked)
    if _exceeds(waiting, _MOST_WAITING):
        raise _too_many(asked, "many are yet to be counted: ask again later, or bring since and until closer together")
    named = {f"by_{name}": F(field) for name, field in fields.items()}
    sums: Counter[tuple[Any, ...]] = Counter()
    for rows, day, amount in (
        (kept, "day", Sum("statements")),
        (waiting.filter(voided=False, **such), "stored", Count("key")),
    ):
        groups = rows.annotate(period=PERIODS[asked.period](day)).values("period", **named).annotate(amount=amount)
        group: Any
        for group in groups.order_by()[: MOST_GROUPS + 1]:
            period = group["period"]
            by = [group[name] or None if name == "by_source" else group[name] for name in named]
            sums[(period.date() if isinstance(period, datetime) else period, *by)] += group["amount"]
    if len(sums) > MOST_GROUPS:
        problem = (
            f"there are more than {MOST_GROUPS} groups of very many statements; bring since and until closer together,"
            " ask for a longer period or for less in by; or ask for format=ndjson or csv, which counts on"
        )
        raise Invalid(Fault("?by", "filter-needed", problem))
    found = [
        {"period": period, **dict(zip(named, by, strict=True)), "amount": amount, "people": None}
        for (period, *by), amount in sums.items()
        if amount > 0
    ]
    return sorted(found, key=lambda group: [str(value) for value in group.values()])


def _waiting(store: int, stored: datetime, key: str) -> "QuerySet[Statement]":
    """The statements that come after a place."""
    rows = Statement.objects.filter(store=store, stored__gte=stored)
    return rows.filter(Q(stored__gt=stored) | Q(key__gt=UUID(key)))


def _between(rows: "QuerySet[Any]", time: str, asked: Counting) -> "QuerySet[Any]":
    limits = {f"{time}__gte": asked.since, f"{time}__lt": asked.until}
    return rows.filter(**{name: value for name, value in limits.items() if value is not None})


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _within(model: type[Any], time: str, activity: str, asked: Counting) -> "QuerySet[Any]":
    rows: QuerySet[Any] = _between(model.objects.filter(store=asked.store), time, asked)
    rows = rows.filter(voided=False) if model is Statement else rows.filter(completed_at__isnull=False)
    if model is Statement and asked.activity is not None:
        about = Mention.objects.filter(store=asked.store, key=asked.activity, role=Role.ACTIVITY)
        rows = rows.filter(key__in=_between(about, "stored", asked).values("statement"))
    limits = {"kind": asked.kind, "credential": asked.credential, activity: asked.activity}
    return rows.filter(**{name: value for name, value in limits.items() if value is not None})


def _iris(
    model: type[Any], store: int, groups: Sequence[Mapping[str, Any]], name: str
) -> dict[UUID | None, tuple[str, str]]:
    wanted = {group[name] for group in groups if group.get(name) is not None}
    found = model.objects.filter(store=store, pk__in=wanted).values_list("pk", "iri", "name") if wanted else ()
    return {key: (iri, text) for key, iri, text in found}
