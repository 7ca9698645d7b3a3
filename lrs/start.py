"""Everything that `manage.py start` does: prepare the database, make the first accounts, run the processes."""

import json
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import OperationalError, connection

from lrs import credentials
from lrs.credentials import Issued
from lrs.models import Credential, Scope
from lrs.processes import Children, StartError, stop_signals
from statements.xapi import versions

ADMINISTRATOR = "admin"
FIRST = "first"
_MIGRATING = 7_105_117
_STATEMENT = {
    "actor": {"mbox": "mailto:learner@example.com"},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/experienced"},
    "object": {"id": "https://example.com/first-steps"},
}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """Where to listen, and how many processes answer requests."""

    bind: str
    port: int
    workers: int

    @property
    def address(self) -> str:
        """Host and port as gunicorn and addresses write them."""
        return f"[{self.bind}]:{self.port}" if ":" in self.bind else f"{self.bind}:{self.port}"

    @property
    def url(self) -> str:
        """Where this machine reaches the service."""
        return "http://" + self.address.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")  # noqa: S104


class Accounts(NamedTuple):
    """What the first start made: the administrator's password and the first credential, or None for what was there."""

    password: str | None
    issued: Issued | None


def run(options: Options, say: Say) -> None:
    """Run the service until SIGINT, SIGTERM or SIGHUP; returns when every request under way is finished.

    Raises StartError where it cannot start, or when one of its processes ended by itself.
    """
    _require_free(options)
    accounts = _prepare()
    # The processes have connections of their own.
    connection.close()
    with stop_signals() as stop, Children() as children:
        children.start("the web server", _web_server(options))
        children.start("the background worker", [sys.executable, "-m", "django", "worker"])
        children.wait_for(options.url + "/readyz", stop)
        if not stop.is_set():
            say(_welcome(options, accounts))
            children.watch(stop)
            say("Stopping: requests under way are finished first.")
    say("Stopped.")


def _prepare() -> Accounts:
    try:
        with _alone():
            call_command("migrate", verbosity=0)
            return make_accounts()
    except OperationalError as problem:
        why = " ".join(str(problem).split())
        raise StartError(f"The database that DATABASE_URL names cannot be used: {why}") from None


def make_accounts() -> Accounts:
    """An administrator and a credential that may do everything, each where there is none yet."""
    people = get_user_model().objects
    password = issued = None
    if not people.filter(is_superuser=True).exists():
        password = secrets.token_urlsafe(15)
        people.create_superuser(ADMINISTRATOR, password=password)
    if not Credential.objects.exists():
        issued = credentials.create(FIRST, scopes=[Scope.ALL])
    return Accounts(password, issued)


def _welcome(options: Options, accounts: Accounts) -> str:
    database = connection.settings_dict
    where = (
        database["NAME"]
        if connection.vendor == "sqlite"
        else f"{database['NAME']} on {database['HOST'] or 'this host'}"
    )
    lines = [
        "The Learning Record Store is running.",
        "",
        f"  xAPI endpoint   {options.url}/xapi/",
        f"  Administration  {options.url}/admin/",
        f"  Health          {options.url}/healthz  /readyz  /metrics",
        f"  Database        {connection.display_name}: {where}",
    ]
    if accounts.password:
        lines += ["", f"  Administrator   {ADMINISTRATOR}", f"  Password        {accounts.password}"]
    if accounts.issued:
        lines += [
            "",
            f"  Credential      {accounts.issued.credential.key}",
            f"  Secret          {accounts.issued.secret}",
            "",
            "Send a first statement from another terminal:",
            "",
            _curl(options, accounts.issued),
        ]
    if any(accounts):
        lines += ["", "The secrets above are shown this once. Change the password in the administration."]
    return "\n".join([*lines, "", "Ctrl-C stops it."])


def _curl(options: Options, issued: Issued) -> str:
    return (
        f"curl -u {issued.credential.key}:{issued.secret} -H '{versions.HEADER}: {versions.Version.V1}'"
        f" -H 'Content-Type: application/json' -d '{json.dumps(_STATEMENT)}' {options.url}/xapi/statements"
    )


def _web_server(options: Options) -> list[str]:
    command = [sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn", "--bind", options.address]
    return [*command, "--workers", str(options.workers)]


def _require_free(options: Options) -> None:
    family = socket.AF_INET6 if ":" in options.bind else socket.AF_INET
    try:
        socket.create_server((options.bind, options.port), family=family).close()
    except OSError as problem:
        # What follows in brackets says the address once more.
        why = str(problem.strerror).partition(" (")[0]
        sentence = f"Cannot listen on {options.address} ({why}); choose another with --port or --bind."
        raise StartError(sentence) from None


@contextmanager
def _alone() -> Iterator[None]:
    """Several machines may start at once over one PostgreSQL; one of them migrates, the others wait."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATING])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATING])
