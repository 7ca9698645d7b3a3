"""Who is asking, and what they may do: HTTP Basic, tokens of ours (lrs.oauth), tokens of an identity provider.

A secret is checked once and remembered for LRS_CREDENTIAL_TTL seconds in the process, so that a request costs no query;
a credential that is disabled or rotated stops working within that time.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

import orjson
from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db.models import F
from django.utils import timezone

from lrs import oidc, usage
from lrs.errors import BAD_BEARER, Forbidden, TooManyRequests, Unauthorised
from lrs.models import Credential, FailedLogin, Scope, Token
from statements.entry import Tenant
from statements.profiles import Mode, Practice
from statements.profiles.repairs import Repair

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
    authority: bytes
    practice: Practice | None = None
    shapes: bool = False
    rate_limit: int = 0

    def mends(self, repair: Repair) -> bool:
        """Whether this repair is switched on."""
        return self.practice is not None and repair.name in self.practice.repairs

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


class Identified(NamedTuple):
    """A caller, and for how many more seconds its authorization is good; None where it does not end by itself."""

    caller: Caller
    seconds: float | None = None


def admit(authorization: str | None, address: str) -> Caller:
    """The caller of a request that begins, which counts as a use of its credential.

    Raises like `identify`, and TooManyRequests where the credential is used more often than it may be.
    """
    caller = identify(authorization, address)
    if caller.rate_limit:
        usage.count(caller.credential, caller.name, caller.rate_limit)
    usage.note(caller.credential)
    return caller


def identify(authorization: str | None, address: str) -> Caller:
    """The caller that an Authorization header names.

    Raises Unauthorised, or TooManyRequests after a burst of wrong secrets for this name from this address.
    """
    if not authorization:
        raise Unauthorised(_HOW)
    mark = hashlib.sha256(_PROCESS_SALT + authorization.encode("utf-8", "surrogatepass")).digest()
    remembered = _remembered.get(mark)
    if remembered is not None and remembered[0] > time.monotonic():
        return remembered[1]
    scheme, _, rest = authorization.partition(" ")
    way = _WAYS.get(scheme.lower())
    if way is None:
        raise Unauthorised(_HOW)
    caller, seconds = way(rest.strip(), address)
    if len(_remembered) > 10_000:
        _remembered.clear()
    good = settings.LRS_CREDENTIAL_TTL if seconds is None else min(settings.LRS_CREDENTIAL_TTL, seconds)
    _remembered[mark] = (time.monotonic() + good, caller)
    return caller


_HOW = "Send HTTP Basic authentication with the key and secret of a credential, or a bearer token."
_remembered: dict[bytes, tuple[float, Caller]] = {}


def _basic(encoded: str, address: str) -> Identified:
    try:
        key, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        raise Unauthorised("The Authorization header is not HTTP Basic: base64 of key:secret.") from None
    if not colon:
        raise Unauthorised("The Authorization header is not HTTP Basic: base64 of key:secret.")
    return Identified(caller_of(verify(key, secret, address)))


def verify(key: str, secret: str, address: str) -> Credential:
    """The credential with this key and secret; raises like `identify`."""
    _refuse_bursts(key, address)
    credential = _credential(key=key)
    if credential is None or not check_secret(secret, credential.secret_hash):
        _count_failure(key, address)
        raise Unauthorised("The key or the secret is wrong, or the credential is disabled.")
    return credential


def _bearer(token: str, address: str) -> Identified:
    """A token of the identity provider is a JWT with two dots; ours has none."""
    if token.count(".") == 2 and settings.LRS_OIDC_ISSUER:
        return _provided(token)
    kept = (
        Token.objects.select_related("credential__store")
        .filter(hash=hash_token(token), credential__disabled=False)
        .first()
    )
    seconds = 0.0 if kept is None else (kept.expires - timezone.now()).total_seconds()
    if kept is None or seconds <= 0:
        raise Unauthorised("The token is unknown, has expired, or its credential is disabled.", BAD_BEARER)
    return Identified(caller_of(kept.credential), seconds)


def _provided(token: str) -> Identified:
    """The caller of an identity provider's token: the credential whose key is the token's client, else a common one."""
    claims = oidc.verify(token)
    credential = next(filter(None, (_credential(key=client) for client in claims.clients)), None)
    if credential is None and settings.LRS_OIDC_CREDENTIAL:
        credential = _credential(name=settings.LRS_OIDC_CREDENTIAL)
    if credential is None:
        raise Unauthorised("No credential has the client of this token as its key.", BAD_BEARER)
    caller = caller_of(credential)
    if claims.scopes is not None:
        caller = replace(caller, scopes=caller.scopes & _scopes(claims.scopes))
    return Identified(caller, claims.seconds)


def _credential(**named: str) -> Credential | None:
    if any("\0" in value for value in named.values()):
        # No credential has it, and PostgreSQL does not take the question.
        return None
    return Credential.objects.select_related("store").filter(disabled=False, **named).first()


def hash_token(token: str) -> str:
    """The hash under which a token is kept: a fast one, for it is long and random."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


_WAYS: Mapping[str, Callable[[str, str], Identified]] = {"basic": _basic, "bearer": _bearer}


def caller_of(credential: Credential) -> Caller:
    """The caller that a credential stands for."""
    return Caller(
        credential=credential.pk,
        key=credential.key,
        name=credential.name,
        tenant=Tenant(credential.store_id, credential.store.namespace.bytes),
        scopes=_scopes(credential.scopes),
        default_version=credential.default_version,
        practice=practice_of(credential),
        shapes=credential.shapes,
        rate_limit=credential.rate_limit,
        authority=orjson.dumps(
            {
                "objectType": "Agent",
                "name": credential.name,
                "account": {"homePage": settings.LRS_PUBLIC_URL, "name": credential.key},
            }
        ),
    )


def practice_of(credential: Credential) -> Practice | None:
    """How what the credential sends is treated beyond the standard; None for by the standard alone."""
    practice = Practice(
        profile=credential.profile,
        mode=Mode(credential.mode),
        repairs=tuple(credential.repairs),
        base=credential.base,
        content_ids=credential.content_ids,
    )
    return practice if practice.profile or practice.repairs or practice.content_ids else None


def _scopes(names: Sequence[str]) -> frozenset[str]:
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
