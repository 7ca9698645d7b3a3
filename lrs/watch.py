"""Silence and trouble: what each credential sent last, how much a day, what was refused, what is wrong with it.

However many credentials there are, the number of queries is the same (statements.senders).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import orjson
from django.db.models import Count, Max, QuerySet

from lrs import auth
from lrs.models import Credential, Refusal, RefusalKind, Shape
from statements import senders
from statements.senders import Sender
from statements.xapi import actors

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
    (its,) = all_figures([credential], now, days=days)
    return its


def all_figures(credentials: Sequence[Credential], now: datetime, *, days: int = 7) -> list[Figures]:
    """The figures of each of the credentials, with as many queries as for one."""
    pks = [credential.pk for credential in credentials]
    them = [_sender(credential) for credential in credentials]
    first, today = _first(now, days), now.date()
    kinds = RefusalKind.objects.filter(credential__in=pks)
    news: dict[int, list[str]] = {}
    for kind in kinds.filter(dismissed=False, first__gt=now - NEW):
        news.setdefault(kind.credential_id, []).append(str(kind))
    refused = _last_refusals(kinds)
    opened = _by_credential(Refusal.objects.filter(credential__in=pks, state=Refusal.State.OPEN))
    shapes = _by_credential(Shape.objects.filter(credential__in=pks, first__gt=now - NEW))
    last = senders.last_statements(them)
    statements = senders.statements_a_day(them, first, today)
    findings = senders.findings_a_day(them, first, today)
    retries = senders.retries(them)
    return [
        Figures(
            credential=credential.name,
            store=credential.store.name,
            last_statement=last.get(credential.pk),
            last_refusal=refused.get(credential.pk),
            silent=_silent(credential, last.get(credential.pk), now),
            silence_hours=credential.silence_hours,
            open_refusals=opened.get(credential.pk, 0),
            new_refusal_kinds=news.get(credential.pk, []),
            new_shapes=shapes.get(credential.pk, 0),
            statements=_iso(statements.get(credential.pk, {})),
            findings={rule: _iso(counts) for rule, counts in findings.get(credential.pk, {}).items()},
            retries=retries.get(credential.pk, 0),
        )
        for credential in credentials
    ]


def briefs(now: datetime) -> Iterator[Brief]:
    """Every credential that is not disabled."""
    credentials = list(Credential.objects.select_related("store").filter(disabled=False))
    them = [_sender(credential) for credential in credentials]
    today = now.date()
    last = senders.last_statements(them)
    # Nothing can be found of those who sent nothing today.
    busy = [each for each in them if each.credential in last and last[each.credential].date() >= today]
    statements = senders.statements_a_day(busy, today, today)
    findings = senders.findings_a_day(busy, today, today)
    profiled = {credential.pk for credential in credentials if credential.profile}
    retried = senders.retried_since([each for each in them if each.credential in profiled], _midnight(now))
    refused = _last_refusals(RefusalKind.objects.all())
    opened = _by_credential(Refusal.objects.filter(state=Refusal.State.OPEN))
    new_kinds = _by_credential(RefusalKind.objects.filter(dismissed=False, first__gt=now - NEW))
    for credential in credentials:
        yield Brief(
            credential=credential.name,
            last_statement=last.get(credential.pk),
            last_refusal=refused.get(credential.pk),
            silent=_silent(credential, last.get(credential.pk), now),
            statements_today=statements.get(credential.pk, {}).get(today, 0),
            findings_today=sum(counts.get(today, 0) for counts in findings.get(credential.pk, {}).values()),
            retried_today=retried.get(credential.pk, 0),
            open_refusals=opened.get(credential.pk, 0),
            new_refusal_kinds=new_kinds.get(credential.pk, 0),
        )


def troubles(now: datetime, credentials: "QuerySet[Credential] | None" = None) -> Iterator[Trouble]:
    """What is wrong with any of the credentials (of all, if none are named) that is not disabled."""
    looked_at = Credential.objects.all() if credentials is None else credentials
    found = list(looked_at.select_related("store").filter(disabled=False))
    lasts = senders.last_statements([_sender(credential) for credential in found if credential.silence_hours])
    news: dict[int, list[RefusalKind]] = {}
    for kind in RefusalKind.objects.filter(dismissed=False, first__gt=now - NEW):
        news.setdefault(kind.credential_id, []).append(kind)
    for credential in found:
        last = lasts.get(credential.pk)
        if _silent(credential, last, now):
            since = f"since {last:%Y-%m-%d %H:%M} UTC" if last else "ever"
            sentence = f"no statement {since}; {credential.silence_hours} hours are allowed"
            yield Trouble(credential.name, "silence", sentence)
        for kind in news.get(credential.pk, []):
            sentence = f"{kind.count} requests refused with {kind.status} since {kind.first:%Y-%m-%d %H:%M} UTC: {kind}"
            yield Trouble(credential.name, "new kind of refusal", sentence)


def described(figures: Figures) -> dict[str, Any]:
    """The figures as JSON has them."""
    found: dict[str, Any] = orjson.loads(orjson.dumps(figures))
    return found


def _silent(credential: Credential, last: datetime | None, now: datetime) -> bool:
    allowed = timedelta(hours=credential.silence_hours)
    return bool(allowed) and not credential.disabled and (last or credential.created) < now - allowed


def _sender(credential: Credential) -> Sender:
    identifier = actors.identifier(orjson.loads(auth.caller_of(credential).authority)) or ""
    return Sender(credential.pk, credential.store_id, identifier)


def _by_credential(rows: "QuerySet[Any]") -> dict[int, int]:
    return dict(rows.order_by().values_list("credential").annotate(count=Count("pk")))


def _last_refusals(kinds: "QuerySet[RefusalKind]") -> dict[int, datetime]:
    return dict(kinds.order_by().values_list("credential").annotate(newest=Max("last")))


def _iso(counts: Mapping[date, int]) -> dict[str, int]:
    return {day.isoformat(): count for day, count in counts.items()}


def _first(now: datetime, days: int) -> date:
    """The first of the last days, today included."""
    return now.date() - timedelta(days=days - 1)


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
