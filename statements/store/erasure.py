"""Deleting statements and people, with everything beside them, in transactions of a bounded size.

A statement that was erased leaves its key, so that a sender who tries again does not bring it back.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q

from statements.arrival import Erased, Finding, Provenance, Retry
from statements.models import Agent, Attachment, Counted, Day, Identity, Link, Mention, Person, Statement
from statements.store import counts, progress, references
from statements.store.counts import Alike
from statements.store.dialect import dialect
from statements.xapi import text
from statements.xapi.roles import Role

_ROWS_AT_ONCE = 100


def own(store: int, agents: Sequence[str], most: int) -> list[UUID]:
    """The keys of some statements whose actor is one of these Agents."""
    told = Mention.objects.filter(store=store, key__in=agents, role=Role.AGENT, via=F("statement"))
    found = Statement.objects.filter(store=store, actor__in=agents, key__in=told.values("statement"))
    return list(found.values_list("key", flat=True)[:most])


def amount(store: int, agents: Sequence[str]) -> int:
    """How many statements `own` would give at once, if it were asked for all."""
    told = Mention.objects.filter(store=store, key__in=agents, role=Role.AGENT, via=F("statement"))
    return Statement.objects.filter(store=store, actor__in=agents, key__in=told.values("statement")).count()


def mentioning(store: int, agents: Sequence[str]) -> set[UUID]:
    """The keys of the statements of others that mention one of these Agents."""
    told = Mention.objects.filter(store=store, key__in=agents, via=F("statement"))
    found = Statement.objects.filter(store=store, key__in=told.values("statement"))
    return set(found.filter(Q(actor=None) | ~Q(actor__in=agents)).values_list("key", flat=True))


def containing(store: int, words: Iterable[str], agents: Sequence[str]) -> set[UUID]:
    """The keys of the statements of others in whose text one of these words is; reads all statements of the store."""
    such = Q()
    for word in words:
        such |= Q(text__icontains=word)
    if not such:
        return set()
    rows = Statement.objects.filter(such, store=store).filter(Q(actor=None) | ~Q(actor__in=agents))
    return set(rows.values_list("key", flat=True))


def statements(store: int, wanted: Sequence[UUID], now: datetime, leaving: Iterable[UUID]) -> list[str]:
    """Delete these statements and what is beside them, in one transaction; the hashes of their attachments.

    The progress of whoever said them is made anew, but for those who leave anyway.
    """
    with progress.locked(store) as until:
        rows = list(Statement.objects.filter(store=store, key__in=wanted).order_by("key"))
        _delete_mentions(store, rows)
        _uncount(store, rows)
        keys = [row.key for row in rows]
        persons = set(
            Identity.objects.filter(store=store, key__in={row.actor for row in rows if row.actor}).values_list(
                "person", flat=True
            )
        )
        for beside in (Finding, Provenance, Retry):
            beside.objects.filter(store=store, statement__in=keys).delete()
        Erased.objects.bulk_create([Erased(key=key, store=store, at=now) for key in keys], ignore_conflicts=True)
        Statement.objects.filter(store=store, key__in=keys).delete()
        progress.refold(store, persons - set(leaving), until)
    return sorted({sha2 for row in rows if row.attachments for sha2 in _hashes(row.text)})


def unused(store: int, hashes: Iterable[str]) -> list[Attachment]:
    """Those attachments that no statement of the store has any more."""
    with_data = Statement.objects.filter(store=store, attachments__gt=0)
    found: list[Attachment] = []
    for sha2 in hashes:
        if not with_data.filter(text__icontains=sha2).exists():
            found += Attachment.objects.filter(store=store, sha2=sha2)
    return found


def people(store: int, agents: Sequence[str], persons: Iterable[UUID]) -> None:
    """Delete people, their identifiers, what was linked, and the Agents that nothing mentions any more."""
    with progress.locked(store) as until:
        links = Link.objects.filter(store=store).filter(Q(identity__in=agents) | Q(after__in=list(persons)))
        touched = {*persons, *(person for row in links for person in (row.before, row.after))}
        links.delete()
        Identity.objects.filter(store=store, key__in=agents).delete()
        known = Identity.objects.filter(store=store, person=OuterRef("key"))
        strangers = Person.objects.filter(~Exists(known), store=store, key__in=touched)
        gone = list(strangers.values_list("key", flat=True))
        progress.refold(store, gone, until)
        Person.objects.filter(store=store, key__in=gone).delete()
        mentioned = Mention.objects.filter(store=store, key=OuterRef("key"))
        Agent.objects.filter(~Exists(mentioned), store=store, key__in=agents).delete()


def _delete_mentions(store: int, rows: Sequence[Statement]) -> None:
    here = dialect()
    places = [
        references.Referrer(row.key.hex, row.stored, row.target.hex if row.target else "", row.verb.hex) for row in rows
    ]
    texts = {row.key.hex: row.text for row in rows}
    wanted = [
        (key, here.time(stored), statement, via)
        for key, stored, statement, via in references.carried(store, places, texts)
    ]
    with connection.cursor() as cursor:
        for at in range(0, len(wanted), _ROWS_AT_ONCE):
            some = wanted[at : at + _ROWS_AT_ONCE]
            marks = " OR ".join(["(key = %s AND stored = %s AND statement = %s AND via = %s)"] * len(some))
            cursor.execute(
                f"DELETE FROM statements_mention WHERE store = %s AND ({marks})",
                [store, *[value for row in some for value in row]],
            )


def _uncount(store: int, rows: Sequence[Statement]) -> None:
    """Take them out of what was counted; what is not counted yet never will be."""
    counted = Counted.objects.select_for_update().filter(store=store).first()
    if counted is None:
        return
    tally: dict[Alike, int] = {}
    for row in rows:
        if (row.stored, row.key) > (counted.stored, counted.key):
            continue
        day, credential = row.stored.date(), row.credential or 0
        Day.objects.filter(store=store, day=day, credential=credential).update(
            statements=F("statements") - 1, completions=F("completions") - int(bool(row.completed))
        )
        if not row.voided:
            alike = Alike(day, credential, row.verb.hex, row.kind)
            tally[alike] = tally.get(alike, 0) - 1
    counts.add(store, tally)


def _hashes(kept: str) -> list[str]:
    return [str(one["sha2"]).lower() for one in text.read(kept.encode()).get("attachments", ())]
