"""What went wrong, as an answer: a status, a sentence, and every fault with its place and rule."""

import re
from collections.abc import Mapping

import orjson
from django.http import HttpResponse

from lrs.errors import (
    BadGateway,
    DocumentConflict,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    PreconditionFailed,
    TooLarge,
    TooManyRequests,
    Unauthorised,
    Unavailable,
    UnsupportedMediaType,
)
from statements.errors import Conflict, Fault, Invalid, StatementError, TooSlow

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
FAILED = "Something went wrong here; it is logged. The same request may succeed later."
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")


def faults(problem: Exception) -> tuple[Fault, ...]:
    """What is wrong with a refused request; where no place is to blame, the kind of refusal is the rule."""
    if isinstance(problem, StatementError) and problem.faults:
        return problem.faults
    rule = _WORDS.sub("-", type(problem).__name__).lower() if type(problem) in STATUS else "internal"
    return (Fault("", rule, str(problem) if type(problem) in STATUS else repr(problem)),)


def status(problem: Exception) -> int:
    """The status of a request that failed; 500 where nobody foresaw it."""
    return STATUS.get(type(problem), 500)


def sentence(problem: Exception) -> str:
    """What the sender is told; nothing of what is inside where nobody foresaw it."""
    return str(problem) if type(problem) in STATUS else FAILED


def answer(problem: Exception) -> HttpResponse:
    """The answer to a request that failed: its status, a sentence, and every fault with its place and rule."""
    response = _json(status(problem), sentence(problem), problem.faults if isinstance(problem, StatementError) else ())
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
