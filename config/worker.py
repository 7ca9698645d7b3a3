"""gunicorn's worker, made to answer as the rest of the service does.

A request that cannot be read is answered in JSON with the version of xAPI, where gunicorn has a page of HTML.
And the application may say `Connection: close`, which gunicorn leaves out: a client that was told to go on would
send its next request to a connection that is closed for the sake of a body that nobody read.

A thread that has answered waits a moment for the next request of the same sender, who often has one at once. Given
back to the poller, the connection would cost two changes of thread for each request, which take longer than most
requests do.

Whoever stops in the midst of a request, or does not take the answer, is given up: a few phones without a network would
otherwise hold every thread for ever.
"""

import select
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import orjson
from django.conf import settings
from gunicorn.http import errors, message
from gunicorn.util import close_graceful, write_nonblock
from gunicorn.workers import gthread

from statements.xapi import versions

# A query holds several IRIs, and each may be as long as its sender likes; above this they are too many for a line.
LONGEST_REQUEST_LINE = 64 * 1024
# gunicorn takes a larger limit_request_line for a mistake, and puts this in its place.
message.MAX_REQUEST_LINE = LONGEST_REQUEST_LINE  # type: ignore[misc]

STATUS: dict[type[Exception], HTTPStatus] = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}
_CLOSE = ("Connection", "close")
# Milliseconds that a thread waits for the next request on a connection.
_LINGER = 20

# Seconds and bytes that are waited for and read after the last answer on a connection, so that it arrives.
_LAST_SECONDS = 2.0
_LAST_BYTES = 64 * 2**20

Application = Callable[..., Iterable[bytes]]


class Stalled(errors.NoMoreData):
    """A sender that is still there and sends nothing."""

    def __str__(self) -> str:
        return f"nothing more came for {settings.LRS_STALL_TIMEOUT} s"


class Connection(gthread.TConn):
    """A connection that is given up where nothing moves on it for LRS_STALL_TIMEOUT seconds."""

    _stalled = False

    def init(self) -> None:
        """Begin to read; a thread does so, and waits where it reads."""
        if self.initialized:
            return
        # Not a timeout of Python's, which would be one for all of a long answer together.
        patience = struct.pack("ll", settings.LRS_STALL_TIMEOUT, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
        super().init()
        unreader: Any = getattr(self.parser, "unreader", None)
        if unreader is not None:
            unreader.chunk = self._moving(unreader.chunk)

    def close(self, graceful: bool = False) -> None:
        """Close, unless `part` did."""
        if self.sock.fileno() >= 0:
            super().close(graceful)

    def part(self) -> None:
        """Close after the last answer, in the thread that gave it: gunicorn waits where it takes new connections."""
        if self.initialized and not self._stalled and self.sock.fileno() >= 0:
            close_graceful(self.sock, _LAST_SECONDS, _LAST_BYTES)
        else:
            self.close()

    def _moving(self, chunk: Callable[..., bytes]) -> Callable[..., bytes]:
        def read(size_hint: int | None = None) -> bytes:
            try:
                return chunk(size_hint)
            except BlockingIOError:
                self._stalled = True
                raise Stalled from None

        return read


# gunicorn makes its connections itself.
gthread.TConn = Connection  # type: ignore[misc]


class Worker(gthread.ThreadWorker):
    """A process that answers with threads."""

    def load_wsgi(self) -> None:
        """Load the application."""
        super().load_wsgi()
        self.wsgi = _may_close(self.wsgi)

    def init_process(self) -> None:
        """Start; half of the threads may wait, so that the other half is there for everybody else."""
        self._waiting = threading.BoundedSemaphore(max(1, self.cfg.threads // 2))
        self._queued = 0
        self._counting = threading.Lock()
        super().init_process()

    def enqueue_req(self, conn: Any) -> None:
        """Hand a connection with a request to the next free thread."""
        with self._counting:
            self._queued += 1
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Answer requests of a connection while they come one upon the other; see ThreadWorker."""
        with self._counting:
            self._queued -= 1
        while (kept := super().handle(conn)) is True and self.alive and self._has_next(conn):
            pass
        if kept is False:
            conn.part()
        return kept

    def _has_next(self, conn: Any) -> bool:
        """Whether another request has come, now or in a moment, and no other connection waits for a thread."""
        if self._queued:
            return False
        if conn.parser.unreader.buf.getvalue():
            return True
        if not self._waiting.acquire(blocking=False):
            return False
        try:
            poll = select.poll()
            poll.register(conn.sock, select.POLLIN)
            return bool(poll.poll(_LINGER))
        finally:
            self._waiting.release()

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer a request that never reached the application, or whose answer could not be sent."""
        # What went wrong after the request was read is our own fault.
        if req is None and isinstance(exc, errors.ParseException):
            status = STATUS.get(type(exc), HTTPStatus.BAD_REQUEST)
            sentence = f"The request cannot be read: {str(exc)[:200]}"
            self.log.info("%s", sentence)
        else:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            sentence = "Something went wrong here; it is logged. The same request may succeed later."
            self.log.error("A request failed", exc_info=exc)
        try:
            write_nonblock(client, _answer(status, sentence))
        except OSError as problem:
            self.log.debug("The answer was not sent: %s", problem)


def _may_close(application: Application) -> Application:
    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if _CLOSE in headers:
                # A method of gunicorn's response.
                start_response.__self__.force_close()
            return start_response(status, headers, exc_info)

        return application(environ, start)

    return call


def _answer(status: HTTPStatus, sentence: str) -> bytes:
    fault = {"pointer": "", "rule": "request", "problem": sentence}
    body = orjson.dumps({"error": sentence, "errors": [fault] if status < HTTPStatus.INTERNAL_SERVER_ERROR else []})
    head = [
        f"HTTP/1.1 {status} {status.phrase}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"{versions.HEADER}: {versions.Version.V1}",
        "\r\n",
    ]
    return "\r\n".join(head).encode() + body
