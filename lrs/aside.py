"""What no request waits for: written a moment later, in a thread of its own, with what else came until then."""

import logging
import threading
from collections.abc import Callable

from django.db import DatabaseError, connection

log = logging.getLogger(__name__)


class Aside:
    """Calls `write` so many seconds after it was wanted first; a failure is logged, for there is nobody to tell."""

    def __init__(self, write: Callable[[], None], seconds: float, failure: str) -> None:
        self._write = write
        self._seconds = seconds
        self._failure = failure
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def soon(self) -> None:
        """Something waits to be written."""
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(self._seconds, self.now)
                self._timer.daemon = True
                self._timer.start()

    def now(self) -> None:
        """Write it."""
        # Before it is looked at: what comes from here on has a timer of its own.
        with self._lock:
            self._timer = None
        try:
            self._write()
        except DatabaseError:
            log.exception("%s", self._failure)
        finally:
            connection.close()
