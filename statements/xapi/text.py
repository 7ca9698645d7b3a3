"""The JSON text of statements: cut out of a request and put together again without respelling anything.

A statement is kept as the text that its sender wrote, so a number is never read and written again.
What has to change is changed on `Members`: an object's keys beside the untouched text of their values.
"""

import codecs
import json
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sized
from decimal import Decimal, InvalidOperation
from itertools import islice
from math import isinf
from typing import Any, NamedTuple

import msgspec
import orjson

from statements.errors import Fault, Invalid

Members = dict[str, msgspec.Raw]


class Given(NamedTuple):
    """One statement as it was sent: its bytes, what they say, and where in the request it stood.

    `at` is a JSON pointer: "" for a single statement, "/3" for the fourth of an array.
    `value` may be any JSON value until it is validated; its numbers are for checking, `raw` has their spelling.
    """

    raw: bytes
    value: Any
    at: str


# orjson writes nothing deeper than this; what it has written needs no search for depth.
_WRITABLE = 254
_SPACE = b" \t\r\n"
_AFTER_SPACE = re.compile(r"[ \t\r\n]*")
# Possessive, and content with an end that never comes: one pass over any input.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_STRUCTURE = bytes(set(range(256)) - set(b"[]{},"))
_READ_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_READ_MEMBERS = msgspec.json.Decoder(Members)
_WRITE = msgspec.json.Encoder()


# --- a request's body


def cut(body: bytes, *, nesting: int, most: int) -> tuple[Given, ...]:
    """The statements of a request's body: one object, or an array (which may be empty).

    `nesting` is how many levels a statement may have, `most` how many statements a request may.
    Raises Invalid for a body that is not UTF-8 or not JSON, that is neither object nor array, that has too many
    or too deep statements, a number no double can hold, or a key twice in one object.
    """
    try:
        if body.lstrip(_SPACE)[:1] == b"[":
            raws = _READ_ELEMENTS.decode(body)
            _not_too_many(raws, most)
            givens = tuple([_read(bytes(raw), f"/{i}", nesting) for i, raw in enumerate(raws)])
        else:
            givens = (_read(body.strip(_SPACE), "", nesting),)
    except (_Doubtful, orjson.JSONDecodeError, orjson.JSONEncodeError, msgspec.DecodeError, RecursionError):
        return _cut_slowly(body, nesting, most)
    return givens


class _Doubtful(Exception):
    """Perhaps there is nothing wrong, but that is more than a glance can tell."""


def _read(raw: bytes, at: str, nesting: int) -> Given:
    """One statement, if a glance shows that no key stands twice in one object and nothing is too deep.

    Raises _Doubtful where it does not show, and the reader's errors for what is broken, very deep, or good JSON
    that it does not take, such as half of a surrogate pair.
    """
    value = orjson.loads(raw)
    written = orjson.dumps(value)
    # A reader drops the first of two equal keys, and a colon with it. An escaped colon could make up for that.
    if written != raw and (written.count(b":") != raw.count(b":") or _has_escaped_colon(raw)):
        raise _Doubtful
    if nesting < _WRITABLE and raw.count(b"{") + raw.count(b"[") > nesting and _is_too_deep(raw, nesting):
        raise _Doubtful
    if type(value) is not dict and not at:
        raise Invalid(_NEITHER)
    return Given(raw, value, at)


def _has_escaped_colon(raw: bytes) -> bool:
    return b"\\" in raw and b"\\u003" in raw and (b"\\u003a" in raw or b"\\u003A" in raw)


def _not_too_many(statements: Sized, most: int) -> None:
    if len(statements) > most:
        raise Invalid(Fault("", "batch", f"has more than {most} statements, the most that one request may have"))


_NEITHER = Fault("", "type", "is neither a statement (an object) nor an array of statements")


# --- the slow, exact way


def _cut_slowly(body: bytes, nesting: int, most: int) -> tuple[Given, ...]:
    """The same as cut, some ten times slower, and able to say what is wrong and where."""
    text = _decoded(body)
    start = _after_space(text, 0)
    first = text[start : start + 1]
    if not first:
        raise Invalid(Fault("", "json", "is empty"))
    many = first == "["
    deep = _first_too_deep(body, nesting + many)
    if deep is not None:
        raise Invalid(_too_deep(f"/{deep}" if many else "", nesting))
    repeated: list[tuple[dict[str, Any], list[str]]] = []
    decoder = _noticing(repeated)
    try:
        # Of a body of nothing but commas no more is read than needed to refuse it.
        spans = list(islice(_spans(text, start, decoder) if many else _only(text, start, decoder), most + 1))
    except json.JSONDecodeError as problem:
        where = f"line {problem.lineno}, column {problem.colno}"
        raise Invalid(Fault("", "json", f"is not JSON at {where}: {problem.msg}")) from None
    except RecursionError:
        raise Invalid(_too_deep("", nesting)) from None
    if not many and first != "{":
        raise Invalid(_NEITHER)
    _not_too_many(spans, most)
    givens = tuple(
        Given(text[begin:end].encode(), value, f"/{i}" if many else "") for i, (value, begin, end) in enumerate(spans)
    )
    if repeated:
        raise Invalid(*_repetitions(givens, repeated))
    return givens


def _decoded(body: bytes) -> str:
    if body.startswith(codecs.BOM_UTF8):
        raise Invalid(Fault("", "utf-8", "begins with a byte order mark, which JSON does not have"))
    try:
        return body.decode()
    except UnicodeDecodeError as problem:
        raise Invalid(
            Fault("", "utf-8", f"is not UTF-8: byte {problem.start} is 0x{body[problem.start]:02x}")
        ) from None


def _noticing(repeated: list[tuple[dict[str, Any], list[str]]]) -> json.JSONDecoder:
    """A decoder that adds to `repeated` every object that has a key twice, and refuses what is no number."""

    def noticed(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            times = Counter(key for key, _ in pairs)
            repeated.append((members, [key for key in members if times[key] > 1]))
        return members

    return json.JSONDecoder(object_pairs_hook=noticed, parse_constant=_no_number, parse_float=_double, parse_int=_whole)


def _no_number(name: str) -> None:
    raise Invalid(Fault("", "json", f"is not JSON: it has {name} where a value should stand"))


def _double(number: str) -> float:
    value = float(number)
    if isinf(value):
        raise Invalid(Fault("", "number", f"has a number no double can hold: {number[:40]}"))
    return value


def _whole(number: str) -> int | float:
    """A number without a fraction as orjson reads it: an int where 64 bits can hold it."""
    if len(number) < 21:
        value = int(number)
        if -(2**63) <= value < 2**64:
            return value
    return _double(number)


def _repetitions(givens: Iterable[Given], repeated: list[tuple[dict[str, Any], list[str]]]) -> Iterator[Fault]:
    """A fault for each repeated key that can still be reached, by the pointer of its object."""
    keys = {id(members): names for members, names in repeated}
    waiting = deque((given.at, given.value) for given in givens)
    while waiting:
        at, value = waiting.popleft()
        if isinstance(value, dict):
            for name in keys.get(id(value), ()):
                yield Fault(f"{at}/{_token(name)}", "duplicate-key", "stands twice in the same object")
            waiting.extend((f"{at}/{_token(name)}", below) for name, below in value.items())
        elif isinstance(value, list):
            waiting.extend((f"{at}/{i}", below) for i, below in enumerate(value))


def _token(key: str) -> str:
    """A key as a part of a JSON pointer (RFC 6901), in characters that can be sent."""
    return key.replace("~", "~0").replace("/", "~1").encode(errors="backslashreplace").decode()


def _after_space(text: str, at: int) -> int:
    found = _AFTER_SPACE.match(text, at)
    return found.end() if found else at


def _only(text: str, start: int, decoder: json.JSONDecoder) -> Iterator[tuple[Any, int, int]]:
    value, end = decoder.raw_decode(text, start)
    if _after_space(text, end) < len(text):
        raise json.JSONDecodeError("more text after the value", text, end)
    yield value, start, end


def _spans(text: str, start: int, decoder: json.JSONDecoder) -> Iterator[tuple[Any, int, int]]:
    """Each element of the array that begins at `start` and ends the text: its value, first character and end."""
    at = _after_space(text, start + 1)
    closed = text[at : at + 1] == "]"
    while not closed:
        value, end = decoder.raw_decode(text, at)
        yield value, at, end
        at = _after_space(text, end)
        closed = text[at : at + 1] == "]"
        if not closed:
            if text[at : at + 1] != ",":
                raise json.JSONDecodeError("a comma or ] should stand here", text, at)
            at = _after_space(text, at + 1)
    if _after_space(text, at + 1) < len(text):
        raise json.JSONDecodeError("more text after the value", text, at + 1)


def _is_too_deep(raw: bytes, nesting: int) -> bool:
    return _first_too_deep(raw, nesting) is not None


def _first_too_deep(text: bytes, nesting: int) -> int | None:
    """How many commas of the outermost level stand before the place where `text` gets too deep, if it does."""
    depth = commas = 0
    for byte in _STRING.sub(b"", text).translate(None, _NOT_STRUCTURE):
        if byte in b"[{":
            depth += 1
            if depth > nesting:
                return commas
        elif byte in b"]}":
            depth -= 1
        elif depth == 1:
            commas += 1
    return None


def _too_deep(at: str, nesting: int) -> Fault:
    return Fault(at, "nesting", f"is nested more than {nesting} levels deep")


# --- text that was cut, taken apart and put together


def members(text: bytes | msgspec.Raw) -> Members:
    """The keys of an object, in their order, each with the unchanged text of its value.

    `text` is an object that cut has let through.
    """
    try:
        return _READ_MEMBERS.decode(text)
    except msgspec.DecodeError:
        return _members_slowly(bytes(text).decode())


def _members_slowly(text: str) -> Members:
    found: Members = {}
    at = _after_space(text, 1)
    while text[at] != "}":
        key, end = _READ_ANY.raw_decode(text, at)
        begin = _after_space(text, _after_space(text, end) + 1)
        _, end = _READ_ANY.raw_decode(text, begin)
        found[key] = msgspec.Raw(text[begin:end].encode())
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)
    return found


def elements(text: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    """The unchanged text of each element of an array that cut has let through."""
    try:
        return _READ_ELEMENTS.decode(text)
    except msgspec.DecodeError:
        whole = bytes(text).decode()
        return [msgspec.Raw(whole[begin:end].encode()) for _, begin, end in _spans(whole, 0, _READ_ANY)]


def join(members: Members) -> msgspec.Raw:
    """The object of these members."""
    try:
        return msgspec.Raw(_WRITE.encode(members))
    except UnicodeEncodeError:
        # A key with half of a surrogate pair: it came as an escape and goes as one.
        pairs = [json.dumps(key).encode() + b":" + bytes(raw) for key, raw in members.items()]
        return msgspec.Raw(b"{" + b",".join(pairs) + b"}")


def join_elements(elements: list[msgspec.Raw]) -> msgspec.Raw:
    """The array of these elements."""
    return msgspec.Raw(_WRITE.encode(elements))


def add(text: bytes, more: bytes) -> bytes:
    """The object `text` with the members `more` (`"key":value`, separated by commas) at its end."""
    if not more:
        return text
    # A statement begins with its first key; what begins otherwise has spaces there, or is empty.
    between = b"," if text[1:2] == b'"' or text[1:-1].strip(_SPACE) else b""
    return b"".join((text[:-1], between, more, b"}"))


def storable(text: str) -> str:
    """Text as every database takes it: PostgreSQL wants neither NUL nor half of a surrogate pair."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def read(text: bytes | msgspec.Raw) -> Any:
    """The value of a text that cut has let through; numbers as int and float."""
    try:
        return orjson.loads(bytes(text))
    except orjson.JSONDecodeError:
        return _READ_ANY.decode(bytes(text).decode())


def read_exactly(text: bytes | msgspec.Raw) -> Any:
    """The value of a text that cut has let through; numbers as Decimal, so that none loses a digit."""
    return _READ_DECIMAL.decode(bytes(text).decode())


def write(value: Any) -> msgspec.Raw:
    """The text of a value that came from `read`."""
    try:
        return msgspec.Raw(orjson.dumps(value))
    except orjson.JSONEncodeError:
        return msgspec.Raw(json.dumps(value, separators=(",", ":"), allow_nan=False).encode())


def _decimal(number: str) -> Decimal:
    try:
        return Decimal(number)
    except InvalidOperation:
        # An exponent beyond any use; what cut has let through is not too great, so it is too small.
        return Decimal(0)


_READ_ANY = json.JSONDecoder(parse_int=_whole)
_READ_DECIMAL = json.JSONDecoder(parse_int=_decimal, parse_float=_decimal)
