"""Load and its arithmetic: how many answers in how many seconds, and how far the rounds lie apart."""

import gc
import selectors
import socket
import ssl
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

from lrs.bench.wire import PIECE, Answer, Line, Target, reason

BLOCKED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
# So many requests in a row without an answer: the server is gone, and trying on would only count errors.
GONE = 50
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Exchange(NamedTuple):
    """One request (its place among the requests), the seconds until its answer came, and that."""

    request: int
    seconds: float
    answer: Answer


@dataclass(frozen=True)
class Load:
    """What one round of load did: seconds by the clock, CPU seconds of this client, lost connections."""

    exchanges: Sequence[Exchange]
    elapsed: float
    cpu: float
    reconnects: int


@dataclass(frozen=True)
class Round:
    """The figures of one round. `done` counts what was acknowledged: statements, queries or walks."""

    done: int
    elapsed: float
    cpu: float
    latencies: Sequence[float]
    reconnects: int = 0
    rows: int = 0
    errors: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Figure:
    """One line of the report.

    Rates: `value` is the median of the rounds' rates, `low` and `high` the slowest and the fastest round.
    Times: `value` is the median of all answers, `low` and `high` the extreme medians of a round.
    Latencies are of one request, in milliseconds; `n` is the number of acknowledged requests.
    `rows` is the mean number of statements in an answer, for queries only.
    """

    name: str
    unit: str
    connections: int
    n: int
    value: float
    low: float
    high: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    rows: float | None
    errors: dict[str, int]
    reconnects: int
    client_cpu_s: float
    client_cpu_share: float


def rate(name: str, connections: int, rounds: Sequence[Round], unit: str = "statements/s") -> Figure:
    """A figure in things per second."""
    return figure(name, unit, connections, rounds, [each.done / each.elapsed for each in rounds if each.elapsed], None)


def time(name: str, rounds: Sequence[Round], unit: str = "ms", *, rows: bool = True) -> Figure:
    """A figure in milliseconds (or seconds, unit "s") of one request at a time."""
    scale = 1000 if unit == "ms" else 1
    medians = [median(each.latencies) * scale for each in rounds if each.latencies]
    everything = [seconds * scale for each in rounds for seconds in each.latencies]
    answered = sum(each.done for each in rounds)
    mean = sum(each.rows for each in rounds) / answered if rows and answered else None
    return figure(name, unit, 1, rounds, medians, mean, median(everything) if everything else 0.0)


def figure(
    name: str,
    unit: str,
    connections: int,
    rounds: Sequence[Round],
    values: Sequence[float],
    rows: float | None,
    value: float | None = None,
) -> Figure:
    """A figure from the rounds' own values; `value` is their median unless given."""
    latencies = sorted(seconds * 1000 for each in rounds for seconds in each.latencies)
    cpu, elapsed = sum(each.cpu for each in rounds), sum(each.elapsed for each in rounds)
    return Figure(
        name=name,
        unit=unit,
        connections=connections,
        n=len(latencies),
        value=value if value is not None else median(values) if values else 0.0,
        low=min(values, default=0.0),
        high=max(values, default=0.0),
        p50_ms=percentile(latencies, 0.50),
        p95_ms=percentile(latencies, 0.95),
        p99_ms=percentile(latencies, 0.99),
        rows=rows,
        errors=dict(sum((each.errors for each in rounds), Counter())),
        reconnects=sum(each.reconnects for each in rounds),
        client_cpu_s=cpu,
        client_cpu_share=cpu / elapsed if elapsed else 0.0,
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of the ordered values lie, interpolated between neighbours."""
    if not ordered:
        return 0.0
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


@contextmanager
def undisturbed() -> Iterator[None]:
    """No pauses of our own garbage collector while the clock runs."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def drive(to: Target, requests: Sequence[bytes], *, connections: int, seconds: float, timeout: float) -> Load:
    """Send the prepared requests over so many keep-alive connections, one at a time on each.

    Stops when the seconds are over or nothing is left to send, and waits for the answers still under way;
    the clock stops with the last answer.
    """
    runners = [Runner(to, timeout) for _ in range(min(connections, len(requests)))]
    exchanges: list[Exchange] = []
    queue = iter(enumerate(requests))
    with undisturbed(), selectors.DefaultSelector() as selector:
        cpu, begin = process_time(), perf_counter()
        deadline = begin + seconds
        busy = {runner for runner in runners if runner.next(queue, selector, exchanges)}
        while busy:
            events = selector.select(1.0)
            ended = [key.data for key, _ in events if key.data.advance(selector, exchanges)]
            if not events:
                ended = [runner for runner in busy if runner.overdue(selector, exchanges)]
            for runner in ended:
                if perf_counter() >= deadline or not runner.next(queue, selector, exchanges):
                    runner.drop(selector)
                    busy.remove(runner)
        elapsed, cpu = perf_counter() - begin, process_time() - cpu
    return Load(exchanges, elapsed, cpu, sum(max(runner.line.reconnects, 0) for runner in runners))


class Runner:
    """One connection of a load: the request under way on it and what of that is still to be sent."""

    def __init__(self, to: Target, timeout: float) -> None:
        self.line = Line(to, timeout)
        # Before the clock starts. Who cannot be reached now is tried again, and noted, with the first request.
        with suppress(OSError):
            self.line.open()
        self.began = 0.0
        self.request = 0
        self.whole = b""
        self.unsent = memoryview(b"")
        self.watched: socket.socket | None = None
        self.watching = 0

    def next(
        self, queue: Iterator[tuple[int, bytes]], selector: selectors.BaseSelector, exchanges: list[Exchange]
    ) -> bool:
        """Begin the next request of the queue; False when there is none or the server is gone."""
        for self.request, self.whole in queue:
            self.began = perf_counter()
            if self.start(selector, exchanges):
                return True
            if len(exchanges) >= GONE and all(each.answer.status == 0 for each in exchanges[-GONE:]):
                return False
        return False

    def start(self, selector: selectors.BaseSelector, exchanges: list[Exchange]) -> bool:
        """Send as much of the request as goes without waiting; False (and noted) when that failed."""
        try:
            if self.line.socket.fileno() < 0:
                self.line.open()
            if self.watched is None:
                self.line.socket.setblocking(False)
                self.watched, self.watching = self.line.socket, READ
                selector.register(self.line.socket, READ, self)
            self.unsent = memoryview(self.whole)
            self.send(selector)
        except OSError as problem:
            return self.retry(reason(problem), selector, exchanges)
        return True

    def send(self, selector: selectors.BaseSelector) -> None:
        """Send what the connection takes, and ask to be told when it takes more. Raises OSError."""
        try:
            while self.unsent:
                self.unsent = self.unsent[self.line.socket.send(self.unsent) :]
        except BLOCKED:
            pass
        wanted = READ | WRITE if self.unsent else READ
        if wanted != self.watching:
            selector.modify(self.line.socket, wanted, self)
            self.watching = wanted

    def advance(self, selector: selectors.BaseSelector, exchanges: list[Exchange]) -> bool:
        """Go on with what the connection allows now; True when the request has come to its end."""
        try:
            if self.unsent:
                self.send(selector)
            # Decrypted bytes may wait inside TLS where the selector does not see them: read until empty.
            while (answer := self.line.take(self.line.socket.recv(PIECE))) is None:
                if not self.line.to.tls:
                    return False
        except BLOCKED:
            return False
        except OSError as problem:
            return not self.retry(reason(problem), selector, exchanges)
        if answer.status == 0:
            return not self.retry(answer.body, selector, exchanges)
        exchanges.append(Exchange(self.request, perf_counter() - self.began, answer))
        if answer.closes:
            self.drop(selector)
        return True

    def retry(self, why: bytes, selector: selectors.BaseSelector, exchanges: list[Exchange]) -> bool:
        """Begin again on a new connection if this one was used before; otherwise note the failure.

        A server may close an idle connection at any time. True when the request is under way again.
        """
        if self.line.answered:
            self.drop(selector)
            return self.start(selector, exchanges)
        self.fail(why, selector, exchanges)
        return False

    def fail(self, why: bytes, selector: selectors.BaseSelector, exchanges: list[Exchange]) -> None:
        """Note that this request has no answer, and give its connection up."""
        exchanges.append(Exchange(self.request, perf_counter() - self.began, Answer(0, why)))
        self.drop(selector)

    def overdue(self, selector: selectors.BaseSelector, exchanges: list[Exchange]) -> bool:
        """Whether the answer has been waited for too long; if so, that is noted."""
        late = perf_counter() - self.began > self.line.timeout
        if late:
            self.fail(b"no answer in time", selector, exchanges)
        return late

    def drop(self, selector: selectors.BaseSelector) -> None:
        """Hang up; the next request opens the connection again."""
        if self.watched is not None:
            selector.unregister(self.watched)
            self.watched = None
        self.line.close()
