"""Everything at once: all samples in every form, twice, shuffled, over a real server and several workers, one of which
is killed again and again.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
from django.conf import settings

from lrs.connectors.models import InboxEvent
from tests.lrs.connectors.alm.test_events import ALL, TOLD, in_epoch
from tests.lrs.connectors.archive import events, expected, statements
from tests.lrs.connectors.conftest import payload

NEWER = [
    "LEARNING_PATH_COMPLETION_ROLLBACK",
    "LEARNING_PATH_COMPLETION_ROLLBACK_BATCH",
    "RESPONSE_ASYNCAPI_USERGROUP_USER_ADDED",
    "RESPONSE_ASYNCAPI_USERGROUP_USER_REMOVED",
    "listener_url_sample_epoch_ms",
]
# How many copies of each sample, each copy for a learner of its own.
COPIES = 4


def worker(**environment):
    return subprocess.Popen([sys.executable, "-m", "django", "worker"], env=os.environ | environment)


def decided(connection):
    return InboxEvent.objects.filter(connection=connection).exclude(state="waiting").count()


def samples():
    """(name, body) of every sample in every form of time; no two of them share a learner, so that none is stale."""
    for copy in range(COPIES):
        for name in ALL:
            body = payload(f"alm/events/{name}.json")
            forms = {"iso": body, "s": in_epoch(body, 1), "ms": in_epoch(body, 1000)}
            for number, (form, given) in enumerate(forms.items()):
                given = json.loads(json.dumps(given))
                event = given["events"][0]
                event["eventId"] += f"-{form}-{copy}"
                if "userId" in event["data"]:
                    event["data"]["userId"] = 1_000_000 + 1000 * ALL.index(name) + 10 * copy + number
                yield name, given
    for name in NEWER:
        yield name, payload(f"alm/newer/{name}.json")


def test_every_sample_in_every_form_twice_shuffled_with_a_worker_killed_is_told_exactly_once(connect, lrs_url):
    connection = connect(auth="basic", username="adobe", password="a-password")
    given = list(samples())
    chance = random.Random(7)
    order = given * 2
    chance.shuffle(order)
    packed = [order[i : i + 5] for i in range(0, len(order), 5)]

    def send(pack):
        # Events of different accounts come in different bodies.
        for account in {body["accountId"] for _, body in pack}:
            listed = [event for _, body in pack if body["accountId"] == account for event in body["events"]]
            body = {"accountId": account, "events": listed}
            answer = httpx.post(
                f"{lrs_url}/hooks/{connection.hook}", json=body, auth=("adobe", "a-password"), timeout=30
            )
            assert answer.status_code == 202

    wanted = len({(b["accountId"], e["eventName"], e["eventId"]) for _, b in given for e in b["events"]})
    states: list[str] = []
    workers = [worker(LRS_INBOX_LEASE="5") for _ in range(3)]
    until = time.monotonic() + 90
    try:
        with ThreadPoolExecutor(4) as senders:
            sending = [senders.submit(send, pack) for pack in packed]
            for share in (0.2, 0.4, 0.6):
                while decided(connection) < share * wanted and time.monotonic() < until:
                    time.sleep(0.02)
                victim = workers.pop(0)
                victim.send_signal(signal.SIGKILL)
                victim.wait()
                workers.append(worker(LRS_INBOX_LEASE="5"))
            for one in sending:
                one.result()
        while time.monotonic() < until:
            states = [row.state for row in events(connection)]
            if len(states) == wanted and "waiting" not in states:
                break
            time.sleep(0.3)
    finally:
        for one in workers:
            one.terminate()
        for one in workers:
            one.wait(40)

    assert len(states) == wanted
    assert "waiting" not in states
    assert "refused" not in states
    told = {statement["id"]: statement for statement in statements(connection)}
    for name, body in given:
        if name in TOLD:
            event = body["events"][0]
            right = expected(connection, name, event, body["accountId"], settings.LRS_PUBLIC_URL)
            right["actor"]["account"]["name"] = str(event["data"]["userId"])
            right["context"]["extensions"] |= {
                f"{settings.LRS_PUBLIC_URL}/xapi/alm/extensions/event-id": event["eventId"]
            }
            assert told.pop(right["id"]) == right
    # Of the newer ones two rollbacks and the listener's sample are told, and nothing else.
    assert sorted(statement["verb"]["display"]["en-US"] for statement in told.values()) == [
        "registered",
        "unsatisfied",
        "unsatisfied",
    ]
    assert all(row.decided is not None and row.decided > datetime(2024, 1, 1, tzinfo=UTC) for row in events(connection))


def test_the_order_of_one_learner_holds_over_several_workers(connect, lrs_url):
    """Enrolled, progressed, completed and unenrolled again and again, in one body: the rules see them in this order."""
    connection = connect()
    steps = []
    for turn in range(8):
        for name, step in (
            ("COURSE_ENROLLMENT", 0),
            ("LEARNER_PROGRESS", 1),
            ("COURSE_COMPLETED", 2),
            ("COURSE_UNENROLLMENT", 3),
        ):
            event = payload(f"alm/events/{name}.json")["events"][0]
            event["eventId"] = f"{turn}-{step}"
            event["timestamp"] = f"2026-01-01T{turn:02d}:{10 * step:02d}:00.000Z"
            for date in ("dateEnrolled", "dateCompleted"):
                if date in event["data"]:
                    event["data"][date] = event["timestamp"]
            steps.append(event)
    bodies = []
    for user in range(20):
        mine = json.loads(json.dumps(steps))
        for event in mine:
            event["eventId"] += f"-{user}"
            event["data"] |= {"userId": user, "loId": "course:7", "loInstanceId": "course:7_1"}
        bodies.append({"accountId": 1, "events": mine})
    rows: list[Any] = []
    workers = [worker() for _ in range(3)]
    try:
        for body in bodies:
            assert httpx.post(f"{lrs_url}/hooks/{connection.hook}", json=body, timeout=30).status_code == 202
        until = time.monotonic() + 60
        while time.monotonic() < until:
            rows = events(connection)
            if len(rows) == 20 * len(steps) and all(row.state != "waiting" for row in rows):
                break
            time.sleep(0.3)
    finally:
        for one in workers:
            one.terminate()
        for one in workers:
            one.wait(40)
    # Any other order would make an enrolment after progress, progress after a completion, or something stale.
    assert [row.state for row in rows] == ["done"] * (20 * len(steps))
    assert len(statements(connection)) == 20 * len(steps)
