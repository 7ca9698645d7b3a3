"""Putting a posted JSON document into the one that is there: pure (xAPI 1.0.3 Communication 2.2)."""

import json

import orjson

from statements.errors import Fault, Invalid
from statements.xapi import text

JSON = "application/json"


def is_json(content_type: str) -> bool:
    """Whether a Content-Type says JSON, whatever its parameters."""
    return content_type.partition(";")[0].strip().lower() == JSON


def merged(old: bytes, old_type: str, new: bytes, new_type: str) -> bytes:
    """The old document with every top-level property of the new one; values keep the text they were sent with.

    Raises Invalid unless both are JSON objects of type application/json.
    """
    for which, content_type in (("the document that is there", old_type), ("the document that was sent", new_type)):
        if not is_json(content_type):
            problem = f"{which} is {content_type[:100]}; only documents of type {JSON} are merged"
            raise Invalid(Fault("Content-Type", "merge", problem))
    before = _members(old, "the document that is there")
    return bytes(text.join(before | _members(new, "the document that was sent")))


def check_object(content: bytes) -> None:
    """Raise Invalid unless the content is a JSON object."""
    _members(content, "the document that was sent")


def _members(content: bytes, which: str) -> text.Members:
    if not isinstance(_value(content, which), dict):
        raise Invalid(Fault("", "json-object", f"{which} is not a JSON object"))
    return text.members(content)


def _value(content: bytes, which: str) -> object:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as problem:
        # Good JSON that the fast reader does not take: half of a surrogate pair.
        if b"\\ud" in content or b"\\uD" in content:
            return _value_slowly(content, which)
        raise _not_json(which, problem) from None


def _value_slowly(content: bytes, which: str) -> object:
    try:
        # Only what kind of value it is matters, and reading a long int takes long.
        return json.loads(content.decode(), parse_constant=_refused, parse_int=float)
    except (ValueError, RecursionError) as problem:
        raise _not_json(which, problem) from None


def _refused(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _not_json(which: str, problem: Exception) -> Invalid:
    return Invalid(Fault("", "json", f"{which} is not JSON: {problem}"))
