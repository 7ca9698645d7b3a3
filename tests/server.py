"""A real server for the tests: gunicorn with the application's own settings, on a free port."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

PATIENCE = 30.0


@contextmanager
def running(log: Path, *, workers: int = 2, threads: int = 4) -> Iterator[str]:
    """The address of a server that is ready, with this process' environment; its log goes to the file."""
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("ab") as output:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn"]
        command += ["--bind", f"fd://{listener.fileno()}", "--workers", str(workers), "--threads", str(threads)]
        process = subprocess.Popen(
            command, pass_fds=[listener.fileno()], stdout=output, stderr=output, env={**os.environ}
        )
        try:
            _wait(url, process, log)
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + PATIENCE
    answer = "nothing"
    while process.poll() is None and time.monotonic() < until:
        try:
            response = httpx.get(f"{url}/readyz", timeout=PATIENCE)
        except httpx.TransportError as problem:
            answer = repr(problem)
        else:
            if response.status_code == httpx.codes.OK:
                return
            answer = response.text
        time.sleep(0.1)
    raise RuntimeError(f"The server did not become ready: {answer}\n{log.read_text()}")
