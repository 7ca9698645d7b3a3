"""POST /oauth/token: a credential's key and secret for a short-lived bearer token (RFC 6749 section 4.4).

The grant is oauthlib's, the one under django-oauth-toolkit; that one keeps applications and readable tokens in tables
of its own, while here the credential is the client and only the token's hash is kept.

Udemy Business sends `grant_type=client_credentials` with the scope `xapi:write` (published) and the secret either in
the form or as HTTP Basic (not published): both are taken. Other receivers of Udemy define scopes of their own, so an
absent or unknown scope is no error: everybody gets what the credential is registered for.
"""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import unquote_plus, urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from oauthlib.common import Request
from oauthlib.oauth2 import BackendApplicationServer, InvalidClientError, OAuth2Error, RequestValidator

from lrs import auth, wire
from lrs.body import Body
from lrs.errors import ServiceError, TooLarge, TooManyRequests, Unauthorised
from lrs.models import Credential, Token
from statements.errors import Invalid

_MOST = 64 * 1024
_FORM = "application/x-www-form-urlencoded"


class _Client(NamedTuple):
    """A client as oauthlib wants it: with a client_id."""

    client_id: str
    credential: Credential


class _Clients(RequestValidator):  # type: ignore[misc]
    """What oauthlib asks of us: credentials are the clients."""

    def authenticate_client(self, request: Request, *args: Any, **kwargs: Any) -> bool:
        """Whether key and secret are right; they stand in the form or in the header."""
        key, secret = _key_and_secret(request)
        if not key:
            return False
        try:
            credential = auth.verify(key, secret, request.headers["REMOTE_ADDR"])
        except Unauthorised:
            return False
        request.client, request.client_id = _Client(key, credential), key
        return True

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: _Client, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        """Client credentials are the only grant there is."""
        return grant_type == "client_credentials"

    def get_default_scopes(self, client_id: str, request: Request, *args: Any, **kwargs: Any) -> list[str]:
        """What the credential is registered for."""
        return list(request.client.credential.scopes)

    def validate_scopes(
        self, client_id: str, scopes: list[str], client: _Client, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        """Any scope will do; the answer says which ones were given (RFC 6749 section 3.3)."""
        held = auth.caller_of(client.credential).scopes
        # A sender that asks for xapi:write looks for these words in the answer.
        asked = [scope for scope in scopes if auth.ALIASES.get(scope, scope) in held]
        request.scopes = list(dict.fromkeys([*asked, *client.credential.scopes]))
        return True

    def save_bearer_token(self, token: Mapping[str, Any], request: Request, *args: Any, **kwargs: Any) -> None:
        """Keep the hash of the token."""
        Token.objects.create(
            hash=auth.hash_token(token["access_token"]),
            credential=request.client.credential,
            expires=timezone.now() + timedelta(seconds=token["expires_in"]),
        )


def _key_and_secret(request: Request) -> tuple[str, str]:
    scheme, _, encoded = (request.headers.get("Authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return request.client_id or "", request.client_secret or ""
    try:
        key, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    # RFC 6749 section 2.3.1 has both form-encoded before; most clients send them as they are.
    known = Credential.objects.filter(key=key).exists()
    return (key, secret) if known else (unquote_plus(key), unquote_plus(secret))


_SERVER = BackendApplicationServer(
    _Clients(),
    token_generator=lambda request: secrets.token_urlsafe(32),
    token_expires_in=lambda request: settings.LRS_TOKEN_TTL,
)


@csrf_exempt
def token(request: HttpRequest) -> HttpResponse:
    """The answer to a token request; errors as RFC 6749 section 5.2 has them."""
    if request.method != "POST":
        answer = _error(405, "invalid_request", "A token is asked for with POST.")
        answer.headers["Allow"] = "POST"
        return answer
    try:
        form = _form(request)
        _, body, status = _SERVER.create_token_response(
            request.path,
            http_method="POST",
            body=form,
            headers={
                "Authorization": request.headers.get("Authorization", ""),
                "Content-Type": _FORM,
                "REMOTE_ADDR": wire.address(request, {name.lower(): value for name, value in request.headers.items()}),
            },
        )
    except TooManyRequests as problem:
        answer = _error(429, "temporarily_unavailable", str(problem))
        answer.headers["Retry-After"] = str(problem.retry_after)
        return answer
    except OAuth2Error as problem:
        return _error(problem.status_code, problem.error, problem.description or "")
    except (ServiceError, Invalid, ValueError) as problem:
        return _error(413 if isinstance(problem, TooLarge) else 400, "invalid_request", str(problem)[:200])
    return _answer(status, json.loads(body))


def _form(request: HttpRequest) -> str:
    """The fields of the request, which is a form; some clients send them as JSON."""
    length = request.headers.get("Content-Length") or "0"
    chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    body = Body(request.META["wsgi.input"], None if chunked else int(length)).all(_MOST).decode()
    if not (request.content_type or "").endswith("json"):
        return body
    fields = json.loads(body)
    if not isinstance(fields, dict):
        raise ValueError("The fields of a token request are a form.")
    return urlencode({name: value for name, value in fields.items() if isinstance(value, str)})


def _error(status: int, error: str, description: str) -> HttpResponse:
    return _answer(status, {"error": error, "error_description": description})


def _answer(status: int, fields: Mapping[str, Any]) -> HttpResponse:
    response = HttpResponse(json.dumps(fields), content_type="application/json", status=status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    if fields.get("error") == InvalidClientError.error:
        response.headers["WWW-Authenticate"] = 'Basic realm="xAPI", charset="UTF-8"'
    return response
