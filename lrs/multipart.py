"""Statements together with the data of their attachments: multipart/mixed, read and written as a stream.

xAPI 1.0.3 Communication 1.5.2; RFC 2046, section 5.1.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, NamedTuple, Protocol, TypeAlias

from django.utils.http import parse_header_parameters
from multipart import MultipartError, MultipartSegment, PushMultipartParser

from lrs.errors import TooLarge
from statements.errors import Fault, Invalid
from statements.xapi.attachments import SHA2, Part
from statements.xapi.values import is_sha2

HASH = "X-Experience-API-Hash"
ENCODING = "Content-Transfer-Encoding"
CHUNK = 64 * 1024
HEADERS_OF_A_PART = 32
UNNAMED = "application/octet-stream"
_LINE = re.compile(r"[\x20-\x7e]+")
# The header of a part, then its data in pieces, then None for its end.
_Event: TypeAlias = MultipartSegment | bytes | bytearray | None


class Source(Protocol):
    """Where a request's body is read from; no bytes mean its end."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken from one request: bytes, and the number of attachments."""

    body: int
    statements: int
    attachment: int
    attachments: int


@dataclass(frozen=True, slots=True)
class Received:
    """A request's statements as JSON text, and the data of their attachments."""

    statements: bytes
    parts: tuple[Part, ...]


@contextmanager
def receive(body: Source, content_type: str, limits: Limits, directory: Path | str | None) -> Iterator[Received]:
    """The statements and attachments of a multipart/mixed request; the files are gone when the block ends.

    `content_type` is the request's header, with the boundary. Files lie below `directory` (None: the system's
    place). A part that repeats another one is left out. Raises Invalid for what is not such a request, with the
    faults of all parts' headers, and TooLarge.
    """
    boundary = _boundary(content_type)
    with TemporaryDirectory(prefix="attachments-", dir=directory) as folder:
        yield _read(_segments(_events(body, boundary, limits.body)), limits, Path(folder))


class _Segment(NamedTuple):
    """One part on its way in; the chunks must be used up before the next one is asked for."""

    header: MultipartSegment
    chunks: Iterator[bytes]


class _Parser(PushMultipartParser):
    """Any kind of multipart: the library's own wants every part to be a field of a form."""

    def _create_segment(self, headerlist: list[tuple[str, str]]) -> MultipartSegment:
        return MultipartSegment(headerlist)


def _boundary(content_type: str) -> str:
    try:
        boundary = parse_header_parameters(content_type)[1].get("boundary", "")
    except ValueError:  # RFC 2231 lets a parameter name its character set, and this one is unknown
        boundary = ""
    if not _LINE.fullmatch(boundary):
        problem = "the header Content-Type names no boundary"
        raise Invalid(Fault("Content-Type", "multipart-boundary", problem))
    return boundary


def _events(body: Source, boundary: str, most: int) -> Iterator[_Event]:
    """The parser's events. Raises Invalid where the body is not multipart or breaks off, and TooLarge."""
    parser = _Parser(boundary, max_header_count=HEADERS_OF_A_PART)
    try:
        yield from parser.parse_blocking(_limited(body, most), CHUNK)
    except MultipartError as error:
        problem = f"the body is not multipart/mixed with this boundary: {error}"
        raise Invalid(Fault("", "multipart-form", problem)) from None


def _limited(body: Source, most: int) -> Callable[[int], bytes]:
    received = 0

    def read(size: int) -> bytes:
        nonlocal received
        chunk = body.read(size)
        received += len(chunk)
        if received > most:
            raise TooLarge(f"The request has more than {most} bytes.")
        return chunk

    return read


def _segments(events: Iterator[_Event]) -> Iterator[_Segment]:
    for event in events:
        if isinstance(event, MultipartSegment):
            yield _Segment(event, _chunks(events))


def _chunks(events: Iterator[_Event]) -> Iterator[bytes]:
    for event in events:
        if not isinstance(event, bytes):
            return
        yield event


def _read(segments: Iterator[_Segment], limits: Limits, folder: Path) -> Received:
    statements = b""
    parts: dict[tuple[str, str], Part] = {}
    faults: list[Fault] = []
    count = 0
    for count, segment in enumerate(segments, start=1):
        if count > limits.attachments + 1:
            raise TooLarge(f"The request has more than {limits.attachments} attachments.")
        faults.extend(_header_faults(segment.header, count))
        if faults:
            _skip(segment.chunks)
        elif count == 1:
            statements = _statements(segment.chunks, limits.statements)
        else:
            part = _attachment(segment, limits.attachment, folder / str(count))
            if parts.setdefault((part.sha2, part.digest), part) is not part:
                part.file.unlink()
    if count == 0:
        problem = "the request has no parts: the first one holds the statements"
        faults.append(Fault("", "multipart-statements", problem))
    if faults:
        raise Invalid(*faults)
    return Received(statements, tuple(parts.values()))


def _header_faults(header: MultipartSegment, number: int) -> Iterator[Fault]:
    if number == 1:
        if header.content_type != "application/json":
            problem = "the first part holds the statements and has the Content-Type application/json"
            yield Fault("Content-Type", "multipart-statements", problem)
        return
    if not is_sha2(_declared(header)):
        problem = f"part {number} has no header {HASH} with a SHA-2 in hexadecimal digits"
        yield Fault(HASH, "multipart-hash", problem)
    if (header.header(ENCODING) or "").strip().lower() != "binary":
        problem = f"part {number} does not have the header {ENCODING}: binary"
        yield Fault(ENCODING, "multipart-encoding", problem)


def _declared(header: MultipartSegment) -> str:
    return (header.header(HASH) or "").strip().lower()


def _statements(chunks: Iterator[bytes], most: int) -> bytes:
    text = bytearray()
    for chunk in chunks:
        text += chunk
        if len(text) > most:
            raise TooLarge(f"The statements of the request have more than {most} bytes.")
    return bytes(text)


def _attachment(segment: _Segment, most: int, path: Path) -> Part:
    declared = _declared(segment.header)
    digest = hashlib.new(SHA2[len(declared)], usedforsecurity=False)
    length = 0
    with path.open("wb") as file:
        for chunk in segment.chunks:
            length += len(chunk)
            if length > most:
                raise TooLarge(f"The attachment {declared} has more than {most} bytes.")
            digest.update(chunk)
            file.write(chunk)
    content_type = segment.header.header("Content-Type") or UNNAMED
    return Part(declared, digest.hexdigest(), content_type.strip(), length, path)


def _skip(chunks: Iterator[bytes]) -> None:
    for _ in chunks:
        pass


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An attachment to be sent; its data is opened when its turn comes."""

    sha2: str
    content_type: str
    open: Callable[[], BinaryIO]


@dataclass(frozen=True, slots=True)
class Answer:
    """A multipart/mixed answer: the value of its Content-Type and its body."""

    content_type: str
    chunks: Iterator[bytes]


def answer(statements: bytes, attachments: Iterable[Outgoing]) -> Answer:
    """An answer of statements (JSON text) followed by the data of their attachments."""
    # Random, so that no data holds it: nobody who sends attachments can know it beforehand.
    boundary = secrets.token_hex(16)
    return Answer(f"multipart/mixed; boundary={boundary}", _body(boundary, statements, attachments))


def _body(boundary: str, statements: bytes, attachments: Iterable[Outgoing]) -> Iterator[bytes]:
    yield f"--{boundary}\r\nContent-Type: application/json\r\n\r\n".encode()
    yield statements
    for attachment in attachments:
        yield _head(boundary, attachment)
        with attachment.open() as data:
            while chunk := data.read(CHUNK):
                yield chunk
    yield f"\r\n--{boundary}--\r\n".encode()


def _head(boundary: str, attachment: Outgoing) -> bytes:
    content_type = attachment.content_type if _LINE.fullmatch(attachment.content_type) else UNNAMED
    lines = [
        f"\r\n--{boundary}",
        f"Content-Type: {content_type}",
        f"{ENCODING}: binary",
        f"{HASH}: {attachment.sha2}",
        "\r\n",
    ]
    return "\r\n".join(lines).encode()
