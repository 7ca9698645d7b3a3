"""How often a provider may be asked: exact sliding windows in the database, shared by all workers.

A bucket's name says its size: "users:500/3600" is 500 calls in 3600 seconds.
"""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from lrs.connectors.models import Budget, Connection
from lrs.connectors.transport import Spend

# Calls are counted when they leave; they may arrive closer together than they left.
_MARGIN = 1.0


class Size(NamedTuple):
    """At most `calls` calls in any `seconds` seconds."""

    calls: int
    seconds: float


def size(bucket: str) -> Size:
    """What a bucket's name says."""
    calls, _, seconds = bucket.rpartition(":")[2].partition("/")
    return Size(int(calls), float(seconds))


def spender(connection: Connection) -> Spend:
    """transport.Spend over the connection's budgets."""

    def spend(bucket: str, hold: float) -> float:
        if hold:
            _close(connection, bucket, hold)
            return 0.0
        return _take(connection, bucket)

    return spend


def state(connection: Connection) -> list[Mapping[str, Any]]:
    """What is spent of each budget, for people."""
    now = time.time()
    answer: list[Mapping[str, Any]] = []
    for row in Budget.objects.filter(connection=connection).order_by("bucket"):
        calls, seconds = size(row.bucket)
        spent = len([moment for moment in row.calls if moment > now - seconds])
        closed = row.closed_until if row.closed_until and row.closed_until > timezone.now() else None
        answer.append(
            {
                "bucket": row.bucket.rpartition(":")[0],
                "spent": spent,
                "of": calls,
                "seconds": seconds,
                "closed_until": closed and closed.isoformat(),
            }
        )
    return answer


def _take(connection: Connection, bucket: str) -> float:
    calls, seconds = size(bucket)
    with transaction.atomic():
        row = _locked(connection, bucket)
        now = time.time()
        if row.closed_until is not None and (wait := row.closed_until.timestamp() - now) > 0:
            return wait
        spent = [moment for moment in row.calls if moment > now - seconds - _MARGIN]
        if len(spent) >= calls:
            return float(spent[-calls]) + seconds + _MARGIN - now
        row.calls = [*spent, now]
        row.save(update_fields=["calls"])
    return 0.0


def _close(connection: Connection, bucket: str, seconds: float) -> None:
    with transaction.atomic():
        row = _locked(connection, bucket)
        row.closed_until = timezone.now() + timedelta(seconds=seconds)
        row.save(update_fields=["closed_until"])


def _locked(connection: Connection, bucket: str) -> Budget:
    Budget.objects.bulk_create([Budget(connection=connection, bucket=bucket)], ignore_conflicts=True)
    return Budget.objects.select_for_update().get(connection=connection, bucket=bucket)
