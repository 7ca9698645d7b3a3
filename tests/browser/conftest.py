"""A real browser: the distribution's Chromium, driven by playwright, over the real server.

Where both databases are tested side by side, each takes a part, for a browser takes its time: connections are looked at
on PostgreSQL, everything else on SQLite, and lists on both. `pytest -n0` does all of it in one process.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, Playwright, ViewportSize, sync_playwright

from tests.browser.looking import Looked

if TYPE_CHECKING:
    from playwright._impl._api_structures import SetCookieParam

    from lrs.credentials import Issued

FLAGS = (
    "--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
_PASSWORD = "a long enough password"
_FOLDER = Path(__file__).parent
# What a process leaves to the other: gw0 has SQLite, gw1 PostgreSQL (tests/databases.py).
_OTHERS = {
    "gw0": frozenset({"test_connections.py"}),
    "gw1": frozenset({"test_pages.py", "test_quarantine.py", "test_walks.py"}),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where pictures go."""
    parser.addoption("--screenshots", metavar="DIR", help="make pictures of the main pages in this folder")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of two processes, each has its part."""
    others = _OTHERS.get(os.environ.get("PYTEST_XDIST_WORKER", ""), frozenset())
    items[:] = [item for item in items if _FOLDER not in item.path.parents or item.path.name not in others]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What drives the browser."""
    # It runs an event loop in this thread, which Django would take for a mistake.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as started:
        yield started
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The distribution's Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("The browser tests need Chromium: apt-get install chromium", pytrace=False)
    with playwright.chromium.launch(executable_path=program, args=list(FLAGS)) as browser:
        yield browser


@pytest.fixture(scope="session")
def axe() -> str:
    """The program that checks pages for people with disabilities; it comes with a package."""
    return Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()


def _signed_in(role: str, url: str) -> SetCookieParam:
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import Group, User
    from django.contrib.sessions.backends.db import SessionStore

    user = User.objects.create_user(f"{role or 'admin'}-{uuid.uuid4().hex[:6]}", is_staff=True, is_superuser=not role)
    if role:
        user.groups.add(Group.objects.get(name=role))
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return {"name": settings.SESSION_COOKIE_NAME, "value": str(session.session_key), "url": url}


class Desk:
    """Opens windows of the browser, signed in as somebody."""

    def __init__(self, chromium: Browser, url: str, axe: str) -> None:
        self._chromium, self._url, self._axe = chromium, url, axe
        self.opened: list[Looked] = []

    def open(self, role: str | None = "", *, phone: bool = False, language: str = "en-GB") -> Looked:
        """A window for a role; "" is a superuser, None nobody."""
        context = self._chromium.new_context(
            base_url=self._url, viewport=PHONE if phone else DESK, locale=language, has_touch=phone
        )
        context.set_default_timeout(15_000)
        if role is not None:
            context.add_cookies([_signed_in(role, self._url)])
        looked = Looked(context.new_page(), self._url, self._axe)
        self.opened.append(looked)
        return looked


@pytest.fixture
def desk(chromium: Browser, lrs_url: str, axe: str) -> Iterator[Desk]:
    """For windows of several people, or none."""
    desk = Desk(chromium, lrs_url, axe)
    yield desk
    for looked in desk.opened:
        looked.page.context.close()


@pytest.fixture
def look(desk: Desk) -> Looked:
    """A superuser's window at a desk; `look.page` is playwright's page."""
    return desk.open()


@pytest.fixture
def page(look: Looked) -> Page:
    """playwright's page of that window."""
    return look.page


@pytest.fixture(params=["desk", "phone"])
def window(request: pytest.FixtureRequest, desk: Desk) -> Looked:
    """A superuser's window, once at a desk and once on a phone."""
    return desk.open(phone=request.param == "phone")


@pytest.fixture
def filled(credential: Issued) -> Issued:
    """The store of this credential has something to look at."""
    from tests import sample

    named = [
        sample.statement(
            f"mailto:{name}@example.com", percent=percent, verb="completed" if percent == 100 else "progressed"
        )
        for name, percent in (("ann", 25), ("ann", 60), ("bob", 100), ("cem", 5), ("dan", 80))
    ]
    # axe looks at each row of a list; twelve are like fifty to it, and test_lists.py has a page full of them.
    sample.send(credential.credential, [*sample.many(f"browser {credential.credential.pk}", 12), *named])
    return credential
