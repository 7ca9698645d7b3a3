"""The one way out: a query becomes a page of statements and the place where the next page begins.

Two steps in one round trip: keys first, from one range of the mention table; texts second, by key. A query without
conditions needs no keys, for its range is one of the statements themselves. The order is `stored`, then key.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Any, NamedTuple

from statements import keys
from statements.entry import Tenant
from statements.store.dialect import dialect
from statements.xapi.roles import Role

# From this many rows on it no longer matters which of several conditions has fewer.
_ENOUGH = 1_000
_MOST_KEYS = 5_000
# Seconds for which a promise of `through` is given again; and what was promised, by store, and when that was asked.
_RECENT = 1.0
_told: dict[int, tuple[float, datetime]] = {}


class Condition(NamedTuple):
    """The statement, or one it refers to, mentions `key` in one of `roles`."""

    key: str
    roles: tuple[Role, ...]


class Place(NamedTuple):
    """A place between two statements: after the one that was stored then and has this key."""

    stored: datetime
    key: str


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: all conditions together, `since` excluded and `until` included, both about `stored`.

    `seconds` is how long the database may take for each step.
    """

    store: int
    limit: int
    conditions: tuple[Condition, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    ascending: bool = False
    after: Place | None = None
    credential: int | None = None
    seconds: int = 30


class Kept(NamedTuple):
    """A statement as it is kept; `text` lacks what `formats.exact` puts in."""

    key: str
    stored: datetime
    timestamp_given: bool
    attachments: int
    text: str


class Page(NamedTuple):
    """Statements in order, and where the next page begins; None on the last one."""

    statements: list[Kept]
    after: Place | None


def agent(store: int, identifier: str, *, related: bool) -> Condition:
    """Statements with this Agent or Group as actor or object; with `related` anywhere."""
    roles = (Role.AGENT, Role.RELATED_AGENT) if related else (Role.AGENT,)
    return Condition(keys.thing(store, "agent", identifier), roles)


def activity(store: int, iri: str, *, related: bool) -> Condition:
    """Statements about this activity; with `related` also those with it in their context or SubStatement."""
    roles = (Role.ACTIVITY, Role.RELATED_ACTIVITY) if related else (Role.ACTIVITY,)
    return Condition(keys.thing(store, "activity", iri), roles)


def verb(store: int, iri: str) -> Condition:
    """Statements with this verb."""
    return Condition(keys.thing(store, "verb", iri), (Role.VERB,))


def registration(store: int, id: str) -> Condition:
    """Statements of this registration."""
    return Condition(keys.thing(store, "registration", id.lower()), (Role.REGISTRATION,))


def page(query: Query) -> Page:
    """One page of the statements that a query finds; voided ones are not found.

    Raises TooSlow above the query's limit of time.
    """
    found: list[Kept] = []
    with dialect().limited(query.seconds):
        for some in _mentioning(query) if query.conditions else [_newest(query)]:
            found += some
            if len(found) > query.limit:
                last = found[query.limit - 1]
                return Page(found[: query.limit], Place(last.stored, last.key))
    return Page(found, None)


def one(tenant: Tenant, id: str, *, voided: bool, credential: int | None = None) -> Kept | None:
    """The statement with this id, or None; only if it is voided as asked."""
    mine, whose = ("", []) if credential is None else ("AND credential = %s", [credential])
    rows = dialect().select(
        f"SELECT {_KEPT} FROM statements_statement WHERE store = %s AND key = %s"
        f" AND {'voided' if voided else 'NOT voided'} {mine}",
        [tenant.store, keys.statement(tenant.namespace, id), *whose],
    )
    return next(iter(_kept(rows)), None)


def through(store: int) -> datetime:
    """X-Experience-API-Consistent-Through: nothing of the store can appear at or before this time any more."""
    return dialect().through(store)


def recently(store: int) -> datetime:
    """The same as `through` told within the last second: as good a promise, and nearly always without a query."""
    asked, told = _told.get(store, (0.0, None))
    now = monotonic()
    if told is None or now - asked > _RECENT:
        told = through(store)
        _told[store] = (now, told)
    return told


def places(query: Query, anyone: Sequence[Condition] = ()) -> list[Place]:
    """The next places of what its conditions find, voided or not: as many as its limit, or all that are left.

    With `anyone` at least one of these must hold too: the identifiers of a person, say. There must be any condition.
    """
    found: dict[Place, None] = {}
    query = replace(query, conditions=_fewest_first(query))
    while len(found) < query.limit:
        rows = _range_of_any(query, anyone)
        found |= dict.fromkeys(rows)
        if len(rows) < query.limit:
            break
        query = replace(query, after=rows[-1])
    return list(found)[: query.limit]


def are_many(query: Query, anyone: Sequence[Condition], most: int) -> bool:
    """Whether more mentions than so many fit any of these, within the times of the query."""
    ranges = [_range_of(replace(query, conditions=(one,)), most + 1, ordered=False) for one in anyone]
    sql = " UNION ALL ".join(f"SELECT * FROM ({range_}) AS one_{number}" for number, (range_, _) in enumerate(ranges))
    rows = dialect().select(
        f"SELECT 1 FROM ({sql}) AS m LIMIT 1 OFFSET {most}", [value for _, values in ranges for value in values]
    )
    return bool(rows)


def definitions(store: int, iris: Collection[str]) -> dict[str, bytes]:
    """The merged definitions, as JSON by IRI, of those activities that anything described."""
    return _told_of(store, "activity", "definition", iris)


def displays(store: int, iris: Collection[str]) -> dict[str, bytes]:
    """The merged displays, as JSON by IRI, of those verbs that anything displayed."""
    return _told_of(store, "verb", "display", iris)


def _told_of(store: int, kind: str, column: str, iris: Collection[str]) -> dict[str, bytes]:
    here = dialect()
    among, values = here.among("key", [keys.thing(store, kind, iri) for iri in iris])
    rows = here.select(
        f"SELECT iri, {column} FROM statements_{kind} WHERE store = %s AND {among} AND {column} <> ''",
        [store, *values],
    )
    return {iri: told.encode() for iri, told in rows}


def _newest(query: Query) -> list[Kept]:
    """One statement more than a page has; the oldest ones in ascending order."""
    where, values = _between(query, "key")
    if query.credential is not None:
        where.append("m.credential = %s")
        values.append(query.credential)
    rows = dialect().select(
        f"SELECT {_KEPT} FROM statements_statement m WHERE {' AND '.join(['NOT m.voided', *where])}"
        f" ORDER BY {_order(query, 'key')} LIMIT {query.limit + 1}",
        values,
    )
    return _kept(rows)


def _mentioning(query: Query) -> Iterator[list[Kept]]:
    """The statements that the conditions find, in order, first as many as a page needs and then ever more."""
    here = dialect()
    query = replace(query, conditions=_fewest_first(query))
    mine, whose = ("", []) if query.credential is None else ("AND s.credential = %s", [query.credential])
    amount = query.limit + 1
    while True:
        range_, values = _range_of(query, amount)
        rows = here.select(
            f"WITH m AS MATERIALIZED ({range_}) SELECT m.statement, m.stored, s.timestamp_given, s.attachments, s.text"
            " FROM m LEFT JOIN statements_statement s ON s.store = %s AND s.key = m.statement AND NOT s.voided"
            f" {mine} ORDER BY {_order(query, 'statement')}",
            [*values, query.store, *whose],
        )
        # A statement is there as often as it mentions what is asked for; one that must not be shown has no text.
        shown = {row[0]: row for row in rows if row[4] is not None}
        yield _kept(shown.values())
        if len(rows) < amount:
            return
        key, stored, *_ = rows[-1]
        query = replace(query, after=Place(here.moment(stored), here.key(key)))
        amount = min(2 * amount, _MOST_KEYS)


def _range_of_any(query: Query, anyone: Sequence[Condition]) -> list[Place]:
    """The next places of any of these, by one query: each of them is a range of its own that is read in order."""
    if not anyone:
        return _range(query, query.limit)
    ranges = [_range_of(replace(query, conditions=(one, *query.conditions)), query.limit) for one in anyone]
    sql = " UNION ALL ".join(f"SELECT * FROM ({range_}) AS one_{number}" for number, (range_, _) in enumerate(ranges))
    return _places(
        f"SELECT m.stored, m.statement FROM ({sql}) AS m ORDER BY {_order(query, 'statement')} LIMIT {query.limit}",
        [value for _, values in ranges for value in values],
    )


def _range(query: Query, amount: int) -> list[Place]:
    """The next places of a query with conditions, in its order."""
    return _places(*_range_of(query, amount))


def _places(sql: str, values: Sequence[Any]) -> list[Place]:
    here = dialect()
    return [Place(here.moment(stored), here.key(key)) for stored, key in here.select(sql, values)]


def _range_of(query: Query, amount: int, *, ordered: bool = True) -> tuple[str, list[Any]]:
    where, values = _between(query, "statement")
    first, *others = query.conditions
    where += ["m.key = %s", f"m.role IN ({_roles(first)})"]
    values.append(first.key)
    for other in others:
        where.append(
            "EXISTS (SELECT 1 FROM statements_mention o WHERE o.store = m.store AND o.key = %s AND o.stored = m.stored"
            f" AND o.statement = m.statement AND o.via = m.via AND o.role IN ({_roles(other)}))"
        )
        values.append(other.key)
    sql = (
        f"SELECT m.stored, m.statement FROM statements_mention m WHERE {' AND '.join(where)}"
        f"{' ORDER BY ' + _order(query, 'statement') if ordered else ''} LIMIT {amount}"
    )
    return sql, values


def _between(query: Query, statement: str) -> tuple[list[str], list[Any]]:
    """What a row `m` must be for the query's store, times and place to hold; `statement` is the column of its key."""
    here = dialect()
    where = ["m.store = %s"]
    values: list[Any] = [query.store]
    if query.since is not None:
        where.append("m.stored > %s")
        values.append(here.time(query.since))
    if query.until is not None:
        where.append("m.stored <= %s")
        values.append(here.time(query.until))
    if query.after is not None:
        where.append(f"(m.stored, m.{statement}) {'>' if query.ascending else '<'} (%s, %s)")
        values += [here.time(query.after.stored), query.after.key]
    return where, values


def _order(query: Query, statement: str) -> str:
    way = "ASC" if query.ascending else "DESC"
    return f"m.stored {way}, m.{statement} {way}"


def _fewest_first(query: Query) -> tuple[Condition, ...]:
    """The condition that finds fewest in front: its range is walked, the others are looked up for each row."""
    if len(query.conditions) < 2:
        return query.conditions
    return tuple(sorted(query.conditions, key=lambda condition: _amount(query.store, condition)))


def _amount(store: int, condition: Condition) -> int:
    ((amount,),) = dialect().select(
        "SELECT count(*) FROM (SELECT 1 FROM statements_mention WHERE store = %s AND key = %s"
        f" AND role IN ({_roles(condition)}) LIMIT {_ENOUGH}) AS counted",
        [store, condition.key],
    )
    return int(amount)


_KEPT = "key, stored, timestamp_given, attachments, text"


def _kept(rows: Iterable[Sequence[Any]]) -> list[Kept]:
    here = dialect()
    return [
        Kept(here.key(key), here.moment(stored), bool(given), attachments, text)
        for key, stored, given, attachments, text in rows
    ]


def _roles(condition: Condition) -> str:
    return ", ".join(str(int(role)) for role in condition.roles)
