"""Somebody signs in with a provider for a connection: an authorisation code with state and PKCE.

The state and the verifier stay in the session of whoever began; a code comes back once, within a quarter of an hour,
to the same browser.
"""

import base64
import hashlib
import secrets
from collections.abc import MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings

from lrs.connectors import connections
from lrs.connectors.contract import SignIn
from lrs.connectors.models import Connection
from lrs.connectors.tokens import StoredTokens

WITHIN = timedelta(minutes=15)
_KEY = "sign_in"
# Somebody may begin in several windows.
_MOST = 5

Session = MutableMapping[str, Any]


class SignInProblem(Exception):
    """A sign-in that cannot be begun or ended; the text is a sentence for whoever tried."""


class Standing(NamedTuple):
    """Who is signed in for a connection, and why that does not hold (empty where it does): a sentence, and a word."""

    account: str
    alert: str = ""
    lack: str = ""


class Begun(NamedTuple):
    """A sign-in under way: whose, and the secret that the code is good for together with."""

    connection: UUID
    verifier: str


def back_url() -> str:
    """Where the provider sends the browser back to: the redirect URI to register with it, for all connections."""
    return f"{settings.LRS_PUBLIC_URL}/admin/signed-in"


def of(connection: Connection) -> SignIn | None:
    """How somebody signs in for the connection; None where nobody has to. Raises Unsealable."""
    found = connections.provider_of(connection).sign_in
    return found if found is not None and found.wanted(connections.settings_of(connection)) else None


def standing(connection: Connection) -> Standing | None:
    """Who is signed in; None where nobody has to. Raises Unsealable."""
    signing = of(connection)
    if signing is None:
        return None
    token = StoredTokens(connection.pk).current()
    account = token.account if token else ""
    alert = signing.alert(connections.settings_of(connection), token)
    return Standing(account, alert.sentence, alert.lack) if alert else Standing(account)


def begin(connection: Connection, session: Session, now: datetime) -> str:
    """Where to send the browser. Raises SignInProblem, Unsealable."""
    signing = of(connection)
    if signing is None:
        raise SignInProblem(f"Nobody has to sign in for {connection.name}.")
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    kept = {"connection": str(connection.pk), "verifier": verifier, "at": now.timestamp()}
    others = list(session.get(_KEY, {}).items())[-_MOST + 1 :]
    session[_KEY] = {**dict(others), state: kept}
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return signing.address(connections.settings_of(connection), back_url(), state, challenge)


def returned(session: Session, state: str, now: datetime) -> Begun:
    """What was begun with this state, which is used up by that. Raises SignInProblem."""
    under_way = dict(session.get(_KEY, {}))
    kept = under_way.pop(state, None)
    session[_KEY] = under_way
    if kept is None or now - datetime.fromtimestamp(kept["at"], UTC) > WITHIN:
        raise SignInProblem("This sign-in was not begun here, was ended already, or took too long. Begin again.")
    return Begun(UUID(kept["connection"]), kept["verifier"])


def finish(connection: Connection, code: str, verifier: str) -> str:
    """Redeem the code and keep what comes of it; who signed in.

    Raises SignInProblem, CheckFailed, TransportError, ConnectionProblem, Unsealable.
    """
    signing = of(connection)
    if signing is None:
        raise SignInProblem(f"Nobody has to sign in for {connection.name} any more.")
    with connections.context(connection) as outside:
        token = signing.redeem(outside, code, back_url(), verifier)
        # Who renews the former token at this moment must not write over this one.
        with outside.tokens.renewing():
            outside.tokens.keep(token)
    return token.account
