"""How credentials are used: how many requests a minute, and when last.

Both are kept in the process. A limit is there to hold a sender that runs wild, and counting it in the database would
cost every request of that sender a write; so each process counts for itself, and as many times the limit can get
through as there are processes. When a credential was last used is written at most once a minute by each process, in a
thread of its own: no request waits for it, or fails with it.
"""

import atexit
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import IntegrityError
from django.utils import timezone

from lrs.aside import Aside
from lrs.errors import TooManyRequests
from lrs.models import CredentialUse

WINDOW = 60.0
# The first use of a credential in a while is written after so many seconds, with others that come meanwhile.
WRITTEN_AFTER = 1.0


class _Limits:
    """Requests of each credential in its window, which begins with the first request after the one before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[int, tuple[float, int]] = {}

    def count(self, credential: int, name: str, limit: int) -> None:
        """One more request; raises TooManyRequests where it is above the limit. Refused ones are not counted."""
        now = self._clock()
        with self._lock:
            begun, count = self._windows.get(credential, (now, 0))
            if now - begun >= WINDOW:
                begun, count = now, 0
            if count < limit:
                self._windows[credential] = (begun, count + 1)
                return
        seconds = max(1, int(begun + WINDOW - now + 0.999))
        raise TooManyRequests(
            f"The credential {name!r} may send {limit} requests a minute; try again in {seconds} s.", seconds
        )


class _Uses:
    """Uses that are not written yet, and when each credential's was last noted to be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: dict[int, float] = {}
        self._waiting: dict[int, datetime] = {}
        self.aside = Aside(self.write, WRITTEN_AFTER, "When credentials were last used could not be written.")

    def note(self, credential: int) -> None:
        """A credential is used."""
        noted = self._noted.get(credential)
        now = time.monotonic()
        if noted is not None and now - noted < WINDOW:
            return
        with self._lock:
            self._noted[credential] = now
            self._waiting[credential] = timezone.now()
        self.aside.soon()

    def write(self) -> None:
        """Write what waits."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for credential, last in sorted(waiting.items()):
            try:
                CredentialUse.objects.update_or_create(credential_id=credential, defaults={"last": last})
            except IntegrityError:
                # The credential was deleted meanwhile.
                continue


def last_uses(credentials: Iterable[int]) -> dict[int, datetime]:
    """When each credential was last used, to the minute; those that never were are missing."""
    uses = CredentialUse.objects.filter(credential__in=list(credentials))
    return dict(uses.values_list("credential", "last"))


_limits = _Limits()
_uses = _Uses()
count = _limits.count
note = _uses.note
flush = _uses.write
atexit.register(_uses.aside.now)
