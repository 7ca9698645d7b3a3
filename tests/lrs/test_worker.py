import os
import threading
import time
from datetime import timedelta

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from lrs import housekeeping, worker
from lrs.models import FailedLogin
from lrs.worker import Job


def test_counts_of_wrong_secrets_are_forgotten_after_their_window(database):
    now = timezone.now()
    old = now - timedelta(seconds=settings.LRS_LOGIN_WINDOW + 1)
    FailedLogin.objects.create(key="old", address="192.0.2.1", since=old)
    FailedLogin.objects.create(key="new", address="192.0.2.1", since=now)
    call_command("worker", "--once")
    assert list(FailedLogin.objects.filter(address="192.0.2.1").values_list("key", flat=True)) == ["new"]


def test_uploads_that_nobody_finished_are_removed(database):
    now = timezone.now()
    left = settings.FILE_UPLOAD_TEMP_DIR / "attachments-left"
    left.mkdir()
    (left / "part").write_bytes(b"half")
    under_way = settings.FILE_UPLOAD_TEMP_DIR / "attachments-under-way"
    under_way.mkdir()
    long_ago = (now - housekeeping.ABANDONED).timestamp() - 1
    os.utime(left, (long_ago, long_ago))
    assert housekeeping.remove_abandoned_uploads(now) == 1
    assert not left.exists()
    assert under_way.exists()


def test_a_job_that_fails_leaves_the_others_undisturbed_and_is_tried_again():
    tried = []
    done = []

    def fail(now):
        tried.append(now)
        raise RuntimeError("on purpose")

    def work(now):
        done.append(now)
        return 1

    jobs = [
        Job("fails", timedelta(milliseconds=10), fail),
        Job("works", timedelta(milliseconds=10), work),
    ]
    stop = threading.Event()
    running = threading.Thread(target=worker.run, args=(jobs, stop))
    running.start()
    until = time.monotonic() + 10
    while min(len(tried), len(done)) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    stop.set()
    running.join(10)
    assert not running.is_alive()
    assert len(tried) >= 3
    assert len(done) >= 3


def test_working_once_tells_whether_every_job_succeeded():
    assert worker.run_once([Job("works", timedelta(1), lambda now: 0)]) is True
    assert worker.run_once([Job("fails", timedelta(1), lambda now: 1 // 0), worker.JOBS[1]]) is False
