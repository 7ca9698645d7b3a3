"""Statements that refer to statements: they are found by what their target says, and a voiding one voids its target.

Reference and target may arrive in any order, in one batch or far apart, and over chains of references
(xAPI 1.0.3 Communication 2.1.3 "StatementRefs", Data 2.3.2 "Voiding").
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from statements import entry, keys
from statements.store.dialect import dialect
from statements.xapi import roles, text

# Over so many references a statement is still found by what stands at their end. Without a limit a batch that is one
# long chain would carry the square of its length.
_LONGEST_CHAIN = 10


class Referrer(NamedTuple):
    """A statement that refers to another."""

    key: str
    stored: datetime
    target: str
    verb: str


class Target(NamedTuple):
    """A statement that is referred to, and perhaps refers further."""

    key: str
    target: str | None
    verb: str
    text: str


def link(store: int, fresh: Sequence[entry.Entry]) -> None:
    """Carry mentions and voids over every reference from or to the statements that were just written."""
    referrers = _referrers(store, fresh)
    if not referrers:
        return
    targets = _targets(store, {referrer.target for referrer in referrers.values()})
    _void(store, referrers.values(), targets)
    mentions = {key: _mentions(store, target) for key, target in targets.items()}
    dialect().link(
        [
            (store, mentioned, referrer.stored, referrer.key, role, via)
            for _, referrer in sorted(referrers.items())
            for via in _chain(referrer, targets)
            for mentioned, role in mentions[via]
        ]
    )


def carried(
    store: int, statements: Sequence[Referrer], texts: Mapping[str, str]
) -> Iterator[tuple[str, datetime, str, str]]:
    """Where these statements are mentioned from and mention: (key, stored, statement, via) of every row.

    `texts` is by key; `target` is empty for those that refer to nothing.
    """
    targets = _targets(store, {one.target for one in statements if one.target})
    own = {key: _mentions(store, Target(key, None, "", kept)) for key, kept in texts.items()}
    theirs = {key: _mentions(store, target) for key, target in targets.items()}
    for one in statements:
        for via in (one.key, *(_chain(one, targets) if one.target else ())):
            for mentioned, _ in own.get(via) or theirs[via]:
                yield mentioned, one.stored, one.key, via
        for referrer in _above(store, one.key):
            for mentioned, _ in own[one.key]:
                yield mentioned, referrer.stored, referrer.key, one.key


def _above(store: int, key: str) -> list[Referrer]:
    found: dict[str, Referrer] = {}
    level = _referring(store, "target", [key])
    for _ in range(_LONGEST_CHAIN):
        level = [referrer for referrer in level if referrer.key not in found]
        found |= {referrer.key: referrer for referrer in level}
        level = _referring(store, "target", [referrer.key for referrer in level])
    return list(found.values())


def _referrers(store: int, fresh: Sequence[entry.Entry]) -> dict[str, Referrer]:
    """The new statements that refer, and all that refer to a new one directly or over others."""
    found: dict[str, Referrer] = {}
    new = [one.key for one in fresh]
    level = _referring(store, "target", new) + _referring(store, "key", [one.key for one in fresh if one.target])
    for _ in range(_LONGEST_CHAIN):
        above = [referrer for referrer in level if referrer.key not in found]
        if not above:
            break
        found |= {referrer.key: referrer for referrer in above}
        level = _referring(store, "target", [referrer.key for referrer in above])
    return found


def _targets(store: int, wanted: set[str]) -> dict[str, Target]:
    """What is referred to, and what that refers to, as far as it is kept."""
    found: dict[str, Target] = {}
    for _ in range(_LONGEST_CHAIN):
        if not wanted:
            break
        level = _referred(store, wanted)
        found |= {target.key: target for target in level}
        wanted = {target.target for target in level if target.target} - found.keys()
    return found


def _chain(referrer: Referrer, targets: Mapping[str, Target]) -> Iterator[str]:
    """The keys that a referrer leads to, in order; a circle is walked once."""
    seen = {referrer.key}
    following = targets.get(referrer.target)
    while following is not None and following.key not in seen and len(seen) <= _LONGEST_CHAIN:
        yield following.key
        seen.add(following.key)
        following = targets.get(following.target or "")


def _void(store: int, referrers: Iterable[Referrer], targets: Mapping[str, Target]) -> None:
    voided = keys.thing(store, "verb", entry.VOIDED)
    # A voiding statement cannot be voided (xAPI 1.0.3 Data 2.3.2).
    wanted = sorted(
        {
            target.key
            for referrer in referrers
            if referrer.verb == voided and (target := targets.get(referrer.target)) and target.verb != voided
        }
    )
    if wanted:
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE statements_statement SET voided = %s WHERE store = %s AND key IN ({_marks(wanted)})",
                [True, store, *wanted],
            )


def _mentions(store: int, target: Target) -> tuple[tuple[str, int], ...]:
    statement = text.read(target.text.encode())
    return entry.mentions(store, roles.of(statement, statement.get("authority")))


def _referring(store: int, column: str, wanted: Iterable[str]) -> list[Referrer]:
    here = dialect()
    return [
        Referrer(here.key(key), here.moment(stored), here.key(target), here.key(verb))
        for key, stored, target, verb in _select("key, stored, target, verb", store, column, wanted)
    ]


def _referred(store: int, wanted: Iterable[str]) -> list[Target]:
    here = dialect()
    return [
        Target(here.key(key), target and here.key(target), here.key(verb), kept)
        for key, target, verb, kept in _select("key, target, verb, text", store, "key", wanted)
    ]


def _select(columns: str, store: int, column: str, wanted: Iterable[str]) -> list[tuple[Any, ...]]:
    ordered = sorted(wanted)
    if not ordered:
        return []
    here = dialect()
    among, values = here.among(column, ordered)
    return here.select(f"SELECT {columns} FROM statements_statement WHERE store = %s AND {among}", [store, *values])


def _marks(values: list[str]) -> str:
    return ", ".join(["%s"] * len(values))
