"""The benchmark from beginning to end: greet, write, fill, ask, and see that everything is still there."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, cycle, islice
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

import orjson

from lrs.bench import check, measure
from lrs.bench.check import Kept, Ledger, told
from lrs.bench.measure import Exchange, Figure, Load, Round
from lrs.bench.wire import Answer, Line, Target, target
from lrs.bench.workload import VERBS, Made, Workload

Tell = Callable[[str, int, int], None]

MEASURES = ("generator", "single", "udemy", "batch", "thousand", "retry", "preload", "query")
BATCH = 100
THOUSAND = 1_000
CHUNK = 500
RETRIED = 500
PAGE = 100
PAGES = 20
QUERIES = 100
WALKS = 3
SUBJECTS = 20
GROUND = PAGE * PAGES + 100
WARM_UP = 0.5
ERRORS_SHOWN = 10

UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class BenchError(Exception):
    """The benchmark cannot begin; the sentence says what to do next."""


@dataclass(frozen=True)
class Options:
    """What to measure and where. Times in seconds; `preload` in statements."""

    url: str
    user: str
    password: str
    version: str
    seconds: float
    rounds: int
    connections: tuple[int, ...]
    preload: int
    only: frozenset[str]
    run: str
    seed: int
    sample: int
    settle: float
    timeout: float


class Ceiling(NamedTuple):
    """What the load generator can do at most: against a server that does nothing."""

    requests_per_second: float
    cpu_us_per_request: float
    connections: int


@dataclass(frozen=True)
class Result:
    """Everything that was found out."""

    options: Options
    started: datetime
    generator: Ceiling | None
    figures: Sequence[Figure]
    kept: Kept


@dataclass
class Bench:
    """What the parts of one run share: the target, its statements, the numbers used up, the ledger."""

    options: Options
    to: Target
    workload: Workload
    tell: Tell
    ledger: Ledger = field(default_factory=Ledger)
    numbers: Iterator[int] = field(default_factory=count)


class Write(NamedTuple):
    """A kind of write: statements a request, whether with every number of connections or only the most."""

    size: int
    each_connections: bool
    bodies: Callable[[Bench, int], list[Made]]


class Ground(NamedTuple):
    """What the queries ask about: the numbers of statements that are there, and since when."""

    numbers: range
    since: str


def run(options: Options, tell: Tell) -> Result:
    """Measure what the options ask for. Raises BenchError when the LRS cannot be reached or refuses us."""
    started = datetime.now(UTC)
    to = reach(options)
    bench = Bench(options, to, Workload(options.run, options.seed), tell)
    generator = ceiling(bench) if "generator" in options.only else None
    figures = writes(bench)
    if options.only & {"preload", "query"}:
        ground, preloading = preload(bench)
        figures += preloading
        if "query" in options.only:
            figures += queries(bench, ground)
    kept = check.kept(
        to,
        bench.ledger,
        sample=options.sample,
        seed=options.seed,
        settle=options.settle,
        timeout=options.timeout,
        tell=tell,
    )
    return Result(options, started, generator, figures, kept)


# Greeting


def reach(options: Options) -> Target:
    """The target, once it has answered a query with 200. Raises BenchError."""
    try:
        to = target(options.url, options.user, options.password, options.version)
        line = Line(to, options.timeout)
        line.open()
    except ValueError as problem:
        raise BenchError(f"{problem}.") from problem
    except OSError as problem:
        raise BenchError(
            f"Nothing answers at {options.url} ({problem.strerror or problem}). "
            "Start the server (`manage.py start`) or name another one with --url."
        ) from problem
    answer = line.ask(to.get("statements", {"limit": "1"}))
    line.close()
    if answer.status != 200 or check.statements(answer) is None:
        raise BenchError(greeting(answer, options))
    return to


NEXT_STEPS = {
    0: "Is this an HTTP server, and is it well? Try --timeout if it is slow.",
    400: "If it is about the version, name one that the server speaks with --xapi-version.",
    401: "Check --user and --password; `manage.py credential create bench` makes a credential for this LRS.",
    403: "The credential may not read statements: it needs statements/write and statements/read, or all.",
    404: "--url must be the xAPI endpoint, the part before /statements, such as http://127.0.0.1:8000/xapi.",
    429: "The server throttles this credential or address: switch that off for the benchmark.",
    200: "The answer is no list of statements: --url must be the xAPI endpoint, the part before /statements.",
}


def greeting(answer: Answer, options: Options) -> str:
    """Why the first query failed and what to do about it."""
    step = NEXT_STEPS.get(answer.status, "See the server's log.")
    return f"{options.url}/statements answers the user {options.user!r} with: {told(answer)[:200]}\n{step}"


def ceiling(bench: Bench) -> Ceiling:
    """How many requests of one statement the generator sends to a server that does nothing, in one second."""
    bench.tell("measuring the load generator itself", 0, 0)
    connections = max(bench.options.connections)
    made = [bench.workload.one(number) for number in range(200)]
    with null_server() as url:
        to = target(url, "nobody", "nothing", bench.options.version)
        requests = list(islice(cycle([to.post(each.body) for each in made]), 100_000))
        load = measure.drive(to, requests, connections=connections, seconds=min(1.0, bench.options.seconds), timeout=10)
    answered = len(load.exchanges)
    return Ceiling(answered / load.elapsed, load.cpu / answered * 1e6, connections)


@contextmanager
def null_server() -> Iterator[str]:
    """The address of a server in a process of its own that answers everything with 200."""
    script = Path(__file__).with_name("null_server.py")
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        if server.stdin is None or server.stdout is None:
            raise BenchError("The server that does nothing could not be started.")
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/xapi"
        server.stdin.close()


# Writing


def singles(bench: Bench, wanted: int) -> list[Made]:
    """Bodies of one statement each."""
    return [bench.workload.one(number) for number in islice(bench.numbers, wanted)]


def udemy_singles(bench: Bench, wanted: int) -> list[Made]:
    """Bodies of one Udemy-like statement each."""
    return [bench.workload.one_udemy(number) for number in islice(bench.numbers, wanted)]


def batches(bench: Bench, wanted: int) -> list[Made]:
    """Bodies of a hundred statements each."""
    return [bench.workload.many(islice(bench.numbers, BATCH)) for _ in range(wanted)]


def repeats(bench: Bench, wanted: int) -> list[Made]:
    """Bodies of one statement each that the LRS has taken already, over and over."""
    bench.tell("writing what will be sent again", 0, 0)
    made = singles(bench, RETRIED)
    send(bench, made, connections=max(bench.options.connections), seconds=bench.options.timeout)
    return list(islice(cycle(made), wanted))


WRITES = {
    "single": Write(1, True, singles),
    "udemy": Write(1, False, udemy_singles),
    "batch": Write(BATCH, True, batches),
    "retry": Write(1, False, repeats),
}


def writes(bench: Bench) -> list[Figure]:
    """The figures of all writes under load. The measures take turns, so that a slow minute hits all of them."""
    options = bench.options
    series = [
        (name, connections)
        for name, write in WRITES.items()
        if name in options.only
        for connections in (options.connections if write.each_connections else (max(options.connections),))
    ]
    rounds: dict[tuple[str, int], list[Round]] = {one: [] for one in series}
    thousands: list[Round] = []
    for turn in range(options.rounds):
        for (name, connections), done in rounds.items():
            bench.tell(f"{name}, {connections} connections: round", turn + 1, options.rounds)
            done.append(write_round(bench, WRITES[name], connections, done))
        if "thousand" in options.only:
            bench.tell("one POST of 1000 statements: round", turn + 1, options.rounds)
            thousands.append(thousand(bench))
    figures = [measure.rate(name, connections, done) for (name, connections), done in rounds.items()]
    return figures + ([measure.time("thousand", thousands, "s", rows=False)] if thousands else [])


def write_round(bench: Bench, write: Write, connections: int, before: Sequence[Round]) -> Round:
    """One round, with as many bodies prepared as earlier rounds (or a warm-up) say will be needed."""
    seconds = bench.options.seconds
    if before:
        expected = max(each.done / each.elapsed for each in before) / write.size
    else:
        trial = write.bodies(bench, max(4 * connections, 400 // write.size))
        warm_up = send(bench, trial, connections=connections, seconds=min(WARM_UP, seconds))
        expected = warm_up.done / warm_up.elapsed / write.size
    wanted = int(expected * seconds * 1.4) + 4 * connections
    return send(bench, write.bodies(bench, wanted), connections=connections, seconds=seconds)


def send(bench: Bench, made: Sequence[Made], *, connections: int, seconds: float) -> Round:
    """Post the bodies and note in the ledger what was acknowledged."""
    requests = [bench.to.post(each.body) for each in made]
    load = measure.drive(bench.to, requests, connections=connections, seconds=seconds, timeout=bench.options.timeout)
    return settled(bench, made, load)


def settled(bench: Bench, made: Sequence[Made], load: Load) -> Round:
    """The round that a load was: acknowledged statements go into the ledger, the rest is counted by error."""
    done = 0
    errors: Counter[str] = Counter()
    latencies = []
    for request, seconds, answer in load.exchanges:
        if acknowledged(made[request], answer):
            bench.ledger.note(made[request].ids, made[request].homes)
            done += len(made[request].ids)
            latencies.append(seconds)
        else:
            errors[complaint(answer)] += 1
    return Round(done, load.elapsed, load.cpu, latencies, load.reconnects, 0, shortened(errors))


def acknowledged(made: Made, answer: Answer) -> bool:
    """Whether the LRS took these statements: 200 and their ids in order (1.0.3 Communication 2.1.2)."""
    if answer.status != 200:
        return False
    try:
        return [str(each).lower() for each in orjson.loads(answer.body)] == list(made.ids)
    except (orjson.JSONDecodeError, TypeError):
        return False


def complaint(answer: Answer) -> str:
    """An error answer in a few words, without the ids that would make each one different."""
    text = UUID_TEXT.sub("<id>", told(answer))[:120]
    return f"not the ids that were sent: {text}" if answer.status == 200 else text


def shortened(errors: Counter[str]) -> Counter[str]:
    """The most frequent errors by name, the rest as one number."""
    shown = Counter(dict(errors.most_common(ERRORS_SHOWN)))
    rest = errors.total() - shown.total()
    return shown + Counter({"other errors": rest} if rest else {})


def thousand(bench: Bench) -> Round:
    """One POST of 1000 statements on a connection that is already open."""
    made = bench.workload.many(islice(bench.numbers, THOUSAND))
    return sequence(bench, [made])


def sequence(bench: Bench, bodies: Iterable[Made]) -> Round:
    """Post the bodies one after the other; only the time in requests counts, so bodies may be lazy."""
    line = Line(bench.to, bench.options.timeout)
    line.ask(bench.to.get("about", {}))
    exchanges: list[Exchange] = []
    made: list[Made] = []
    elapsed = cpu = 0.0
    for body in bodies:
        request = bench.to.post(body.body)
        cpu_before, begin = process_time(), perf_counter()
        answer = line.ask(request)
        seconds = perf_counter() - begin
        cpu += process_time() - cpu_before
        elapsed += seconds
        exchanges.append(Exchange(len(made), seconds, answer))
        made.append(body._replace(body=b""))
    line.close()
    return settled(bench, made, Load(exchanges, elapsed, cpu, max(line.reconnects, 0)))


# Filling


def preload(bench: Bench) -> tuple[Ground, list[Figure]]:
    """Write the statements that the queries will be about, in chunks of 500; each tenth counts as a round."""
    # A minute's grace: `since` is compared with the server's clock, not ours.
    since = (datetime.now(UTC) - timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    total = max(bench.options.preload, GROUND) if "query" in bench.options.only else bench.options.preload
    first = next(bench.numbers)
    # From here on the numbers belong to the preload: it comes after everything else that writes.
    numbers = range(first, first + total)
    chunks = [numbers[at : at + CHUNK] for at in range(0, total, CHUNK)]
    tenth = max(1, -(-len(chunks) // 10))
    parts = [chunks[at : at + tenth] for at in range(0, len(chunks), tenth)]
    rounds = [sequence(bench, filling(bench, numbers, part)) for part in parts]
    return Ground(numbers, since), [measure.rate("preload", 1, rounds)] if rounds else []


def filling(bench: Bench, numbers: range, chunks: Sequence[range]) -> Iterator[Made]:
    """The bodies of a part of the preload, made as they are wanted."""
    for chunk in chunks:
        bench.tell("preload", chunk.start - numbers.start, len(numbers))
        yield bench.workload.many(chunk)


# Asking


def agent(bench: Bench, turn: int) -> dict[str, str]:
    """One of the busiest learners, as the parameter wants it."""
    person = bench.workload.learner(turn % SUBJECTS)
    return {"agent": orjson.dumps({key: value for key, value in person.items() if key != "name"}).decode()}


Shape = Callable[[Bench, Ground, int], Mapping[str, str]]

SHAPES: dict[str, Shape] = {
    "by id": lambda bench, ground, turn: {
        "statementId": bench.workload.id(ground.numbers[turn * 7919 % len(ground.numbers)])
    },
    "agent": lambda bench, ground, turn: agent(bench, turn),
    "related agents": lambda bench, ground, turn: {
        "agent": orjson.dumps(bench.workload.instructor(turn % SUBJECTS)).decode(),
        "related_agents": "true",
    },
    "activity": lambda bench, ground, turn: {"activity": bench.workload.lesson(turn % 10, turn // 10 % 2)["id"]},
    "related activities": lambda bench, ground, turn: {
        "activity": bench.workload.course(turn % SUBJECTS)["id"],
        "related_activities": "true",
    },
    "verb + since": lambda bench, ground, turn: {"verb": VERBS[turn % len(VERBS)][0], "since": ground.since},
    "registration": lambda bench, ground, turn: {"registration": bench.workload.registration(turn % SUBJECTS, 0)},
    "newest": lambda bench, ground, turn: {},
    "format=ids": lambda bench, ground, turn: {"format": "ids"},
    "format=canonical": lambda bench, ground, turn: {"format": "canonical"},
}


def queries(bench: Bench, ground: Ground) -> list[Figure]:
    """The figures of every query shape, limit 100, one query at a time, and of 20 pages by `more`."""
    rounds: dict[str, list[Round]] = {name: [] for name in SHAPES}
    walks: list[Round] = []
    for turn in range(bench.options.rounds):
        for name, shape in SHAPES.items():
            bench.tell(f"{name}: round", turn + 1, bench.options.rounds)
            rounds[name].append(query_round(bench, ground, shape))
        bench.tell(f"{PAGES} pages by more: round", turn + 1, bench.options.rounds)
        walks.append(walk_round(bench))
    figures = [measure.time(f"query: {name}", done) for name, done in rounds.items()]
    return [*figures, measure.time(f"query: {PAGES} pages by more", walks)]


def query_round(bench: Bench, ground: Ground, shape: Shape) -> Round:
    """A hundred queries of one shape, fewer if the seconds are over; the first few are not counted."""
    limit = {"limit": str(PAGE)}
    requests = [
        bench.to.get("statements", wanted if "statementId" in wanted else {**wanted, **limit})
        for wanted in (shape(bench, ground, turn) for turn in range(QUERIES))
    ]
    timeout = bench.options.timeout
    measure.drive(bench.to, requests[:3], connections=1, seconds=timeout, timeout=timeout)
    load = measure.drive(bench.to, requests, connections=1, seconds=bench.options.seconds, timeout=timeout)
    errors: Counter[str] = Counter()
    latencies, rows = [], 0
    for _, seconds, answer in load.exchanges:
        found = found_in(answer)
        if found is None:
            errors[complaint(answer)] += 1
        else:
            latencies.append(seconds)
            rows += found
    return Round(len(latencies), load.elapsed, load.cpu, latencies, load.reconnects, rows, shortened(errors))


def found_in(answer: Answer) -> int | None:
    """How many statements a query's answer holds; None for anything but statements."""
    page = check.statements(answer)
    if page is not None:
        return len(page["statements"])
    value = check.decoded(answer)
    return 1 if isinstance(value, dict) and "actor" in value else None


def walk_round(bench: Bench) -> Round:
    """A few walks over 20 pages of the newest statements; finding the link in a page is not counted."""
    line = Line(bench.to, bench.options.timeout)
    errors: Counter[str] = Counter()
    latencies: list[float] = []
    elapsed, cpu, rows = 0.0, process_time(), 0
    for _ in range(WALKS):
        request = bench.to.get("statements", {"limit": str(PAGE)})
        spent = 0.0
        for page_number in range(1, PAGES + 1):
            begin = perf_counter()
            answer = line.ask(request)
            spent += perf_counter() - begin
            page = check.statements(answer)
            if page is None:
                errors[complaint(answer)] += 1
                break
            rows += len(page["statements"])
            if page_number == PAGES:
                latencies.append(spent)
            elif not page.get("more"):
                errors[f"no `more` link after page {page_number}"] += 1
                break
            else:
                request = bench.to.more(page["more"])
        elapsed += spent
    line.close()
    return Round(len(latencies), elapsed, process_time() - cpu, latencies, max(line.reconnects, 0), rows, errors)
