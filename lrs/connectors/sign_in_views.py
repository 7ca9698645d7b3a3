"""Pages below /admin/ for people who sign in with a provider, such as Microsoft, for a connection."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from lrs.connectors import sign_in
from lrs.connectors.connections import ConnectionProblem
from lrs.connectors.contract import CheckFailed
from lrs.connectors.models import Connection
from lrs.connectors.sealed import Unsealable
from lrs.connectors.sign_in import SignInProblem
from lrs.connectors.transport import TransportError
from statements import journal
from statements.admin.page import Link, address, framed, user_name

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
        return _shown(request, None, HTTPStatus.BAD_REQUEST, problem=str(problem))
    connection = get_object_or_404(Connection, pk=begun.connection)
    refused = request.GET.get("error_description") or request.GET.get("error")
    try:
        if refused or not request.GET.get("code"):
            raise SignInProblem(f"Nobody was signed in: {(refused or 'no code came back').splitlines()[0][:300]}")
        account = sign_in.finish(connection, request.GET["code"], begun.verifier)
    except _PROBLEMS as problem:
        messages.error(request, str(problem))
    else:
        journal.note("sign in", journal.thing(connection), by=user_name(request), after={"account": account})
        messages.success(request, _("Signed in as %(account)s.") % {"account": account})
    return redirect("connectors:sign_in", id=connection.pk)


def _page(request: HttpRequest, id: UUID) -> HttpResponse:
    _require_permission(request)
    connection = get_object_or_404(Connection, pk=id)
    try:
        if request.method == "POST":
            return HttpResponseRedirect(sign_in.begin(connection, request.session, timezone.now()))
        signing, standing = sign_in.of(connection), sign_in.standing(connection)
    except _PROBLEMS as problem:
        return _shown(request, connection, HTTPStatus.BAD_REQUEST, problem=str(problem))
    return _shown(
        request,
        connection,
        signing=signing,
        signing_title=_(signing.title) if signing else "",
        standing=standing,
        address=reverse("connectors:sign_in", args=[id]),
    )


def _require_permission(request: HttpRequest) -> None:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied


def _shown(
    request: HttpRequest, connection: Connection | None, status: int = HTTPStatus.OK, **given: Any
) -> TemplateResponse:
    trail = [Link(_("Connections"), address(Connection))]
    if connection is not None:
        trail.append(Link(connection.name, address(Connection, "change", connection.pk)))
    answer = framed(
        admin.site,
        request,
        "connectors/sign_in.html",
        _("Sign in"),
        subtitle=connection.name if connection else "",
        trail=tuple(trail),
        connection=connection,
        back_url=sign_in.back_url(),
        **given,
    )
    answer.status_code = status
    return answer
