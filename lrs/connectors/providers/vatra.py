"""Vatra: its settings are kept and its two keys compared; attendance comes by the signed webhook or CSV.

Nothing about its API is published: neither addresses nor fields. So nothing is asked.
"""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from lrs.connectors.contract import CheckFailed, Context, Provider, Setting, SettingKind, Webinars
from lrs.connectors.providers import silent
from lrs.connectors.webinars import settings as webinars

SERVER = "The server test is not available: no published API. Attendance comes by the signed webhook or CSV."


def check(context: Context) -> str:
    """Whether the two keys are a pair; the server is not asked."""
    private = _public_part(str(context.settings["jwt_private_key"]))
    public = _public(str(context.settings["jwt_public_key"]))
    if private != public:
        raise CheckFailed(f"jwt_public_key and jwt_private_key do not belong together. {SERVER}")
    return f"jwt_public_key and jwt_private_key belong together. {SERVER}"


def _public_part(text: str) -> bytes:
    try:
        key = load_pem_private_key(_pem(text), password=None)
    except TypeError:
        raise CheckFailed("jwt_private_key is locked with a password; give it without one.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CheckFailed("jwt_private_key is not a private key in PEM (-----BEGIN PRIVATE KEY-----).") from None
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _public(text: str) -> bytes:
    try:
        key = load_pem_public_key(_pem(text))
    except (ValueError, UnsupportedAlgorithm):
        raise CheckFailed("jwt_public_key is not a public key in PEM (-----BEGIN PUBLIC KEY-----).") from None
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _pem(text: str) -> bytes:
    r"""The key's lines; on a command line they may have been written with \n between them."""
    return text.replace("\\n", "\n").encode()


PROVIDER = Provider(
    name="vatra",
    title="Vatra",
    settings=(
        Setting("server", "Address of the webinar server", required=True),
        Setting("api_token", "API Token of the account", SettingKind.SECRET, required=True),
        Setting("jwt_public_key", "JWT public key, PEM", required=True),
        Setting("jwt_private_key", "JWT private key, PEM", SettingKind.SECRET, required=True),
        *webinars.SETTINGS,
    ),
    problem=webinars.problem,
    verify=silent.verify,
    cut=silent.cut,
    read=silent.read,
    check=check,
    webinars=Webinars(),
)
