"""Zoom's API: a token for the account, calls with it, and whether it may do what is needed."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from lrs.connectors.contract import CheckFailed, Context, Token
from lrs.connectors.transport import Refusal

# Zoom's limit of the lowest plan for the calls that it calls heavy.
HEAVY = "heavy:10/1"
REPORT = ("report:read:list_meeting_participants:admin", "report:read:admin")
PAST = ("meeting:read:list_past_participants:admin", "meeting:read:list_past_participants", "meeting:read:admin")
# Who renews a token that is about to end does not run into its end.
_MARGIN = timedelta(minutes=2)


def check(context: Context) -> str:
    """Get a token, and see whether it may read who took part."""
    scope = token(context, fresh=True).scope.split()
    require(scope)
    if may(scope, REPORT):
        return "the app may read the report of participants."
    return f"the app may read past participants; with the scope {REPORT[0]} it could read the report, too."


def may(scope: list[str], wanted: tuple[str, ...]) -> bool:
    """Whether the token is good for one of these."""
    return not set(scope).isdisjoint(wanted)


def require(scope: list[str]) -> None:
    """Raises CheckFailed, which names what is missing."""
    if not may(scope, REPORT) and not may(scope, PAST):
        raise CheckFailed(
            f"The app lacks a scope: add {REPORT[0]} (or {PAST[0]}) to it in Zoom's App Marketplace, then check again."
        )


def get(context: Context, path: str, params: dict[str, str] | None = None, *, bucket: str = "") -> Any:
    """An answer's JSON; a token that was withdrawn is renewed. Raises CheckFailed, and what Transport.send raises."""
    base = str(context.settings["api_url"] or "https://api.zoom.us/v2").rstrip("/")
    url = f"{base}/{path}" + (f"?{urlencode(params)}" if params else "")
    held = token(context)
    try:
        return _get(context, url, held, bucket)
    except Refusal as problem:
        if problem.status != 401:
            raise
    return _get(context, url, token(context, instead_of=held), bucket)


def token(context: Context, *, instead_of: Token | None = None, fresh: bool = False) -> Token:
    """A token that is good for a while. Raises CheckFailed where Zoom gives none."""
    kept = None if fresh else _good(context, context.tokens.current(), instead_of)
    if kept is not None:
        return kept
    with context.tokens.renewing() as newest:
        kept = None if fresh else _good(context, newest, instead_of)
        if kept is not None:
            return kept
        given = _asked(context)
        context.tokens.keep(given)
        return given


def _good(context: Context, kept: Token | None, instead_of: Token | None) -> Token | None:
    if kept is None or kept.ends < context.now() + _MARGIN:
        return None
    return kept if instead_of is None or kept.access != instead_of.access else None


def _asked(context: Context) -> Token:
    given = context.settings
    url = str(given["token_url"] or "https://zoom.us/oauth/token")
    form = {"grant_type": "account_credentials", "account_id": str(given["account_id"])}
    try:
        answer = context.http.send("POST", url, form=form, auth=(given["client_id"], given["client_secret"])).json()
    except Refusal as problem:
        if problem.status in (400, 401, 403):
            raise CheckFailed(
                f"Zoom gives no token: account_id, client_id or client_secret is wrong, or the app is not active"
                f" ({problem.text[:200]})."
            ) from None
        raise
    ends = context.now() + timedelta(seconds=int(answer.get("expires_in") or 0))
    return Token(str(answer["access_token"]), ends, scope=str(answer.get("scope") or ""))


def _get(context: Context, url: str, held: Token, bucket: str) -> Any:
    headers = {"authorization": f"Bearer {held.access}"}
    return context.http.send("GET", url, headers=headers, bucket=bucket).json()
