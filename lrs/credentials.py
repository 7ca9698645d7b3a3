"""Credentials are made, renewed and withdrawn here; a secret is seen once, by whoever asked for it."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction

from lrs import auth
from lrs.models import Credential, Scope
from statements.models import Store
from statements.profiles import Mode
from statements.profiles.repairs import RELATIVE_ID, REPAIRS
from statements.xapi.versions import Version

DEFAULT_STORE = "default"


class CredentialError(Exception):
    """A credential that cannot be made or found; the text is a sentence for whoever asked."""


class Preset(NamedTuple):
    """What a sender's profile gives its credential where nothing else is said."""

    default_version: str
    scopes: tuple[Scope, ...]
    content_ids: bool = False
    shapes: bool = False
    silence_hours: int = 0


PRESETS: Mapping[str, Preset] = {
    "": Preset("", auth.DEFAULT_SCOPES),
    "udemy": Preset(
        # Whether it sends the version header and ids is not published. Without them every statement could be refused,
        # or doubled by one of its ten tries.
        default_version=Version.V1,
        scopes=(Scope.STATEMENTS_WRITE, Scope.STATEMENTS_READ_MINE),
        content_ids=True,
        shapes=True,
        # A long weekend.
        silence_hours=96,
    ),
}


@dataclass(frozen=True, slots=True)
class Issued:
    """A credential and its secret, which is kept nowhere."""

    credential: Credential
    secret: str


def create(
    name: str,
    *,
    key: str | None = None,
    secret: str | None = None,
    scopes: Sequence[str] = (),
    store: str = DEFAULT_STORE,
    default_version: str | None = None,
    profile: str = "",
    rate_limit: int = 0,
) -> Issued:
    """Make a credential, and its store where that is new. Key and secret are random unless given.

    `rate_limit` is in requests a minute; 0 for any number.

    Raises CredentialError.
    """
    if profile not in PRESETS:
        raise CredentialError(f"There is no profile {profile!r}; there is {', '.join(filter(None, PRESETS))}.")
    preset = PRESETS[profile]
    credential = Credential(
        name=_text("name", name),
        key=_key(secrets.token_hex(16) if key is None else key),
        scopes=_scopes(scopes or preset.scopes),
        default_version=_version(preset.default_version if default_version is None else default_version),
        profile=profile,
        content_ids=preset.content_ids,
        shapes=preset.shapes,
        silence_hours=preset.silence_hours,
        rate_limit=_rate_limit(rate_limit),
    )
    made = _text("secret", secrets.token_urlsafe(36) if secret is None else secret)
    credential.secret_hash = auth.hash_secret(made)
    try:
        with transaction.atomic():
            credential.store = Store.objects.get_or_create(name=_text("store", store))[0]
            credential.save(force_insert=True)
    except IntegrityError:
        which = f"the name {name!r}" if key is None else f"the name {name!r} or the key {key!r}"
        raise CredentialError(f"A credential with {which} exists already.") from None
    return Issued(credential, made)


def rotate(name: str, *, secret: str | None = None) -> Issued:
    """Give a credential a new secret; the old one stops working. Raises CredentialError."""
    credential = named(name)
    made = _text("secret", secrets.token_urlsafe(36) if secret is None else secret)
    credential.secret_hash = auth.hash_secret(made)
    credential.save(update_fields=["secret_hash"])
    credential.tokens.all().delete()
    return Issued(credential, made)


def disable(name: str) -> Credential:
    """Refuse a credential from now on; what it sent stays. Raises CredentialError."""
    credential = named(name)
    credential.disabled = True
    credential.save(update_fields=["disabled"])
    credential.tokens.all().delete()
    return credential


def change(
    name: str,
    *,
    mode: str | None = None,
    repairs: Sequence[str] | None = None,
    base: str | None = None,
    content_ids: bool | None = None,
    shapes: bool | None = None,
    silence_hours: int | None = None,
    default_version: str | None = None,
    rate_limit: int | None = None,
) -> Credential:
    """Change how what a credential sends is treated; None leaves a thing as it is. Raises CredentialError."""
    credential = named(name)
    credential.mode = credential.mode if mode is None else _one_of("mode", mode, list(Mode))
    if repairs is not None:
        credential.repairs = [_one_of("repair", repair, list(REPAIRS)) for repair in dict.fromkeys(repairs)]
    credential.base = credential.base if base is None else base
    credential.content_ids = credential.content_ids if content_ids is None else content_ids
    credential.shapes = credential.shapes if shapes is None else shapes
    credential.silence_hours = credential.silence_hours if silence_hours is None else silence_hours
    if default_version is not None:
        credential.default_version = _version(default_version)
    credential.rate_limit = credential.rate_limit if rate_limit is None else _rate_limit(rate_limit)
    credential.save()
    return credential


def switch_on(name: str, repair: str, base: str = "") -> Credential:
    """Switch one more repair on, with the address that one of them puts in front. Raises CredentialError."""
    credential = named(name)
    if repair == RELATIVE_ID and not (base or credential.base):
        raise CredentialError("This repair needs an address to put in front.")
    return change(name, repairs=[*credential.repairs, repair], base=base or None)


@dataclass(frozen=True, slots=True)
class Pasted:
    """The four values that an administrator pastes into the sender."""

    token_url: str
    statement_url: str
    client_id: str
    client_secret: str


def to_paste(issued: Issued) -> Pasted:
    """What is pasted into Udemy Business, or any sender with OAuth client credentials."""
    return Pasted(
        token_url=f"{settings.LRS_PUBLIC_URL}/oauth/token",
        statement_url=f"{settings.LRS_PUBLIC_URL}/xapi/statements",
        client_id=issued.credential.key,
        client_secret=issued.secret,
    )


def named(name: str) -> Credential:
    """The credential with this name, or with this key. Raises CredentialError."""
    found = Credential.objects.select_related("store")
    credential = found.filter(name=name).first() or found.filter(key=name).first()
    if credential is None:
        raise CredentialError(f"There is no credential with the name or key {name!r}.")
    return credential


def _one_of(what: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise CredentialError(f"There is no {what} {value!r}; there is {', '.join(known)}.")
    return value


def _text(what: str, value: str) -> str:
    if not value.strip() or not value.isprintable() or len(value) > 200:
        raise CredentialError(f"The {what} must have 1 to 200 printable characters.")
    return value


def _key(key: str) -> str:
    if ":" in key:
        raise CredentialError("A key has no colon: HTTP Basic separates key and secret with one.")
    return _text("key", key)


def _rate_limit(limit: int) -> int:
    if not 0 <= limit <= 1_000_000:
        raise CredentialError("The rate limit is a number of requests a minute up to 1000000; 0 for any number.")
    return limit


def _version(version: str) -> str:
    if version not in ("", *Version):
        raise CredentialError(f"The version {version!r} is not spoken here; it is {' or '.join(Version)}.")
    return version


def _scopes(names: Sequence[str]) -> list[str]:
    known = [*Scope.values, *auth.ALIASES]
    for name in names:
        if name not in known:
            raise CredentialError(f"There is no scope {name!r}; there are {', '.join(known)}.")
    return list(dict.fromkeys(str(name) for name in names))
