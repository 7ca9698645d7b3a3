"""Statements with attachments as multipart/mixed, in and out as a stream (xAPI 1.0.3 Communication 1.5.2)."""

import hashlib
import io
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs import multipart
from lrs.errors import TooLarge
from statements.errors import Invalid
from statements.xapi.attachments import Part

MIB = 1024 * 1024
LIMITS = multipart.Limits(body=64 * MIB, statements=MIB, attachment=32 * MIB, attachments=5)
STATEMENTS = b'[{"actor": "not looked at here"}]'
TEXT = b"here is an attachment"
TEXT_SHA2 = hashlib.sha256(TEXT).hexdigest()


class Slow:
    """A body that arrives in pieces of the given sizes, over and over."""

    def __init__(self, data: bytes, sizes: Iterable[int]) -> None:
        self.data = io.BytesIO(data)
        self.sizes = list(sizes)
        self.count = 0

    def read(self, size: int, /) -> bytes:
        self.count += 1
        return self.data.read(min(size, self.sizes[self.count % len(self.sizes)]))


def lines(*content: str | bytes) -> bytes:
    return b"\r\n".join(line.encode() if isinstance(line, str) else line for line in content)


def attachment(data: bytes = TEXT, sha2: str = TEXT_SHA2, encoding: str = "binary") -> list[str | bytes]:
    return [
        "--b",
        "Content-Type:text/plain",
        f"Content-Transfer-Encoding:{encoding}",
        f"X-Experience-API-Hash:{sha2}",
        "",
        data,
    ]


FIRST: list[str | bytes] = ["--b", "Content-Type:application/json", "", STATEMENTS]


def received(
    body: bytes,
    folder: Path,
    *,
    content_type: str = "multipart/mixed; boundary=b",
    limits: multipart.Limits = LIMITS,
    sizes: Iterable[int] = (MIB,),
) -> tuple[bytes, list[tuple[Part, bytes]]]:
    with multipart.receive(Slow(body, sizes), content_type, limits, folder) as message:
        return message.statements, [(part, part.file.read_bytes()) for part in message.parts]


def refused(body: bytes, folder: Path, content_type: str = "multipart/mixed; boundary=b") -> list[str]:
    with pytest.raises(Invalid) as problem, multipart.receive(io.BytesIO(body), content_type, LIMITS, folder):
        pass
    assert list(folder.iterdir()) == []
    return [fault.rule for fault in problem.value.faults]


@pytest.mark.parametrize("start", [b"", b"\r\n", b"Some words for old mail programs.\r\n\r\n"])
@pytest.mark.parametrize("end", [b"--b--", b"--b--\r\n", b"--b--\r\nan epilogue"])
def test_statements_and_attachments_are_read_as_they_were_sent(tmp_path, start, end):
    body = start + lines(*FIRST, *attachment(), end)

    statements, parts = received(body, tmp_path)

    assert statements == STATEMENTS
    assert [(part.sha2, part.digest, part.content_type, part.length, data) for part, data in parts] == [
        (TEXT_SHA2, TEXT_SHA2, "text/plain", len(TEXT), TEXT)
    ]


@pytest.mark.parametrize(
    "content_type",
    [
        """multipart/mixed; boundary="abcABC0123'()+_,-./:=?" """,
        """Multipart/Mixed;charset=utf-8;BOUNDARY=abcABC0123'()+_,-./:=?""",
    ],
)
def test_a_boundary_may_be_quoted_and_hold_every_sign_of_rfc_2046(tmp_path, content_type):
    body = lines(*FIRST, *attachment(), "--b--").replace(b"--b", b"--abcABC0123'()+_,-./:=?")

    statements, parts = received(body, tmp_path, content_type=content_type)

    assert (statements, parts[0][1]) == (STATEMENTS, TEXT)


def test_a_request_may_have_statements_alone(tmp_path):
    assert received(lines(*FIRST, "--b--"), tmp_path) == (STATEMENTS, [])


@pytest.mark.parametrize("name", ["sha224", "sha256", "sha384", "sha512"])
def test_the_length_of_the_hash_tells_the_member_of_the_sha2_family(tmp_path, name):
    digest = hashlib.new(name, TEXT).hexdigest()

    _, [(part, _)] = received(lines(*FIRST, *attachment(sha2=digest.upper()), "--b--"), tmp_path)

    assert (part.sha2, part.digest) == (digest, digest)


def test_data_that_is_not_what_its_hash_says_is_told_by_its_digest(tmp_path):
    _, [(part, _)] = received(lines(*FIRST, *attachment(data=b"other"), "--b--"), tmp_path)

    assert (part.sha2, part.digest) == (TEXT_SHA2, hashlib.sha256(b"other").hexdigest())


def test_the_same_data_sent_twice_is_one_part(tmp_path):
    _, parts = received(lines(*FIRST, *attachment(), *attachment(), "--b--"), tmp_path)

    assert [data for _, data in parts] == [TEXT]


def test_the_files_are_gone_after_the_request(tmp_path):
    with multipart.receive(
        io.BytesIO(lines(*FIRST, *attachment(), "--b--")), "multipart/mixed; boundary=b", LIMITS, tmp_path
    ) as message:
        assert message.parts[0].file.is_relative_to(tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/mixed",
        "multipart/mixed;",
        'multipart/mixed; boundary=""',
        "multipart/mixed; boundary=é",
        "multipart/mixed; boundary*=nobody's'b",
    ],
)
def test_a_content_type_without_a_boundary_is_refused(tmp_path, content_type):
    assert refused(lines(*FIRST, "--b--"), tmp_path, content_type) == ["multipart-boundary"]


FORM, FIRST_PART, HASH, ENCODING = "multipart-form", "multipart-statements", "multipart-hash", "multipart-encoding"
JSON = "Content-Type:application/json"


@pytest.mark.parametrize(
    ("body", "rules"),
    [
        ([], [FORM]),
        (['{"actor": 1}'], [FORM]),
        (["--b--"], [FIRST_PART]),
        (FIRST, [FORM]),
        ([*FIRST, *attachment()], [FORM]),
        ([*FIRST, *attachment(), "--b"], [FORM]),
        ([*FIRST, *attachment(), "--bb--"], [FORM]),
        ([*FIRST[1:], *attachment(), "--b--"], [FIRST_PART]),
        (["--b", "Content-Type:text/plain", "", STATEMENTS, "--b--"], [FIRST_PART]),
        (["--b", "", STATEMENTS, "--b--"], [FIRST_PART]),
        (["--b", "no header", "", STATEMENTS, "--b--"], [FORM]),
        (["--b", "A:" + "a" * 100_000, "", STATEMENTS, "--b--"], [FORM]),
        (["--b", *["A: a"] * 1000, "", STATEMENTS, "--b--"], [FORM]),
        (["--b", b"A:\xff", "", STATEMENTS, "--b--"], [FORM]),
        (["--b", JSON, "Content-Length:7", "", STATEMENTS, "--b--"], [FORM]),
        ([*FIRST, *FIRST, "--b--"], [HASH, ENCODING]),
        ([*FIRST, *attachment(encoding="base64"), "--b--"], [ENCODING]),
        ([*FIRST, *attachment(sha2="abc"), "--b--"], [HASH]),
        ([*FIRST, *attachment(sha2="x" * 64), "--b--"], [HASH]),
        ([*FIRST, *attachment(sha2=""), *attachment(encoding=""), "--b--"], [HASH, ENCODING]),
    ],
)
def test_what_is_not_statements_with_attachments_is_refused_with_every_fault(tmp_path, body, rules):
    assert refused(lines(*body), tmp_path) == rules


@pytest.mark.parametrize(
    "limits",
    [
        multipart.Limits(body=300, statements=1000, attachment=1000, attachments=5),
        multipart.Limits(body=1000, statements=len(STATEMENTS) - 1, attachment=1000, attachments=5),
        multipart.Limits(body=1000, statements=1000, attachment=len(TEXT) - 1, attachments=5),
        multipart.Limits(body=1000, statements=1000, attachment=1000, attachments=1),
    ],
)
def test_more_than_a_limit_allows_is_too_large(tmp_path, limits):
    body = lines(*FIRST, *attachment(), *attachment(b"", hashlib.sha256(b"").hexdigest()), "--b--")

    with pytest.raises(TooLarge):
        received(body, tmp_path, limits=limits, sizes=(10,))
    assert list(tmp_path.iterdir()) == []


def test_faults_are_not_counted_without_end(tmp_path):
    body = lines(*FIRST, *attachment(encoding="base64") * 1000, "--b--")

    with pytest.raises(TooLarge):
        received(body, tmp_path)


def test_a_large_attachment_is_never_in_memory(tmp_path):
    data = bytes(range(256)) * 4096 * 24
    body = io.BytesIO(lines(*FIRST, *attachment(data, hashlib.sha256(data).hexdigest()), "--b--"))
    tracemalloc.start()

    with multipart.receive(body, "multipart/mixed; boundary=b", LIMITS, tmp_path) as message:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert message.parts[0].digest == message.parts[0].sha2

    assert len(data) == 24 * MIB
    assert peak < MIB


def test_a_type_that_would_break_the_header_is_sent_as_bytes():
    outgoing = multipart.Outgoing(TEXT_SHA2, "text/html\r\nX-Evil: 1", lambda: io.BytesIO(TEXT))

    body = b"".join(multipart.answer(STATEMENTS, [outgoing]).chunks)

    assert b"X-Evil" not in body
    assert b"Content-Type: application/octet-stream\r\n" in body


# Data made of what boundaries are made of, so that halves of them stand at the ends of chunks.
PIECES = st.sampled_from([b"\r", b"\n", b"-", b"--", b"\r\n--", b"a", b"\0\xff"])
DATA = st.lists(PIECES).map(b"".join) | st.binary()
SIZES = st.lists(st.integers(1, 90), min_size=1)


def outgoing(data: bytes) -> multipart.Outgoing:
    return multipart.Outgoing(hashlib.sha512(data).hexdigest(), "text/plain; x=y", lambda: io.BytesIO(data))


@given(statements=DATA, attachments=st.lists(DATA, unique=True, max_size=4), sizes=SIZES)
def test_what_is_given_out_can_be_taken_in_by_any_chunks(tmp_path_factory, statements, attachments, sizes):
    answer = multipart.answer(statements, map(outgoing, attachments))
    folder = tmp_path_factory.mktemp("parts")

    text, parts = received(b"".join(answer.chunks), folder, content_type=answer.content_type, sizes=sizes)

    assert text == statements
    assert [data for _, data in parts] == attachments
    assert all(part.sha2 == part.digest and part.content_type == "text/plain; x=y" for part, _ in parts)
