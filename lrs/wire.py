"""A request as it came over the wire: its parameters, headers and body, out of a form where it came in one."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest

from lrs import alternate
from lrs.body import Body
from statements.errors import Fault, Invalid
from statements.xapi import versions
from statements.xapi.versions import Version

# From about here on the server does not wait for the rest of a body that nobody reads.
_LONG_BODY = 10_000
_VERSION = "HTTP_" + versions.HEADER.upper().replace("-", "_")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came, out of its form where it came in one; see Call."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Body


def came(request: HttpRequest) -> Asked:
    """The request as it came, with a form not yet opened. Raises Invalid."""
    headers = _headers(request)
    try:
        query = request.GET.dict()
    except TooManyFieldsSent:
        query = {}
    return Asked(request.method or "", query, headers, Body(request.META["wsgi.input"], _length(headers)))


def read(request: HttpRequest, came: Asked) -> Asked:
    """What is asked by a request that came so, out of its form where it came in one. Raises Invalid, TooLarge."""
    _refuse_repeated(request)
    if "method" not in came.query:
        return came
    inner = _unwrapped(came)
    # The form's own type says nothing of its content, which is JSON unless a field says otherwise.
    typed = {"content-type": "application/json"} | {name.lower(): value for name, value in inner.headers.items()}
    return Asked(inner.method, inner.query, {**came.headers, **typed}, Body(BytesIO(inner.body), len(inner.body)))


def _headers(request: HttpRequest) -> dict[str, str]:
    """The headers by their lower-case names; Django's own mapping spells and folds each name anew."""
    headers = {
        name[5:].replace("_", "-").lower(): value for name, value in request.META.items() if name.startswith("HTTP_")
    }
    headers["content-type"] = request.META.get("CONTENT_TYPE", "")
    headers["content-length"] = request.META.get("CONTENT_LENGTH", "")
    return headers


def address(request: HttpRequest, headers: Mapping[str, str]) -> str:
    """Where the request comes from: as the proxy before this server says it, where there is one to be trusted."""
    if settings.LRS_TRUST_PROXY and "x-forwarded-for" in headers:
        return headers["x-forwarded-for"].rpartition(",")[2].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def _refuse_repeated(request: HttpRequest) -> None:
    try:
        given = request.GET
    except TooManyFieldsSent:
        raise Invalid(Fault("?", "parameter", "the address has more parameters than are read")) from None
    twice = [name for name in given if len(given.getlist(name)) > 1]
    if twice:
        raise Invalid(
            *[Fault(f"?{name}", "parameter", f"the parameter {name} is given more than once") for name in twice]
        )


def _unwrapped(asked: Asked) -> alternate.Unwrapped:
    """The request that stands in a form (xAPI 1.0.3 Communication 1.3)."""
    try:
        text = asked.body.all(settings.LRS_MAX_BODY).decode()
    except UnicodeDecodeError:
        raise Invalid(Fault("", "utf-8", "the form is not UTF-8")) from None
    form = dict(parse_qsl(text, keep_blank_values=True))
    return alternate.unwrap(asked.method, asked.query, form, asked.headers.get(versions.HEADER.lower()))


def _length(headers: Mapping[str, str]) -> int | None:
    """The announced length in bytes; None where the body is chunked."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return None
    given = headers.get("content-length") or "0"
    if not given.isascii() or not given.isdigit():
        raise Invalid(Fault("Content-Length", "header", f"Content-Length is {given[:40]!r}, not a number of bytes"))
    return int(given)


def spoken(request: HttpRequest) -> Version:
    """The version for the header of an answer, whatever else is wrong with the request."""
    # Django's own mapping of headers spells every name anew.
    asked = request.META.get(_VERSION, "")
    return Version.V2 if asked.strip().startswith("2.") else Version.V1


def has_long_body(request: HttpRequest) -> bool:
    """Whether so much was announced that the rest of it may still be on its way."""
    announced = request.META.get("CONTENT_LENGTH") or ""
    return "HTTP_TRANSFER_ENCODING" in request.META or len(announced) >= len(str(_LONG_BODY))
