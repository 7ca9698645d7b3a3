"""Django's middleware for people's pages, which stands aside for requests of machines.

Each class is one of Django's with `ForPeople` before it. Csrf still looks at every view: one for machines
says so itself with csrf_exempt.
"""

from collections.abc import Awaitable

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.locale import LocaleMiddleware
from django.utils.deprecation import MiddlewareMixin

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
