"""Refused requests of known credentials: kept as they came, grouped by reason, to be looked at, mended and replayed.

Senders forget: Udemy Business tries a statement about ten times in five days and then drops it. What was refused stays
here, so that nothing is lost because of a mistake in a form. The sender's answer is not changed by any of this.

Limits: LRS_QUARANTINE_SIZE bytes for each credential, MOST_KINDS reasons for each credential, LRS_QUARANTINE_DAYS.
"""

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from lrs.models import Refusal, RefusalKind
from statements.errors import Fault
from statements.xapi.text import storable

log = logging.getLogger(__name__)

# A request by any other method brings something that would be lost.
READING = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
MOST_KINDS = 300
# What a row takes beside what came with the request: columns, indexes.
_ROW = 1024
_MOST_ERRORS = 100
_LONGEST = 2000
_INDEX = re.compile(r"/(?:\d+|-)(?=/|$)")
_SECRET = re.compile(r"auth|cookie|token|secret|passw|signature|api-?key|credential", re.IGNORECASE)


class QuarantineError(Exception):
    """What cannot be done with a refusal; the text is a sentence for whoever asked."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that was refused. Names of headers are in lower case; `note` says why the body is not all there."""

    store: int
    credential: int
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    note: str
    status: int
    sentence: str
    faults: Sequence[Fault]


# --- taking in


def keep(refused: Refused) -> None:
    """Keep a refused request; a failure to do so is logged and changes nothing for the sender."""
    try:
        with transaction.atomic():
            row = _keep(refused, timezone.now())
        if row is not None:
            _make_room(row)
    except Exception:
        log.exception("A refused %s %s could not be kept.", refused.method, refused.path)


def _keep(refused: Refused, now: datetime) -> Refusal | None:
    """Keep or count it; the row where it takes room that nothing took before."""
    kind = _kind(refused, now)
    digest = _digest(refused)
    again = Refusal.objects.filter(kind=kind, digest=digest).update(times=F("times") + 1, last=now)
    row = None if again else _row(refused, kind, digest, now)
    added = 0 if row is None else row.bytes
    RefusalKind.objects.filter(pk=kind.pk).update(count=F("count") + 1, last=now, bytes=F("bytes") + added)
    if row is not None:
        row.save(force_insert=True)
    return row


def _row(refused: Refused, kind: RefusalKind, digest: str, now: datetime) -> Refusal:
    row = Refusal(
        kind=kind,
        store_id=refused.store,
        credential_id=refused.credential,
        digest=digest,
        received=now,
        last=now,
        method=refused.method[:10],
        path=storable(refused.path),
        query=_without_secrets(refused.query),
        headers=_without_secrets(refused.headers),
        body=refused.body,
        note=refused.note,
        status=refused.status,
        sentence=_short(refused.sentence),
        errors=errors(refused.faults),
    )
    row.bytes = _size(row)
    return row


def _size(row: Refusal) -> int:
    """What it takes: long headers, addresses and lists of errors fill a disk as well as bodies do."""
    beside = orjson.dumps([row.path, row.query, row.headers, row.note, row.sentence, row.errors])
    return len(row.body) + len(beside) + _ROW


def _kind(refused: Refused, now: datetime) -> RefusalKind:
    """The reason's row, locked, so that what comes at the same time for the same reason waits."""
    found = _find_kind(refused, what(refused), now)
    if found is None:
        # Somebody sends ever new reasons: from here on the rules alone count.
        found = _find_kind(refused, "\n".join(sorted({fault.rule for fault in refused.faults})), now, always=True)
    if found is None:
        raise QuarantineError("A refusal has no kind.")
    return found


def _find_kind(refused: Refused, what: str, now: datetime, *, always: bool = False) -> RefusalKind | None:
    what = what or f"status {refused.status}"
    fingerprint = hashlib.sha256(what.encode()).hexdigest()[:16]
    kinds = RefusalKind.objects.filter(credential=refused.credential)
    mine = kinds.select_for_update().filter(fingerprint=fingerprint)
    kind = mine.first()
    if kind is None and (always or kinds.count() < MOST_KINDS):
        row = RefusalKind(
            store_id=refused.store,
            credential_id=refused.credential,
            fingerprint=fingerprint,
            what=what,
            sentence=_short(refused.sentence),
            status=refused.status,
            first=now,
            last=now,
        )
        RefusalKind.objects.bulk_create([row], ignore_conflicts=True)
        kind = mine.get()
    return kind


def what(refused: Refused) -> str:
    """What a refusal is about: each rule with its pointer without indices, a line each, in order."""
    lines = {f"{fault.rule} {_INDEX.sub('', fault.pointer)}".strip() for fault in refused.faults}
    return _short("\n".join(sorted(lines)))


def _digest(refused: Refused) -> str:
    query = "&".join(f"{name}={value}" for name, value in sorted(refused.query.items()))
    head = f"{refused.method} {refused.path}?{query}\n".encode("utf-8", "surrogatepass")
    return hashlib.sha256(head + refused.body).hexdigest()


def _without_secrets(named: Mapping[str, str]) -> dict[str, str]:
    return {storable(name): storable(value) for name, value in named.items() if not _SECRET.search(name)}


def _short(text: str) -> str:
    return storable(text[:_LONGEST])


# --- limits


def _make_room(kept: Refusal) -> None:
    """Drop the oldest until the credential of what was just kept is within its limit.

    A kind that has more than its share pays for itself, so that a flood costs the others nothing; for a kind that has
    less the largest pay, so that something new is kept while a flood has filled everything.
    """
    kinds = RefusalKind.objects.filter(credential=kept.credential_id)
    excess = (kinds.aggregate(total=Sum("bytes"))["total"] or 0) - settings.LRS_QUARANTINE_SIZE
    if excess <= 0:
        return
    with transaction.atomic():
        # In one order, so that two who make room cannot wait for each other.
        rows = list(kinds.select_for_update().order_by("pk"))
        share = sum(row.bytes for row in rows) / len(rows)
        rows.sort(key=lambda row: (row.pk != kept.kind_id or row.bytes < share, -row.bytes))
        # Nothing has to go for what is larger than all that may be kept.
        for row in rows if kept.bytes <= settings.LRS_QUARANTINE_SIZE else ():
            if excess > 0:
                excess -= _drop(_droppable(Refusal.objects.filter(kind=row.pk).exclude(pk=kept.pk)), excess)
        if excess > 0:
            _delete(Refusal.objects.filter(pk=kept.pk))


def _drop(oldest_first: "QuerySet[Refusal]", excess: int) -> int:
    """Delete until `excess` bytes are gained; the bytes that were."""
    gained, chosen = 0, []
    for pk, size in oldest_first.values_list("pk", "bytes").iterator(chunk_size=100):
        if gained >= excess:
            break
        chosen.append(pk)
        gained += size
    _delete(Refusal.objects.filter(pk__in=chosen))
    return gained


def _droppable(refusals: "QuerySet[Refusal]") -> "QuerySet[Refusal]":
    """What may go, oldest first: an edited one that was replayed is the only original of its statements."""
    return refusals.exclude(_originals()).order_by("last", "pk")


def _originals() -> Q:
    return Q(state=Refusal.State.REPLAYED, edited__isnull=False)


def _delete(refusals: "QuerySet[Refusal]") -> int:
    sizes = dict(refusals.values_list("kind").annotate(total=Sum("bytes")).order_by())
    deleted = refusals.delete()[1].get(Refusal._meta.label, 0)
    for kind, total in sorted(sizes.items()):
        RefusalKind.objects.filter(pk=kind).update(bytes=F("bytes") - total)
    return deleted


def forget(now: datetime) -> int:
    """Drop refusals that did not come again for LRS_QUARANTINE_DAYS, and the kinds that have none left; how many."""
    before = now - timedelta(days=settings.LRS_QUARANTINE_DAYS)
    with transaction.atomic():
        done = _delete(Refusal.objects.filter(last__lt=before).exclude(_originals()))
        RefusalKind.objects.filter(last__lt=before, refusals__isnull=True).delete()
    return done


# --- looking and deciding; a `store` of None is all of them


def kinds(*, store: int | None = None, credential: int | None = None) -> "QuerySet[RefusalKind]":
    """The reasons, newest first, with their credentials."""
    found = RefusalKind.objects.select_related("credential", "store")
    if store is not None:
        found = found.filter(store=store)
    return found if credential is None else found.filter(credential=credential)


def still_open(kinds: "QuerySet[RefusalKind]") -> "QuerySet[RefusalKind]":
    """Those of these reasons of which a request is open."""
    return kinds.filter(Exists(Refusal.objects.filter(kind=OuterRef("pk"), state=Refusal.State.OPEN)))


def refusals(
    *, store: int | None = None, fingerprint: str = "", credential: int | None = None, state: str = ""
) -> "QuerySet[Refusal]":
    """Refused requests without their bodies, newest first."""
    found = Refusal.objects.select_related("credential", "store", "kind").defer("body", "edited")
    if store is not None:
        found = found.filter(store=store)
    if credential is not None:
        found = found.filter(credential=credential)
    if fingerprint:
        found = found.filter(kind__fingerprint=fingerprint)
    return found.filter(state=state) if state else found


def open_of(kind: int) -> list[int]:
    """The numbers of the open refusals of a kind, in the order in which they came."""
    found = Refusal.objects.filter(kind=kind, state=Refusal.State.OPEN)
    return list(found.order_by("received", "pk").values_list("pk", flat=True))


def open_by_kind(kinds: Sequence[int]) -> dict[int, int]:
    """How many open refusals there are of each of these kinds that has any."""
    found = Refusal.objects.filter(kind__in=kinds, state=Refusal.State.OPEN)
    return dict(found.values_list("kind").annotate(Count("pk")).order_by())


def get(number: int, *, store: int | None = None) -> Refusal:
    """One refused request, with its body. Raises QuarantineError."""
    found = Refusal.objects.select_related("credential__store", "store", "kind").filter(pk=number)
    if store is not None:
        found = found.filter(store=store)
    refusal = found.first()
    if refusal is None:
        raise QuarantineError(f"There is no refused request {number}.")
    return refusal


def edit(refusal: Refusal, body: bytes | None) -> Refusal:
    """Let a replay send this body instead; None for the original one. Raises QuarantineError."""
    if refusal.state == Refusal.State.REPLAYED:
        raise QuarantineError(f"The refused request {refusal.pk} was replayed already.")
    refusal.edited = body
    refusal.save(update_fields=["edited"])
    return refusal


def dismiss(refusal: Refusal) -> Refusal:
    """Say that nothing is to be done about it. Raises QuarantineError."""
    if refusal.state == Refusal.State.REPLAYED:
        raise QuarantineError(f"The refused request {refusal.pk} was replayed already.")
    refusal.state = Refusal.State.DISMISSED
    refusal.save(update_fields=["state"])
    return refusal


def dismiss_kind(kind: RefusalKind) -> int:
    """Say so of every open refusal of a kind, and that it is no news; how many."""
    RefusalKind.objects.filter(pk=kind.pk).update(dismissed=True)
    return Refusal.objects.filter(kind=kind, state=Refusal.State.OPEN).update(state=Refusal.State.DISMISSED)


def reopen(refusal: Refusal) -> Refusal:
    """Say that something is to be done about it after all. Raises QuarantineError."""
    if refusal.state != Refusal.State.DISMISSED:
        raise QuarantineError(f"The refused request {refusal.pk} is not dismissed.")
    refusal.state = Refusal.State.OPEN
    refusal.save(update_fields=["state"])
    return refusal


def reopen_kind(kind: RefusalKind) -> int:
    """Say so of every dismissed refusal of a kind that is still kept, and of those that follow; how many."""
    RefusalKind.objects.filter(pk=kind.pk).update(dismissed=False)
    return Refusal.objects.filter(kind=kind, state=Refusal.State.DISMISSED).update(state=Refusal.State.OPEN)


def errors(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """Faults as they are kept and shown."""
    return [
        {"pointer": _short(pointer), "rule": rule, "problem": _short(problem)}
        for pointer, rule, problem in faults[:_MOST_ERRORS]
    ]
