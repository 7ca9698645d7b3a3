"""Pages below /admin/ for people who sign in with a provider, such as Microsoft, for a connection."""

import logging
from http import HTTPStatus
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from lrs.connectors import sign_in
from lrs.connectors.connections import ConnectionProblem
from lrs.connectors.contract import CheckFailed
from lrs.connectors.models import Connection
from lrs.connectors.sealed import Unsealable
from lrs.connectors.sign_in import SignInProblem
from lrs.connectors.transport import TransportError

log = logging.getLogger(__name__)

PERMISSION = "connectors.change_connection"
_PROBLEMS = (SignInProblem, CheckFailed, TransportError, ConnectionProblem, Unsealable)


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, id: UUID) -> HttpResponseBase:
    """Who is signed in, the address to register with the provider, and the button; POST sends the browser away."""
    return admin.site.admin_view(_page)(request, id)


@require_GET
@never_cache
def back(request: HttpRequest) -> HttpResponseBase:
    """Where the provider sends the browser back to, with a code or an error."""
    if not admin.site.has_permission(request):
        # Not with a way back here: the code must not travel on.
        return redirect("admin:login")
    _require_permission(request)
    try:
        begun = sign_in.returned(request.session, request.GET.get("state", ""), timezone.now())
    except SignInProblem as problem:
        return render(request, _TEMPLATE, _context(request, problem=str(problem)), status=HTTPStatus.BAD_REQUEST)
    connection = get_object_or_404(Connection, pk=begun.connection)
    refused = request.GET.get("error_description") or request.GET.get("error")
    try:
        if refused or not request.GET.get("code"):
            raise SignInProblem(f"Nobody was signed in: {(refused or 'no code came back').splitlines()[0][:300]}")
        account = sign_in.finish(connection, request.GET["code"], begun.verifier)
    except _PROBLEMS as problem:
        messages.error(request, str(problem))
    else:
        log.info("%s signed in as %s for the connection %s", request.user, account, connection.name)
        messages.success(request, f"Signed in as {account}.")
    return redirect("connectors:sign_in", id=connection.pk)


_TEMPLATE = "connectors/sign_in.html"


def _page(request: HttpRequest, id: UUID) -> HttpResponse:
    _require_permission(request)
    connection = get_object_or_404(Connection, pk=id)
    try:
        if request.method == "POST":
            return HttpResponseRedirect(sign_in.begin(connection, request.session, timezone.now()))
        signing, standing = sign_in.of(connection), sign_in.standing(connection)
    except _PROBLEMS as problem:
        return render(request, _TEMPLATE, _context(request, problem=str(problem)), status=HTTPStatus.BAD_REQUEST)
    given = _context(
        request,
        connection=connection,
        signing=signing,
        standing=standing,
        address=reverse("connectors:sign_in", args=[id]),
    )
    return render(request, _TEMPLATE, given)


def _require_permission(request: HttpRequest) -> None:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied


def _context(request: HttpRequest, **given: object) -> dict[str, object]:
    return {**admin.site.each_context(request), "back_url": sign_in.back_url(), **given}
