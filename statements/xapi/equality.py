"""Whether two statements say the same (xAPI 1.0.3 Data 2.3.1, Statement Immutability and Comparison).

What the standard lets an LRS assign or spell differently does not count:

- authority, stored, version and timestamp (for the last see `same_time`); an id where one side has none
- a Verb's display, an Activity's definition
- the order of Agents in a Group, of context Activities, Agents and Groups, and of attachment objects
- an objectType that is the default, a context Activity outside of a list, another time zone in a SubStatement
- the case of UUIDs, language tags, hashes, media types and the domain of an e-mail address
- a duration's digits below 0.01 s: cut off, not rounded. Its other parts count as they are written, since
  PT60M and PT1H are two durations for the standard.

An attachment object counts with all its properties, display and fileUrl too: the "Attachments" which the standard
excepts are the data that travels beside statements, not this description of it. Numbers count by value.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from statements.xapi import values

_ASSIGNED = frozenset({"authority", "stored", "version", "timestamp"})


def same(kept: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Whether two statement values are equivalent, their timestamps aside.

    Read both in the same way: with text.read_exactly every digit counts, with text.read what a double can tell
    apart. Values that are no valid statements are compared as well, and are at worst not the same.
    """
    unseen = _ASSIGNED if "id" in kept and "id" in given else _ASSIGNED | {"id"}
    return _alike(
        _form({name: value for name, value in kept.items() if name not in unseen}, _STATEMENT),
        _form({name: value for name, value in given.items() if name not in unseen}, _STATEMENT),
    )


def same_time(kept: datetime, kept_was_given: bool, given: str | None) -> bool:
    """Whether the timestamps of a kept and of a given statement are no difference.

    `kept` is aware, and `kept_was_given` is False where the LRS had set it. A timestamp that is missing on one side
    is a difference that an LRS on the way may have made, which must be ignored; two senders' own are compared as
    instants, in microseconds.
    """
    return given is None or not kept_was_given or values.timestamp(given) == kept


# --- one form for everything that means the same

_Form = Callable[[Any], Any]


def _form(value: Any, table: Mapping[str, _Form]) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: table[name](inner) if name in table else inner for name, inner in value.items()}


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _mailbox(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    name, at, domain = value.rpartition("@")
    return name + at + domain.lower()


def _media_type(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    name, semicolon, parameters = value.partition(";")
    return name.lower() + semicolon + parameters


def _whole(value: Any) -> Any:
    return int(value) if _is_number(value) and value == int(value) else value


def _instant(value: Any) -> Any:
    try:
        return values.timestamp(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _duration(value: Any) -> Any:
    if not isinstance(value, str) or not value.endswith("S"):
        return value
    # Only the last number of a duration may have a fraction.
    whole, _, fraction = value[:-1].replace(",", ".").partition(".")
    return f"{whole}.{fraction[:2].rstrip('0')}S"


def _language_map(value: Any) -> Any:
    return {tag.lower(): words for tag, words in value.items()} if isinstance(value, dict) else value


def _unordered(form: _Form) -> _Form:
    def sort(value: Any) -> Any:
        return sorted(map(form, value), key=_place) if isinstance(value, list) else value

    return sort


def _place(form: Any) -> str:
    """Where an item of an unordered list is put."""
    return json.dumps(form, sort_keys=True, default=str)


def _actor(value: Any) -> Any:
    return {"objectType": "Agent", **_form(value, _ACTOR)} if isinstance(value, dict) else value


def _verb(value: Any) -> Any:
    return _without(value, "display")


def _activity(value: Any) -> Any:
    return {"objectType": "Activity", **_without(value, "definition")} if isinstance(value, dict) else value


def _activities(value: Any) -> Any:
    return _some_activities([value] if isinstance(value, dict) else value)


def _without(value: Any, unseen: str) -> Any:
    return {name: inner for name, inner in value.items() if name != unseen} if isinstance(value, dict) else value


def _object(value: Any) -> Any:
    kind = value.get("objectType", "Activity") if isinstance(value, dict) else None
    return _OBJECTS[kind](value) if isinstance(kind, str) and kind in _OBJECTS else value


def _as_it_is(value: Any) -> Any:
    return value


def _reference(value: Any) -> Any:
    return _form(value, {"id": _folded})


def _sub_statement(value: Any) -> Any:
    return _form(value, _PARTS | {"timestamp": _instant})


_some_activities = _unordered(_activity)
_ACTOR: dict[str, _Form] = {"mbox": _mailbox, "mbox_sha1sum": _folded, "member": _unordered(_actor)}
_KINDS: dict[str, _Form] = dict.fromkeys(("parent", "grouping", "category", "other"), _activities)
_ENTRY: dict[str, _Form] = {"agent": _actor, "group": _actor, "relevantTypes": _unordered(_as_it_is)}
_CONTEXT: dict[str, _Form] = {
    "registration": _folded,
    "instructor": _actor,
    "team": _actor,
    "contextActivities": lambda value: _form(value, _KINDS),
    "contextAgents": _unordered(lambda value: _form(value, _ENTRY)),
    "contextGroups": _unordered(lambda value: _form(value, _ENTRY)),
    "language": _folded,
    "statement": _reference,
}
_ATTACHMENT: dict[str, _Form] = {
    "contentType": _media_type,
    "length": _whole,
    "sha2": _folded,
    "display": _language_map,
    "description": _language_map,
}
_OBJECTS: dict[str, _Form] = {
    "Activity": _activity,
    "Agent": _actor,
    "Group": _actor,
    "StatementRef": _reference,
    "SubStatement": _sub_statement,
}
_PARTS: dict[str, _Form] = {
    "actor": _actor,
    "verb": _verb,
    "object": _object,
    "result": lambda value: _form(value, {"duration": _duration}),
    "context": lambda value: _form(value, _CONTEXT),
    "attachments": _unordered(lambda value: _form(value, _ATTACHMENT)),
}
_STATEMENT: dict[str, _Form] = _PARTS | {"id": _folded}


# --- comparison by value


def _alike(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal. Not by recursion: an extension may be as deep as its sender likes."""
    waiting = [(one, other)]
    while waiting:
        a, b = waiting.pop()
        if isinstance(a, dict) and isinstance(b, dict):
            if a.keys() != b.keys():
                return False
            waiting.extend((inner, b[name]) for name, inner in a.items())
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            waiting.extend(zip(a, b, strict=True))
        elif not _same_scalar(a, b):
            return False
    return True


def _same_scalar(a: Any, b: Any) -> bool:
    if _is_number(a) and _is_number(b):
        # What one side has already lost cannot be asked of the other.
        return float(a) == float(b) if isinstance(a, float) or isinstance(b, float) else bool(a == b)
    return type(a) is type(b) and bool(a == b)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
