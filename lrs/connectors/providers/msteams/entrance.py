"""How Microsoft lets us in: a token of the application's own, or that of a person who signed in, renewed in time.

A refresh token is good for one renewal: the one that comes with the answer takes its place, and only one worker at a
time renews.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import orjson

from lrs.connectors.contract import Alert, CheckFailed, Context, Lack, Settings, SignIn, Token
from lrs.connectors.providers.msteams import settings as chosen
from lrs.connectors.transport import Refusal, TransportError

TITLE = "Sign in to Microsoft"
# What is read on behalf of a person; without offline_access there is no refresh token.
RIGHTS = ("User.Read", "OnlineMeetings.Read", "OnlineMeetingArtifact.Read.All")
_SCOPE = " ".join(("offline_access", *RIGHTS))
# Renewed a little before it ends, so that it does not end under way.
_EARLY = timedelta(seconds=60)
_SECONDS = 3600
# The person has to sign in again: the refresh token ended, was withdrawn, or the password was changed.
_ENDED = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})
_ADVICE: Mapping[str, str] = {
    "invalid_client": "Microsoft does not take client_secret; make a new one in Certificates & secrets of the app"
    " registration, and mind when it expires.",
    "unauthorized_client": "Microsoft knows no such application in this tenant, or does not let it in; look at"
    " client_id and tenant_id.",
    "invalid_request": "Microsoft does not take the request; look at client_id and tenant_id.",
    "invalid_grant": "Microsoft does not take the code; sign in again.",
    "invalid_scope": "Microsoft does not know the permissions that are asked for.",
}


def access(context: Context, refused: str = "") -> str:
    """A token that is good now, and is not the refused one. Raises CheckFailed, TransportError."""
    kept = context.tokens.current()
    if kept is None or not _good(kept, context, refused):
        with context.tokens.renewing() as kept:
            if kept is None or not _good(kept, context, refused):
                kept = _renewed(context, kept)
                context.tokens.keep(kept)
    return kept.access


def alert(settings: Settings, token: Token | None) -> Alert | None:
    """Why nobody is signed in for these settings; None where somebody is, or nobody has to."""
    if not chosen.delegated(settings):
        return None
    if token is None or not token.account:
        lack, why = Lack.NOBODY, "nobody has signed in"
    elif token.basis != chosen.basis(settings):
        lack, why = Lack.CHANGED, f"Config was changed after {token.account} had signed in"
    elif not token.refresh:
        lack, why = Lack.ENDED, f"the sign-in of {token.account} has ended"
    else:
        return None
    return Alert(lack, f'The super-user is not authorised: {why}. Press "{TITLE}" at {settings["sign_in_url"]}.')


def _address(settings: Settings, back: str, state: str, challenge: str) -> str:
    query = {
        "client_id": settings["client_id"],
        "response_type": "code",
        "redirect_uri": back,
        "response_mode": "query",
        "scope": _SCOPE,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        # Whoever is signed in at this browser need not be the one whose calendar the webinars are in.
        "prompt": "select_account",
    }
    return f"{chosen.login_url(settings, 'authorize')}?{urlencode(query)}"


def _redeem(context: Context, code: str, back: str, verifier: str) -> Token:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
    try:
        token = _asked(context, {**form, "scope": _SCOPE})
    except Refusal as problem:
        raise CheckFailed(_advice(problem)) from None
    missing = _missing(token.scope)
    if missing:
        raise CheckFailed(
            f"Microsoft did not give the permission {' and '.join(missing)}: add it to the app registration"
            " (delegated permissions), let an administrator consent, and sign in again."
        )
    if not token.refresh:
        raise CheckFailed("Microsoft gave no refresh token; offline_access must be allowed for the application.")
    headers = {"authorization": f"Bearer {token.access}", "accept": "application/json"}
    me = context.http.send("GET", f"{chosen.api_url(context.settings)}/me", headers=headers).json()
    return token._replace(account=account(me))


SIGN_IN = SignIn(title=TITLE, wanted=chosen.delegated, address=_address, redeem=_redeem, alert=alert)


def account(me: Any) -> str:
    """Who that is, for people's eyes. Raises TransportError where it is not a user of Graph."""
    given = me if isinstance(me, dict) else {}
    login = given.get("userPrincipalName") or given.get("mail") or given.get("id")
    if not login:
        raise TransportError("Microsoft's answer does not say who signed in.")
    name = given.get("displayName")
    return f"{name} ({login})" if name else str(login)


def _good(token: Token, context: Context, refused: str) -> bool:
    return (
        token.access not in ("", refused)
        and token.ends > context.now()
        and token.basis == chosen.basis(context.settings)
    )


def _renewed(context: Context, kept: Token | None) -> Token:
    try:
        if not chosen.delegated(context.settings):
            return _asked(context, {"grant_type": "client_credentials", "scope": _default_scope(context.settings)})
        told = alert(context.settings, kept)
        if kept is None or told is not None:
            raise CheckFailed(told.sentence if told else "")
        renewed = _asked(context, {"grant_type": "refresh_token", "refresh_token": kept.refresh, "scope": _SCOPE})
        return renewed._replace(account=kept.account, refresh=renewed.refresh or kept.refresh)
    except Refusal as problem:
        if kept is not None and kept.refresh and _error(problem).get("error") in _ENDED:
            ended = kept._replace(access="", refresh="")
            context.tokens.keep(ended)
            told = alert(context.settings, ended)
            raise CheckFailed(f"{told.sentence if told else ''} {_said(problem)}".strip()) from None
        raise CheckFailed(_advice(problem)) from None


def _asked(context: Context, form: Mapping[str, str]) -> Token:
    """What the token endpoint gives; asked once, because whoever renews holds up the others."""
    at = context.now()
    settings = context.settings
    answer = context.http.send(
        "POST",
        chosen.login_url(settings, "token"),
        form={"client_id": settings["client_id"], "client_secret": settings["client_secret"], **form},
        headers={"accept": "application/json"},
        again=False,
    ).json()
    given = answer if isinstance(answer, dict) else {}
    if not isinstance(given.get("access_token"), str) or not given["access_token"]:
        raise TransportError("Microsoft's answer to the request for a token has no access_token.")
    try:
        lasts = timedelta(seconds=float(given.get("expires_in") or _SECONDS))
    except (TypeError, ValueError, OverflowError):
        lasts = timedelta(seconds=_SECONDS)
    ends = at + lasts - min(_EARLY, lasts / 10)
    refresh, scope = str(given.get("refresh_token") or ""), str(given.get("scope") or "")
    return Token(given["access_token"], ends, refresh, scope, basis=chosen.basis(settings))


def _default_scope(settings: Settings) -> str:
    """All that an administrator consented to for the application, at Graph, wherever that is."""
    scheme, _, rest = chosen.api_url(settings).partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/.default"


def _missing(scope: str) -> list[str]:
    """The rights that were not given. An answer may name them with Graph's address before them; or not at all."""
    given = {one.rpartition("/")[2].lower() for one in scope.replace("%20", " ").split()}
    return [right for right in RIGHTS if given and right.lower() not in given]


def _advice(problem: Refusal) -> str:
    if problem.status == 429 or problem.status >= 500:
        raise problem
    advice = _ADVICE.get(str(_error(problem).get("error")))
    return f"{advice} {_said(problem)}".rstrip() if advice else str(problem)


def _said(problem: Refusal) -> str:
    """The first line of what Microsoft says; the others are numbers for its support."""
    return str(_error(problem).get("error_description") or "").partition("\n")[0].strip()[:300]


def _error(problem: Refusal) -> Mapping[str, Any]:
    try:
        given = orjson.loads(problem.text)
    except orjson.JSONDecodeError:
        return {}
    return given if isinstance(given, dict) else {}
