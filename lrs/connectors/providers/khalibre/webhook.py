"""A request of Khalibre's webhook. Nothing about its headers and body is published, so all of this is a hint.

The event's type and what it is about are looked for under the names that are likely, in JSON and in forms, in the
query and (the type alone) in headers; what is not found is read by the next sweep.
"""

import base64
import codecs
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson

from lrs.connectors.contract import Received, Request, Settings, Unreadable
from lrs.connectors.providers.khalibre import settings as chosen
from lrs.connectors.providers.khalibre import times
from lrs.connectors.providers.khalibre.shapes import Community, clean

TYPES = frozenset(
    {
        "course.created",
        "course.updated",
        "course.deleted",
        "community.updated",
        "course.shared",
        "course.unshared",
        "course.status",
        "course.activity",
    }
)
# Likely names, the likelier first; compared without case, "_" and "-".
_TYPE = ("eventtype", "event", "type", "eventname", "action", "topic")
_COURSE = ("courseid", "classid")
_EMAIL = ("emailaddress", "learneremail", "useremail", "email", "mail")
_COMMUNITY = ("communityid",)
_COMMUNITY_NAME = ("communityname",)
_TIME = ("timestamp", "eventdate", "date", "time")
# Objects that may hold what is looked for, one within the other.
_WRAPPERS = ("event", "data", "payload", "body", "object", "course", "community", "learner", "user", "progress")
_LARGEST = 2**63 - 1
_LONGEST_EMAIL = 320


class Said(NamedTuple):
    """What a hint names."""

    course: int | None
    email: str
    community: Community | None

    @classmethod
    def of(cls, event: Any) -> "Said":
        """What this event names, whatever it looks like."""
        parts = list(_parts(event))
        community = _id(_found(parts, _COMMUNITY))
        name = _found(parts, _COMMUNITY_NAME)
        for part in parts:
            inside = part.get("community")
            if isinstance(inside, dict):
                community = community if community is not None else _id(_plain(inside).get("id"))
                name = name or _plain(inside).get("name")
        course = _id(_found(parts, _COURSE))
        for part in parts:
            inside = part.get("course")
            if course is None and inside is not None:
                course = _id(_plain(inside).get("id") if isinstance(inside, dict) else inside)
        return cls(
            course,
            _email(_found(parts, _EMAIL)),
            None if community is None else Community(community, name if isinstance(name, str) else None),
        )


def verify(request: Request, settings: Settings) -> bool:
    """Whether the request carries the user and password, if there are any; takes the same time for any wrong one."""
    if not settings["username"]:
        return True
    wanted = f"{settings['username']}:{settings['password']}".encode()
    return hmac.compare_digest(_basic(request.headers.get("authorization", "")), wanted)


def cut(request: Request, settings: Settings) -> Sequence[Received]:
    """The events of a delivery; none in an empty test request. Raises Unreadable."""
    said = dict(parse_qsl(request.query))
    type_outside = _type([_plain(said)]) or _type_in_headers(request.headers)
    body = _body(request)
    if not body and not type_outside:
        return []
    events = [event for event in _events(body) if isinstance(event, dict)]
    if not events:
        raise Unreadable("There is no object in the body.")
    return [
        _received({**said, **event}, number, type_outside, request, settings) for number, event in enumerate(events)
    ]


def _events(body: dict[str, Any] | list[Any]) -> list[Any]:
    """The events of a body: a list of them, an object with such a list and what they have in common, or one."""
    if isinstance(body, list):
        return body
    listed = body.get("events")
    if not isinstance(listed, list):
        return [body]
    shared = {name: value for name, value in body.items() if name != "events"}
    return [{**shared, **event} for event in listed if isinstance(event, dict)]


def _received(
    event: Mapping[str, Any], number: int, type_outside: str, request: Request, settings: Settings
) -> Received:
    parts = list(_parts(event))
    name = _type(parts) or type_outside
    said = Said.of(event)
    digest = hashlib.sha256(orjson.dumps(event, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Received(
        account=chosen.host(settings),
        name=name,
        # A hint has no id, and the same hint may come twice and mean two things: each delivery counts.
        id=f"{request.received.isoformat()} {number} {digest[:32]}",
        at=_time(parts) or request.received,
        ordering=f"hint {said.course if said.course is not None else said.email}",
        data=dict(event),
    )


def _body(request: Request) -> dict[str, Any] | list[Any]:
    if not request.body.strip():
        return {}
    kind = request.headers.get("content-type", "")
    if kind.lower().startswith("multipart/form-data"):
        return _form(_multipart(request.body, kind))
    text = _text(request.body, kind).strip()
    try:
        body = _json(text)
    except (ValueError, RecursionError) as problem:
        fields = _pairs(text)
        if not fields:
            raise Unreadable(f"The body is neither JSON nor a form: {problem}") from None
        return _form(fields)
    if not isinstance(body, dict | list):
        raise Unreadable("The body is neither an object nor a list of objects.")
    return body


def _text(body: bytes, kind: str) -> str:
    """The body as text: by its byte order mark, as UTF-8, in the charset that it names. What is no letter is a "�"."""
    for mark, codec in _MARKS.items():
        if body.startswith(mark):
            return body.removeprefix(mark).decode(codec, "replace")
    try:
        return body.decode()
    except UnicodeDecodeError:
        named = _CHARSET.search(kind)
    try:
        return body.decode(named[1] if named else "utf-8", "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # Halves of surrogate pairs and NaN are written, too.
        return clean(json.loads(text))


_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_CHARSET = re.compile(r"charset=[\"']?([\w.:-]+)", re.ASCII | re.IGNORECASE)


def _pairs(text: str) -> list[tuple[str, str]]:
    # Anything at all may be read as a form with one nameless field; a form has at least one "=".
    return [] if "=" not in text or text[0] in "{[<" else parse_qsl(text)


def _form(fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, value in fields:
        read[name] = value
        if value[:1] in ("{", "["):
            try:
                read[name] = orjson.loads(value)
            except orjson.JSONDecodeError:
                continue
    return read


def _multipart(body: bytes, kind: str) -> list[tuple[str, str]]:
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body)
    fields = []
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields.append((name, content.decode("utf-8", "replace")))
    return fields


def _parts(event: Any, depth: int = 4) -> Iterator[dict[str, Any]]:
    """The event and the objects within it where things may be named, the outer ones first."""
    if not isinstance(event, dict):
        return
    plain = _plain(event)
    yield plain
    for name in _WRAPPERS if depth else ():
        yield from _parts(plain.get(name), depth - 1)


def _plain(object: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lower().replace("_", "").replace("-", ""): value for name, value in object.items()}


def _found(parts: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Any:
    for name in names:
        for part in parts:
            if isinstance(part.get(name), str | int) and part[name] != "":
                return part[name]
    return None


def _type(parts: Sequence[Mapping[str, Any]]) -> str:
    """One of the known types wherever it stands; else the likeliest text, for people to see."""
    texts = [part[name] for name in _TYPE for part in parts if isinstance(part.get(name), str)]
    known = [plain for plain in map(_type_name, texts) if plain in TYPES]
    return (known or [text[:200] for text in texts] or [""])[0]


def _type_in_headers(headers: Mapping[str, str]) -> str:
    return next((plain for plain in map(_type_name, headers.values()) if plain in TYPES), "")


def _type_name(text: str) -> str:
    return text.strip().lower().replace("_", ".").replace(":", ".").replace(" ", ".")


def _time(parts: Sequence[Mapping[str, Any]]) -> datetime | None:
    return times.read(_found(parts, _TIME))


def _email(value: Any) -> str:
    """The address as it is compared; empty where it is none that the API could be asked for."""
    text = value.strip().lower() if isinstance(value, str) else ""
    return text if "@" in text and text.isprintable() and " " not in text and len(text) <= _LONGEST_EMAIL else ""


def _id(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal():
        value = int(value.strip()[:20])
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return value
    return None


def _basic(authorization: str) -> bytes:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        return b""
