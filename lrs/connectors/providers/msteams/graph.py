"""Microsoft Graph: what is asked, page by page, and what its refusals mean for whoever set it up."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from lrs.connectors.contract import CheckFailed, Context, Settings
from lrs.connectors.providers.msteams import entrance
from lrs.connectors.providers.msteams import settings as chosen
from lrs.connectors.transport import Refusal, TransportError

# No list is longer than this, whatever the service says.
_MOST_PAGES = 1000
_POLICY = "LRS"


def get(context: Context, path: str) -> Mapping[str, Any]:
    """A resource below Graph's address; the path is sent as it is written. Raises Refusal, TransportError."""
    return _read(context, chosen.api_url(context.settings) + path)


def values(context: Context, path: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a collection, of all its pages. Raises Refusal, TransportError."""
    home = urlsplit(chosen.api_url(context.settings))
    url = home.geturl() + path
    seen: set[str] = set()
    while url and len(seen) < _MOST_PAGES:
        seen.add(url)
        page = _read(context, url)
        listed = page.get("value")
        if not isinstance(listed, list):
            raise TransportError(f"Microsoft's answer for {path.partition('?')[0]} is not a list.")
        yield from (one for one in listed if isinstance(one, dict))
        url = str(page.get("@odata.nextLink") or "")
        # The token is for Graph alone.
        if url and urlsplit(url)[:2] != home[:2]:
            raise TransportError(f"Microsoft's answer goes on at {urlsplit(url).hostname}, which is not Graph.")
        if url in seen:
            return


def denied(problem: Refusal, context: Context, organizer: str) -> CheckFailed:
    """What a refusal with 401 or 403 asks of the administrator."""
    said = _message(problem)
    if is_policy(problem):
        return CheckFailed(policy(context.settings, organizer))
    if problem.status == 401:
        return CheckFailed(f"Microsoft does not take its own token any more; look at the app registration. {said}")
    if chosen.delegated(context.settings):
        return CheckFailed(
            "Microsoft does not let us read this meeting: only its organizer and co-organizers may, with the delegated"
            f" permissions OnlineMeetings.Read and OnlineMeetingArtifact.Read.All. {said}"
        )
    return CheckFailed(
        "Microsoft does not let us read this meeting: the app registration needs the application permissions"
        f" OnlineMeetings.Read.All and OnlineMeetingArtifact.Read.All with an administrator's consent, and"
        f" {organizer} must be its organizer. {said}"
    )


def is_policy(problem: Refusal) -> bool:
    """Whether it is the missing application access policy that is complained of."""
    text = problem.text.lower()
    return "application access policy" in text or ("is not authorized to" in text and "on behalf of user" in text)


def policy(settings: Settings, organizer: str) -> str:
    """What an administrator of Teams has to do, with the commands to copy."""
    app = settings["client_id"]
    return (
        "The application may not read meetings of other users: it has no application access policy. An administrator"
        f' of Teams runs in PowerShell: New-CsApplicationAccessPolicy -Identity {_POLICY} -AppIds "{app}";'
        f' Grant-CsApplicationAccessPolicy -PolicyName {_POLICY} -Identity "{organizer}"'
        " (or -Global instead of -Identity, for everybody). It takes up to 30 minutes to hold."
    )


def _read(context: Context, url: str) -> Mapping[str, Any]:
    token = entrance.access(context)
    for last in (False, True):
        try:
            headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
            answer = context.http.send("GET", url, headers=headers).json()
        except Refusal as problem:
            # A missing policy is "Unauthorized", too: another token is no cure for it.
            if problem.status != 401 or last or is_policy(problem):
                raise
            token = entrance.access(context, refused=token)
        else:
            if not isinstance(answer, dict):
                raise TransportError("Microsoft's answer is not an object.")
            return answer
    raise AssertionError


def _message(problem: Refusal) -> str:
    try:
        error = orjson.loads(problem.text)["error"]
        return f'Microsoft says: "{error["message"]}" ({error["code"]}).'
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return str(problem)
