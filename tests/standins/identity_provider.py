"""An identity provider on a loopback socket: discovery, keys, and tokens that it signs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.standins.loopback import Asked, Said, serving

AUDIENCE = "https://lrs.example.com"


class IdentityProvider:
    """What it publishes can be changed while it runs; `asked` has the path of every request."""

    def __init__(self) -> None:
        self.url = ""
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

    def answer(self, asked: Asked) -> Said:
        """What it answers to GET."""
        path = asked.target
        self.asked.append(path)
        if self.down:
            return Said(503, {})
        if path == "/.well-known/openid-configuration":
            return Said(200, {"issuer": self.url, "jwks_uri": f"{self.url}/keys"})
        if path == "/keys":
            return Said(200, {"keys": [key.as_dict(private=False) for key in self.keys]})
        return Said(404, {})


@contextmanager
def running() -> Iterator[IdentityProvider]:
    """The stand-in, listening on a loopback address."""
    provider = IdentityProvider()
    with serving(provider.answer) as url:
        provider.url = url
        yield provider
