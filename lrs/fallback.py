"""What is answered where no view answers: at an unknown address, to a request that Django refuses, at a failure.

People are answered with a page that says what to do, everybody else with JSON.
"""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
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
        sentence = _("Your role does not allow you to see or do this. An administrator can give you another.")
        return _page(request, _("This is not for you"), sentence, HTTPStatus.FORBIDDEN)
    return _versioned(request, problems.answer(Forbidden("This is not for you to see or do.")))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """404: no such address."""
    if request.path_info.startswith(_PEOPLE):
        sentence = _("There is nothing here. It may have been erased, or the address is not whole.")
        return _page(request, _("Not found"), sentence, HTTPStatus.NOT_FOUND)
    return _versioned(request, problems.answer(NotFound(f"There is nothing at {request.path[:200]}.")))


def failed(request: HttpRequest) -> HttpResponseBase:
    """500: our own fault; the log has the reason."""
    if request.path_info.startswith(_PEOPLE):
        return defaults.server_error(request)
    sentence = "Something went wrong here; it is logged. The same request may succeed later."
    response = JsonResponse({"error": sentence, "errors": []}, status=HTTPStatus.INTERNAL_SERVER_ERROR)
    return _versioned(request, response)


def _page(request: HttpRequest, title: str, sentence: str, status: HTTPStatus) -> HttpResponseBase:
    from django.contrib import admin

    # Here, as only who asks for people's pages is to wait for them.
    from statements.admin.page import framed

    response = framed(admin.site, request, "service/problem.html", title, sentence=sentence)
    response.status_code = status
    return response


def _versioned(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    # Every answer names a version (xAPI 1.0.3 Communication 3.3), whoever gives it.
    response.headers[versions.HEADER] = wire.spoken(request)
    return response
