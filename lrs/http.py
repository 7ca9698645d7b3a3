"""One xAPI request, from the wire to a resource and back: version, credential, body, errors, headers.

A resource is a table from method to a function that takes a Call and gives a response; it holds no `try`.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from lrs import auth, problems, quarantine, wire
from lrs.auth import Caller
from lrs.body import Body
from lrs.errors import (
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
from lrs.wire import Asked
from statements.errors import Invalid, StatementError, TooSlow
from statements.ingest import Replay
from statements.profiles.repairs import OTHER_VERSION, Repairs
from statements.xapi import versions
from statements.xapi.versions import Version

log = logging.getLogger(__name__)

_LATER = "The database does not answer now. Send the same request again later."
# Not refusals: who asks is not known, or shall only ask again, or made the request depend on a condition.
_NOT_KEPT = (Unauthorised, TooManyRequests, TooSlow, Unavailable, PreconditionFailed)


@dataclass(frozen=True, slots=True)
class Call:
    """A request as resources see it. `headers` have lower-case names; `query` is the query string's parameters.

    `repaired` is what was mended in it already.
    """

    method: str
    version: Version
    caller: Caller
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Body
    replay: Replay | None = None
    repaired: Repairs = ()

    def content(self) -> bytes:
        """The whole body; raises TooLarge above LRS_MAX_BODY."""
        return self.body.all(settings.LRS_MAX_BODY)

    def header(self, name: str) -> str | None:
        """A header by its lower-case name."""
        return self.headers.get(name)


Handler = Callable[[Call], HttpResponseBase]
Before = Callable[[Call | None], Mapping[str, str]]


class Resource:
    """The Django view of an xAPI resource; HEAD is GET without the body.

    `before` is asked ahead of the method's function for headers of the answer, whatever the answer will be; with None
    where the request is refused before it is known who asks for what.
    A public resource asks for no credential and refuses no version.
    """

    # Nobody is known by a cookie here.
    csrf_exempt = True

    def __init__(self, methods: Mapping[str, Handler], before: Before | None, public: bool) -> None:
        self._methods = methods
        self._before = before
        self._public = public

    def __call__(self, request: HttpRequest, **captured: str) -> HttpResponseBase:
        """The answer to a request from the wire."""
        headers: dict[str, str] = {versions.HEADER: wire.spoken(request)}
        asked = call = None
        before = self._before
        try:
            # What came is known before its form is opened, and is kept where that cannot be done.
            asked = wire.came(request)
            asked = wire.read(request, asked)
            call = _call(request, asked, captured, self._public)
            headers[versions.HEADER] = call.version
            if before is not None:
                headers |= before(call)
            response = self.carry_out(call)
        except (StatementError, ServiceError) as problem:
            response = problems.answer(problem)
            _keep_refused(request, asked, problem)
        except (OperationalError, InterfaceError) as problem:
            why = " ".join(str(problem).split())
            log.error("%s %s: the database does not answer: %s", request.method, request.path, why)
            response = problems.answer(Unavailable(_LATER))
            # It would ask the database once more.
            before = None
        except Exception as problem:
            log.exception("%s %s failed", request.method, request.path)
            response = problems.answer(problem)
            _keep_refused(request, asked, problem)
        if call is None and before is not None:
            headers |= before(None)
        if request.method == "HEAD":
            response = _without_body(response)
        if response.status_code >= 400 and (wire.has_long_body(request) or (asked and asked.body.broken)):
            # The rest of it is not read or does not come, and the connection is of no more use.
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
    before: Before | None = None,
    *,
    public: bool = False,
) -> Resource:
    """The Django view of an xAPI resource: a table from method to function."""
    return Resource(methods, before, public)


def _keep_refused(request: HttpRequest, asked: Asked | None, problem: Exception) -> None:
    """Keep a request of a known credential that brought something and was refused; its answer is made already."""
    if request.method in quarantine.READING or isinstance(problem, _NOT_KEPT):
        return
    try:
        asked = asked or wire.came(request)
        if asked.method in quarantine.READING:
            return
        caller = auth.identify(asked.headers.get("authorization"), wire.address(request, asked.headers))
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
            status=problems.status(problem),
            sentence=problems.sentence(problem),
            faults=problems.faults(problem),
        )
    )


def _call(request: HttpRequest, asked: Asked, captured: Mapping[str, str], public: bool) -> Call:
    headers = asked.headers
    if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise UnsupportedMediaType("Bodies are not decompressed here; send it without Content-Encoding.")
    repaired: Repairs = ()
    if public:
        asked_version = headers.get(versions.HEADER.lower(), "")
        caller, version = auth.NOBODY, Version.V2 if asked_version.startswith("2.") else Version.V1
    else:
        caller = auth.admit(headers.get("authorization"), wire.address(request, headers))
        version, repaired = negotiate(caller, headers)
    return Call(
        method=asked.method,
        version=version,
        caller=caller,
        query={**asked.query, **captured},
        headers=headers,
        body=asked.body,
        repaired=repaired,
    )


def negotiate(caller: Caller, headers: Mapping[str, str]) -> tuple[Version, Repairs]:
    """The version that a caller's request is taken as, and what had to be mended for that. Raises Invalid."""
    own = caller.default_version
    try:
        return versions.negotiate(headers.get(versions.HEADER.lower()) or own or None), ()
    except Invalid:
        if not caller.mends(OTHER_VERSION):
            raise
    return Version(own or Version.V1), (OTHER_VERSION.mark,)


@csrf_exempt
def unknown(request: HttpRequest, **captured: Any) -> HttpResponseBase:
    """Any address below /xapi that is no resource; what was sent there by mistake is kept like any other refusal."""
    problem = NotFound(f"There is no resource at {request.path[:200]}.")
    response = problems.answer(problem)
    _keep_refused(request, None, problem)
    response.headers[versions.HEADER] = wire.spoken(request)
    if wire.has_long_body(request):
        response.headers["Connection"] = "close"
    return _without_body(response) if request.method == "HEAD" else response


def _without_body(response: HttpResponseBase) -> HttpResponse:
    empty = HttpResponse(status=response.status_code)
    for name, value in response.headers.items():
        empty.headers[name] = value
    if isinstance(response, HttpResponse):
        empty.headers["Content-Length"] = str(len(response.content))
    return empty
