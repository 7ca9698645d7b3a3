"""Who signed a webhook, by the Standard Webhooks convention: HMAC-SHA256 over "id.timestamp.body"."""

import base64
import binascii
import hashlib
import hmac
from datetime import timedelta

from lrs.connectors.contract import Request

# A delivery that is older, or whose sender's clock is further off, may be somebody else's copy.
TOLERANCE = timedelta(minutes=5)
_PREFIX = "whsec_"


def good(request: Request, secrets: str) -> bool:
    """Whether one of the secrets signed this very request, lately. Without a secret nothing is good."""
    id, stamp = message(request), request.headers.get("webhook-timestamp", "")
    if not id or not request.within(TOLERANCE, stamp):
        return False
    signed = b".".join((id.encode("utf-8", "replace"), stamp.encode(), request.body))
    given = [one.partition(",") for one in request.headers.get("webhook-signature", "").split()]
    found = [value.encode("utf-8", "replace") for version, _, value in given if version == "v1"]
    # All are compared, so that the time does not tell which one fits.
    fitting = [hmac.compare_digest(value, sign(signed, secret)) for secret in secrets.split() for value in found]
    return any(fitting)


def message(request: Request) -> str:
    """The sender's own id of the delivery."""
    id = request.headers.get("webhook-id", "")
    return id if id.isprintable() and len(id) <= 200 else ""


def sign(signed: bytes, secret: str) -> bytes:
    """The signature. After "whsec_" a secret is base64, as the convention has it; another is taken as it is."""
    return base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest())


def _key(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX) + "==")
    except binascii.Error:
        return secret.encode()
