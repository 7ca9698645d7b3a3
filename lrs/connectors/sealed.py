"""Secrets at rest: encrypted with a key that is derived from LRS_SECRET_KEY, readable after it was changed."""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unsealable(Exception):
    """A secret that was sealed with a key that is no longer among ours."""

    def __init__(self) -> None:
        super().__init__(
            "The connection's secrets cannot be read: LRS_SECRET_KEY has changed. Name the old one in"
            " LRS_SECRET_KEY_FALLBACKS, or set the connection's secrets again."
        )


def seal(text: str) -> str:
    """The text, encrypted with the newest key."""
    return _keys().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """The text of what `seal` made, under any of our keys; raises Unsealable."""
    try:
        return _keys().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Unsealable from None


def reseal(sealed: str) -> str:
    """The same text under the newest key; raises Unsealable."""
    try:
        return _keys().rotate(sealed.encode()).decode()
    except InvalidToken:
        raise Unsealable from None


def _keys() -> MultiFernet:
    return _fernets((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=4)
def _fernets(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key))) for key in keys])


def _derived(key: str) -> bytes:
    # Not the key itself: what signs sessions and links must not be what opens secrets.
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"lrs.connectors").derive(key.encode())
