"""Credentials are made, renewed and withdrawn here; a secret is seen once, by whoever asked for it."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db import IntegrityError, transaction

from lrs import auth
from lrs.models import Credential, Scope
from statements.models import Store
from statements.xapi.versions import Version

DEFAULT_STORE = "default"


class CredentialError(Exception):
    """A credential that cannot be made or found; the text is a sentence for whoever asked."""


class Preset(NamedTuple):
    """What a sender's profile gives its credential where nothing else is said."""

    default_version: str
    scopes: tuple[Scope, ...]


PRESETS: Mapping[str, Preset] = {
    "": Preset("", auth.DEFAULT_SCOPES),
    # Its documents show requests without the version header.
    "udemy": Preset(Version.V1, (Scope.STATEMENTS_WRITE, Scope.STATEMENTS_READ_MINE)),
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
) -> Issued:
    """Make a credential, and its store where that is new. Key and secret are random unless given.

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
    )
    made = _text("secret", secrets.token_urlsafe(36) if secret is None else secret)
    credential.secret_hash = auth.hash_secret(made)
    try:
        with transaction.atomic():
            credential.store = Store.objects.get_or_create(name=_text("store", store))[0]
            credential.save(force_insert=True)
    except IntegrityError:
        raise CredentialError(f"A credential with the name {name!r} or the key {key!r} exists already.") from None
    return Issued(credential, made)


def rotate(name: str, *, secret: str | None = None) -> Issued:
    """Give a credential a new secret; the old one stops working. Raises CredentialError."""
    credential = named(name)
    made = _text("secret", secrets.token_urlsafe(36) if secret is None else secret)
    credential.secret_hash = auth.hash_secret(made)
    credential.save(update_fields=["secret_hash"])
    return Issued(credential, made)


def disable(name: str) -> Credential:
    """Refuse a credential from now on; what it sent stays. Raises CredentialError."""
    credential = named(name)
    credential.disabled = True
    credential.save(update_fields=["disabled"])
    return credential


def named(name: str) -> Credential:
    """The credential with this name, or with this key. Raises CredentialError."""
    found = Credential.objects.select_related("store")
    credential = found.filter(name=name).first() or found.filter(key=name).first()
    if credential is None:
        raise CredentialError(f"There is no credential with the name or key {name!r}.")
    return credential


def _text(what: str, value: str) -> str:
    if not value.strip() or not value.isprintable() or len(value) > 200:
        raise CredentialError(f"The {what} must have 1 to 200 printable characters.")
    return value


def _key(key: str) -> str:
    if ":" in key:
        raise CredentialError("A key has no colon: HTTP Basic separates key and secret with one.")
    return _text("key", key)


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
