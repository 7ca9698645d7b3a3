"""gunicorn's settings: `gunicorn -c python:config.gunicorn config.wsgi`.

Threads, because a request waits for the database more than it computes; few of them, because each keeps a
connection. The application is loaded once before the workers are forked, who share its memory (some 60 MB).
"""

import ctypes
import gc
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any

from config.worker import LONGEST_REQUEST_LINE

wsgi_app = "config.wsgi"
bind = "127.0.0.1:8000"
worker_class = "config.worker.Worker"
workers = 2
threads = 8
preload_app = True
# Longer than the 60 s of most proxies: the proxy closes an idle connection, never we under its request.
keepalive = 75
timeout = 120
graceful_timeout = 30
max_requests = 0
limit_request_line = LONGEST_REQUEST_LINE
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"

# Where the workers leave their figures, for whichever of them is asked for all.
_figures = tempfile.mkdtemp(prefix="lrs-metrics-")
os.environ["PROMETHEUS_MULTIPROC_DIR"] = _figures


# glibc's mallopt(3): how many arenas its threads share, and from which size on an allocation is a mapping of its own.
_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3


def when_ready(server: Any) -> None:
    """Leave what was loaded out of every search for garbage: it stays, and the workers go on sharing its memory."""
    gc.collect()
    gc.freeze()


# So many objects more than before until young ones are looked through: a batch of statements is tens of thousands, all
# of which go with their request.
_YOUNG = 20_000
# In seconds.
_GIVE_BACK_EVERY = 30


def post_fork(server: Any, worker: Any) -> None:
    """Look for garbage less often, and let large buffers go back to the system when they are freed.

    Left to itself glibc gives each thread an arena, and after one large body keeps all of the next in them: a worker
    that had bodies of 1 MB now and then held 45 MB more than it used.
    """
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
    with suppress(OSError, AttributeError):
        # Other C libraries have no mallopt, and no such habit.
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, 2)
        libc.mallopt(_M_MMAP_THRESHOLD, 256 * 1024)
        Thread(target=_give_back, args=(libc.malloc_trim,), name="give-back", daemon=True).start()


def _give_back(malloc_trim: Callable[[int], int]) -> None:
    """Give to the system what lies free between what is in use; left to itself glibc gives back the end alone."""
    while True:
        time.sleep(_GIVE_BACK_EVERY)
        malloc_trim(0)


def child_exit(server: Any, worker: Any) -> None:
    """Keep the totals of a worker that ended, and drop what was its own."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """Leave nothing behind."""
    shutil.rmtree(_figures, ignore_errors=True)
