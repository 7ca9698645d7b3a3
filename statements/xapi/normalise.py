"""A statement as it is kept: the sender's text, with what the LRS has to add (xAPI 1.0.3 Data 2.4)."""

import re
from typing import Any

from msgspec import Raw

from statements.xapi import text, values
from statements.xapi.text import Given, Members
from statements.xapi.versions import Version

# A statement that names no version gets 1.0.0, whichever patch of 1.0 was spoken (1.0.3 Data 2.4.10).
_VERSION_OF_STATEMENT = {Version.V1: b"1.0.0", Version.V2: b"2.0.0"}
# Theirs is dropped: `stored` is a column, not part of the text; `authority` is the credential's (1.0.3 Data 2.4.9).
_OURS = ("stored", "authority")


def statement(given: Given, *, id: str, authority: bytes, version: Version) -> bytes:
    """The JSON text to keep of a valid statement: the sender's own, with id, authority and version where they lack.

    `id` is used where the sender gave none; `authority` is the JSON text of an Agent or a Group.
    Neither `stored` nor a missing `timestamp` is added: formats.exact does it on reading.
    A single Activity in contextActivities becomes a list of one, in a SubStatement too (1.0.3 Data 2.4.6.2).
    Version 2.0 gives a timestamp in UTC, so one with another offset is written anew.
    """
    value = given.value
    added = b"" if "id" in value else b'"id":"%b",' % id.encode()
    added += b'"authority":' + authority
    if "version" not in value:
        added += b',"version":"%b"' % _VERSION_OF_STATEMENT[version]
    local = version is Version.V2 and _has_offset(value)
    return text.add(_rewritten(given, local) if local or _needs_rewriting(value) else given.raw, added)


def _needs_rewriting(value: dict[str, Any]) -> bool:
    return "stored" in value or "authority" in value or _has_single(value) or _has_single(value["object"])


def _has_offset(statement: dict[str, Any]) -> bool:
    """Whether the timestamp names an offset other than Z; without any it is UTC already."""
    return re.search(r"[+-]\d{2}(:?\d{2})?$", statement.get("timestamp", "")[10:]) is not None


def _has_single(statement: dict[str, Any]) -> bool:
    """Whether a statement (or the object of one: a SubStatement has a context) has an Activity outside of a list."""
    context = statement.get("context")
    if context is None or "contextActivities" not in context:
        return False
    return any(type(activities) is dict for activities in context["contextActivities"].values())


def _rewritten(given: Given, local: bool) -> bytes:
    members = text.members(given.raw)
    if local:
        moment = values.timestamp(given.value["timestamp"]).isoformat().replace("+00:00", "Z")
        members["timestamp"] = Raw(b'"%b"' % moment.encode())
    for name in _OURS:
        members.pop(name, None)
    _list_activities(members, given.value)
    if _has_single(given.value["object"]):
        inner = text.members(members["object"])
        _list_activities(inner, given.value["object"])
        members["object"] = text.join(inner)
    return bytes(text.join(members))


def _list_activities(members: Members, value: dict[str, Any]) -> None:
    if not _has_single(value):
        return
    context = text.members(members["context"])
    kinds = text.members(context["contextActivities"])
    for kind, activities in value["context"]["contextActivities"].items():
        if type(activities) is dict:
            kinds[kind] = Raw(b"[" + bytes(kinds[kind]) + b"]")
    context["contextActivities"] = text.join(kinds)
    members["context"] = text.join(context)
