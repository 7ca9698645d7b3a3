"""Statements that refer to statements: they are found by what their target says, and a voiding one voids its target.

Reference and target may arrive in any order, in one batch or far apart, and over chains of references
(xAPI 1.0.3 Communication 2.1.3 "StatementRefs", Data 2.3.2 "Voiding").
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from statements import entry, keys
from statements.store.dialect import dialect
from statements.store.rows import Row
from statements.xapi import roles, text

_COLUMNS = "key, stored, target, verb, text"


class Kept(NamedTuple):
    """A statement of the table, as far as references need it."""

    key: str
    stored: datetime
    target: str | None
    verb: str
    text: str


def link(store: int, fresh: Sequence[entry.Entry]) -> None:
    """Carry mentions and voids over every reference from or to the statements that were just written."""
    pairs = _pairs(store, fresh)
    if not pairs:
        return
    _void(store, pairs)
    carried: dict[Row, None] = {}
    for referrer, target in pairs:
        chain = _chain(store, target)
        for above in _referrers(store, referrer):
            for below in chain:
                if below.key != above.key:
                    carried.update(dict.fromkeys(_carried(store, above, below)))
    dialect().link(sorted(carried))


def _pairs(store: int, fresh: Sequence[entry.Entry]) -> list[tuple[Kept, Kept]]:
    """Every (referrer, target) of which at least one is new and both are kept."""
    new = {one.key for one in fresh}
    referring = _select(store, "target", new)
    targets = {kept.key: kept for kept in _select(store, "key", {one.target for one in fresh if one.target})}
    if not referring and not targets:
        return []
    both = {kept.key: kept for kept in referring}
    both |= {kept.key: kept for kept in _select(store, "key", {one.key for one in fresh if one.target in targets})}
    targets |= {kept.key: kept for kept in _select(store, "key", {kept.target for kept in referring if kept.target})}
    return [(kept, targets[kept.target]) for kept in both.values() if kept.target in targets]


def _void(store: int, pairs: Iterable[tuple[Kept, Kept]]) -> None:
    voided = keys.thing(store, "verb", entry.VOIDED)
    # A voiding statement cannot be voided (xAPI 1.0.3 Data 2.3.2).
    targets = sorted({target.key for referrer, target in pairs if referrer.verb == voided and target.verb != voided})
    if targets:
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE statements_statement SET voided = %s WHERE store = %s AND key IN ({_marks(targets)})",
                [True, store, *targets],
            )


def _chain(store: int, target: Kept) -> list[Kept]:
    """The target, what it refers to, and so on; a circle is walked once."""
    chain = {target.key: target}
    while (following := target.target) and following not in chain:
        found = _select(store, "key", {following})
        if not found:
            break
        target = found[0]
        chain[target.key] = target
    return list(chain.values())


def _referrers(store: int, referrer: Kept) -> list[Kept]:
    """The referrer, what refers to it, and so on."""
    found = {referrer.key: referrer}
    level = {referrer.key}
    while level:
        above = [kept for kept in _select(store, "target", level) if kept.key not in found]
        found |= {kept.key: kept for kept in above}
        level = {kept.key for kept in above}
    return list(found.values())


def _carried(store: int, above: Kept, below: Kept) -> list[Row]:
    statement = text.read(below.text.encode())
    named = roles.of(statement, statement.get("authority"))
    return [(store, key, above.stored, above.key, role, below.key) for key, role in entry.mentions(store, named)]


def _select(store: int, column: str, wanted: Iterable[str]) -> list[Kept]:
    values = sorted(wanted)
    if not values:
        return []
    here = dialect()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM statements_statement WHERE store = %s AND {column} IN ({_marks(values)})",
            [store, *values],
        )
        return [
            Kept(here.key(key), here.moment(stored), target and here.key(target), here.key(verb), text)
            for key, stored, target, verb, text in cursor.fetchall()
        ]


def _marks(values: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(values))
