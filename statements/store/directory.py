"""The readable form of what statements mention: agents and their names, activities and their definitions, verbs.

Rows are written in the order of their keys and only when something new came: what this process knows to be written is
remembered, so that most statements need no query here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from django.db import connection, transaction
from django.db.models import Model

from statements import keys, outcome
from statements.entry import Entry
from statements.models import Activity, Agent, Verb
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
    if told.agents:
        _agents(store, told.agents)
    if told.activities:
        _activities(store, told.activities)
    if told.verbs:
        _verbs(store, told.verbs)
    if told:
        transaction.on_commit(lambda: _remember(told.marks))


def restore(store: int, agents: Mapping[str, Mapping[str, Any]]) -> None:
    """Write Agents, by key, that are there no more."""
    _agents(store, {key: [(actors.identifier(agent) or "", agent)] for key, agent in agents.items()})


def _remember(marks: dict[str, int]) -> None:
    if len(_known) > _MOST_REMEMBERED:
        _known.clear()
    _known.update(marks)


def _agents(store: int, told: dict[str, list[tuple[str, Mapping[str, Any]]]]) -> None:
    named = {key: [agent["name"] for _, agent in said if agent.get("name")] for key, said in told.items()}
    new = {
        key: {
            "identifier": text.storable(said[0][0]),
            "value": _json(actors.bare(said[0][1])),
            **_names([], named[key]),
        }
        for key, said in told.items()
    }
    old = _insert(Agent, store, new)
    changed = {}
    for row in _locked(Agent, store, [key for key in old if named[key]]):
        before = orjson.loads(row.names)
        after = _names(before, named[row.key.hex])
        if orjson.loads(after["names"]) != before:
            changed[row.key.hex] = after
    _update(Agent, store, changed)


def _names(before: Sequence[str], said: Sequence[str]) -> Row:
    # A name that comes again is the newest again; the oldest of too many go.
    names = list(dict.fromkeys(reversed([*before, *said])))[:_MOST_NAMES][::-1]
    return {"names": _json(names), "name": text.storable(names[-1]) if names else ""}


def _activities(store: int, told: dict[str, list[tuple[str, Mapping[str, Any] | None]]]) -> None:
    described = {key: [definition for _, definition in said if definition] for key, said in told.items()}
    new = {key: {"iri": said[0][0], **_described(said[0][0], {}, described[key])} for key, said in told.items()}
    old = _insert(Activity, store, new)
    changed = {}
    for row in _locked(Activity, store, [key for key in old if described[key]]):
        before = orjson.loads(row.definition or "{}")
        after = _described(row.iri, before, described[row.key.hex])
        if orjson.loads(after["definition"]) != before:
            changed[row.key.hex] = after
    _update(Activity, store, changed)


def _described(iri: str, before: Mapping[str, Any], definitions: Sequence[Mapping[str, Any]]) -> Row:
    merged = before
    for definition in definitions:
        merged = activities.merge(merged, definition)
    return {
        "definition": _json(merged) if merged else "",
        "name": _shown(merged.get("name")),
        "kind": outcome.kind({"id": iri, "definition": merged} if merged else {"id": iri}),
    }


def _verbs(store: int, told: dict[str, list[tuple[str, Mapping[str, str] | None]]]) -> None:
    shown = {key: [display for _, display in said if display] for key, said in told.items()}
    new = {key: {"iri": said[0][0], **_displayed({}, shown[key])} for key, said in told.items()}
    old = _insert(Verb, store, new)
    changed = {}
    for row in _locked(Verb, store, [key for key in old if shown[key]]):
        before = orjson.loads(row.display or "{}")
        after = _displayed(before, shown[row.key.hex])
        if orjson.loads(after["display"]) != before:
            changed[row.key.hex] = after
    _update(Verb, store, changed)


def _displayed(before: Mapping[str, str], said: Sequence[Mapping[str, str]]) -> Row:
    display = dict(before)
    for each in said:
        display |= each
    return {"display": _json(display) if display else "", "name": _shown(display)}


def _insert(model: type[Model], store: int, rows: Mapping[str, Row]) -> list[str]:
    """Insert the rows that are new; the keys of the others. In the order of their keys, as all do."""
    here = dialect()
    columns = ["key", *next(iter(rows.values()))]
    listed = [{"key": key, **rows[key]} for key in sorted(rows)]
    inserted = here.select(
        f"INSERT INTO {model._meta.db_table} (store, {', '.join(columns)})"
        f" SELECT {store:d}, {', '.join(columns)} FROM {here.given(**_types(columns))}"
        # Without a condition SQLite would take ON for the beginning of a join.
        " WHERE 1 = 1 ON CONFLICT DO NOTHING RETURNING key",
        [orjson.dumps(listed).decode()],
    )
    return sorted(rows.keys() - {here.key(key) for (key,) in inserted})


def _update(model: type[Model], store: int, rows: Mapping[str, Row]) -> None:
    if not rows:
        return
    table = model._meta.db_table
    columns = list(next(iter(rows.values())))
    given = dialect().given(**_types(["key", *columns]))
    listed = [{"key": key, **row} for key, row in rows.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {', '.join(f'{column} = given.{column}' for column in columns)} FROM {given}"
            f" WHERE {table}.store = %s AND {table}.key = given.key",
            [orjson.dumps(listed).decode(), store],
        )


def _types(columns: Sequence[str]) -> dict[str, str]:
    return {column: "uuid" if column == "key" else "text" for column in columns}


def _locked(model: type[Any], store: int, wanted: Sequence[str]) -> Iterable[Any]:
    """The rows, locked in the order of their keys, so that two writers cannot wait for each other."""
    if not wanted:
        return []
    rows = model.objects.select_for_update().filter(store=store, pk__in=sorted(wanted))
    return rows.order_by("pk")  # type: ignore[no-any-return]


def _json(value: object) -> str:
    return bytes(text.write(value)).decode()


def _shown(texts: Mapping[str, str] | None) -> str:
    """One text of a language map, for lists."""
    return text.storable(texts[formats.choose(tuple(texts), ("en",))]) if texts else ""
