"""Silence and trouble: what each credential sent last, how much a day, what was refused, what is wrong with it.

Nothing is counted while statements come in. Every statement mentions its authority, and an authority is a credential,
so the mentions of that Agent, newest first, say when and how many.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from django.db.models import Count, F, Max, QuerySet, Sum

from lrs import auth
from lrs.models import Credential, Refusal, RefusalKind, Shape
from statements import keys
from statements.models import Finding, Mention, Retry
from statements.xapi import actors
from statements.xapi.roles import Role

# How long a kind of refusal, or a shape, is news.
NEW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of one credential. Days are UTC, in ISO form; findings are by rule."""

    credential: str
    store: str
    last_statement: datetime | None
    last_refusal: datetime | None
    silent: bool
    silence_hours: int
    open_refusals: int
    new_refusal_kinds: list[str]
    new_shapes: int
    statements: dict[str, int]
    findings: dict[str, dict[str, int]]
    retries: int


class Brief(NamedTuple):
    """The same in short, for those who look every few seconds at all credentials."""

    credential: str
    last_statement: datetime | None
    last_refusal: datetime | None
    silent: bool
    statements_today: int
    findings_today: int
    retried_today: int
    open_refusals: int
    new_refusal_kinds: int


class Trouble(NamedTuple):
    """Something that somebody should look at."""

    credential: str
    what: str
    sentence: str


def figures(credential: Credential, now: datetime, *, days: int = 7) -> Figures:
    """The figures of a credential; counts of the last `days` days, today included."""
    last = last_statement(credential)
    kinds = RefusalKind.objects.filter(credential=credential)
    new_kinds = kinds.filter(dismissed=False, first__gt=now - NEW)
    refused = kinds.order_by("-last").first()
    return Figures(
        credential=credential.name,
        store=credential.store.name,
        last_statement=last,
        last_refusal=None if refused is None else refused.last,
        silent=_silent(credential, last, now),
        silence_hours=credential.silence_hours,
        open_refusals=Refusal.objects.filter(credential=credential, state=Refusal.State.OPEN).count(),
        new_refusal_kinds=[str(kind) for kind in new_kinds],
        new_shapes=Shape.objects.filter(credential=credential, first__gt=now - NEW).count(),
        statements=statements_a_day(credential, now, days),
        findings=findings_a_day(credential, now, days),
        retries=Retry.objects.filter(store=credential.store_id, credential=credential.pk).aggregate(
            total=Sum("count", default=0)
        )["total"],
    )


def briefs(now: datetime) -> Iterator[Brief]:
    """Every credential that is not disabled; one query for each, and another where something came today."""
    today = _since(now, 1)
    kinds = RefusalKind.objects.values("credential").annotate(last=Max("last"))
    last_refusals = dict(kinds.order_by().values_list("credential", "last"))
    opened = _by_credential(Refusal.objects.filter(state=Refusal.State.OPEN))
    new_kinds = _by_credential(RefusalKind.objects.filter(dismissed=False, first__gt=now - NEW))
    for credential in Credential.objects.select_related("store").filter(disabled=False):
        last = last_statement(credential)
        busy = last is not None and last >= today
        its = {"store": credential.store_id, "credential": credential.pk}
        yield Brief(
            credential=credential.name,
            last_statement=last,
            last_refusal=last_refusals.get(credential.pk),
            silent=_silent(credential, last, now),
            statements_today=_its(credential).filter(stored__gte=today).count() if busy else 0,
            findings_today=Finding.objects.filter(**its, stored__gte=today).count() if busy else 0,
            retried_today=Retry.objects.filter(**its, last__gte=today).count() if credential.profile else 0,
            open_refusals=opened.get(credential.pk, 0),
            new_refusal_kinds=new_kinds.get(credential.pk, 0),
        )


def _by_credential(rows: "QuerySet[Any]") -> dict[int, int]:
    return dict(rows.order_by().values_list("credential").annotate(count=Count("pk")))


def last_statement(credential: Credential) -> datetime | None:
    """When the newest statement of a credential was stored; None where there is none."""
    newest = _its(credential).order_by("-stored").values_list("stored", flat=True)[:1]
    return next(iter(newest), None)


def statements_a_day(credential: Credential, now: datetime, days: int) -> dict[str, int]:
    """How many statements were stored on each of the last days; days with none are left out."""
    counts = {day: _its(credential).filter(stored__range=_hours(day)).count() for day in _days(now, days)}
    return {day.date().isoformat(): count for day, count in counts.items() if count}


def findings_a_day(credential: Credential, now: datetime, days: int) -> dict[str, dict[str, int]]:
    """How many findings of each rule there were on each of the last days."""
    found: dict[str, dict[str, int]] = {}
    for day in _days(now, days):
        its = Finding.objects.filter(store=credential.store_id, credential=credential.pk, stored__range=_hours(day))
        for rule, count in its.values_list("rule").annotate(count=Count("number")).order_by("rule"):
            found.setdefault(rule, {})[day.date().isoformat()] = count
    return found


def troubles(now: datetime, credentials: "QuerySet[Credential] | None" = None) -> Iterator[Trouble]:
    """What is wrong with any of the credentials (of all, if none are named) that is not disabled."""
    looked_at = Credential.objects.all() if credentials is None else credentials
    for credential in looked_at.select_related("store").filter(disabled=False):
        if credential.silence_hours:
            last = last_statement(credential)
            if _silent(credential, last, now):
                since = f"since {last:%Y-%m-%d %H:%M} UTC" if last else "ever"
                sentence = f"no statement {since}; {credential.silence_hours} hours are allowed"
                yield Trouble(credential.name, "silence", sentence)
        for kind in RefusalKind.objects.filter(credential=credential, dismissed=False, first__gt=now - NEW):
            sentence = f"{kind.count} requests refused with {kind.status} since {kind.first:%Y-%m-%d %H:%M} UTC: {kind}"
            yield Trouble(credential.name, "new kind of refusal", sentence)


def described(figures: Figures) -> dict[str, Any]:
    """The figures as JSON has them."""
    found: dict[str, Any] = orjson.loads(orjson.dumps(figures))
    return found


def _silent(credential: Credential, last: datetime | None, now: datetime) -> bool:
    allowed = timedelta(hours=credential.silence_hours)
    return bool(allowed) and not credential.disabled and (last or credential.created) < now - allowed


def _its(credential: Credential) -> Any:
    """The mentions of a credential's authority: one for each of its statements, in the order of an index."""
    identifier = actors.identifier(orjson.loads(auth.caller_of(credential).authority)) or ""
    store = credential.store_id
    return Mention.objects.filter(
        store=store, key=keys.thing(store, "agent", identifier), role=Role.RELATED_AGENT, via=F("statement")
    )


def _days(now: datetime, days: int) -> list[datetime]:
    """The beginnings of the last days, today included, in order."""
    return [_since(now, before) for before in range(days, 0, -1)]


def _hours(day: datetime) -> tuple[datetime, datetime]:
    """A day's first and last instant. Each day is a range of an index; grouping by day would look at every row."""
    return day, day + timedelta(days=1, microseconds=-1)


def _since(now: datetime, days: int) -> datetime:
    return (now - timedelta(days=days - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
