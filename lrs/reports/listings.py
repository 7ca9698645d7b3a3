"""Each report as a walk: where its rows are found, in which order, and what a list of them may need."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Case, Count, Exists, F, Max, OuterRef, QuerySet, Subquery, UUIDField, Value, When

from lrs import auth
from lrs.api.cursors import Place, beyond
from lrs.models import Credential, Refusal, RefusalKind
from lrs.reports import rows
from lrs.reports.columns import Row
from lrs.reports.filters import (
    ActivityFilters,
    CredentialFilters,
    PersonFilters,
    ProgressFilters,
    RefusalFilters,
    StatementFilters,
)
from lrs.reports.walk import Walk
from statements import keys, query, stats
from statements.errors import Fault, Invalid
from statements.models import Activity, Finding, Funnel, Identity, Mention, Person, Progress, Statement
from statements.query import Condition, Query
from statements.stats import Counting
from statements.store.dialect import dialect
from statements.xapi import actors
from statements.xapi.roles import Role


@dataclass(frozen=True, slots=True)
class Order:
    """An order of rows: its fields, the last of them unique, and what a cursor holds for each."""

    fields: tuple[str, ...]
    kinds: tuple[type, ...]
    descending: bool = False


BY_STORED = Order(("stored", "key"), (datetime, UUID))
NEWEST_STORED = Order(("stored", "key"), (datetime, UUID), descending=True)
LEAST_ACTIVE = Order(("last_activity", "key"), (datetime, UUID))
LAST_ACTIVE = Order(("last_activity", "key"), (datetime, UUID), descending=True)
FIRST_COMPLETED = Order(("completed_at", "key"), (datetime, UUID))
LAST_COMPLETED = Order(("completed_at", "key"), (datetime, UUID), descending=True)
BY_PERSON = Order(("person", "key"), (UUID, UUID))
BY_KEY = Order(("key",), (UUID,))
LAST_REFUSED = Order(("last", "pk"), (datetime, int), descending=True)
AS_MADE = Order(("number",), (int,))
_WEEK = timedelta(days=7)
# Counting so many takes some 20 ms.
_MOST_STANDINGS = 5_000
# To look mentioned statements up by key takes longer than to walk along an index.
_MOST_MENTIONED = 1_500
# Of what fits more often than that enough is found by reading in the order that is asked for.
_MOST_NAMED = 5_000
# To read so many standings and put them in order takes some 30 ms.
_MOST_SORTED = 20_000
_MOST_AT_ONCE = 1_000

_NARROW_STATEMENTS = (
    "too few of the newest statements are such ones to find a page of them quickly: add one of learner, person, verb,"
    " activity, activity_name and registration, or since and until; or ask for format=ndjson or csv, which reads on"
)
_NARROW_PROGRESS = (
    "too few are such ones to find a page of them quickly: add one of learner, person, activity and activity_name,"
    " or active_from and active_until, or completed_from and completed_until with ordering=-completed_at;"
    " or ask for format=ndjson or csv, which reads on"
)
_NARROW_PEOPLE = (
    "too few are such ones to find a page of them quickly: say learner, person or reference instead;"
    " or ask for format=ndjson or csv, which reads on"
)
_NARROW_ACTIVITIES = (
    "too few are such ones to find a page of them quickly: say activity instead;"
    " or ask for format=ndjson or csv, which reads on"
)


def statements(filters: StatementFilters, order: Order) -> Walk:
    """Statements that hold; or, with voided=true, those that were taken back."""
    store, asked = filters.store, filters.form.cleaned_data
    wanted = filters.filter_queryset(Statement.objects.filter(store=store))
    if asked["voided"] is None:
        wanted = wanted.filter(voided=False)
    conditions, anyone = tuple(filters.conditions()), filters.anyone()
    mentioned = Query(
        store=store,
        limit=0,
        conditions=conditions,
        since=asked["since"],
        until=asked["until"],
        ascending=not order.descending,
    )
    named = asked["activity_name"] and not (asked["person"] or asked["learner"])
    if named and anyone and query.are_many(mentioned, anyone, _MOST_NAMED):
        # Each of these activities would be read as far as a page goes. What fits so often is soon found among all, or
        # by what else is asked.
        anyone = None
    if wanted.query.is_empty():
        places = _all(wanted, order)
    elif conditions or anyone is not None:
        places = _mentioned(mentioned, anyone, wanted)
    elif asked["has_finding"] or asked["finding"]:
        places = _deviating(Finding.objects.filter(store=store), wanted, order)
    else:
        span = Statement.objects.filter(store=store)
        places = _within(_since(span, asked), wanted, order, _NARROW_STATEMENTS)
    return Walk(places, _rows(wanted, order, lambda found: rows.statements(store, found)))


def _since(span: "QuerySet[Any]", asked: Mapping[str, Any]) -> "QuerySet[Any]":
    span = span if asked["since"] is None else span.filter(stored__gt=asked["since"])
    return span if asked["until"] is None else span.filter(stored__lte=asked["until"])


def progress(filters: ProgressFilters, order: Order) -> Walk:
    """Where people stand."""
    store, asked = filters.store, filters.form.cleaned_data
    wanted = filters.filter_queryset(Progress.objects.filter(store=store))
    leading = [name for name in ("learner", "person", "activity", "activity_name") if asked[name]]
    if wanted.query.is_empty() or (leading and not _are_many(filters, leading)):
        places = _all(wanted, order)
    else:
        span = Progress.objects.filter(store=store)
        leads: tuple[str, ...] = ("active_from", "active_until")
        if order in (FIRST_COMPLETED, LAST_COMPLETED):
            wanted, span = wanted.filter(completed_at__isnull=False), span.filter(completed_at__isnull=False)
            leads = ("completed_from", "completed_until")
        elif asked["activity"]:
            # An index has those of each activity in this order.
            leads = ("activity", *leads)
        for name in leads:
            span = span if asked[name] is None else filters.filters[name].filter(span, asked[name])
        places = _within(span, wanted, order, _NARROW_PROGRESS)
    return Walk(places, _rows(wanted, order, lambda found: rows.progress(store, found)))


def _are_many(filters: ProgressFilters, leading: Sequence[str]) -> bool:
    """Whether more rows than can be put in order at once fit the filters that an index leads by."""
    found: QuerySet[Progress] = Progress.objects.filter(store=filters.store)
    for name in leading:
        found = filters.filters[name].filter(found, filters.form.cleaned_data[name])
    return found.order_by()[_MOST_SORTED : _MOST_SORTED + 1].values_list("store").exists()


def people(filters: PersonFilters, order: Order) -> Walk:
    """People, by key; those without identities are left over from others that they were merged with."""
    store, asked = filters.store, filters.form.cleaned_data
    known = Identity.objects.filter(store=store, person=OuterRef("key"))
    wanted = filters.filter_queryset(Person.objects.filter(Exists(known), store=store))
    if asked["learner"] or asked["person"] or asked["reference"]:
        places = _all(wanted, order)
    else:
        places = _within(Person.objects.filter(store=store), wanted, order, _NARROW_PEOPLE)
    told = _rows(wanted, order, lambda found: rows.people(store, found))
    return Walk(places, told, partial(_countable, store))


def activities(filters: ActivityFilters, order: Order) -> Walk:
    """Activities that somebody has progress with, by key."""
    store = filters.store
    known = Funnel.objects.filter(store=store, key=OuterRef("key"))
    wanted = filters.filter_queryset(Activity.objects.filter(Exists(known), store=store))
    if filters.form.cleaned_data["activity"]:
        places = _all(wanted, order)
    else:
        places = _within(Activity.objects.filter(store=store), wanted, order, _NARROW_ACTIVITIES)
    return Walk(places, _rows(wanted, order, lambda found: rows.activities(store, found)))


def _countable(store: int, places: Sequence[Place]) -> int:
    """How many of these people's standings can be counted for one page; one at least."""
    wanted = [key for (key,) in places]
    counted = Counter(dialect().first_rows("statements_progress", "person", store, wanted, _MOST_STANDINGS + 1))
    if counted.total() <= _MOST_STANDINGS:
        return len(places)
    # Of the last one not all were seen.
    seen = [number for number, key in enumerate(wanted) if key.hex in counted]
    return max(1, seen[-1])


def quarantine(filters: RefusalFilters, order: Order) -> Walk:
    """Refused requests, without their bodies."""
    wanted = filters.filter_queryset(Refusal.objects.filter(store=filters.store))

    def told(found: "QuerySet[Refusal]") -> dict[Any, Row]:
        return {
            refusal.pk: {
                "number": refusal.pk,
                "source": refusal.credential.name,
                "first": refusal.received,
                "reason": refusal.kind.fingerprint,
                **{
                    name: getattr(refusal, name)
                    for name in ("last", "times", "method", "path", "status", "sentence", "state")
                },
            }
            for refusal in found.select_related("credential", "kind").defer("body", "edited")
        }

    return Walk(_all(wanted, order), _rows(wanted, order, told))


def sources(filters: CredentialFilters, now: datetime) -> list[Row]:
    """Credentials of the store and how they do."""
    store = filters.store
    found = list(filters.filter_queryset(Credential.objects.select_related("store").filter(store=store)))
    last = _last_statements(store, found)
    week = Finding.objects.filter(store=store, credential__in=[each.pk for each in found], stored__gte=now - _WEEK)
    findings = dict(week.values_list("credential").annotate(count=Count("number")).order_by())
    refusals = Refusal.objects.filter(store=store, state=Refusal.State.OPEN)
    waiting = dict(refusals.values_list("credential").annotate(count=Count("pk")).order_by())
    refused = dict(RefusalKind.objects.filter(store=store).values_list("credential").annotate(Max("last")).order_by())
    return [
        {
            "source": each.name,
            "profile": each.profile,
            "disabled": each.disabled,
            "last_statement": last.get(each.pk),
            "silent": _is_silent(each, last.get(each.pk), now),
            "findings": findings.get(each.pk, 0),
            "open_refusals": waiting.get(each.pk, 0),
            "last_refusal": refused.get(each.pk),
        }
        for each in found
    ]


def _last_statements(store: int, found: Sequence[Credential]) -> dict[int, datetime | None]:
    """When the newest statement of each was stored, by one query: a statement mentions its authority."""
    authorities = [When(pk=each.pk, then=Value(UUID(_authority(store, each)), UUIDField())) for each in found]
    newest = Mention.objects.filter(
        store=store, key=OuterRef("authority"), role=Role.RELATED_AGENT, via=F("statement")
    ).order_by("-stored")
    rows = Credential.objects.filter(pk__in=[each.pk for each in found]).annotate(
        authority=Case(*authorities, output_field=UUIDField()), newest=Subquery(newest.values("stored")[:1])
    )
    return dict(rows.values_list("pk", "newest")) if found else {}


def _authority(store: int, credential: Credential) -> str:
    identifier = actors.identifier(orjson.loads(auth.caller_of(credential).authority)) or ""
    return keys.thing(store, "agent", identifier)


def _is_silent(credential: Credential, last: datetime | None, now: datetime) -> bool:
    allowed = timedelta(hours=credential.silence_hours)
    return bool(allowed) and not credential.disabled and (last or credential.created) < now - allowed


def connections(filters: CredentialFilters) -> list[Row]:
    """Connections to other systems, by way of their credentials: the doors do not know each other."""
    credentials = Credential.objects.filter(store=filters.store, connection__isnull=False)
    found = list(filters.filter_queryset(credentials).select_related("connection"))
    ids = [each.connection.pk for each in found]
    backlog = Credential.objects.filter(connection__in=ids, connection__inboxevent__state__in=("waiting", "refused"))
    states = backlog.values_list("pk", "connection__inboxevent__state").annotate(number=Count("connection__inboxevent"))
    waiting = {(pk, state): number for pk, state, number in states.order_by()}
    sweeps = Credential.objects.filter(connection__in=ids, connection__task__kind="sweep")
    due = dict(sweeps.values_list("pk", "connection__task__due"))
    return [
        {
            "connection": each.connection.pk,
            "source": each.name,
            **{
                name: getattr(each.connection, name)
                for name in ("provider", "name", "state", "checked", "check_ok", "check_sentence")
            },
            "waiting": waiting.get((each.pk, "waiting"), 0),
            "refused": waiting.get((each.pk, "refused"), 0),
            # One look into an index for each; the greatest of all would be a walk through all of them.
            "last_delivery": each.connection.delivery_set.order_by("-id").values_list("received", flat=True).first(),
            "next_sweep": due.get(each.pk),
        }
        for each in found
    ]


def summary(asked: Counting) -> list[Row]:
    """Counts by period and whatever is asked for."""
    sources = dict(Credential.objects.filter(store=asked.store).values_list("pk", "name"))
    return [
        {
            "period": row.period.isoformat(),
            **{name: row.by.get(name) for name in ("verb", "kind", "activity")},
            "source": sources.get(row.by.get("source", 0)),
            "activity_name": row.activity_name,
            "count": row.amount,
            "people": row.people,
        }
        for row in stats.count(asked)
    ]


def whole(made: Sequence[Row]) -> Walk:
    """Rows that are all there already."""

    def places(after: Place | None, amount: int, most: int | None) -> Sequence[Place]:
        begin = 0 if after is None else max(0, after[0] + 1)
        return [(number,) for number in range(begin, min(begin + amount, len(made)))]

    return Walk(places, lambda found: {place: made[place[0]] for place in found})


# --- where rows are found

_Places = Callable[[Place | None, int, int | None], Sequence[Place]]


def _all(wanted: "QuerySet[Any]", order: Order) -> _Places:
    """What is wanted, where an index leads to it."""

    def places(after: Place | None, amount: int, most: int | None) -> Sequence[Place]:
        return list(_next(wanted, order, after)[:amount])

    return places


def _within(span: "QuerySet[Any]", wanted: "QuerySet[Any]", order: Order, needs: str) -> _Places:
    """What is wanted of a span that has an index in this order, as far as its next rows may be looked at."""

    def places(after: Place | None, amount: int, most: int | None) -> Sequence[Place]:
        if most is None:
            return list(_next(wanted, order, after)[:amount])
        found = _nearest(_after(span, order, after)[:most], _next(wanted, order, None)[:amount], order)
        if len(found) < amount and _next(span, order, after)[most : most + 1]:
            raise Invalid(Fault("", "filter-needed", needs))
        return found

    return places


def _nearest(near: "QuerySet[Any]", wanted: "QuerySet[Any, Any]", order: Order) -> list[Place]:
    """The places of what is wanted among these rows, and no look at any other.

    The rows are a query of their own in place of the table. As conditions of one query PostgreSQL would guess how many
    rows the span has, and where it guesses too many (`stored` of another store is later, say), read the whole table.
    """
    table = connection.ops.quote_name(near.model._meta.db_table)
    try:
        inner, inner_values = near.query.sql_with_params()
        outer, values = wanted.query.sql_with_params()
    except EmptyResultSet:
        # Django sees that nothing can fit, a source that there is not for one, and makes no query of it.
        return []
    sql = outer.replace(f"FROM {table}", f"FROM ({inner}) AS {table}", 1)
    kinds = [_AS_READ[kind] for kind in order.kinds]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*inner_values, *values])
        return [tuple(read(value) for read, value in zip(kinds, row, strict=True)) for row in cursor.fetchall()]


_AS_READ: Mapping[type, Callable[[Any], Any]] = {
    datetime: lambda value: dialect().moment(value),
    UUID: lambda value: UUID(dialect().key(value)),
}


def _mentioned(asked: Query, anyone: Sequence[Condition] | None, wanted: "QuerySet[Statement]") -> _Places:
    """What is wanted of the statements that mention something."""

    def places(after: Place | None, amount: int, most: int | None) -> Sequence[Place]:
        found: list[Place] = []
        seen, at_once = 0, amount
        while anyone != []:
            place = None if after is None else query.Place(after[0], after[1].hex)
            some = query.places(replace(asked, limit=at_once, after=place), anyone or ())
            by_key = {UUID(place.key): place.stored for place in some}
            such = set(_among(wanted, list(by_key)).values_list("key", flat=True)) if by_key else set()
            found += [(stored, key) for key, stored in by_key.items() if key in such]
            seen += len(some)
            if len(found) >= amount or len(some) < at_once:
                break
            if most is not None and seen >= _MOST_MENTIONED:
                raise Invalid(Fault("", "filter-needed", _NARROW_STATEMENTS))
            after = (some[-1].stored, UUID(some[-1].key))
            at_once = min(4 * at_once, _MOST_AT_ONCE)
        return found[:amount]

    return places


def _deviating(findings: "QuerySet[Finding]", wanted: "QuerySet[Statement]", order: Order) -> _Places:
    """What is wanted of the statements that have findings."""
    by = Order(("stored", "statement"), order.kinds, order.descending)
    span = findings.distinct()

    def places(after: Place | None, amount: int, most: int | None) -> Sequence[Place]:
        found: list[Place] = []
        seen, at_once = 0, amount
        while True:
            some = list(_next(span, by, after)[:at_once])
            such = set(_among(wanted, [key for _, key in some]).values_list("key", flat=True)) if some else set()
            found += [place for place in some if place[1] in such]
            seen += len(some)
            if len(found) >= amount or len(some) < at_once:
                return found[:amount]
            if most is not None and seen >= _MOST_MENTIONED:
                raise Invalid(Fault("", "filter-needed", _NARROW_STATEMENTS))
            after = some[-1]
            at_once = min(4 * at_once, _MOST_AT_ONCE)

    return places


def _among(wanted: "QuerySet[Any]", some: Sequence[UUID]) -> "QuerySet[Any]":
    """Those with these keys, sent as one value: thousands take the database longer to read than to find."""
    clause, values = dialect().among('"statements_statement"."key"', [key.hex for key in some])
    return wanted.extra(where=[clause], params=values)  # noqa: S610  (our own words)


def _next(span: "QuerySet[Any]", order: Order, after: Place | None) -> "QuerySet[Any, Any]":
    return _after(span, order, after).values_list(*order.fields)


def _after(span: "QuerySet[Any]", order: Order, after: Place | None) -> "QuerySet[Any]":
    sign = "-" if order.descending else ""
    found = span if after is None else span.filter(beyond(order.fields, after, descending=order.descending))
    return found.order_by(*[sign + field for field in order.fields])


def _rows(
    wanted: "QuerySet[Any]", order: Order, told: Callable[["QuerySet[Any]"], Mapping[Any, Row]]
) -> Callable[[Sequence[Place]], dict[Place, Row]]:
    unique = order.fields[-1]

    def read(found: Sequence[Place]) -> dict[Place, Row]:
        by_key = told(wanted.filter(**{f"{unique}__in": [place[-1] for place in found]}))
        return {place: by_key[place[-1]] for place in found if place[-1] in by_key}

    return read
