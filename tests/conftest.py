"""What the tests stand on: a database made for this process, a real server over it, a store and credential each.

`pytest` runs two processes side by side: gw0 on SQLite, gw1 on PostgreSQL. A test that needs no database (directly
or through a fixture) runs once, on gw0. `pytest -n0` runs everything in one process, on SQLite or, where DATABASE_URL
names a PostgreSQL server, in a new database on that. TEST_DATABASE_URL names a server for gw1, which otherwise starts
its own. Between modules the database is emptied; within one, each test works in a store of its own.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import django
import psycopg
import pytest
from django.conf import settings
from django.utils import translation
from pytest_django import DjangoDbBlocker

from tests import databases, server
from tests.client import Client

if TYPE_CHECKING:
    # Models can be imported only when Django is set up.
    from django.test import Client as Browser

    from lrs.credentials import Issued
    from statements.models import Store

_log_begins = pytest.StashKey[int]()
_database_in_use = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Set Django up on the database of this process, before any test module is imported."""
    if getattr(config.option, "numprocesses", None) not in (None, 0, len(databases.OF_WORKER)):
        raise pytest.UsageError("Use -n2 (SQLite and PostgreSQL side by side, the default) or -n0 (one of them).")
    if _only_distributes(config):
        return
    if settings.configured:
        raise pytest.UsageError("Unset DJANGO_SETTINGS_MODULE: the settings must be read after the database is chosen.")
    at = databases.place()
    config.add_cleanup(lambda: databases.remove(at))
    # The defaults are what is tested, not what somebody's shell has set.
    for name in [name for name in os.environ if name.startswith("LRS_")]:
        del os.environ[name]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": at.url,
        "LRS_DATA_DIR": str(at.folder),
        "LRS_SECRET_KEY": "only-for-tests-" + uuid.uuid4().hex,
        "SSL_CERT_FILE": str(_one_certificate(at.folder)),
    }
    django.setup()


def _one_certificate(folder: Path) -> Path:
    """What httpx trusts here: all that is asked is on this machine, and every client of its would read a hundred."""
    path = folder / "certificate.pem"
    first, end, _ = certifi.contents().partition("-----END CERTIFICATE-----")
    path.write_text(f"{first}{end}\n")
    return path


def _only_distributes(config: pytest.Config) -> bool:
    return config.option.dist != "no" and "PYTEST_XDIST_WORKER" not in os.environ


def pytest_report_header(config: pytest.Config) -> str:
    """Which process is which."""
    if not _only_distributes(config):
        return f"database: {databases.place().vendor}"
    return "databases: " + ", ".join(f"{worker} = {vendor}" for worker, vendor in databases.OF_WORKER.items())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Name the database in the test's id."""
    if "database" in metafunc.fixturenames:
        metafunc.parametrize("database", [databases.place().vendor], indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, leave out what has nothing to do with databases: the other process runs it."""
    if os.environ.get("PYTEST_XDIST_WORKER") != "gw1":
        return
    items[:] = [item for item in items if "database" in getattr(item, "fixturenames", ())]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember where the server's log stands."""
    log = _server_log()
    item.stash[_log_begins] = log.stat().st_size if log.exists() else 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """Empty the database after the last test of a module: who looks at all stores is not to wait for all modules'.

    The language that a page was asked for in stays that of the process until it is put away.
    """
    yield
    translation.deactivate()
    if nextitem is not None and nextitem.path != item.path and item.config.stash.get(_database_in_use, False):
        databases.empty()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the server logged during a test that failed."""
    report = yield
    if report.failed and _server_log().exists():
        logged = _server_log().read_bytes()[item.stash.get(_log_begins, 0) :]
        if logged:
            report.sections.append(("Server's log", logged.decode(errors="replace")))
    return report


def _server_log() -> Path:
    return databases.place().folder / "server.log"


@pytest.fixture(scope="session")
def database(django_db_blocker: DjangoDbBlocker, pytestconfig: pytest.Config) -> Iterator[str]:
    """The migrated database of this process: its vendor. Tests use it as it is, without a transaction around them."""
    from django.core.management import call_command
    from django.db import connections

    with ExitStack() as stack:
        try:
            stack.enter_context(databases.running(databases.place()))
        except (OSError, RuntimeError, subprocess.SubprocessError, psycopg.Error) as problem:
            sentence = f"PostgreSQL could not start; name a server with TEST_DATABASE_URL. {problem!r}"
            pytest.fail(sentence, pytrace=False)
        stack.enter_context(django_db_blocker.unblock())
        stack.callback(connections.close_all)
        call_command("migrate", verbosity=0)
        pytestconfig.stash[_database_in_use] = True
        from lrs import shapes, usage

        # What threads would write in a second or two is written while there is a database.
        stack.callback(shapes.flush)
        stack.callback(usage.flush)
        yield databases.place().vendor


@pytest.fixture(scope="session")
def lrs_url(database: str) -> Iterator[str]:
    """The address of a real server over the database."""
    with server.running(_server_log()) as url:
        yield url


@pytest.fixture
def store(database: str) -> Store:
    """A new, empty store."""
    from statements.models import Store

    return Store.objects.create(name=f"store {uuid.uuid4()}")


@pytest.fixture
def credential(store: Store) -> Issued:
    """A new credential that may do everything in the store."""
    from lrs import credentials

    return credentials.create(f"credential {uuid.uuid4()}", scopes=["all"], store=store.name)


@pytest.fixture
def remembering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials first used in this test are remembered to its end: they cost a query once, however long it takes."""
    monkeypatch.setattr(settings, "LRS_CREDENTIAL_TTL", 3600)


@pytest.fixture
def client(lrs_url: str, credential: Issued) -> Iterator[Client]:
    """An xAPI 1.0.3 client of the server, in a store of its own; `client.speaking("2.0.0")` for the other version."""
    with Client(lrs_url, credential.credential.key, credential.secret) as client:
        yield client


def _signed_in(role: str) -> Browser:
    """Django's client of somebody with a role; empty for a superuser."""
    from django.contrib.auth.models import Group, User
    from django.test import Client as Browser

    name = f"{role or 'root'} {uuid.uuid4()}"
    user = User.objects.create_user(name, password=None, is_staff=True, is_superuser=not role)
    if role:
        user.groups.add(Group.objects.get(name=role))
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(user)
    return browser


@pytest.fixture
def root(database: str) -> Browser:
    """A superuser's browser, without JavaScript: Django's client."""
    return _signed_in("")


@pytest.fixture
def administrator(database: str) -> Browser:
    """An administrator's, as `root`."""
    return _signed_in("administrator")


@pytest.fixture
def operator(database: str) -> Browser:
    """An operator's, as `root`."""
    return _signed_in("operator")


@pytest.fixture
def viewer(database: str) -> Browser:
    """A viewer's, as `root`."""
    return _signed_in("viewer")
