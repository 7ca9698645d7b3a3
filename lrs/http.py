"""One xAPI request, from the wire to a resource and back: version, credential, body, errors, headers.

A resource is a table from method to a function that takes a Call and gives a response; it holds no `try`.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from lrs import alternate, auth
from lrs.auth import Caller
from lrs.body import Body
from lrs.errors import (
    DocumentConflict,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    PreconditionFailed,
    ServiceError,
    TooLarge,
    TooManyRequests,
    Unauthorised,
    UnsupportedMediaType,
)
from statements.errors import Conflict, Fault, Invalid, StatementError, TooSlow
from statements.xapi import versions
from statements.xapi.versions import Version

log = logging.getLogger(__name__)

STATUS: Mapping[type[Exception], int] = {
    Invalid: 400,
    Unauthorised: 401,
    Forbidden: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    Conflict: 409,
    DocumentConflict: 409,
    PreconditionFailed: 412,
    TooLarge: 413,
    UnsupportedMediaType: 415,
    TooManyRequests: 429,
    TooSlow: 503,
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request as resources see it. `headers` have lower-case names; `query` is the query string's parameters."""

    method: str
    version: Version
    caller: Caller
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Body

    def content(self) -> bytes:
        """The whole body; raises TooLarge above LRS_MAX_BODY."""
        return self.body.all(settings.LRS_MAX_BODY)

    def header(self, name: str) -> str | None:
        """A header by its lower-case name."""
        return self.headers.get(name)


Handler = Callable[[Call], HttpResponseBase]


def resource(
    methods: Mapping[str, Handler],
    before: Callable[[Call], Mapping[str, str]] | None = None,
    *,
    public: bool = False,
) -> Callable[..., HttpResponseBase]:
    """The Django view of an xAPI resource; HEAD is GET without the body.

    `before` is asked ahead of the method's function for headers of the answer, whatever the answer will be.
    A public resource asks for no credential and refuses no version.
    """

    @csrf_exempt
    def view(request: HttpRequest, **captured: str) -> HttpResponseBase:
        headers: dict[str, str] = {versions.HEADER: Version.V1}
        try:
            call = _call(request, captured, public)
            headers[versions.HEADER] = call.version
            if before is not None:
                headers |= before(call)
            response = _handler(methods, call.method)(call)
        except (StatementError, ServiceError) as problem:
            response = answer(problem)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            response = _json(500, "Something went wrong here; it is logged. The same request may succeed later.")
        if request.method == "HEAD":
            response = _without_body(response)
        for name, value in headers.items():
            response.headers[name] = value
        return response

    return view


def answer(problem: Exception) -> HttpResponse:
    """The answer to a request that failed: its status, a sentence, and every fault with its place and rule."""
    response = _json(STATUS[type(problem)], str(problem), problem.faults if isinstance(problem, Invalid) else ())
    if isinstance(problem, Unauthorised):
        response.headers["WWW-Authenticate"] = 'Basic realm="xAPI", charset="UTF-8"'
    if isinstance(problem, TooManyRequests):
        response.headers["Retry-After"] = str(problem.retry_after)
    if isinstance(problem, TooLarge):
        # The rest of the body is not read.
        response.headers["Connection"] = "close"
    return response


def _json(status: int, sentence: str, faults: tuple[Fault, ...] = ()) -> HttpResponse:
    errors = [{"pointer": pointer, "rule": rule, "problem": problem} for pointer, rule, problem in faults]
    body = orjson.dumps({"error": sentence.encode("utf-8", "replace").decode(), "errors": errors})
    response = HttpResponse(body, content_type="application/json", status=status)
    response.headers["Content-Length"] = str(len(body))
    return response


def _handler(methods: Mapping[str, Handler], method: str) -> Handler:
    handler = methods.get("GET" if method == "HEAD" else method)
    if handler is None:
        raise MethodNotAllowed(f"This resource does not know {method}; it knows {', '.join(sorted(methods))}.")
    return handler


def _call(request: HttpRequest, captured: Mapping[str, str], public: bool) -> Call:
    method = request.method or ""
    query = _query(request)
    headers = _headers(request)
    body = Body(request.META["wsgi.input"], _length(headers))
    if "method" in query:
        inner = _unwrapped(method, query, headers, body)
        method, query = inner.method, dict(inner.query)
        # The form's own type says nothing of its content, which is JSON unless a field says otherwise.
        headers |= {"content-type": "application/json"} | {name.lower(): value for name, value in inner.headers.items()}
        body = Body(BytesIO(inner.body), len(inner.body))
    if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise UnsupportedMediaType("Bodies are not decompressed here; send it without Content-Encoding.")
    asked_version = headers.get(versions.HEADER.lower())
    if public:
        caller, version = auth.NOBODY, Version.V2 if (asked_version or "").startswith("2.") else Version.V1
    else:
        caller = auth.identify(headers.get("authorization"), address(request, headers))
        version = versions.negotiate(asked_version or caller.default_version or None)
    return Call(
        method=method,
        version=version,
        caller=caller,
        query={**query, **captured},
        headers=headers,
        body=body,
    )


def address(request: HttpRequest, headers: Mapping[str, str]) -> str:
    """Where the request comes from: as the proxy before this server says it, where there is one to be trusted."""
    if settings.LRS_TRUST_PROXY and "x-forwarded-for" in headers:
        return headers["x-forwarded-for"].rpartition(",")[2].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def _headers(request: HttpRequest) -> dict[str, str]:
    """The headers by their lower-case names; Django's own mapping spells and folds each name anew."""
    headers = {
        name[5:].replace("_", "-").lower(): value for name, value in request.META.items() if name.startswith("HTTP_")
    }
    headers["content-type"] = request.META.get("CONTENT_TYPE", "")
    headers["content-length"] = request.META.get("CONTENT_LENGTH", "")
    return headers


def _query(request: HttpRequest) -> dict[str, str]:
    given = request.GET
    twice = [name for name in given if len(given.getlist(name)) > 1]
    if twice:
        raise Invalid(
            *[Fault(f"?{name}", "parameter", f"the parameter {name} is given more than once") for name in twice]
        )
    return given.dict()


def _unwrapped(method: str, query: dict[str, str], headers: dict[str, str], body: Body) -> alternate.Unwrapped:
    """The request that stands in a form (xAPI 1.0.3 Communication 1.3)."""
    try:
        text = body.all(settings.LRS_MAX_BODY).decode()
    except UnicodeDecodeError:
        raise Invalid(Fault("", "utf-8", "the form is not UTF-8")) from None
    form = dict(parse_qsl(text, keep_blank_values=True))
    return alternate.unwrap(method, query, form, headers.get(versions.HEADER.lower()))


def _length(headers: Mapping[str, str]) -> int | None:
    """The announced length in bytes; None where the body is chunked."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return None
    given = headers.get("content-length") or "0"
    if not given.isascii() or not given.isdigit():
        raise Invalid(Fault("Content-Length", "header", f"Content-Length is {given[:40]!r}, not a number of bytes"))
    return int(given)


def _without_body(response: HttpResponseBase) -> HttpResponse:
    empty = HttpResponse(status=response.status_code)
    for name, value in response.headers.items():
        empty.headers[name] = value
    if isinstance(response, HttpResponse):
        empty.headers["Content-Length"] = str(len(response.content))
    return empty


def unknown(request: HttpRequest, **captured: Any) -> HttpResponseBase:
    """Any address below /xapi that is no resource."""
    response = answer(NotFound(f"There is no resource at {request.path}."))
    response.headers[versions.HEADER] = Version.V1
    return response
