"""A store at a glance: statements and completions by day and source, active learners, findings.

Nothing here counts more than a bounded number of rows, however large the store is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from time import monotonic

from django.db import connection
from django.db.models import Count, Max

from statements.counts import Counted, Day
from statements.models import Finding
from statements.store import counts
from statements.store.dialect import dialect

_BATCH = 5_000
# So many rows are counted for every look at the page; more by the worker, now and then.
_MOST_COUNTED = 5_000
_REFRESHED_EVERY = timedelta(minutes=5)
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Source:
    """What one credential sent: amounts by day, and when the last statement came."""

    credential: int
    last: datetime
    statements: dict[date, int] = field(default_factory=dict)
    completions: dict[date, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Days:
    """The last days, oldest first, and who sent what on them; `capped` where newer statements wait to be counted."""

    days: tuple[date, ...]
    sources: tuple[Source, ...]
    capped: bool = False

    def statements(self, day: date) -> int:
        """Of all sources on one day."""
        return sum(source.statements.get(day, 0) for source in self.sources)

    def completions(self, day: date) -> int:
        """Of all sources on one day."""
        return sum(source.completions.get(day, 0) for source in self.sources)


def follow(store: int, seconds: float | None = None) -> int:
    """Count what waits in a store, for as long as that takes or for so many seconds; how many statements."""
    until = None if seconds is None else monotonic() + seconds
    done = 0
    while counted := counts.advance(store, _BATCH):
        done += counted
        if until is not None and monotonic() > until:
            break
    return done


def days(store: int, now: datetime, amount: int) -> Days:
    """Who sent how much on the last `amount` days (UTC), today included; counted ones and those that wait."""
    shown = tuple(now.date() - timedelta(days=back) for back in range(amount - 1, -1, -1))
    sources: dict[int, Source] = {}
    rows = Day.objects.filter(store=store, day__gte=shown[0])
    for day, credential, statements, completions, last in rows.values_list(
        "day", "credential", "statements", "completions", "last"
    ):
        _add(sources, day, credential, counts.Amount(statements, completions, last))
    waiting = counts.after(store, *counts.place(store), _MOST_COUNTED)
    if waiting is not None:
        for (day, credential), more in waiting.amounts.items():
            if day >= shown[0]:
                _add(sources, day, credential, more)
    ordered = sorted(sources.values(), key=lambda source: (-sum(source.statements.values()), source.credential))
    return Days(shown, tuple(ordered), capped=waiting is not None and waiting.size == _MOST_COUNTED)


def _add(sources: dict[int, Source], day: date, credential: int, more: counts.Amount) -> None:
    known = sources.get(credential)
    last = more.last if known is None else max(known.last, more.last)
    statements = {} if known is None else known.statements
    completions = {} if known is None else known.completions
    sources[credential] = Source(
        credential,
        last,
        {**statements, day: statements.get(day, 0) + more.statements},
        {**completions, day: completions.get(day, 0) + more.completions},
    )


@dataclass(frozen=True, slots=True)
class Amount:
    """A number that is exact, or "that many and more"."""

    number: int
    more: bool = False


def last_statements(store: int) -> dict[int, datetime]:
    """When the newest counted statement of each credential was stored."""
    return dict(Day.objects.filter(store=store).values_list("credential").annotate(newest=Max("last")).order_by())


def active_learners(store: int, now: datetime) -> Amount:
    """How many people a statement of the last 7 days was about; of very many, what the worker found lately."""
    few = _active(store, now, _MOST_COUNTED)
    if not few.more:
        return few
    known = Counted.objects.filter(store=store, active__isnull=False).values_list("active", flat=True).first()
    return few if known is None else Amount(known)


def refresh_active(now: datetime) -> int:
    """Count active learners where they are too many to do so for every look; how many stores were counted."""
    done = 0
    for store in Counted.objects.exclude(active_at__gt=now - _REFRESHED_EVERY).values_list("store", flat=True):
        many = _active(store, now, _MOST_COUNTED).more
        active = _active(store, now).number if many else None
        Counted.objects.filter(store=store).update(active=active, active_at=now)
        done += many
    return done


def _active(store: int, now: datetime, most: int | None = None) -> Amount:
    limit = "" if most is None else f" ORDER BY last_activity DESC, key DESC LIMIT {most}"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(DISTINCT person) FROM (SELECT person FROM statements_progress WHERE store = %s"
            f" AND last_activity >= %s{limit}) lately",
            [store, dialect().time(now - WEEK)],
        )
        rows, people = cursor.fetchone()
    return Amount(int(people), int(rows) == most)


def findings(store: int, credentials: Sequence[int], since: datetime) -> dict[str, int]:
    """How many findings of each rule there were since then, the most frequent first."""
    rows = Finding.objects.filter(store=store, credential__in=list(credentials), stored__gte=since)
    counted = rows.values_list("rule").annotate(count=Count("number")).order_by("-count", "rule")
    return dict(counted)


def stores_behind() -> Iterator[int]:
    """The stores in which statements wait to be counted."""
    here = dialect()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.id FROM statements_store s LEFT JOIN statements_counted c ON c.store = s.id"
            " WHERE EXISTS (SELECT 1 FROM statements_statement t WHERE t.store = s.id"
            " AND (t.stored, t.key) > (coalesce(c.stored, %s), coalesce(c.key, %s))) ORDER BY s.id",
            [here.time(counts.BEGINNING), "0" * 32],
        )
        found = cursor.fetchall()
    return (int(store) for (store,) in found)
