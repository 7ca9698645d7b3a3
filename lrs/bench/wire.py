"""HTTP/1.1 spoken straight over sockets: prepared request bytes out, whole answers in, little CPU in between.

The load generator shares its machine with the server it measures, so a request costs it tens of microseconds.
"""

import socket
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

PIECE = 1 << 18


class Answer(NamedTuple):
    """One HTTP answer. Status 0 stands for no answer; the body then says what happened."""

    status: int
    body: bytes
    closes: bool = True


@dataclass(frozen=True)
class Target:
    """The LRS under test: where it listens and what every request carries."""

    host: str
    port: int
    tls: bool
    path: str
    headers: bytes

    def get(self, resource: str, parameters: Mapping[str, str]) -> bytes:
        """The bytes of a GET of a resource below the endpoint."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return self.get_path(f"{self.path}/{resource}{query}")

    def get_path(self, path: str) -> bytes:
        """The bytes of a GET of an absolute path, query included."""
        return b"GET %b HTTP/1.1\r\n%b\r\n" % (path.encode("ascii"), self.headers)

    def more(self, link: str) -> bytes:
        """The bytes of the GET that a `more` link asks for: relative or absolute, always from this host."""
        parts = urlsplit(urljoin(f"{self.path}/statements", link))
        return self.get_path(f"{parts.path}?{parts.query}" if parts.query else parts.path)

    def post(self, body: bytes) -> bytes:
        """The bytes of a POST of statements."""
        head = b"POST %b/statements HTTP/1.1\r\n%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        return head % (self.path.encode("ascii"), self.headers, len(body)) + body


def target(url: str, user: str, password: str, version: str) -> Target:
    """The target of an endpoint's address, such as http://127.0.0.1:8000/xapi. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not the address of an xAPI endpoint, such as http://127.0.0.1:8000/xapi")
    tls = parts.scheme == "https"
    credential = b64encode(f"{user}:{password}".encode())
    headers = b"Host: %b\r\nAuthorization: Basic %b\r\nX-Experience-API-Version: %b\r\nAccept: application/json\r\n" % (
        parts.netloc.rpartition("@")[2].encode("idna"),
        credential,
        version.encode("ascii"),
    )
    return Target(parts.hostname, parts.port or (443 if tls else 80), tls, parts.path.rstrip("/"), headers)


class Line:
    """One connection to the target, kept alive while the server allows it, else opened again."""

    def __init__(self, to: Target, timeout: float) -> None:
        """Not connected yet; `timeout` in seconds holds for connecting and for every answer."""
        self.to = to
        self.timeout = timeout
        self.reconnects = -1
        self.answered = 0
        self.received = bytearray()
        self.socket = socket.socket()
        self.socket.close()

    def open(self) -> None:
        """Connect, or connect again. Raises OSError."""
        plain = socket.create_connection((self.to.host, self.to.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.to.tls:
            self.socket = ssl.create_default_context().wrap_socket(plain, server_hostname=self.to.host)
        else:
            self.socket = plain
        self.received.clear()
        self.answered = 0
        self.reconnects += 1

    def close(self) -> None:
        """Hang up; the next request opens the connection again."""
        self.socket.close()
        self.answered = 0

    def ask(self, request: bytes) -> Answer:
        """Send one request and wait for its answer; status 0 when there is none."""
        try:
            if self.socket.fileno() < 0:
                self.open()
            answer = self.exchange(request)
            if answer.status == 0 and self.answered:
                # A server may close an idle connection at any time; every request here may be repeated.
                self.close()
                self.open()
                answer = self.exchange(request)
        except OSError as problem:
            answer = Answer(0, reason(problem))
        if answer.closes:
            self.close()
        return answer

    def exchange(self, request: bytes) -> Answer:
        """Send and receive on the open socket; status 0 if the other end has closed it. Raises OSError."""
        try:
            self.socket.sendall(request)
            while True:
                piece = self.socket.recv(PIECE)
                answer = self.take(piece)
                if answer is not None:
                    return answer
        except (BrokenPipeError, ConnectionResetError) as problem:
            return Answer(0, reason(problem))

    def take(self, piece: bytes) -> Answer | None:
        """Add what was received (nothing: the other end closed) and give the answer once it is whole."""
        self.received += piece
        answer = parse(self.received, ended=not piece)
        if answer is not None:
            self.received.clear()
            self.answered += answer.status > 0
        return answer


def parse(received: bytearray, *, ended: bool) -> Answer | None:
    """The answer that these bytes hold (RFC 9112), or None when more must come."""
    cut = received.find(b"\r\n\r\n")
    if cut < 0:
        return Answer(0, b"the server closed the connection without an answer") if ended else None
    head = bytes(received[:cut]).lower()
    status = int(head[9:12])
    closes = (
        ended
        or b"\r\nconnection: close" in head
        or (head.startswith(b"http/1.0") and b"\r\nconnection: keep-alive" not in head)
    )
    begin = cut + 4
    if status == 204:
        return Answer(status, b"", closes)
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        stop = head.find(b"\r\n", at + 17)
        end = begin + int(head[at + 17 : stop if stop >= 0 else None])
        if len(received) >= end:
            return Answer(status, bytes(received[begin:end]), closes)
    elif b"\r\ntransfer-encoding: chunked" in head:
        body = unchunk(received, begin)
        if body is not None:
            return Answer(status, body, closes)
    elif ended:
        return Answer(status, bytes(received[begin:]), True)
    return Answer(0, b"the server closed the connection in the middle of an answer") if ended else None


def unchunk(received: bytearray, begin: int) -> bytes | None:
    """The body of a chunked answer, or None when its last chunk has not come (trailers are not expected)."""
    pieces: list[bytes] = []
    while (stop := received.find(b"\r\n", begin)) >= 0:
        size = int(received[begin:stop].split(b";")[0], 16)
        begin = stop + 2
        if len(received) < begin + size + 2:
            return None
        if size == 0:
            return b"".join(pieces)
        pieces.append(bytes(received[begin : begin + size]))
        begin += size + 2
    return None


def reason(problem: OSError) -> bytes:
    """What went wrong with a connection, in a few words."""
    if isinstance(problem, TimeoutError):
        return b"no answer in time"
    return (problem.strerror or str(problem) or type(problem).__name__).encode()
