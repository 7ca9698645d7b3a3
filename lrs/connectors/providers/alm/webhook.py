"""A request of ALM's webhook: who sent it, and the events in it.

ALM offers None, Basic and "Signature". What Signature signs, with what and in which header is not published (and
third parties contradict each other), so it is not offered here: use Basic and the unguessable address.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import orjson

from lrs.connectors.contract import Answer, Received, Request, Settings, Unreadable
from lrs.connectors.providers.alm import times


def verify(request: Request, settings: Settings) -> bool:
    """Whether the request carries the secret that was agreed on; takes the same time for any wrong one."""
    if settings["auth"] == "basic":
        wanted = f"{settings['username']}:{settings['password']}".encode()
        return hmac.compare_digest(_basic(request.headers.get("authorization", "")), wanted)
    if settings["auth"] == "header":
        given = request.headers.get(str(settings["header"]).lower(), "")
        # WSGI gives the bytes of a header as Latin-1.
        return hmac.compare_digest(given.encode("latin-1", "replace"), str(settings["header_secret"]).encode())
    return True


def answer(request: Request, settings: Settings) -> Answer | None:
    """The echo of a challenge, if there is one."""
    asked = parse_qs(request.query).get("challenge")
    if asked:
        return Answer(200, {"challenge": asked[0]}, keep=request.method == "POST")
    if b'"challenge"' in request.body:
        try:
            value = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return None
        if isinstance(value, dict) and "challenge" in value:
            return Answer(200, {"challenge": value["challenge"]})
    return None


def cut(request: Request, settings: Settings) -> Sequence[Received]:
    """The events of a delivery, in their order; none in a test request. Raises Unreadable."""
    text = request.body.removeprefix(b"\xef\xbb\xbf").strip()
    if not text:
        return []
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        raise Unreadable(f"The body is not JSON: {problem}") from None
    if not isinstance(body, dict):
        raise Unreadable("The body is not an object with accountId and events.")
    listed = body.get("events")
    if listed is None and (not body or "challenge" in body):
        return []
    if not isinstance(listed, list):
        raise Unreadable("The body has no list of events.")
    account = _text(body.get("accountId")) or settings["account_id"]
    return [_received(account, body.get("accountId"), event) for event in listed]


def _received(account: str, account_given: Any, event: Any) -> Received:
    known: Mapping[str, Any] = event if isinstance(event, dict) else {}
    data = known.get("data")
    about: Mapping[str, Any] = data if isinstance(data, dict) else {}
    return Received(
        account=account,
        name=_text(known.get("eventName")),
        # Without an id only the very same event is a repetition.
        id=_text(known.get("eventId")) or f"sha256:{_digest(event)}",
        at=times.read(known.get("timestamp")),
        ordering=ordering(account, about),
        data={"account": account_given if account_given is not None else account, "event": event},
    )


def ordering(account: str, data: Mapping[str, Any]) -> str:
    """What keeps events in their order: one learner in one instance; one learning object for events about it."""
    user, instance = _text(data.get("userId")), same_prefix(_text(data.get("loInstanceId")))
    return f"{account} {user} {instance or same_prefix(_text(data.get('loId')))}"


def same_prefix(id: str) -> str:
    """An id of a learning object or instance with one spelling of its prefix; learning_program occurs, too."""
    return "learningProgram:" + id.removeprefix("learning_program:") if id.startswith("learning_program:") else id


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, bool | dict | list) else str(value)


def _digest(event: Any) -> str:
    return hashlib.sha256(orjson.dumps(event, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _basic(authorization: str) -> bytes:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        return b""
