"""How fast one connection's webhook is served: a bucket in each process, so that a delivery costs no query for it."""

import threading
import time
from uuid import UUID

# Connections that are remembered; a full bucket is like none.
_MOST = 10_000
_MINUTE = 60.0

_buckets: dict[UUID, tuple[float, float]] = {}
_lock = threading.Lock()


def wait(connection: UUID, rate: int, now: float | None = None) -> float:
    """0.0 where a delivery may be taken now, else the seconds until one may.

    `rate` are deliveries a minute, and as many at once after a pause; 0: as many as come. `now` is of a monotonic
    clock, in seconds.
    """
    if not rate:
        return 0.0
    at = time.monotonic() if now is None else now
    with _lock:
        left, since = _buckets.get(connection, (float(rate), at))
        left = min(float(rate), left + (at - since) * rate / _MINUTE)
        if left < 1.0:
            _buckets[connection] = (left, at)
            return (1.0 - left) * _MINUTE / rate
        if len(_buckets) > _MOST:
            _buckets.clear()
        _buckets[connection] = (left - 1.0, at)
    return 0.0
