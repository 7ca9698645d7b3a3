"""Keys are computed, not looked up: 32 hexadecimal digits, as both databases take them for a UUID.

A key contains the store, so that one column names a row among all stores and nothing is read before a write.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha1, sha256
from typing import Any
from uuid import UUID, uuid5

from statements.xapi import actors, text, values


def statement(namespace: bytes, id: str) -> str:
    """The key of a statement: uuid5(the store's namespace, the lower-cased id). RFC 4122 section 4.3."""
    digest = sha1(namespace + id.lower().encode(), usedforsecurity=False).hexdigest()
    # uuid.UUID objects cost 2 microseconds each; the version and variant digits are set by hand instead.
    return f"{digest[:12]}5{digest[13:16]}{'89ab'[int(digest[16], 16) & 3]}{digest[17:32]}"


@lru_cache(maxsize=5_000)
def thing(store: int, kind: str, identifier: str) -> str:
    """The key of an agent, activity, verb, registration or attachment of a store, from its identifier."""
    # An identifier may hold a lone surrogate (JSON allows its escape); it must still have a key.
    text = f"{store}\n{kind}\n{identifier}"
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def content(namespace: bytes, credential: int | None, statement: Mapping[str, Any]) -> str:
    """An id for a valid statement that came without one: the same credential saying the same gets the same id.

    What counts is actor, verb, object, result and timestamp. A version 5 UUID (RFC 4122), written with dashes.
    """
    actor, thing = statement["actor"], statement["object"]
    timestamp = statement.get("timestamp")
    said = [
        credential,
        actors.identifier(actor) or actor,
        statement["verb"]["id"],
        thing.get("id") or thing,
        statement.get("result"),
        None if timestamp is None else values.timestamp(timestamp).isoformat(),
    ]
    return str(uuid5(UUID(bytes=namespace), bytes(text.write(_ordered(said))).decode()))


def _ordered(value: object) -> object:
    """Equal values in one spelling: members in the order of their names, numbers as float."""
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_ordered(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def progress(store: int, person: str, activity: str, registration: str | None) -> str:
    """The key of where a person stands with an activity; the others' keys in hexadecimal digits."""
    return sha256(f"{store}\nprogress\n{person}\n{activity}\n{registration or ''}".encode()).hexdigest()[:32]
