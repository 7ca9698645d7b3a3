"""Connections to Microsoft's stand-in, and a browser with which people sign in."""

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests import databases, server


@pytest.fixture
def microsoft(settings) -> Iterator:
    """Microsoft's side, which may be reached."""
    from tests.standins import msteams

    settings.LRS_OUTBOUND_ALLOW = ["127.0.0.1"]
    with msteams.running() as side:
        side.redirects = {f"{settings.LRS_PUBLIC_URL}/admin/signed-in"}
        yield side


@pytest.fixture
def teams(connect, microsoft):
    """Makes connections to the stand-in."""
    from tests.standins import msteams

    def make(mode="application", **given):
        return connect(
            "msteams",
            **{
                "mode": mode,
                "client_id": msteams.CLIENT,
                "client_secret": microsoft.secret,
                "tenant_id": msteams.TENANT,
                "api_url": f"{microsoft.url}/v1.0",
                "login_url": microsoft.url,
            }
            | given,
        )

    return make


@pytest.fixture
def signed_in(teams, settings):
    """Makes connections for which the super-user has signed in."""
    from django.utils import timezone

    from lrs.connectors import sign_in

    def make(**given):
        connection = teams("delegated", **given)
        session: dict = {}
        query = httpx.URL(httpx.get(sign_in.begin(connection, session, timezone.now())).headers["location"]).params
        begun = sign_in.returned(session, query["state"], timezone.now())
        sign_in.finish(connection, query["code"], begun.verifier)
        return connection

    return make


@pytest.fixture(scope="session")
def allowed_url(database) -> Iterator[str]:
    """The address of a server that may reach the stand-ins."""
    os.environ["LRS_OUTBOUND_ALLOW"] = "127.0.0.1"
    try:
        with server.running(databases.place().folder / "server.log", workers=1) as url:
            yield url
    finally:
        del os.environ["LRS_OUTBOUND_ALLOW"]


class Browser:
    """Somebody's browser: cookies, forms, and the way to and from Microsoft, where our public address is this one."""

    def __init__(self, http: httpx.Client, public: str) -> None:
        self.http = http
        self._public = public

    def get(self, target: str) -> httpx.Response:
        """A page."""
        return self.http.get(target.removeprefix(self._public))

    def press(self, target: str, **fields: str) -> httpx.Response:
        """The page's form is sent."""
        page = self.get(target).text
        [token] = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[:1]
        return self.http.post(target.removeprefix(self._public), data={"csrfmiddlewaretoken": token, **fields})


@pytest.fixture
def browse(allowed_url, settings):
    """Opens browsers in which a member of staff is signed in to the administration."""
    from django.contrib.auth.models import Permission, User

    @contextmanager
    def opened(*, may: bool = True) -> Iterator[Browser]:
        name = f"staff-{uuid.uuid4()}"
        user = User.objects.create_user(name, password="a long password", is_staff=True)
        if may:
            user.user_permissions.add(Permission.objects.get(codename="change_connection"))
        with httpx.Client(base_url=allowed_url) as http:
            browser = Browser(http, settings.LRS_PUBLIC_URL)
            assert browser.press("/admin/login/", username=name, password="a long password").status_code == 302
            yield browser

    return opened
