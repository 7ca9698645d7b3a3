"""Django's middleware for people's pages, which stands aside for requests of machines.

Each class is one of Django's with `ForPeople` before it. Csrf still looks at every view: one for machines
says so itself with csrf_exempt.
"""

from collections.abc import Awaitable

from corsheaders.middleware import CorsMiddleware
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.locale import LocaleMiddleware
from django.utils.deprecation import MiddlewareMixin

from lrs import wire
from statements.xapi import versions

# Where people go, and what may be asked with their session.
PEOPLE = ("/admin", "/api/")


class ForPeople(MiddlewareMixin):
    """Runs the middleware that stands behind it for people's pages, and nothing for other requests."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """The answer, with or without the middleware."""
        if request.path_info.startswith(PEOPLE):
            return super().__call__(request)
        return self.get_response(request)


class Sessions(ForPeople, SessionMiddleware):
    """Who is signed in, by cookie."""


class Locale(ForPeople, LocaleMiddleware):
    """The language that the browser asks for."""


class Common(ForPeople, CommonMiddleware):
    """Content-Length."""


class Csrf(ForPeople, CsrfViewMiddleware):
    """Forms are sent from our own pages."""


class Authentication(ForPeople, AuthenticationMiddleware):
    """request.user."""


class Messages(ForPeople, MessageMiddleware):
    """Notes to the person, shown on the next page."""


class Clickjacking(ForPeople, XFrameOptionsMiddleware):
    """No other site shows our pages in a frame."""


class Cors(CorsMiddleware):
    """Pages of other sites may ask; the answer to a browser that asks first names a version of xAPI like any other."""

    def check_preflight(self, request: HttpRequest) -> HttpResponseBase | None:
        """The answer to a preflight, or None where the request is none."""
        answer = super().check_preflight(request)
        if answer is not None:
            answer.headers[versions.HEADER] = wire.spoken(request)
            del answer.headers["Content-Type"]
        return answer


_POLICY = {
    "default-src": "'self'",
    # The pages' own scripts are files; unsafe-eval is what Alpine in django-unfold needs, which makes functions of the
    # texts of x-data, x-on and the like. Text of others never stands in those.
    "script-src": "'self' 'unsafe-eval'",
    # The colours of django-unfold are a <style>, and bars and funnels have their lengths in style attributes.
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# Its button is answered with the way to the provider, which browsers take for a form that is sent there.
_LEADS_AWAY = "connectors:sign_in"


class ContentSecurity(MiddlewareMixin):
    """People's pages run, show and ask nothing but what comes from here."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """The answer, with a Content-Security-Policy for a page of the administration."""
        if request.path_info.startswith("/admin"):
            leads_away = request.resolver_match is not None and request.resolver_match.view_name == _LEADS_AWAY
            parts = [f"{name} {value}" for name, value in _POLICY.items() if not (leads_away and name == "form-action")]
            response.headers.setdefault("Content-Security-Policy", "; ".join(parts))
        return response
