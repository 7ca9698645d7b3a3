"""How a kept statement is given out: exact, ids or canonical (xAPI 1.0.3 Communication 2.1.3).

What a format does not touch keeps its text, the spelling of its numbers included.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import is_
from typing import TypeVar, TypeVarTuple, cast

from msgspec import Raw

from statements.xapi import text
from statements.xapi.activities import COMPONENTS
from statements.xapi.actors import IDENTIFIERS
from statements.xapi.text import Members

_ACTOR_IDS = ("objectType", *IDENTIFIERS)
_ANONYMOUS_IDS = ("objectType", "member")
_CONTEXT_ACTIVITIES = ("parent", "grouping", "category", "other")
_RANGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_QUALITY = re.compile(r"[01](\.[0-9]{0,3})?")


def exact(kept: bytes, stored: datetime, timestamp_given: bool) -> bytes:
    """The statement as it was received, with the LRS's own properties.

    `stored` is in UTC; it is the timestamp too where the sender gave none (Data 2.4.7).
    """
    moment = b'"%b"' % stored.isoformat(timespec="microseconds").replace("+00:00", "Z").encode()
    more = b'"stored":' + moment
    return text.add(kept, more if timestamp_given else more + b',"timestamp":' + moment)


# --- how a part is changed

# Statements have their learners, verbs and activities in common. What a part becomes depends on its text alone, so it
# is found out once: so many of each kind, some 5 MB in all. Longer ones are rare and not worth their place.
_REMEMBERED = 512
_LONGEST = 2048
_Change = Callable[[Raw], Raw]
_Rest = TypeVarTuple("_Rest")
_Found = TypeVar("_Found")


def _remembered(find: Callable[[bytes, *_Rest], _Found]) -> Callable[[bytes, *_Rest], _Found]:
    # What lru_cache gives is typed without the arguments.
    known = cast("Callable[[bytes, *_Rest], _Found]", lru_cache(_REMEMBERED)(find))

    def found(as_written: bytes, *rest: *_Rest) -> _Found:
        return known(as_written, *rest) if len(as_written) <= _LONGEST else find(as_written, *rest)

    return found


def _once(change: _Change) -> _Change:
    """The same change, made once for each text that it is asked for."""

    @_remembered
    def changed(as_written: bytes) -> Raw | None:
        whole = Raw(as_written)
        new = change(whole)
        return None if new is whole else new

    def change_once(whole: Raw) -> Raw:
        new = changed(bytes(whole))
        # The same object where nothing changed, which is how _change knows.
        return whole if new is None else new

    return change_once


def _change(whole: Raw, changes: Mapping[str, _Change]) -> Raw:
    """The object with some of its values changed; itself where none did."""
    members = text.members(whole)
    return text.join(members) if _change_members(members, changes) else whole


def _change_members(members: Members, changes: Mapping[str, _Change]) -> bool:
    changed = False
    for name, change in changes.items():
        if name in members:
            old = members[name]
            new = members[name] = change(old)
            changed |= new is not old
    return changed


def _each(change: _Change) -> _Change:
    def change_each(whole: Raw) -> Raw:
        old = text.elements(whole)
        new = [change(element) for element in old]
        return whole if all(map(is_, new, old)) else text.join_elements(new)

    return change_each


def _only(members: Members, names: Sequence[str]) -> Raw:
    return text.join({name: raw for name, raw in members.items() if name in names})


def _object_type(members: Members) -> str:
    kind: str = text.read(members["objectType"]) if "objectType" in members else "Activity"
    return kind


# --- ids: only what identifies Agents, Groups, Activities and Verbs


def ids(statement: bytes) -> bytes:
    """The statement with nothing but identifiers in its actors, Activities and Verbs.

    An Agent or identified Group keeps its objectType and identifier, an anonymous Group its members' identifiers,
    an Activity and a Verb the id.
    """
    return bytes(_change(Raw(statement), _STATEMENT_IDS))


def _actor_id(whole: Raw) -> Raw:
    members = text.members(whole)
    if "member" not in members or any(name in members for name in IDENTIFIERS):
        return _only(members, _ACTOR_IDS)
    members["member"] = _each(_actor_id)(members["member"])
    return _only(members, _ANONYMOUS_IDS)


def _id(whole: Raw) -> Raw:
    return _only(text.members(whole), ("id",))


def _object_id(whole: Raw) -> Raw:
    kind = _object_type(text.members(whole))
    if kind == "Activity":
        return _id(whole)
    if kind == "SubStatement":
        return _change(whole, _PART_IDS)
    return whole if kind == "StatementRef" else _actor_id(whole)


_actor_id_once = _once(_actor_id)
_CONTEXT_IDS: dict[str, _Change] = {
    "instructor": _actor_id_once,
    "team": _actor_id_once,
    "contextActivities": _once(lambda whole: _change(whole, dict.fromkeys(_CONTEXT_ACTIVITIES, _each(_id)))),
    "contextAgents": _each(lambda entry: _change(entry, {"agent": _actor_id_once})),
    "contextGroups": _each(lambda entry: _change(entry, {"group": _actor_id_once})),
}
_PART_IDS: dict[str, _Change] = {
    "actor": _actor_id_once,
    "verb": _once(_id),
    "object": _once(_object_id),
    # Seldom the same twice: the registration is in it.
    "context": lambda whole: _change(whole, _CONTEXT_IDS),
}
_STATEMENT_IDS = _PART_IDS | {"authority": _actor_id_once}


# --- canonical: the known definitions, each text in one language

Definitions = Mapping[str, bytes]


def canonical(
    statement: bytes, definitions: Definitions, languages: Sequence[str], displays: Definitions | None = None
) -> bytes:
    """The statement with its Activities' known definitions, and one language in each of its language maps.

    `definitions` has what is known of an Activity by its IRI, as JSON; one that is not in it keeps the definition it
    came with. `displays` is the same for Verbs (Data 2.4.3). `languages` are language ranges, the most wanted first
    (see `languages`).
    """
    return Canonical(statement).text(definitions, languages, displays or {})


class Canonical:
    """A statement that is to become canonical.

    `activities` and `verbs` are those whose known definitions and displays it wants.
    """

    __slots__ = ("_context", "_members", "_part", "_whole", "activities", "verbs")

    def __init__(self, statement: bytes | Raw) -> None:
        self._whole = statement
        self._members = text.members(statement)
        self._context: Members = text.members(self._members["context"]) if "context" in self._members else {}
        kind, named = _object(bytes(self._members["object"]))
        self._part = Canonical(self._members["object"]) if kind == "SubStatement" else None
        self.activities: tuple[str, ...] = named if self._part is None else self._part.activities
        self.verbs: tuple[str, ...] = (
            _verb_id(bytes(self._members["verb"])),
            *(self._part.verbs if self._part else ()),
        )
        if "contextActivities" in self._context:
            self.activities = (*self.activities, *_activities_in(bytes(self._context["contextActivities"])))

    def text(self, definitions: Definitions, languages: Sequence[str], displays: Definitions) -> bytes:
        """The statement in canonical form; the arguments as for `canonical`."""
        members, shown = self._members, tuple(languages)
        changed = False
        for name, new in (
            ("verb", _verb(bytes(members["verb"]), displays.get(self.verbs[0]), shown)),
            ("object", self._object(definitions, shown, displays)),
            ("context", self._context_changed(definitions, shown)),
            ("attachments", _attachments(bytes(members["attachments"]), shown) if "attachments" in members else None),
        ):
            if new is not None:
                members[name] = new
                changed = True
        return bytes(text.join(members)) if changed else bytes(self._whole)

    def _object(self, definitions: Definitions, languages: tuple[str, ...], displays: Definitions) -> Raw | None:
        whole = self._members["object"]
        as_written = bytes(whole)
        if self._part is not None:
            new = self._part.text(definitions, languages, displays)
            return None if new == as_written else Raw(new)
        _, named = _object(as_written)
        return _activity(as_written, definitions.get(named[0]), languages) if named else None

    def _context_changed(self, definitions: Definitions, languages: tuple[str, ...]) -> Raw | None:
        if "contextActivities" not in self._context:
            return None
        as_written = bytes(self._context["contextActivities"])
        known = tuple(map(definitions.get, _activities_in(as_written)))
        new = _context_activities(as_written, known, languages)
        return None if new is None else text.join(self._context | {"contextActivities": new})


@_remembered
def _object(as_written: bytes) -> tuple[str, tuple[str, ...]]:
    """The objectType of a statement's object, and the IRI where it is an Activity."""
    members = text.members(as_written)
    kind = _object_type(members)
    return kind, (text.read(members["id"]),) if kind == "Activity" else ()


@_remembered
def _activities_in(as_written: bytes) -> tuple[str, ...]:
    """The IRIs of contextActivities, in the order in which `_context_activities` meets them."""
    lists = text.members(as_written)
    return tuple(
        text.read(text.members(one)["id"])
        for name in _CONTEXT_ACTIVITIES
        if name in lists
        for one in text.elements(lists[name])
    )


# Below, None says that nothing changes.


@_remembered
def _context_activities(as_written: bytes, known: Sequence[bytes | None], languages: tuple[str, ...]) -> Raw | None:
    definitions = iter(known)
    whole = Raw(as_written)

    def change(one: Raw) -> Raw:
        return _activity(bytes(one), next(definitions), languages) or one

    new = _change(whole, dict.fromkeys(_CONTEXT_ACTIVITIES, _each(change)))
    return None if new is whole else new


@_remembered
def _activity(as_written: bytes, known: bytes | None, languages: tuple[str, ...]) -> Raw | None:
    members = text.members(as_written)
    if known:
        members["definition"] = _definition(Raw(known), languages)
        return text.join(members)
    if "definition" not in members:
        return None
    old = members["definition"]
    members["definition"] = _definition(old, languages)
    return None if members["definition"] is old else text.join(members)


def _definition(whole: Raw, languages: tuple[str, ...]) -> Raw:
    words = _words(languages)
    component = _each(lambda one: _change(one, {"description": words}))
    return _change(whole, {"name": words, "description": words} | dict.fromkeys(COMPONENTS, component))


@_remembered
def _verb_id(as_written: bytes) -> str:
    iri: str = text.read(text.members(as_written)["id"])
    return iri


@_remembered
def _verb(as_written: bytes, known: bytes | None, languages: tuple[str, ...]) -> Raw | None:
    whole = Raw(as_written)
    if known:
        members = text.members(whole)
        members["display"] = _words(languages)(Raw(known))
        return text.join(members)
    new = _change(whole, {"display": _words(languages)})
    return None if new is whole else new


@_remembered
def _attachments(as_written: bytes, languages: tuple[str, ...]) -> Raw | None:
    whole, words = Raw(as_written), _words(languages)
    new = _each(lambda one: _change(one, {"display": words, "description": words}))(whole)
    return None if new is whole else new


def _words(languages: tuple[str, ...]) -> _Change:
    """A language map becomes one with one language."""

    def words(whole: Raw) -> Raw:
        members = text.members(whole)
        if len(members) < 2:
            return whole
        tag = choose(tuple(members), languages)
        return text.join({tag: members[tag]})

    return words


# --- languages


def languages(accept_language: str) -> list[str]:
    """The language ranges of an Accept-Language header, the most wanted first (RFC 9110 12.5.4).

    A range of quality 0 is left out, and so is "*": what remains is taken anyway where nothing else fits.
    Parts that cannot be understood are passed over.
    """
    wanted: list[tuple[float, str]] = []
    for part in accept_language.split(","):
        name, _, parameter = part.partition(";")
        language = name.strip()
        quality = _quality(parameter)
        if quality > 0 and _RANGE.fullmatch(language):
            wanted.append((quality, language))
    return [language for _, language in sorted(wanted, key=lambda pair: -pair[0])]


def _quality(parameter: str) -> float:
    name, _, number = parameter.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    return float(number) if _QUALITY.fullmatch(number.strip()) else 0.0


@lru_cache(maxsize=4096)
def choose(tags: tuple[str, ...], languages: tuple[str, ...]) -> str:
    """Which of a language map's tags (at least one) to show to a reader of these language ranges.

    The first range that fits decides: a tag that equals it, that is more special (en-US for en), or that is more
    general (RFC 4647 3.4, zh-Hant for zh-Hant-TW). Where none fits: a tag of the same language (en-US for en-GB),
    else the language-neutral "und", else the tag that the sender put first.
    """
    by_name = {tag.lower(): tag for tag in reversed(tags)}
    names = list(reversed(by_name))
    wanted = [language.lower() for language in languages]
    for language in wanted:
        found = _special(language, names) or _general(language, names)
        if found:
            return by_name[found]
    for language in wanted:
        found = _special(language.partition("-")[0], names)
        if found:
            return by_name[found]
    return by_name.get("und", tags[0])


def _special(language: str, names: Sequence[str]) -> str | None:
    if language in names:
        return language
    return next((name for name in names if name.startswith(language + "-")), None)


def _general(language: str, names: Sequence[str]) -> str | None:
    while "-" in language:
        language = language.rpartition("-")[0]
        if language in names:
            return language
    return None
