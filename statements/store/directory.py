"""The readable form of what statements mention: agents and their names, activities and their definitions, verbs.

Rows are written in the order of their keys and only when something new came: what this process knows to be written is
remembered, so that most statements need no query here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from django.db import transaction

from statements import keys, outcome
from statements.entry import Entry
from statements.store.dialect import dialect
from statements.xapi import activities, actors, formats, text

# The columns of a row that say something of its thing.
Row = dict[str, str]

_MOST_REMEMBERED = 20_000
_MOST_NAMES = 20

# key of the row -> hash of what was last written there by this process
_known: dict[str, int] = {}


class News:
    """What entries tell that this process has not written before; of one thing told twice in a batch, both."""

    def __init__(self) -> None:
        self.marks: dict[str, int] = {}
        self.agents: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
        self.activities: dict[str, list[tuple[str, Mapping[str, Any] | None]]] = {}
        self.verbs: dict[str, list[tuple[str, Mapping[str, str] | None]]] = {}

    def __bool__(self) -> bool:
        return bool(self.marks)

    def add(self, key: str, said: object, told: dict[str, list[tuple[str, Any]]], name: str, value: Any) -> None:
        """Note what is `said` of a thing, unless it is known."""
        before = self.marks.get(key, _known.get(key))
        if said is None and before is not None:
            return
        mark = 0 if said is None else hash(bytes(text.write(said)))
        if before != mark:
            self.marks[key] = mark
            told.setdefault(key, []).append((name, value))


def news(store: int, entries: Sequence[Entry]) -> News:
    """What is to be written for these entries' statements."""
    found = News()
    thing = keys.thing
    for entry in entries:
        named = entry.named
        for identifier, agent in named.agents.items():
            found.add(thing(store, "agent", identifier), agent.get("name"), found.agents, identifier, agent)
        for iri, definition in named.activities.items():
            found.add(thing(store, "activity", iri), definition, found.activities, iri, definition)
        for iri, display in named.verbs.items():
            found.add(thing(store, "verb", iri), display, found.verbs, iri, display)
    return found


def write(store: int, told: News) -> None:
    """Write the news; inside the transaction of their statements, as the last of it."""
    _tell(_AGENTS, store, told.agents)
    _tell(_ACTIVITIES, store, told.activities)
    _tell(_VERBS, store, told.verbs)
    if told:
        transaction.on_commit(lambda: _remember(told.marks))


def restore(store: int, agents: Mapping[str, Mapping[str, Any]]) -> None:
    """Write Agents, by key, that are there no more."""
    for key in agents:
        _known.pop(key, None)
    _tell(_AGENTS, store, {key: [(actors.identifier(agent) or "", agent)] for key, agent in agents.items()})


def _remember(marks: dict[str, int]) -> None:
    if len(_known) > _MOST_REMEMBERED:
        _known.clear()
    _known.update(marks)


# What was told of one thing: each time its identifier, and what was said.
_Told = list[tuple[str, Any]]


class _Table(NamedTuple):
    """A table of the directory: the column that what is said adds up in, and how its rows are made.

    `row` is a new row; `said` what was said that a row which is there may not know; `more` the columns to change for
    that, from the identifier and what `column` has (None for nothing).
    """

    name: str
    identifier: str
    column: str
    row: Callable[[_Told], Row]
    said: Callable[[_Told], list[Any]]
    more: Callable[[str, Any, list[Any]], Row]


def _tell(table: _Table, store: int, told: Mapping[str, _Told]) -> None:
    """Insert the rows that are new, and change the others where something new was said.

    First the one, then the other, each in the order of their keys, so that two writers cannot wait for each other.
    """
    # What this process has written is there, unless it was erased.
    unknown = [key for key in told if key not in _known]
    old = {key for key in told if key in _known} | _insert(table, store, {key: told[key] for key in unknown})
    changing = {key: told[key] for key in sorted(old) if table.said(told[key])}
    erased = changing.keys() - _change(table, store, changing)
    _insert(table, store, {key: told[key] for key in erased})


def _change(table: _Table, store: int, told: Mapping[str, _Told]) -> set[str]:
    """Add to rows what was said of their things, where they do not have it; the keys of those that are there."""
    if not told:
        return set()
    here = dialect()
    among, values = here.among("key", list(told))
    rows = here.select(
        f"SELECT key, {table.identifier}, {table.column} FROM {table.name} WHERE store = %s AND {among}"
        f" ORDER BY key{here.FOR_UPDATE}",
        [store, *values],
    )
    changed: dict[str, Row] = {}
    for given, identifier, kept in rows:
        key = here.key(given)
        before = orjson.loads(kept) if kept else None
        more = table.more(identifier, before, table.said(told[key]))
        if orjson.loads(more[table.column]) != before:
            changed[key] = more
    _update(table, store, changed)
    return {here.key(key) for key, _, _ in rows}


def _agent(told: _Told) -> Row:
    identifier, agent = told[0]
    return {
        "identifier": text.storable(identifier),
        "value": _json(actors.bare(agent)),
        **_named(identifier, None, _names(told)),
    }


def _names(told: _Told) -> list[str]:
    return [agent["name"] for _, agent in told if agent.get("name")]


def _named(identifier: str, before: Sequence[str] | None, said: Sequence[str]) -> Row:
    # A name that comes again is the newest again; the oldest of too many go.
    names = list(dict.fromkeys(reversed([*(before or ()), *said])))[:_MOST_NAMES][::-1]
    return {"names": _json(names), "name": text.storable(names[-1]) if names else ""}


def _activity(told: _Told) -> Row:
    return {"iri": told[0][0], **_described(told[0][0], None, _sayings(told))}


def _described(iri: str, before: Mapping[str, Any] | None, definitions: Sequence[Mapping[str, Any]]) -> Row:
    merged = before or {}
    for definition in definitions:
        merged = activities.merge(merged, definition)
    return {
        "definition": _json(merged) if merged else "",
        "name": _shown(merged.get("name")),
        "kind": outcome.kind({"id": iri, "definition": merged} if merged else {"id": iri}),
    }


def _verb(told: _Told) -> Row:
    return {"iri": told[0][0], **_displayed(told[0][0], None, _sayings(told))}


def _displayed(iri: str, before: Mapping[str, str] | None, said: Sequence[Mapping[str, str]]) -> Row:
    display = dict(before or {})
    for each in said:
        display |= each
    return {"display": _json(display) if display else "", "name": _shown(display)}


def _sayings(told: _Told) -> list[Any]:
    """The definitions of an activity or displays of a verb."""
    return [said for _, said in told if said]


_AGENTS = _Table("statements_agent", "identifier", "names", _agent, _names, _named)
_ACTIVITIES = _Table("statements_activity", "iri", "definition", _activity, _sayings, _described)
_VERBS = _Table("statements_verb", "iri", "display", _verb, _sayings, _displayed)


def _insert(table: _Table, store: int, told: Mapping[str, _Told]) -> set[str]:
    """Insert the rows that are new; the keys of the others."""
    if not told:
        return set()
    here = dialect()
    listed = [{"key": key, **table.row(told[key])} for key in sorted(told)]
    columns = list(listed[0])
    inserted = here.select(
        f"INSERT INTO {table.name} (store, {', '.join(columns)})"
        f" SELECT {store:d}, {', '.join(columns)} FROM {here.given(**_types(columns))}"
        # Without a condition SQLite would take ON for the beginning of a join.
        " WHERE 1 = 1 ON CONFLICT DO NOTHING RETURNING key",
        [orjson.dumps(listed).decode()],
    )
    return told.keys() - {here.key(key) for (key,) in inserted}


def _update(table: _Table, store: int, rows: Mapping[str, Row]) -> None:
    if not rows:
        return
    here = dialect()
    columns = list(next(iter(rows.values())))
    listed = [{"key": key, **row} for key, row in rows.items()]
    # The keys stand apart, too, so that the rows are found by them, however few the planner takes the given ones for.
    among, values = here.among(f"{table.name}.key", list(rows))
    here.select(
        f"UPDATE {table.name} SET {', '.join(f'{column} = given.{column}' for column in columns)}"
        f" FROM {here.given(**_types(['key', *columns]))}"
        f" WHERE {table.name}.store = %s AND {table.name}.key = given.key AND {among} RETURNING 1",
        [orjson.dumps(listed).decode(), store, *values],
    )


def _types(columns: Sequence[str]) -> dict[str, str]:
    return {column: "uuid" if column == "key" else "text" for column in columns}


def _json(value: object) -> str:
    return bytes(text.write(value)).decode()


def _shown(texts: Mapping[str, str] | None) -> str:
    """One text of a language map, for lists."""
    return text.storable(texts[formats.choose(tuple(texts), ("en",))]) if texts else ""
