"""How long webhooks wait for their acknowledgement, and how many of their events a second become statements.

The load is open: deliveries leave when their time has come, whether or not the ones before were answered, and a time
is counted from when the delivery should have left. Workers run beside the web server, as they do in service.
"""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import uuid4

from django.db.models import Count, Max, Min

from lrs.bench.run import BenchError
from lrs.bench.wire import Line, Target, target
from lrs.connectors import connections
from lrs.connectors.models import Connection, Delivery, InboxEvent
from statements.models import Statement

_LINES = 24
_WARM = 5
_PATIENCE = 300.0
_NAMES = ("COURSE_ENROLLMENT", "LEARNER_PROGRESS", "COURSE_COMPLETED")

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Options:
    """Where the web server is, the load, and how many workers are started for it (0: some are running)."""

    url: str
    rate: int
    seconds: float
    events: int
    workers: int
    seed: int


class Result(NamedTuple):
    """Times in milliseconds.

    `whole`: each event was worked off, and each that counts made one statement. Deliveries overtake each other, so some
    events are ignored by the rules.
    """

    deliveries: int
    events: int
    statuses: dict[str, int]
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    sent_per_second: float
    worked_off: int
    ignored: int
    statements: int
    worked_off_per_second: float
    backlog_per_second: float
    whole: bool


def run(options: Options, tell: Tell) -> Result:
    """Measure, with a connection and a store of its own, which stay there."""
    name = f"bench {uuid4().hex[:12]}"
    given = {"store": name, "auth": "basic", "username": "bench", "password": uuid4().hex}
    connection = connections.create("alm", name, given)
    to = target(options.url, "bench", given["password"], "1.0.3")
    bodies = _bodies(options)
    with ExitStack() as stack:
        for _ in range(options.workers):
            stack.callback(_ended, subprocess.Popen([sys.executable, "-m", "django", "worker"]))
        took, statuses, elapsed = _send(options, to, connection, [body for body, _ in bodies], tell)
        if set(statuses) != {"202"}:
            raise BenchError(f"Not every delivery was acknowledged; the answers were {dict(statuses)}.")
        sent = sum(number for _, number in bodies)
        _wait(connection, sent, tell)
        loaded = _rate(connection)
        backlog = _backlog(connection, options, tell)
    rows = InboxEvent.objects.filter(connection=connection)
    done = rows.filter(state=InboxEvent.State.DONE).count()
    ignored = rows.filter(state=InboxEvent.State.IGNORED).count()
    made = Statement.objects.filter(store=connection.store_id).count()
    return Result(
        deliveries=len(took),
        events=sent,
        statuses=dict(statuses),
        p50_ms=_percentile(took, 0.5),
        p95_ms=_percentile(took, 0.95),
        p99_ms=_percentile(took, 0.99),
        max_ms=took[-1],
        sent_per_second=len(took) / elapsed,
        worked_off=done + ignored,
        ignored=ignored,
        statements=made,
        worked_off_per_second=loaded,
        backlog_per_second=backlog,
        whole=done == made and done + ignored == 2 * sent,
    )


def as_text(result: Result) -> str:
    """The result for people."""
    return "\n".join(
        [
            f"{result.deliveries} deliveries with {result.events} events, {result.sent_per_second:.0f} deliveries/s",
            f"acknowledged: p50 {result.p50_ms:.1f} ms, p95 {result.p95_ms:.1f} ms, p99 {result.p99_ms:.1f} ms, "
            f"longest {result.max_ms:.1f} ms; answers {result.statuses}",
            f"worked off while they came: {result.worked_off_per_second:.0f} events/s",
            f"worked off from a backlog: {result.backlog_per_second:.0f} events/s",
            f"{result.worked_off} events worked off, {result.ignored} of them ignored, {result.statements} statements: "
            + ("each once" if result.whole else "NOT each once"),
        ]
    )


def _bodies(options: Options) -> list[tuple[bytes, int]]:
    chance = Random(options.seed)
    number = 0
    bodies = []
    for _ in range(int(options.rate * options.seconds)):
        events = []
        for _ in range(chance.randint(1, options.events)):
            number += 1
            events.append(_event(number))
        bodies.append((json.dumps({"accountId": 1, "events": events}).encode(), len(events)))
    return bodies


def _event(number: int) -> dict[str, Any]:
    # Each learner enrols, goes on and completes, so that the rules have something to remember.
    learner, step = divmod(number, len(_NAMES))
    course = learner % 50
    moment = 1_700_000_000 + number
    return {
        "eventId": f"event-{number}",
        "eventName": _NAMES[step],
        "timestamp": moment,
        "eventInfo": f"{moment}000-040363-12018-0",
        "data": {
            "userId": learner,
            "loId": f"course:{course}",
            "loInstanceId": f"course:{course}_1",
            "loType": "course",
            "enrollmentSource": "SELF_ENROLL",
            **({"progressPercent": 50} if step == 1 else {}),
        },
    }


def _send(
    options: Options, to: Target, connection: Connection, bodies: list[bytes], tell: Tell
) -> tuple[list[float], Counter[str], float]:
    took: list[float] = []
    statuses: Counter[str] = Counter()
    _warm_up(to, connection)
    turn = iter(range(len(bodies)))
    lock = threading.Lock()
    begun = time.perf_counter() + 0.2

    def sender() -> None:
        line = Line(to, 60.0)
        while True:
            with lock:
                index = next(turn, None)
            if index is None:
                line.close()
                return
            leaves = begun + index / options.rate
            time.sleep(max(0.0, leaves - time.perf_counter()))
            answer = line.ask(_request(to, connection, bodies[index]))
            with lock:
                took.append(1000 * (time.perf_counter() - leaves))
                statuses[str(answer.status)] += 1
                if index % 100 == 0:
                    tell("sending", index, len(bodies))

    threads = [threading.Thread(target=sender) for _ in range(_LINES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(took), statuses, time.perf_counter() - begun


def _warm_up(to: Target, connection: Connection) -> None:
    """Test requests without events, so that the processes and their database connections are there."""
    lines = [Line(to, 60.0) for _ in range(_LINES)]
    request = _request(to, connection, b"{}")

    def ask(line: Line) -> None:
        for _ in range(_WARM):
            line.ask(request)

    threads = [threading.Thread(target=ask, args=(line,)) for line in lines]
    for thread in threads:
        thread.start()
    for thread, line in zip(threads, lines, strict=True):
        thread.join()
        line.close()


def _request(to: Target, connection: Connection, body: bytes) -> bytes:
    head = b"POST /hooks/%b HTTP/1.1\r\n%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (connection.hook.encode(), to.headers, len(body)) + body


def _backlog(connection: Connection, options: Options, tell: Tell) -> float:
    """The same events once more under other ids, all there before the workers see one: how fast they go then."""
    Connection.objects.filter(pk=connection.pk).update(state=Connection.State.PAUSED)
    last = Delivery.objects.filter(connection=connection).aggregate(last=Max("id"))["last"]
    rows = [
        Delivery(
            connection=connection,
            received=row.received + timedelta(hours=1),
            headers=row.headers,
            body=bytes(row.body).replace(b'"event-', b'"again-').replace(b'"userId": ', b'"userId": 9'),
        )
        for row in Delivery.objects.filter(connection=connection, id__lte=last).order_by("id")
    ]
    Delivery.objects.bulk_create(rows, batch_size=500)
    before = InboxEvent.objects.filter(connection=connection).count()
    Connection.objects.filter(pk=connection.pk).update(state=Connection.State.ACTIVE)
    begun = time.perf_counter()
    _wait(connection, 2 * before, tell)
    return before / (time.perf_counter() - begun)


def _wait(connection: Connection, wanted: int, tell: Tell) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        done = InboxEvent.objects.filter(connection=connection).exclude(state=InboxEvent.State.WAITING).count()
        tell("working off", done, wanted)
        if done >= wanted:
            return
        time.sleep(0.5)


def _rate(connection: Connection) -> float:
    seen = InboxEvent.objects.filter(connection=connection).aggregate(
        number=Count("id"), first=Min("received"), last=Max("decided")
    )
    if not seen["number"] or seen["last"] is None:
        return 0.0
    return float(seen["number"] / (seen["last"] - seen["first"]).total_seconds())


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _ended(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
