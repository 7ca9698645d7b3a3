"""Who is asking, and what they may do: HTTP Basic now; bearer tokens have their place in `identify`.

A secret is checked once and remembered for LRS_CREDENTIAL_TTL seconds in the process, so that a request costs no query;
a credential that is disabled or rotated stops working within that time.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import orjson
from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db.models import F
from django.utils import timezone

from lrs.errors import Forbidden, TooManyRequests, Unauthorised
from lrs.models import Credential, FailedLogin, Scope
from statements.entry import Tenant

# From this length on a random secret cannot be guessed, and one fast hash protects it as well as a slow one.
_LONG = 32
_FAST = "sha256"
_PROCESS_SALT = secrets.token_bytes(16)

ALIASES = {"xapi:write": Scope.STATEMENTS_WRITE, "xapi:read": Scope.STATEMENTS_READ}
DEFAULT_SCOPES = (Scope.STATEMENTS_WRITE, Scope.STATEMENTS_READ_MINE)

_IMPLIED: Mapping[str, frozenset[str]] = {
    Scope.ALL: frozenset(Scope.values),
    Scope.ALL_READ: frozenset({Scope.ALL_READ, Scope.STATEMENTS_READ, Scope.STATEMENTS_READ_MINE}),
    Scope.STATEMENTS_READ: frozenset({Scope.STATEMENTS_READ, Scope.STATEMENTS_READ_MINE}),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """The credential behind a request, as everything after the door needs it."""

    credential: int
    key: str
    name: str
    tenant: Tenant
    scopes: frozenset[str]
    default_version: str
    profile: str
    authority: bytes

    def may(self, *scopes: Scope) -> bool:
        """Whether any of the scopes is held."""
        return not self.scopes.isdisjoint(scopes)

    def require(self, *scopes: Scope) -> None:
        """Raise Forbidden unless any of the scopes is held."""
        if not self.may(*scopes):
            names = " or ".join(scope.value for scope in scopes)
            raise Forbidden(f"The credential {self.name!r} lacks the scope {names}.")


# The caller of a public resource.
NOBODY = Caller(
    credential=0,
    key="",
    name="",
    tenant=Tenant(0, b""),
    scopes=frozenset(),
    default_version="",
    profile="",
    authority=b"",
)


def hash_secret(secret: str) -> str:
    """The hash to keep: a fast one for a long secret, Django's slow one for a short one that might be guessed."""
    if len(secret) < _LONG:
        return make_password(secret)
    salt = secrets.token_hex(16)
    return f"{_FAST}${salt}${_digest(salt, secret)}"


def check_secret(secret: str, kept: str) -> bool:
    """Whether the secret belongs to the hash; constant time."""
    if not kept.startswith(_FAST + "$"):
        return check_password(secret, kept)
    _, salt, digest = kept.split("$", 2)
    return hmac.compare_digest(digest, _digest(salt, secret))


def _digest(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}{secret}".encode("utf-8", "surrogatepass")).hexdigest()


def identify(authorization: str | None, address: str) -> Caller:
    """The caller that an Authorization header names.

    Raises Unauthorised, or TooManyRequests after a burst of wrong secrets for this name from this address.
    """
    if not authorization:
        raise Unauthorised("Send HTTP Basic authentication with the key and secret of a credential.")
    mark = hashlib.sha256(_PROCESS_SALT + authorization.encode("utf-8", "surrogatepass")).digest()
    remembered = _remembered.get(mark)
    if remembered is not None and remembered[0] > time.monotonic():
        return remembered[1]
    caller = _basic(authorization, address)
    if len(_remembered) > 10_000:
        _remembered.clear()
    _remembered[mark] = (time.monotonic() + settings.LRS_CREDENTIAL_TTL, caller)
    return caller


_remembered: dict[bytes, tuple[float, Caller]] = {}


def _basic(authorization: str, address: str) -> Caller:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise Unauthorised("Send HTTP Basic authentication with the key and secret of a credential.")
    try:
        key, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        raise Unauthorised("The Authorization header is not HTTP Basic: base64 of key:secret.") from None
    if not colon:
        raise Unauthorised("The Authorization header is not HTTP Basic: base64 of key:secret.")
    _refuse_bursts(key, address)
    credential = Credential.objects.select_related("store").filter(key=key, disabled=False).first()
    if credential is None or not check_secret(secret, credential.secret_hash):
        _count_failure(key, address)
        raise Unauthorised("The key or the secret is wrong, or the credential is disabled.")
    return caller_of(credential)


def caller_of(credential: Credential) -> Caller:
    """The caller that a credential stands for."""
    return Caller(
        credential=credential.pk,
        key=credential.key,
        name=credential.name,
        tenant=Tenant(credential.store_id, credential.store.namespace.bytes),
        scopes=_scopes(credential.scopes),
        default_version=credential.default_version,
        profile=credential.profile,
        authority=orjson.dumps(
            {
                "objectType": "Agent",
                "name": credential.name,
                "account": {"homePage": settings.LRS_PUBLIC_URL, "name": credential.key},
            }
        ),
    )


def _scopes(names: list[str]) -> frozenset[str]:
    held: set[str] = set()
    for name in names:
        scope = ALIASES.get(name, name)
        held |= _IMPLIED.get(scope, frozenset({scope}))
    return frozenset(held)


def _refuse_bursts(key: str, address: str) -> None:
    since = timezone.now() - timedelta(seconds=settings.LRS_LOGIN_WINDOW)
    burst = FailedLogin.objects.filter(
        key=_name(key), address=address, since__gt=since, count__gte=settings.LRS_LOGIN_ATTEMPTS
    ).first()
    if burst is not None:
        wait = burst.since + timedelta(seconds=settings.LRS_LOGIN_WINDOW) - timezone.now()
        seconds = max(1, int(wait.total_seconds()))
        raise TooManyRequests(f"Too many wrong secrets for this key; try again in {seconds} s.", seconds)


def _count_failure(key: str, address: str) -> None:
    now = timezone.now()
    row, _ = FailedLogin.objects.get_or_create(key=_name(key), address=address, defaults={"since": now})
    if row.since <= now - timedelta(seconds=settings.LRS_LOGIN_WINDOW):
        FailedLogin.objects.filter(pk=row.pk).update(since=now, count=1)
    else:
        FailedLogin.objects.filter(pk=row.pk).update(count=F("count") + 1)


def _name(key: str) -> str:
    # What was typed as a name may be anything, a password by mistake among it.
    return hashlib.sha256(key.encode()).hexdigest()
