"""Limits hold soon, before much is read, and a large attachment is not held in memory.

Above a limit of bytes the answer is 413, above one of the standard's things 400; always a sentence.
"""

import hashlib
import os
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.client import Client
from tests.conformance.examples import BOUNDARY, MIXED, attachment, ids, mixed, part, statement

MIB = 2**20
JSON = {"Content-Type": "application/json"}
# Against what grows with the square of its input; on a busy machine. Figures belong to the bench.
SOON = 15.0


def raw(client: Client, head: str, body: Iterable[bytes] = ()) -> tuple[bytes, float]:
    """The beginning of the answer to a request as it is written here, and how long it took to come."""
    where = urlsplit(client.url)
    token = httpx.BasicAuth(*client.auth)._auth_header
    more = f"Host: {where.netloc}\r\nAuthorization: {token}\r\nX-Experience-API-Version: 1.0.3\r\n"
    with socket.create_connection((where.hostname or "", where.port or 80), timeout=30) as connection:
        begun = time.monotonic()
        connection.sendall((head + more + "\r\n").encode())
        try:
            for piece in body:
                connection.sendall(piece)
        except OSError:
            pass  # The answer has come already.
        answer = b""
        while b"\r\n\r\n" not in answer and (piece := connection.recv(65536)):
            answer += piece
        return answer, time.monotonic() - begun


def chunked(total: int) -> Iterator[bytes]:
    piece = b"%x\r\n%b\r\n" % (MIB, b" " * MIB)
    for _ in range(total // MIB):
        yield piece
    yield b"0\r\n\r\n"


@pytest.mark.parametrize("path", ["statements", "activities/state?activityId=a:b&agent=%7B%7D&stateId=s"])
def test_an_announced_body_above_the_limit_is_refused_before_it_is_sent(client: Client, path):
    head = f"POST /xapi/{path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {10**12}\r\n"

    answer, took = raw(client, head)

    assert answer.startswith(b"HTTP/1.1 413 ") or "state" in path
    assert answer.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 "))
    assert b"X-Experience-API-Version: 1.0.3" in answer
    assert took < SOON


def test_a_chunked_body_above_the_limit_is_refused_when_the_limit_is_reached(client: Client):
    head = "POST /xapi/statements HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"

    answer, took = raw(client, head, chunked(200 * MIB))

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert took < SOON


def test_a_connection_with_a_body_that_nobody_reads_is_said_to_be_closed(client: Client):
    for path, headers in (
        ("statements", {**JSON, "X-Experience-API-Version": "nonsense"}),
        ("statements", {**JSON, "Content-Encoding": "gzip"}),
        ("statements?nonsense=1", JSON),
        ("agents", JSON),
    ):
        answer = client.request("POST", path, content=b" " * MIB, headers=headers)
        assert 400 <= answer.status_code < 500
        assert answer.headers["Connection"] == "close"
        assert client.get_statements().status_code == 200


def test_what_is_too_large_is_told_in_a_sentence(client: Client):
    answer = client.request("POST", "statements", content=b" " * (32 * MIB + 1), headers=JSON)

    assert answer.status_code == 413
    assert str(32 * MIB) in answer.json()["error"]
    assert answer.headers["X-Experience-API-Version"] == "1.0.3"
    assert client.get_statements().status_code == 200


def test_a_body_of_just_the_limit_is_taken(client: Client):
    given = statement()
    text = httpx.Request("POST", client.url, json=given).content
    body = text + b" " * (32 * MIB - len(text))

    assert client.request("POST", "statements", content=body, headers=JSON).json() == [given["id"]]


def test_5000_statements_are_taken_and_5001_are_not(client: Client):
    batch = [statement() for _ in range(5001)]
    begun = time.monotonic()
    refused = client.post_statements(batch)
    took = time.monotonic() - begun

    assert refused.status_code == 400
    assert [error["rule"] for error in refused.json()["errors"]] == ["batch"]
    assert "5000" in refused.json()["error"]
    assert took < SOON
    assert client.all_statements() == []
    assert client.post_statements(batch[:-1]).json() == ids(batch[:-1])


def pieces(total: int) -> Iterator[bytes]:
    """The data of a large attachment: none of its pieces like another."""
    for number in range(total // MIB):
        yield (b"%07d\n" % number) * (MIB // 8)


def digest(total: int) -> str:
    hashed = hashlib.sha256()
    for piece in pieces(total):
        hashed.update(piece)
    return hashed.hexdigest()


def upload(total: int, sha2: str) -> Iterator[bytes]:
    given = statement(attachments=[attachment(b"", length=total, sha2=sha2)])
    yield mixed(given, [])[: -len(f"--{BOUNDARY}--\r\n")]
    yield f"--{BOUNDARY}\r\n".encode() + part(b"", sha2=sha2)
    yield from pieces(total)
    yield f"\r\n--{BOUNDARY}--\r\n".encode()


def test_an_attachment_above_the_limit_is_refused(client: Client):
    begun = time.monotonic()
    answer = client.http.post("statements", content=upload(101 * MIB, "ab" * 32), headers=MIXED)

    assert answer.status_code == 413
    assert str(100 * MIB) in answer.json()["error"]
    assert time.monotonic() - begun < 3 * SOON
    assert client.all_statements() == []


def test_statements_above_the_limit_within_a_multipart_body_are_refused(client: Client):
    def body() -> Iterator[bytes]:
        yield f"--{BOUNDARY}\r\nContent-Type: application/json\r\n\r\n".encode()
        for _ in range(33):
            yield b" " * MIB

    answer = client.http.post("statements", content=body(), headers=MIXED)

    assert answer.status_code == 413


def test_a_large_attachment_costs_no_memory_on_its_way_in_and_out(client: Client):
    total = 60 * MIB
    sha2 = digest(total)
    # So that what is loaded once is there.
    client.http.post("statements", content=upload(MIB, digest(MIB)), headers=MIXED).raise_for_status()
    before = {process: kilobytes(process, "VmRSS") for process in workers()}
    for process in before:
        # The peak is counted from here on.
        Path(f"/proc/{process}/clear_refs").write_text("5")

    (id,) = client.http.post("statements", content=upload(total, sha2), headers=MIXED).raise_for_status().json()
    received = hashlib.sha256()
    length = 0
    with client.http.stream("GET", "statements", params={"statementId": id, "attachments": "true"}) as answer:
        for piece in answer.iter_bytes():
            length += len(piece)
            received.update(piece)

    assert length > total
    assert before
    for process, resident in before.items():
        assert kilobytes(process, "VmHWM") - resident < 16 * 1024


def workers() -> list[int]:
    """The processes of the server that answer requests: the children of our child."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                # The name of a process, in brackets, may have anything in it.
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # It has ended meanwhile.
    servers = {process for process, parent in parents.items() if parent == os.getpid() and _is_gunicorn(process)}
    return [process for process, parent in parents.items() if parent in servers]


def _is_gunicorn(process: int) -> bool:
    return b"gunicorn" in Path(f"/proc/{process}/cmdline").read_bytes()


def kilobytes(process: int, name: str) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(name + ":")).split()[1])


def test_nothing_of_a_refused_upload_stays_on_the_disk(client: Client):
    from django.conf import settings

    folder = Path(settings.LRS_DATA_DIR)
    before = {path for path in folder.rglob("*") if "attachments" in str(path)}

    client.http.post("statements", content=upload(3 * MIB, "ab" * 32), headers=MIXED)
    with_missing = mixed([statement(attachments=[attachment(b"a"), attachment(b"b")])], [part(b"a")])
    client.request("POST", "statements", content=with_missing, headers=MIXED)

    assert {path for path in folder.rglob("*") if "attachments" in str(path)} == before


def test_a_document_above_the_limit_is_refused(client: Client):
    where = {"activityId": "https://courses.example.com/c", "agent": '{"mbox":"mailto:a@example.com"}', "stateId": "s"}
    answer = client.request("PUT", "activities/state", params=where, content=b" " * (32 * MIB + 1))

    assert answer.status_code == 413
