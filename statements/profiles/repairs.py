"""Mending what senders are known to get wrong: each repair has a name and a version, and is switched on by name.

A repair changes the text of a statement where it must and leaves every other character alone; how a number was
spelled stays. A statement that needs no repair is given back as it is, and one that is beyond repair as well: what
is still wrong with it is said by the validation that follows.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Raw

from statements import outcome
from statements.xapi import actors, text
from statements.xapi.text import Given, Members
from statements.xapi.values import is_iri

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
# The one that needs a base.
RELATIVE_ID = "sumtotal-relative-id"
_SCORE = ("scaled", "raw", "min", "max")
# The bare words that Udemy's texts use for types, and the IRIs that comparable senders use (inferred).
_BARE_TYPES = {
    "course": "http://adlnet.gov/expapi/activities/course",
    "collection": "http://activitystrea.ms/schema/1.0/collection",
}


# The repairs that changed a statement, each as "name@version".
Repairs = tuple[str, ...]


class Repair(NamedTuple):
    """One repair: `mend` gives the new text of a statement, or None where there is nothing to mend.

    `mend` gets the text, its value (any JSON object) and the base address of the credential's practice. `helps` is set
    where the request around the statements is mended instead: what the refusals begin with that it helps against,
    which are a rule and its place.
    """

    name: str
    version: int
    sentence: str
    mend: Callable[[bytes, Mapping[str, Any], str], bytes | None]
    helps: str = ""

    @property
    def mark(self) -> str:
        """How it is noted beside a statement."""
        return f"{self.name}@{self.version}"


def apply(given: Sequence[Given], names: Sequence[str], base: str) -> tuple[list[Given], dict[int, Repairs]]:
    """The statements after the repairs of these names, and by index what was done to those that were changed.

    `base` is what sumtotal-relative-id puts in front.
    """
    chosen = [repair for repair in REPAIRS.values() if repair.name in names]
    mended, done = [], {}
    for index, one in enumerate(given):
        after, repairs = _apply(one, chosen, base)
        mended.append(after)
        if repairs:
            done[index] = repairs
    return mended, done


def _apply(given: Given, chosen: Sequence[Repair], base: str) -> tuple[Given, Repairs]:
    done = []
    for repair in chosen:
        mended = repair.mend(given.raw, given.value, base) if isinstance(given.value, dict) else None
        if mended is not None:
            given = Given(mended, text.read(mended), given.at)
            done.append(repair.mark)
    return given, tuple(done)


# --- the repairs


def _numeric_string(raw: bytes, value: Mapping[str, Any], base: str) -> bytes | None:
    score = _inner(value, "result", "score")
    wrong = [
        name for name in _SCORE if isinstance(score.get(name), str) and _JSON_NUMBER.fullmatch(score[name].strip())
    ]
    if not wrong:
        return None

    def change(members: Members) -> None:
        for name in wrong:
            members[name] = Raw(score[name].strip().encode())

    return _changed(raw, ("result", "score"), change)


def _bare_type(raw: bytes, value: Mapping[str, Any], base: str) -> bytes | None:
    type = _inner(value, "object", "definition").get("type")
    iri = _BARE_TYPES.get(type.strip().lower()) if isinstance(type, str) else None
    if iri is None:
        return None

    def change(members: Members) -> None:
        members["type"] = _text(iri)

    return _changed(raw, ("object", "definition"), change)


def _relative_id(raw: bytes, value: Mapping[str, Any], base: str) -> bytes | None:
    id = _inner(value, "object").get("id")
    if not base or not isinstance(id, str) or not id or is_iri(id):
        return None
    joined = base.removesuffix("/") + id if id.startswith("/") else base + ("" if base.endswith("/") else "/") + id
    if not is_iri(joined):
        return None

    def change(members: Members) -> None:
        members["id"] = _text(joined)

    return _changed(raw, ("object",), change)


def _object_type(raw: bytes, value: Mapping[str, Any], base: str) -> bytes | None:
    """Without objectType an actor is an Agent and an object an Activity (Data 2.4.2, 2.4.4), whatever else it says."""
    mended = raw
    for name, default in (("actor", "Agent"), ("object", "Activity")):
        type = _meant_type(_inner(value, name), default)
        if type is not None:

            def change(members: Members, type: str = type) -> None:
                members["objectType"] = _text(type)

            mended = _changed(mended, (name,), change)
    return None if mended is raw else mended


def _meant_type(thing: Mapping[str, Any], default: str) -> str | None:
    """The type that a thing without one means; None where nothing is missing."""
    given = thing.get("objectType")
    if not thing or given not in (None, ""):
        return None
    if isinstance(thing.get("member"), list):
        meant = "Group"
    elif any(name in thing for name in actors.IDENTIFIERS):
        meant = "Agent"
    elif "actor" in thing and "verb" in thing and "object" in thing:
        meant = "SubStatement"
    else:
        meant = default
    # Absent is as good as the default.
    return None if "objectType" not in thing and meant == default else meant


def _scaled_percent(raw: bytes, value: Mapping[str, Any], base: str) -> bytes | None:
    """A learning path's score.scaled above 1 is the percentage that belongs in an extension.

    Read literally, Udemy's German text puts "scaled score 100" into a completed path, which xAPI forbids.
    """
    result = _inner(value, "result")
    scaled = _inner(result, "score").get("scaled")
    if isinstance(scaled, bool) or not isinstance(scaled, int | float) or not 1 < scaled <= 100:
        return None
    if not _is_path(value) or not isinstance(result.get("extensions", {}), dict):
        return None

    def change(members: Members) -> None:
        score = text.members(members["score"])
        percent = score.pop("scaled")
        extensions = text.members(members["extensions"]) if "extensions" in members else {}
        # What stands there already is what the sender meant for it.
        extensions.setdefault(outcome.PROGRESS, percent)
        members["extensions"] = text.join(extensions)
        if score:
            members["score"] = text.join(score)
        else:
            del members["score"]

    return _changed(raw, ("result",), change)


def _is_path(value: Mapping[str, Any]) -> bool:
    thing = _inner(value, "object")
    type, id = _inner(thing, "definition").get("type", ""), thing.get("id", "")
    known = isinstance(type, str) and isinstance(id, str)
    return known and outcome.kind({"id": id, "definition": {"type": type}}) == outcome.LEARNING_PATH


def _as_it_is(raw: bytes, value: Mapping[str, Any], base: str) -> bytes | None:
    """Nothing in the statement itself is wrong."""
    return None


# Of the request around the statements; whoever reads that looks whether they are on.
OTHER_TYPE = Repair(
    "other-content-type",
    1,
    "read what is not named application/json or multipart/mixed as JSON",
    _as_it_is,
    "content-type Content-Type",
)
OTHER_VERSION = Repair(
    "other-version",
    1,
    "take a version that is not spoken here as the credential's own, or 1.0.3",
    _as_it_is,
    "version X-Experience-API-Version",
)
OTHER_PARAMETER = Repair(
    "other-parameter", 1, "leave parameters alone that xAPI does not know", _as_it_is, "unknown-parameter ?"
)

REPAIRS: Mapping[str, Repair] = {
    repair.name: repair
    for repair in (
        Repair("missing-object-type", 1, "say what an actor or object without objectType is", _object_type),
        Repair("numeric-string", 1, "read numbers that are written as text in a score", _numeric_string),
        Repair("bare-collection-type", 1, "give the bare types course and Collection their IRIs", _bare_type),
        Repair(RELATIVE_ID, 1, "put the configured base in front of an id that is no IRI", _relative_id),
        Repair("scaled-0-100-to-extension", 1, "move a path's percentage out of score.scaled", _scaled_percent),
        OTHER_TYPE,
        OTHER_VERSION,
        OTHER_PARAMETER,
    )
}


# --- the text


def _inner(value: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The object at this path; an empty one where there is none."""
    found: Any = value
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _changed(raw: bytes, path: Sequence[str], change: Callable[[Members], None]) -> bytes:
    """The text with the members of the object at `path` changed."""
    members = text.members(raw)
    if path:
        members[path[0]] = Raw(_changed(bytes(members[path[0]]), path[1:], change))
    else:
        change(members)
    return bytes(text.join(members))


def _text(value: str) -> Raw:
    return Raw(json.dumps(value, ensure_ascii=False).encode())
