"""What is answered where no view answers: at an unknown address, to a request that Django refuses, at a failure.

People's pages are answered with Django's own, everything else with JSON.
"""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views import defaults

from lrs import problems, wire
from lrs.errors import Forbidden, NotFound
from statements.errors import Fault, Invalid
from statements.xapi import versions

_PEOPLE = "/admin"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """400: a request that Django itself refuses, such as one for a host that is not served."""
    if request.path_info.startswith(_PEOPLE):
        return defaults.bad_request(request, exception)
    problem = "the request cannot be read, or its host is not served here (LRS_ALLOWED_HOSTS)"
    return _versioned(request, problems.answer(Invalid(Fault("", "request", problem))))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """403: what is here is not for this caller."""
    if request.path_info.startswith(_PEOPLE):
        return defaults.permission_denied(request, exception)
    return _versioned(request, problems.answer(Forbidden("This is not for you to see or do.")))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """404: no such address."""
    if request.path_info.startswith(_PEOPLE):
        return defaults.page_not_found(request, exception)
    return _versioned(request, problems.answer(NotFound(f"There is nothing at {request.path[:200]}.")))


def failed(request: HttpRequest) -> HttpResponseBase:
    """500: our own fault; the log has the reason."""
    if request.path_info.startswith(_PEOPLE):
        return defaults.server_error(request)
    sentence = "Something went wrong here; it is logged. The same request may succeed later."
    response = JsonResponse({"error": sentence, "errors": []}, status=HTTPStatus.INTERNAL_SERVER_ERROR)
    return _versioned(request, response)


def _versioned(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    # Every answer names a version (xAPI 1.0.3 Communication 3.3), whoever gives it.
    response.headers[versions.HEADER] = wire.spoken(request)
    return response
