"""The readable form of what statements mention: agents and their names, activities and their definitions, verbs.

Rows are written in the order of their keys and only when something new came: what this process knows to be written is
remembered, so that most statements need no query here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from django.db import transaction

from statements import keys, outcome
from statements.entry import Entry
from statements.models import Activity, Agent, Verb
from statements.xapi import activities, actors, formats, text

_MOST_REMEMBERED = 50_000
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
    rows = [
        Agent(key=key, store=store, identifier=_storable(said[0][0]), value=_json(actors.bare(said[0][1])))
        for key, said in sorted(told.items())
    ]
    Agent.objects.bulk_create(rows, ignore_conflicts=True)
    named = {
        key: names for key, said in told.items() if (names := [agent["name"] for _, agent in said if agent.get("name")])
    }
    for row in _locked(Agent, named):
        before = orjson.loads(row.names)
        # A name that comes again is the newest again; the oldest of too many go.
        names = list(dict.fromkeys(reversed([*before, *named[row.key.hex]])))[:_MOST_NAMES][::-1]
        if names != before:
            Agent.objects.filter(pk=row.pk, store=store).update(names=_json(names), name=_storable(names[-1]))


def _activities(store: int, told: dict[str, list[tuple[str, Mapping[str, Any] | None]]]) -> None:
    rows = [
        Activity(key=key, store=store, iri=said[0][0], kind=outcome.kind({"id": said[0][0]}))
        for key, said in sorted(told.items())
    ]
    Activity.objects.bulk_create(rows, ignore_conflicts=True)
    described = {key: given for key, said in told.items() if (given := [each for _, each in said if each])}
    for row in _locked(Activity, described):
        before = orjson.loads(row.definition) if row.definition else {}
        merged = before
        for definition in described[row.key.hex]:
            merged = activities.merge(merged, definition)
        if merged != before:
            Activity.objects.filter(pk=row.pk, store=store).update(
                definition=_json(merged),
                name=_shown(merged.get("name")),
                kind=outcome.kind({"id": row.iri, "definition": merged}),
            )


def _verbs(store: int, told: dict[str, list[tuple[str, Mapping[str, str] | None]]]) -> None:
    rows = [Verb(key=key, store=store, iri=said[0][0]) for key, said in sorted(told.items())]
    Verb.objects.bulk_create(rows, ignore_conflicts=True)
    shown = {key: given for key, said in told.items() if (given := [each for _, each in said if each])}
    for row in _locked(Verb, shown):
        before = orjson.loads(row.display) if row.display else {}
        display = dict(before)
        for each in shown[row.key.hex]:
            display |= each
        if display != before:
            Verb.objects.filter(pk=row.pk, store=store).update(display=_json(display), name=_shown(display))


def _locked(model: type[Any], wanted: Iterable[str]) -> Iterable[Any]:
    """The rows, locked in the order of their keys, so that two writers cannot wait for each other."""
    ordered = sorted(wanted)
    if not ordered:
        return []
    return model.objects.select_for_update().filter(pk__in=ordered).order_by("pk")  # type: ignore[no-any-return]


def _json(value: object) -> str:
    return bytes(text.write(value)).decode()


def _shown(texts: Mapping[str, str] | None) -> str:
    """One text of a language map, for lists."""
    return _storable(texts[formats.choose(tuple(texts), ("en",))]) if texts else ""


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
