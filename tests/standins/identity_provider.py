"""An identity provider on a loopback socket: discovery, keys, and tokens that it signs."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

AUDIENCE = "https://lrs.example.com"


class IdentityProvider:
    """What it publishes can be changed while it runs; `asked` has the path of every request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []
        self.down = False
        self.keys: list[RSAKey] = []
        self.rotate()

    def rotate(self) -> None:
        """A new key in place of the old one."""
        self.keys = [RSAKey.generate_key(2048, {"kid": f"key-{time.monotonic_ns()}", "use": "sig"})]

    def token(self, *, headers: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """A token as a provider signs it; a claim of None is left out."""
        now = int(time.time())
        said = {"iss": self.url, "aud": AUDIENCE, "iat": now, "exp": now + 300, "sub": "service-account"} | claims
        header = {"alg": "RS256", "kid": self.keys[0].kid} | (headers or {})
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(header, said, key or self.keys[0], algorithms=[header["alg"]])

    def answer(self, path: str) -> tuple[int, Any]:
        """What it answers to GET."""
        self.asked.append(path)
        if self.down:
            return 503, {}
        if path == "/.well-known/openid-configuration":
            return 200, {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        if path == "/keys":
            return 200, {"keys": [key.as_dict(private=False) for key in self.keys]}
        return 404, {}


@contextmanager
def running() -> Iterator[IdentityProvider]:
    """A provider that answers within the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, said = provider.answer(self.path)
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = IdentityProvider(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
