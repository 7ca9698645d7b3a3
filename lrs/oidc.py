"""Tokens of an identity provider outside (Keycloak, Entra, Auth0, ...): signed JWTs, checked with its public keys.

OpenID Connect Discovery 1.0 and RFC 7517 to 7519, 9068. Keys are fetched when they are first needed and again when a
token names one that is not known, so that a provider may change them; only asymmetric signatures are taken.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import httpx
from django.conf import settings
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from lrs.errors import BAD_BEARER, Unauthorised, Unavailable

log = logging.getLogger(__name__)

# With a public key a signature is checked; "none" and the HMAC family would let anybody sign with it.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
# Clocks differ by so many seconds.
LEEWAY = 30
_KEYS_GOOD = 3600.0
# An unknown key is asked for at most so often, or anybody could have us ask all the time.
_ASK_AGAIN = 15.0
_PATIENCE = 5.0


class Claims(NamedTuple):
    """What a token says: names of the client that it was made for, our scopes where they are mapped, seconds left."""

    clients: tuple[str, ...]
    scopes: tuple[str, ...] | None
    seconds: float


def verify(token: str) -> Claims:
    """What a good token says. Raises Unauthorised, or Unavailable where the provider's keys cannot be had."""
    try:
        header = jws.extract_compact(token.encode()).headers()
        claims = jwt.decode(token, _keys.key(header.get("kid")), algorithms=list(ALGORITHMS)).claims
        _rules().validate(claims)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as problem:
        raise Unauthorised(f"The token is not good: {_reason(problem)}.", BAD_BEARER) from None
    return Claims(
        clients=tuple(_texts(claims, settings.LRS_OIDC_CLIENT_CLAIMS)),
        scopes=_mapped(claims),
        seconds=max(0.0, float(claims["exp"]) + LEEWAY - time.time()),
    )


def _rules() -> jwt.JWTClaimsRegistry:
    return jwt.JWTClaimsRegistry(
        leeway=LEEWAY,
        iss={"essential": True, "value": settings.LRS_OIDC_ISSUER},
        aud={"essential": True, "value": settings.LRS_OIDC_AUDIENCE},
        exp={"essential": True},
    )


def _reason(problem: Exception) -> str:
    return f"{problem}".rstrip(".")[:200] if isinstance(problem, JoseError) else "it is no JWT with the usual claims"


def _mapped(claims: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Our scopes for those of the token; None where LRS_OIDC_SCOPES maps nothing and the credential's count."""
    table: Mapping[str, str] = settings.LRS_OIDC_SCOPES
    if not table:
        return None
    said = _texts(claims, settings.LRS_OIDC_SCOPE_CLAIMS)
    return tuple(table[word] for text in said for word in text.split() if word in table)


def _texts(claims: Mapping[str, Any], names: Iterable[str]) -> Iterable[str]:
    """The texts in these claims, each of which may be one or a list of them."""
    for name in names:
        value = claims.get(name)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and each:
                yield each


class _Keys:
    """The provider's public keys, as they were last fetched."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str | None, Key] = {}
        self._fetched = float("-inf")
        self._failed = float("-inf")

    def key(self, kid: object) -> Key:
        """The key with this id; without one, the only key there is."""
        age = time.monotonic() - self._fetched
        if age > _KEYS_GOOD or (self._find(kid) is None and age > _ASK_AGAIN):
            self._fetch()
        found = self._find(kid)
        if found is None:
            raise KeyError("no such key")
        return found

    def _find(self, kid: object) -> Key | None:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid) if isinstance(kid, str) else None

    def _fetch(self) -> None:
        with self._lock:
            # Somebody else may have fetched them, or tried to, while this thread waited.
            now = time.monotonic()
            if now - self._fetched <= _ASK_AGAIN:
                return
            if now - self._failed <= _PATIENCE:
                raise Unavailable("The identity provider's keys cannot be fetched now.")
            try:
                fetched = KeySet.import_key_set(_jwks())
            except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as problem:
                log.warning("The identity provider's keys cannot be fetched: %r", problem)
                if self._keys:
                    self._fetched = time.monotonic()
                    return
                self._failed = time.monotonic()
                raise Unavailable("The identity provider's keys cannot be fetched now.") from None
            self._keys = {key.kid: key for key in fetched.keys if key.key_type != "oct"}
            self._fetched = time.monotonic()


def _jwks() -> Any:
    with httpx.Client(timeout=_PATIENCE, follow_redirects=False) as client:
        where = settings.LRS_OIDC_JWKS_URL
        if not where:
            discovery = f"{settings.LRS_OIDC_ISSUER.rstrip('/')}/.well-known/openid-configuration"
            where = client.get(discovery).raise_for_status().json()["jwks_uri"]
        return client.get(where).raise_for_status().json()


_keys = _Keys()
