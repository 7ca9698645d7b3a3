"""A server on a loopback address that answers with what a function says."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """A request: the target as it was written, header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Said(NamedTuple):
    """An answer; `body` is JSON, or a text or bytes as they are. A status of 0 is silence."""

    status: int
    body: Any = ""
    headers: Mapping[str, str] = {}


# How long a silent server holds the connection before it drops it; who asks has stopped waiting before.
SILENCE = 0.3


@contextmanager
def serving(answer: Callable[[Asked], Said]) -> Iterator[str]:
    """The address of a server that gives these answers, while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer leaves in one piece: its second would wait 40 ms for the other side to acknowledge the first.
        wbufsize = -1

        def do_GET(self) -> None:
            self._do()

        def do_POST(self) -> None:
            self._do()

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = answer(Asked(self.command, self.path, headers, body))
            if said.status == 0:
                time.sleep(SILENCE)
                self.close_connection = True
                return
            content = _content(said.body)
            self.send_response(said.status)
            for name, value in {"content-type": "application/json", **said.headers}.items():
                self.send_header(name, value)
            if said.status != HTTPStatus.NO_CONTENT:
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            # Nobody may be there any more.
            with suppress(ConnectionError):
                self.wfile.write(content)
                self.wfile.flush()

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _content(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()
