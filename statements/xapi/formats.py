"""How a kept statement is given out: exact, ids or canonical (xAPI 1.0.3 Communication 2.1.3).

What a format does not touch keeps its text, the spelling of its numbers included.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import is_
from typing import Any

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


# --- ids: only what identifies Agents, Groups, Activities and Verbs


def ids(statement: bytes) -> bytes:
    """The statement with nothing but identifiers in its actors, Activities and Verbs.

    An Agent or identified Group keeps its objectType and identifier, an anonymous Group its members' identifiers,
    an Activity and a Verb the id.
    """
    return Ids()(statement)


class Ids:
    """What makes statements of a page ids; what they have in common is changed once."""

    __slots__ = ("changes",)

    def __init__(self) -> None:
        self.changes = {name: _once(change) for name, change in _STATEMENT_IDS.items()}

    def __call__(self, statement: bytes) -> bytes:
        """The statement with ids alone."""
        return bytes(_change(Raw(statement), self.changes))


_Change = Callable[[Raw], Raw]


def _change(whole: Raw, changes: Mapping[str, _Change]) -> Raw:
    """The object with some of its values changed; itself where none did."""
    members = text.members(whole)
    changed = False
    for name, change in changes.items():
        if name in members:
            old = members[name]
            new = members[name] = change(old)
            changed |= new is not old
    return text.join(members) if changed else whole


def _each(change: _Change) -> _Change:
    def change_each(whole: Raw) -> Raw:
        old = text.elements(whole)
        new = [change(element) for element in old]
        return whole if all(map(is_, new, old)) else text.join_elements(new)

    return change_each


def _once(change: _Change) -> _Change:
    """The same change, made once for each text that it is asked for."""
    changed: dict[bytes, Raw] = {}

    def change_once(whole: Raw) -> Raw:
        as_written = bytes(whole)
        known = changed.get(as_written)
        if known is None:
            known = changed[as_written] = change(whole)
        # The same object where nothing changed, which is how _change knows.
        return whole if known == whole else known

    return change_once


def _only(members: Members, names: Sequence[str]) -> Raw:
    return text.join({name: raw for name, raw in members.items() if name in names})


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


def _object_type(members: Members) -> str:
    kind: str = text.read(members["objectType"]) if "objectType" in members else "Activity"
    return kind


_CONTEXT_IDS: dict[str, _Change] = {
    "instructor": _actor_id,
    "team": _actor_id,
    "contextActivities": lambda whole: _change(whole, dict.fromkeys(_CONTEXT_ACTIVITIES, _each(_id))),
    "contextAgents": _each(lambda entry: _change(entry, {"agent": _actor_id})),
    "contextGroups": _each(lambda entry: _change(entry, {"group": _actor_id})),
}
_PART_IDS: dict[str, _Change] = {
    "actor": _actor_id,
    "verb": _id,
    "object": _object_id,
    "context": lambda whole: _change(whole, _CONTEXT_IDS),
}
_STATEMENT_IDS = _PART_IDS | {"authority": _actor_id}


# --- canonical: the known definitions, each text in one language


def canonical(statement: bytes, definitions: Mapping[str, Mapping[str, Any]], languages: Sequence[str]) -> bytes:
    """The statement with its Activities' known definitions, and one language in each of its language maps.

    `definitions` has what is known of an Activity by its IRI; one that is not in it keeps the definition it came
    with. `languages` are language ranges, the most wanted first (see `languages`).
    """
    return Canonical(definitions, languages)(statement)


class Canonical:
    """The changes that make statements canonical for one reader; `definitions` and `languages` as for `canonical`.

    What the statements of a page have in common, their verbs and activities above all, is changed once.
    """

    __slots__ = ("changes", "context_activity", "definitions", "languages")

    def __init__(self, definitions: Mapping[str, Mapping[str, Any]], languages: Sequence[str]) -> None:
        self.definitions = definitions
        self.languages = tuple(languages)
        self.context_activity = _each(_once(self.activity))
        self.changes: dict[str, _Change] = {
            "verb": _once(self.verb),
            "object": _once(self.object),
            "context": self.context,
            "attachments": _each(self.attachment),
        }

    def __call__(self, statement: bytes) -> bytes:
        """The statement in canonical form."""
        return bytes(self.statement(Raw(statement)))

    def statement(self, whole: Raw) -> Raw:
        return _change(whole, self.changes)

    def verb(self, whole: Raw) -> Raw:
        return _change(whole, {"display": self.words})

    def object(self, whole: Raw) -> Raw:
        members = text.members(whole)
        kind = _object_type(members)
        if kind == "Activity":
            return self.activity(whole, members)
        return self.statement(whole) if kind == "SubStatement" else whole

    def context(self, whole: Raw) -> Raw:
        return _change(whole, {"contextActivities": self.context_activities})

    def context_activities(self, whole: Raw) -> Raw:
        return _change(whole, dict.fromkeys(_CONTEXT_ACTIVITIES, self.context_activity))

    def activity(self, whole: Raw, members: Members | None = None) -> Raw:
        if members is None:
            members = text.members(whole)
        known = self.definitions.get(text.read(members["id"]))
        if known:
            members["definition"] = self.definition(text.write(known))
        elif "definition" in members:
            old = members["definition"]
            members["definition"] = self.definition(old)
            if members["definition"] is old:
                return whole
        else:
            return whole
        return text.join(members)

    def definition(self, whole: Raw) -> Raw:
        changes: dict[str, _Change] = {"name": self.words, "description": self.words}
        changes |= dict.fromkeys(COMPONENTS, _each(self.component))
        return _change(whole, changes)

    def component(self, whole: Raw) -> Raw:
        return _change(whole, {"description": self.words})

    def attachment(self, whole: Raw) -> Raw:
        return _change(whole, {"display": self.words, "description": self.words})

    def words(self, whole: Raw) -> Raw:
        """A language map with one language."""
        members = text.members(whole)
        if len(members) < 2:
            return whole
        tag = choose(tuple(members), self.languages)
        return text.join({tag: members[tag]})


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
