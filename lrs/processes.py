"""Processes that run side by side until told to stop."""

import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Self

import httpx

# A little more than gunicorn's graceful_timeout, after which it ends requests by itself.
PATIENCE = 35.0


class StartError(Exception):
    """Why the service does not run, in a sentence."""


@contextmanager
def stop_signals() -> Iterator[Event]:
    """An event that SIGINT, SIGTERM or SIGHUP sets within the block, instead of ending the process."""
    stop = Event()
    numbers = [signal.SIGINT, signal.SIGTERM]
    # A terminal that is closed ends what was started in it, unless `nohup` was said.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


class Children:
    """Processes that live and end together; none is started anew behind the operator's back.

    Leaving the block asks all of them to finish (SIGTERM), and ends those that do not.
    """

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        until = time.monotonic() + PATIENCE
        for process in self._processes.values():
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a process; the name is for people."""
        # In a session of its own: Ctrl-C in a terminal goes to the whole group, and gunicorn takes it for "at once".
        self._processes[name] = subprocess.Popen(command, start_new_session=True)

    def wait_for(self, url: str, stop: Event) -> None:
        """Until the address answers 200. Raises StartError when it does not in time, or a process ended."""
        until = time.monotonic() + PATIENCE
        answer = "nothing"
        while not stop.wait(0.1):
            self._require_all()
            try:
                response = httpx.get(url, timeout=5, trust_env=False)
            except httpx.TransportError:
                pass
            else:
                if response.is_success:
                    return
                answer = response.text
            if time.monotonic() > until:
                raise StartError(f"The web server is not ready after {PATIENCE:.0f} s; {url} answers {answer}")

    def watch(self, stop: Event) -> None:
        """Until `stop` is set. Raises StartError when a process ended by itself."""
        while not stop.wait(0.5):
            self._require_all()

    def _require_all(self) -> None:
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise StartError(f"Stopped, because {name} ended by itself (exit code {process.returncode}).")
