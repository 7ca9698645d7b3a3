"""POST /hooks/<key>: a provider's events are kept as they come, and acknowledged at once."""

import logging
import math
import time
from http import HTTPStatus
from typing import NamedTuple

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from lrs.body import Body
from lrs.connectors import connections, inbox, pace, sealed
from lrs.connectors.contract import Provider, Request, Settings
from lrs.connectors.models import Connection
from lrs.errors import TooLarge
from statements.errors import Invalid

log = logging.getLogger(__name__)


@csrf_exempt
def receive(request: HttpRequest, key: str) -> HttpResponse:
    """202 when the delivery is kept, whatever is in it; the worker looks into it.

    404 for an unknown key, 401 for a wrong secret, 413 above LRS_MAX_WEBHOOK, 429 with Retry-After for a signed
    attendance webhook that comes faster than LRS_WEBHOOK_RATE: nothing is kept then. Where the sender
    names its deliveries, 200 for one that was here before and 409 for another under the same name.
    """
    try:
        door = _door(key)
    except sealed.Unsealable as problem:
        log.error("A delivery cannot be checked. %s", problem)
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "This connection is out of order; try again later.")
    if door is None:
        return _answer(HTTPStatus.NOT_FOUND, "There is nothing here.")
    connection, provider, chosen = door
    if request.method not in provider.methods:
        return _answer(HTTPStatus.METHOD_NOT_ALLOWED, "Events come with POST.", Allow=", ".join(provider.methods))
    try:
        query = request.META.get("QUERY_STRING", "")
        received = Request(_headers(request), query, _body(request), timezone.now(), request.method)
    except TooLarge as problem:
        return _answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(problem), Connection="close")
    except Invalid as problem:
        return _answer(HTTPStatus.BAD_REQUEST, str(problem))
    if not provider.verify(received, chosen):
        return _answer(
            HTTPStatus.UNAUTHORIZED, "The sender is not who it must be.", WWW_Authenticate='Basic realm="hooks"'
        )
    seconds = pace.wait(connection.pk, settings.LRS_WEBHOOK_RATE) if provider.paced and provider.paced(received) else 0
    if seconds:
        sentence = f"More than {settings.LRS_WEBHOOK_RATE} deliveries a minute came; send this one again later."
        return _answer(HTTPStatus.TOO_MANY_REQUESTS, sentence, Retry_After=str(math.ceil(seconds)))
    answer = provider.answer(received, chosen) if provider.answer else None
    if answer is None or answer.keep:
        secret = str(chosen.get("header") or "")
        message = provider.message(received, chosen) if provider.message else ""
        kept = inbox.keep(connection, received, hidden=[secret] if secret else [], message=message)
        if bytes(kept.body) != received.body:
            return _answer(HTTPStatus.CONFLICT, f"A delivery with the id {message!r} and another body was here before.")
        if kept.received != received.received:
            return _json(HTTPStatus.OK, {"accepted": True, "repeated": True})
    if answer is not None:
        return _json(answer.status, dict(answer.body))
    return _json(HTTPStatus.ACCEPTED, {"accepted": True})


class _Door(NamedTuple):
    """A connection as its senders meet it."""

    connection: Connection
    provider: Provider
    settings: Settings


# Looked up and decrypted once in LRS_CREDENTIAL_TTL seconds, as credentials are: a delivery then costs one INSERT.
_doors: dict[str, tuple[float, _Door]] = {}


def _door(key: str) -> _Door | None:
    remembered = _doors.get(key)
    if remembered is not None and remembered[0] > time.monotonic():
        return remembered[1]
    # PostgreSQL takes no NUL in a text, not even to look for it.
    connection = None if "\0" in key else Connection.objects.filter(hook=key).first()
    if connection is None:
        return None
    door = _Door(connection, connections.provider_of(connection), connections.settings_of(connection))
    if len(_doors) > 1000:
        _doors.clear()
    _doors[key] = (time.monotonic() + settings.LRS_CREDENTIAL_TTL, door)
    return door


def _body(request: HttpRequest) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or "0"
    chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    announced = None if chunked or not length.isdecimal() else int(length)
    return Body(request.META["wsgi.input"], announced).all(settings.LRS_MAX_WEBHOOK)


def _headers(request: HttpRequest) -> dict[str, str]:
    # A header may hold any byte, which a JSON column of PostgreSQL may not.
    return {name.lower(): value.replace("\0", "") for name, value in request.headers.items()}


def _json(status: int, body: dict[str, object]) -> HttpResponse:
    return HttpResponse(orjson.dumps(body), content_type="application/json", status=status)


def _answer(status: int, sentence: str, **headers: str) -> HttpResponse:
    response = _json(status, {"error": sentence, "errors": []})
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response
