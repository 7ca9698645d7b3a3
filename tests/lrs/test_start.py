import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from tests import databases

ROOT = Path(__file__).parents[2]
PATIENCE = 40


class Service:
    """`manage.py start` as an operator runs it, with all that it prints."""

    def __init__(self, url, data, *options):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.log = data / f"start-{self.port}.log"
        command = [sys.executable, ROOT / "manage.py", "start", "--port", str(self.port), "--workers", "1", *options]
        environment = {**os.environ, "DATABASE_URL": url, "LRS_DATA_DIR": str(data)}
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)

    @property
    def printed(self):
        return self.log.read_text()

    def wait_for(self, text):
        until = time.monotonic() + PATIENCE
        while text not in self.printed:
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < until, self.printed
            time.sleep(0.05)

    def end(self):
        return self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def place(database, tmp_path_factory):
    with databases.another(databases.place(), "start") as url:
        yield url, tmp_path_factory.mktemp("start")


@contextmanager
def writing(url):
    """Hold the lock that the next write waits for."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as file:
            file.execute("BEGIN IMMEDIATE")
            yield
            file.execute("ROLLBACK")
    else:
        with psycopg.connect(url) as connection:
            connection.execute("LOCK TABLE statements_statement IN ACCESS EXCLUSIVE MODE")
            yield


def test_the_first_start_shows_what_is_needed_to_send_a_statement_and_stops_when_told(place):
    url, data = place
    service = Service(url, data)
    service.wait_for("Ctrl-C stops it.")
    curl = next(line for line in service.printed.splitlines() if line.startswith("curl "))
    sent = subprocess.run([*shlex.split(curl), "-sS", "--fail"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r'\["[0-9a-f-]{36}"\]', sent.stdout)
    assert re.search(r"Administrator   admin\n  Password        \S{20}\n", service.printed)

    # A request under way when the operator stops the service is answered.
    answers = []
    with writing(url):
        request = threading.Thread(
            target=lambda: answers.append(subprocess.run([*shlex.split(curl), "-sS"], capture_output=True, text=True))
        )
        request.start()
        time.sleep(1)
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("Stopping")
        time.sleep(0.5)
    request.join(PATIENCE)
    assert re.fullmatch(r'\["[0-9a-f-]{36}"\]', answers[0].stdout), service.printed
    assert service.end() == 0
    assert service.printed.endswith("Stopped.\n")


def test_a_later_start_shows_no_secret_and_the_end_of_one_process_ends_all(place):
    url, data = place
    service = Service(url, data)
    service.wait_for("Ctrl-C stops it.")
    assert "Password" not in service.printed
    assert "Secret" not in service.printed
    assert httpx.get(f"http://127.0.0.1:{service.port}/readyz").json()["ready"] is True
    children = psutil.Process(service.process.pid).children()
    worker = next(child for child in children if "worker" in child.cmdline())
    worker.kill()
    assert service.end() == 1
    assert "Stopped, because the background worker ended by itself (exit code -9)." in service.printed
    assert not any(child.is_running() for child in children)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_the_end_of_its_terminal_stop_it(place, number):
    url, data = place
    service = Service(url, data)
    service.wait_for("Ctrl-C stops it.")
    children = psutil.Process(service.process.pid).children()
    service.process.send_signal(number)
    assert service.end() == 0
    assert not any(child.is_running() for child in children)


def test_a_port_that_is_taken_is_said_before_anything_else_happens(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        service = Service(f"sqlite:///{tmp_path}/untouched.sqlite3", tmp_path, "--port", port)
        assert service.end() == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in service.printed
    assert "choose another with --port or --bind" in service.printed
    assert not (tmp_path / "untouched.sqlite3").exists()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:////no-such-folder/lrs.sqlite3", "unable to open database file"),
        ("postgresql://lrs:hidden@127.0.0.1:1/lrs", "connection failed"),
    ],
)
def test_a_database_that_cannot_be_used_is_said_in_one_sentence(tmp_path, url, why):
    service = Service(url, tmp_path)
    assert service.end() == 1
    assert service.printed.startswith(f"CommandError: The database that DATABASE_URL names cannot be used: {why}")
    assert service.printed.count("\n") == 1
    assert "hidden" not in service.printed


def test_a_port_that_there_is_not_is_said_in_one_sentence(tmp_path):
    service = Service(f"sqlite:///{tmp_path}/untouched.sqlite3", tmp_path, "--port", "65536")
    assert service.end() == 1
    assert service.printed == "CommandError: --port must be a whole number from 1 to 65535, not 65536.\n"
