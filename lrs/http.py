"""One xAPI request, from the wire to a resource and back: version, credential, body, errors, headers.

A resource is a table from method to a function that takes a Call and gives a response; it holds no `try`.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from lrs import alternate, auth, quarantine
from lrs.auth import Caller
from lrs.body import Body
from lrs.errors import (
    BadGateway,
    DocumentConflict,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    PreconditionFailed,
    ServiceError,
    TooLarge,
    TooManyRequests,
    Unauthorised,
    Unavailable,
    UnsupportedMediaType,
)
from lrs.quarantine import Refused
from statements.errors import Conflict, Fault, Invalid, StatementError, TooSlow
from statements.ingest import Replay
from statements.xapi import versions
from statements.xapi.versions import Version

log = logging.getLogger(__name__)

# From about here on the server does not wait for the rest of a body that nobody reads.
_LONG_BODY = 10_000

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
    BadGateway: 502,
    TooSlow: 503,
    Unavailable: 503,
}
# Not refusals: who asks is not known, or shall only ask again, or made the request depend on a condition.
_NOT_KEPT = (Unauthorised, TooManyRequests, TooSlow, Unavailable, PreconditionFailed)
_FAILED = "Something went wrong here; it is logged. The same request may succeed later."


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came, out of its form where it came in one; see Call."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Body


@dataclass(frozen=True, slots=True)
class Call:
    """A request as resources see it. `headers` have lower-case names; `query` is the query string's parameters."""

    method: str
    version: Version
    caller: Caller
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Body
    replay: Replay | None = None

    def content(self) -> bytes:
        """The whole body; raises TooLarge above LRS_MAX_BODY."""
        return self.body.all(settings.LRS_MAX_BODY)

    def header(self, name: str) -> str | None:
        """A header by its lower-case name."""
        return self.headers.get(name)


Handler = Callable[[Call], HttpResponseBase]


class Resource:
    """The Django view of an xAPI resource; HEAD is GET without the body.

    `before` is asked ahead of the method's function for headers of the answer, whatever the answer will be.
    A public resource asks for no credential and refuses no version.
    """

    # Nobody is known by a cookie here.
    csrf_exempt = True

    def __init__(
        self, methods: Mapping[str, Handler], before: Callable[[Call], Mapping[str, str]] | None, public: bool
    ) -> None:
        self._methods = methods
        self._before = before
        self._public = public

    def __call__(self, request: HttpRequest, **captured: str) -> HttpResponseBase:
        """The answer to a request from the wire."""
        headers: dict[str, str] = {versions.HEADER: spoken(request)}
        asked = None
        try:
            asked = _asked(request)
            call = _call(request, asked, captured, self._public)
            headers[versions.HEADER] = call.version
            if self._before is not None:
                headers |= self._before(call)
            response = self.carry_out(call)
        except (StatementError, ServiceError) as problem:
            response = answer(problem)
            _keep_refused(request, asked, problem)
        except Exception as problem:
            log.exception("%s %s failed", request.method, request.path)
            response = _json(500, _FAILED)
            _keep_refused(request, asked, problem)
        if request.method == "HEAD":
            response = _without_body(response)
        if response.status_code >= 400 and _has_long_body(request):
            # The rest of it is not read, and the connection is of no more use.
            headers["Connection"] = "close"
        for name, value in headers.items():
            response.headers[name] = value
        return response

    def carry_out(self, call: Call) -> HttpResponseBase:
        """The answer to a call; raises what the resource raises."""
        handler = self._methods.get("GET" if call.method == "HEAD" else call.method)
        if handler is None:
            raise MethodNotAllowed(call.method, _known(self._methods))
        return handler(call)


def _known(methods: Mapping[str, Handler]) -> list[str]:
    return sorted({*methods, "HEAD"} if "GET" in methods else methods)


def resource(
    methods: Mapping[str, Handler],
    before: Callable[[Call], Mapping[str, str]] | None = None,
    *,
    public: bool = False,
) -> Resource:
    """The Django view of an xAPI resource: a table from method to function."""
    return Resource(methods, before, public)


def _keep_refused(request: HttpRequest, asked: Asked | None, problem: Exception) -> None:
    """Keep a writing request of a known credential that was refused; the sender's answer is made already."""
    if request.method not in quarantine.WRITING or isinstance(problem, _NOT_KEPT):
        return
    try:
        asked = asked or _unread(request)
        if asked.method not in quarantine.WRITING:
            return
        caller = auth.identify(asked.headers.get("authorization"), address(request, asked.headers))
    except (StatementError, ServiceError):
        return
    except Exception:
        log.exception("Who sent a refused request could not be found out.")
        return
    body, note = (b"", str(problem)) if isinstance(problem, TooLarge) else asked.body.seen()
    quarantine.keep(
        Refused(
            store=caller.tenant.store,
            credential=caller.credential,
            method=asked.method,
            path=request.path,
            query=asked.query,
            headers=asked.headers,
            body=body,
            note=note,
            status=STATUS.get(type(problem), 500),
            sentence=str(problem) if type(problem) in STATUS else _FAILED,
            faults=faults(problem),
        )
    )


def faults(problem: Exception) -> tuple[Fault, ...]:
    """What is wrong with a refused request; where no place is to blame, the kind of refusal is the rule."""
    if isinstance(problem, StatementError) and problem.faults:
        return problem.faults
    rule = _WORDS.sub("-", type(problem).__name__).lower() if type(problem) in STATUS else "internal"
    return (Fault("", rule, str(problem) if type(problem) in STATUS else repr(problem)),)


_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")


def answer(problem: Exception) -> HttpResponse:
    """The answer to a request that failed: its status, a sentence, and every fault with its place and rule."""
    response = _json(STATUS[type(problem)], str(problem), problem.faults if isinstance(problem, StatementError) else ())
    if isinstance(problem, Unauthorised):
        response.headers["WWW-Authenticate"] = problem.challenge
    if isinstance(problem, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(problem.known)
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


def _asked(request: HttpRequest) -> Asked:
    headers = _headers(request)
    body = Body(request.META["wsgi.input"], _length(headers))
    asked = Asked(request.method or "", _query(request), headers, body)
    if "method" not in asked.query:
        return asked
    inner = _unwrapped(asked)
    # The form's own type says nothing of its content, which is JSON unless a field says otherwise.
    typed = {"content-type": "application/json"} | {name.lower(): value for name, value in inner.headers.items()}
    return Asked(inner.method, inner.query, {**asked.headers, **typed}, Body(BytesIO(inner.body), len(inner.body)))


def _unread(request: HttpRequest) -> Asked:
    """A request whose address or form is broken, as far as it can be read."""
    headers = _headers(request)
    return Asked(request.method or "", request.GET.dict(), headers, Body(request.META["wsgi.input"], _length(headers)))


def _headers(request: HttpRequest) -> dict[str, str]:
    """The headers by their lower-case names; Django's own mapping spells and folds each name anew."""
    headers = {
        name[5:].replace("_", "-").lower(): value for name, value in request.META.items() if name.startswith("HTTP_")
    }
    headers["content-type"] = request.META.get("CONTENT_TYPE", "")
    headers["content-length"] = request.META.get("CONTENT_LENGTH", "")
    return headers


def _call(request: HttpRequest, asked: Asked, captured: Mapping[str, str], public: bool) -> Call:
    headers = asked.headers
    if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise UnsupportedMediaType("Bodies are not decompressed here; send it without Content-Encoding.")
    asked_version = headers.get(versions.HEADER.lower())
    if public:
        caller, version = auth.NOBODY, Version.V2 if (asked_version or "").startswith("2.") else Version.V1
    else:
        caller = auth.admit(headers.get("authorization"), address(request, headers))
        version = versions.negotiate(asked_version or caller.default_version or None)
    return Call(
        method=asked.method,
        version=version,
        caller=caller,
        query={**asked.query, **captured},
        headers=headers,
        body=asked.body,
    )


def address(request: HttpRequest, headers: Mapping[str, str]) -> str:
    """Where the request comes from: as the proxy before this server says it, where there is one to be trusted."""
    if settings.LRS_TRUST_PROXY and "x-forwarded-for" in headers:
        return headers["x-forwarded-for"].rpartition(",")[2].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def _query(request: HttpRequest) -> dict[str, str]:
    given = request.GET
    twice = [name for name in given if len(given.getlist(name)) > 1]
    if twice:
        raise Invalid(
            *[Fault(f"?{name}", "parameter", f"the parameter {name} is given more than once") for name in twice]
        )
    return given.dict()


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


def _without_body(response: HttpResponseBase) -> HttpResponse:
    empty = HttpResponse(status=response.status_code)
    for name, value in response.headers.items():
        empty.headers[name] = value
    if isinstance(response, HttpResponse):
        empty.headers["Content-Length"] = str(len(response.content))
    return empty


@csrf_exempt
def unknown(request: HttpRequest, **captured: Any) -> HttpResponseBase:
    """Any address below /xapi that is no resource."""
    response = answer(NotFound(f"There is no resource at {request.path[:200]}."))
    response.headers[versions.HEADER] = spoken(request)
    return _without_body(response) if request.method == "HEAD" else response


def _has_long_body(request: HttpRequest) -> bool:
    announced = request.META.get("CONTENT_LENGTH") or ""
    return "HTTP_TRANSFER_ENCODING" in request.META or len(announced) >= len(str(_LONG_BODY))


def spoken(request: HttpRequest) -> Version:
    """The version for the header of an answer, whatever else is wrong with the request."""
    asked = request.headers.get(versions.HEADER, "")
    return Version.V2 if asked.strip().startswith("2.") else Version.V1
