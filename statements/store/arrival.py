"""Writing what is kept of how statements arrived; inside the transaction of the statements."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import orjson
from django.db import connection

from statements.arrival import Finding, Provenance
from statements.entry import Entry
from statements.store.dialect import dialect

_AGAIN = """
INSERT INTO statements_retry (store, statement, credential, count, last) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (store, statement) DO UPDATE SET count = statements_retry.count + EXCLUDED.count, last = EXCLUDED.last
"""


def write(store: int, fresh: Sequence[Entry], stored: Mapping[str, datetime]) -> None:
    """Findings and originals of statements that were just written; `stored` is by key."""
    findings = [
        Finding(
            store=store,
            statement=entry.key,
            number=number,
            stored=stored[entry.key],
            credential=entry.credential,
            **finding._asdict(),
        )
        for entry in fresh
        for number, finding in enumerate(entry.findings)
    ]
    if findings:
        Finding.objects.bulk_create(findings)
    originals = [
        Provenance(
            store=store,
            statement=entry.key,
            original=entry.provenance.original,
            repairs=orjson.dumps(entry.provenance.repairs).decode(),
            received=entry.provenance.received,
            refusal=entry.provenance.refusal,
        )
        for entry in fresh
        if entry.provenance is not None
    ]
    if originals:
        Provenance.objects.bulk_create(originals)


def again(store: int, entries: Iterable[Entry], now: datetime) -> None:
    """Count that statements which were kept before came again."""
    came = sorted((entry.key, entry.credential) for entry in entries)
    if came:
        at = dialect().time(now)
        with connection.cursor() as cursor:
            cursor.executemany(_AGAIN, [(store, key, credential, 1, at) for key, credential in came])
