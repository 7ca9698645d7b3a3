"""Who may ask below /api, and of which store: a credential of its own store, a signed-in administrator of any."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from lrs import auth
from lrs.auth import Caller
from lrs.errors import Forbidden, NotFound, Unauthorised
from lrs.models import Scope
from statements.errors import Fault, Invalid
from statements.models import Store

SCOPES = (Scope.REPORTS_READ, Scope.STATEMENTS_READ)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads; `store` is None for an administrator, who says which one."""

    username: str
    store: int | None
    is_authenticated: bool = True
    is_staff: bool = False
    is_active: bool = True


class Credentials(BaseAuthentication):
    """HTTP Basic or a bearer token, as everywhere in the service; any of `scopes` lets in."""

    scopes: ClassVar[tuple[Scope, ...]] = SCOPES

    def authenticate(self, request: Request) -> tuple[Reader, Any] | None:
        """The reader that the Authorization header names; None without one. Raises Unauthorised, Forbidden."""
        header = get_authorization_header(request).decode("latin-1")
        if not header:
            return None
        caller = auth.admit(header, request.META.get("REMOTE_ADDR", ""))
        caller.require(*self.scopes)
        return Reader(caller.name, caller.tenant.store), caller


class Session(BaseAuthentication):
    """Somebody who is signed in to the administration. Who changes something here asks for the form token."""

    def authenticate(self, request: Request) -> tuple[Reader, Any] | None:
        """The reader of the session's cookie, and the user; None without one."""
        user = getattr(request._request, "user", None)
        if user is None or not user.is_authenticated:
            return None
        if not (user.is_active and user.is_staff):
            raise Forbidden("Reports are for administrators and for credentials that may read.")
        return Reader(user.get_username(), None, is_staff=True), user


class MayRead(BasePermission):
    """Nobody reads unknown."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether a reader is known; raises Unauthorised."""
        if not isinstance(request.user, Reader):
            raise Unauthorised(
                "Send HTTP Basic authentication with the key and secret of a credential, or a bearer token,"
                " or sign in to the administration.",
                'Basic realm="reports", charset="UTF-8"',
            )
        return True


def reader_of(request: Request) -> Reader:
    """Who asks, behind MayRead."""
    if not isinstance(request.user, Reader):
        raise TypeError("MayRead lets nobody else in")
    return request.user


def acting(request: Request, scope: Scope, permission: str, whom: str) -> str:
    """Who changes something, for the audit log: a credential with the scope, or a session with the permission and the
    form token. `whom` says whom it is for. Raises Forbidden.
    """
    if isinstance(request.auth, Caller):
        request.auth.require(scope)
    else:
        permitted(request, permission, whom)
        _without_forgery(request)
    return reader_of(request).username


def permitted(request: Request, permission: str, whom: str) -> None:
    """Raise Forbidden unless the user of the session has the permission."""
    user: Any = request.auth
    if not user.has_perm(permission):
        raise Forbidden(f"This is for {whom}.")


def _nothing(*_: Any, **__: Any) -> HttpResponse:
    return HttpResponse()


class _Forgery(CsrfViewMiddleware):
    def _reject(self, request: Any, reason: str) -> Any:
        # The sentence instead of a page.
        return reason


def _without_forgery(request: Request) -> None:
    """A cookie is sent by a browser whoever made it ask: the form token says that it was this service's page."""
    check = _Forgery(_nothing)
    check.process_request(request._request)
    reason = check.process_view(request._request, _nothing, (), {})
    if reason:
        raise Forbidden(f"The form token is missing or wrong (X-CSRFToken): {reason}")


def store_of(reader: Reader, name: str | None) -> Store:
    """The store that is read: the reader's own, or the one that an administrator names. Raises NotFound, Invalid."""
    if reader.store is not None:
        store = Store.objects.get(pk=reader.store)
        if name is not None and name != store.name:
            raise NotFound(f"This credential reads the store {store.name!r} alone.")
        return store
    stores = list(Store.objects.filter(name=name) if name is not None else Store.objects.all()[:2])
    if name is not None and not stores:
        raise NotFound(f"There is no store {name!r}.")
    if len(stores) != 1:
        raise Invalid(Fault("?store", "required", "say which store is meant, by its name"))
    return stores[0]


def narrowed(reader: Reader, name: str | None) -> int | None:
    """The store that something with a number of its own must be in; None, any, for an administrator who names none.

    Raises NotFound.
    """
    return None if reader.store is None and name is None else store_of(reader, name).pk


class _CredentialsScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = Credentials
    match_subclasses = True
    name = ["basic", "bearer"]

    def get_security_definition(self, auto_schema: Any) -> Any:
        return [{"type": "http", "scheme": "basic"}, {"type": "http", "scheme": "bearer"}]


class _SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = Session
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> Any:
        return {"type": "apiKey", "in": "cookie", "name": "lrs_session"}
