"""The benchmark against a small LRS of this test's own, which can be told to forget and to fail."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import mean
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lrs.bench import measure
from lrs.bench.measure import Round
from lrs.bench.wire import parse
from lrs.bench.workload import Workload, mentions
from lrs.management.commands.bench import Command

KEYS = {
    *("benchmark", "url", "xapi_version", "run_id", "seed", "started", "seconds", "rounds", "preload"),
    *("client", "generator", "figures", "kept", "ok"),
}
QUICK = ("--seconds", "0.02", "--rounds", "2", "--connections", "1,3", "--settle", "0", "--sample", "20")


@dataclass
class Shelf:
    """What the small LRS keeps, and how it misbehaves."""

    statements: list[dict[str, Any]] = field(default_factory=list)
    by_id: dict[str, dict[str, Any]] = field(default_factory=dict)
    by_activity: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    forget: int | None = None
    twice: int | None = None
    hide: int | None = None
    fail_every: int = 0
    posts: int = 0

    def take(self, given: list[dict[str, Any]]) -> None:
        for each in given:
            if each["id"] not in self.by_id:
                place = len(self.statements)
                self.statements.append(each)
                self.by_id[each["id"]] = {} if place == self.forget else each
                times = 0 if place in (self.forget, self.hide) else 2 if place == self.twice else 1
                for activity in ("", *activities(each)):
                    self.by_activity.setdefault(activity, []).extend([each] * times)


def activities(statement: dict[str, Any]) -> list[str]:
    places = statement.get("context", {}).get("contextActivities", {})
    return [statement["object"]["id"], *(each["id"] for place in places.values() for each in place)]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are written apart; Nagle would hold the second back for 40 ms.
    disable_nagle_algorithm = True
    shelf: Shelf

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if self.headers["Authorization"] != "Basic a2V5OnNlY3JldA==":
            return self.answer(401, {"error": "Who are you?"})
        if "statementId" in query:
            kept = self.shelf.by_id.get(query["statementId"])
            return self.answer(200, kept) if kept else self.answer(404, {"error": "There is no such statement."})
        begin, limit = int(query.pop("from", 0)), min(int(query.get("limit", 500)), 500)
        found = self.shelf.by_activity.get(query.get("activity", ""), [])
        more = f"?from={begin + limit}&{urlsplit(self.path).query}" if len(found) > begin + limit else ""
        page = found[begin : begin + limit]
        short = [{"id": each["id"]} for each in page] if query.get("format") == "ids" else page
        return self.answer(200, {"statements": short, "more": more})

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        given = given if isinstance(given, list) else [given]
        self.shelf.posts += 1
        if self.shelf.fail_every and self.shelf.posts % self.shelf.fail_every == 0:
            return self.answer(500, {"error": f"Deadlock while storing {given[0]['id']}."})
        self.shelf.take(given)
        return self.answer(200, [each["id"] for each in given])

    def answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def small_lrs(shelf: Shelf) -> Iterator[str]:
    handler = type("OneHandler", (Handler,), {"shelf": shelf})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/xapi"
        finally:
            server.shutdown()
            thread.join()


def bench(url: str, *arguments: str) -> int:
    """The command's exit status."""
    try:
        Command().run_from_argv(
            ["manage.py", "bench", "--url", url, "--user", "key", "--password", "secret", *QUICK, *arguments]
        )
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_every_measure_has_its_figures_in_the_json(capsys):
    shelf = Shelf()
    with small_lrs(shelf) as url:
        assert bench(url, "--preload", "600", "--json", "--run-id", "r1", "--rounds", "1") == 0
    result = json.loads(capsys.readouterr().out)
    assert {
        "benchmark",
        "url",
        "xapi_version",
        "run_id",
        "seed",
        "started",
        "seconds",
        "rounds",
        "preload",
    } <= set(result)
    figures = {(each["name"], each["connections"]): each for each in result["figures"]}
    writes = [
        ("single", 1),
        ("single", 3),
        ("udemy", 3),
        ("batch", 1),
        ("batch", 3),
        ("retry", 3),
        ("thousand", 1),
    ]
    shapes = [
        "by id",
        "agent",
        "related agents",
        "activity",
        "related activities",
        "verb + since",
        "registration",
    ]
    others = ["newest", "format=ids", "format=canonical", "20 pages by more"]
    assert set(figures) == {*writes, ("preload", 1), *((f"query: {name}", 1) for name in shapes + others)}
    for figure in figures.values():
        assert 0 < figure["low"] <= figure["value"] <= figure["high"] or figure["n"] > 2
        assert figure["p50_ms"] <= figure["p95_ms"] <= figure["p99_ms"]
        assert figure["errors"] == {}
    assert figures["query: newest", 1]["rows"] == 100
    assert figures["query: by id", 1]["rows"] == 1
    assert result["generator"]["requests_per_second"] > 0
    kept = result["kept"]
    assert (kept["acknowledged"], kept["sampled"]) == (len(shelf.statements), 20)
    assert kept["listed"] == kept["acknowledged"]
    assert result["ok"] is True


def test_a_lost_statement_is_named_and_the_exit_status_is_1(capsys):
    shelf = Shelf(forget=7)
    with small_lrs(shelf) as url:
        assert bench(url, "--only", "single") == 1
    said = capsys.readouterr()
    assert f"lost: {shelf.statements[7]['id']}" in said.err
    assert "1 lost, 0 not listed, 0 twice" in said.out


def test_a_statement_that_is_there_but_not_listed_is_named(capsys):
    shelf = Shelf(hide=3)
    with small_lrs(shelf) as url:
        assert bench(url, "--only", "thousand", "--rounds", "1") == 1
    assert f"not listed: {shelf.statements[3]['id']}" in capsys.readouterr().err


def test_a_statement_listed_twice_is_named(capsys):
    shelf = Shelf(twice=5)
    with small_lrs(shelf) as url:
        assert bench(url, "--only", "single") == 1
    assert f"listed twice: {shelf.statements[5]['id']}" in capsys.readouterr().err


def test_error_answers_are_counted_once_for_each_kind_and_lose_nothing(capsys):
    with small_lrs(Shelf(fail_every=4)) as url:
        assert bench(url, "--only", "single", "--json", "--connections", "2") == 0
    (figure,) = json.loads(capsys.readouterr().out)["figures"]
    assert list(figure["errors"]) == ['500 {"error": "Deadlock while storing <id>."}']
    assert figure["errors"].popitem()[1] == pytest.approx(figure["n"] / 3, abs=2)


def test_the_same_run_again_is_nothing_but_retries(capsys):
    shelf = Shelf()
    with small_lrs(shelf) as url:
        assert bench(url, "--only", "thousand", "--run-id", "again", "--rounds", "1") == 0
        assert bench(url, "--only", "thousand", "--run-id", "again", "--rounds", "1") == 0
        assert len(shelf.statements) == 1000
        assert bench(url, "--only", "thousand", "--run-id", "another", "--rounds", "1") == 0
    assert len(shelf.statements) == 2000
    capsys.readouterr()


def test_what_stops_the_benchmark_says_what_to_do_next(capsys):
    with small_lrs(Shelf()) as url:
        assert bench(url, "--password", "wrong") == 1
        assert "Check --user and --password" in capsys.readouterr().err
        assert bench(url, "--user", "") == 1
        assert "credential create bench" in capsys.readouterr().err
    assert bench(url) == 1
    assert "Nothing answers at" in capsys.readouterr().err
    assert bench("ftp://example.org") == 1
    assert "not the address of an xAPI endpoint" in capsys.readouterr().err
    assert bench(url, "--only", "everything") == 2
    assert "no measure is called everything" in capsys.readouterr().err


def test_a_rate_is_the_median_of_its_rounds_and_its_spread_their_extremes():
    rounds = [Round(done, 2.0, 0.5, [0.001, 0.002, 0.003]) for done in (100, 400, 220)]
    figure = measure.rate("single", 8, rounds)
    assert (figure.value, figure.low, figure.high) == (110, 50, 200)
    assert (figure.n, figure.p50_ms) == (9, 2)
    assert (figure.client_cpu_s, figure.client_cpu_share) == (1.5, 0.25)


def test_a_time_is_the_median_of_all_answers_and_its_spread_that_of_the_rounds():
    rounds = [
        Round(2, 1.0, 0.0, [0.001, 0.003], rows=200),
        Round(3, 1.0, 0.0, [0.002, 0.004, 0.009], rows=150),
    ]
    figure = measure.time("query: agent", rounds)
    assert (figure.value, figure.low, figure.high, figure.rows) == (3, 2, 4, 70)


def test_a_round_without_answers_is_a_figure_of_zeros():
    figure = measure.time("query: agent", [Round(0, 1.0, 0.0, [])])
    assert (figure.n, figure.value, figure.p99_ms, figure.rows) == (0, 0, 0, None)


def test_a_percentile_lies_between_its_neighbours():
    assert measure.percentile([1, 2, 3, 4, 5], 0.5) == 3
    assert measure.percentile([1, 2], 0.75) == 1.75
    assert measure.percentile([], 0.5) == 0


def test_a_statement_is_about_1300_bytes_and_names_6_3_things():
    workload = Workload("run", 1)
    made = [workload.one(number) for number in range(400)]
    assert mean(len(each.body) for each in made) == pytest.approx(1300, rel=0.05)
    assert mean(mentions(workload.statement(number)) for number in range(400)) == pytest.approx(6.3, abs=0.1)
    assert made == [Workload("run", 1).one(number) for number in range(400)]
    assert not {each.ids for each in made} & {Workload("other", 1).one(number).ids for number in range(400)}


@pytest.mark.parametrize(
    ("received", "status", "body", "closes"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", 200, b"[]", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length:2\r\nConnection: close\r\n\r\n[]", 200, b"[]", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", False),
        (b"HTTP/1.0 404 No\r\nContent-Length: 0\r\n\r\n", 404, b"", True),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n",
            200,
            b"[]",
            False,
        ),
    ],
)
def test_an_answer_is_whole_at_its_last_byte_and_not_before(received, status, body, closes):
    assert parse(bytearray(received), ended=False) == (status, body, closes)
    assert parse(bytearray(received[:-2]), ended=False) is None
    cut_short = parse(bytearray(received[:-2]), ended=True)
    assert cut_short is not None
    assert cut_short.status == 0
