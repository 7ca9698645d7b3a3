"""A benchmark's result as a table for people and as JSON for programs."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lrs.bench.check import Kept
from lrs.bench.measure import Figure
from lrs.bench.run import Result

FORMAT = 1
SHOWN = 20
PERCENTILES = ("p50 ms", "p95 ms", "p99 ms")
HEAD = ("measure", "conn.", "median", "spread over rounds", "unit", *PERCENTILES, "n", "rows", "client CPU")


def as_json(result: Result) -> dict[str, Any]:
    """The result as a JSON value; `benchmark` numbers this format, `ok` says that nothing was lost."""
    options = result.options
    return {
        "benchmark": FORMAT,
        "url": options.url,
        "xapi_version": options.version,
        "run_id": options.run,
        "seed": options.seed,
        "started": result.started.isoformat(timespec="seconds"),
        "seconds": options.seconds,
        "rounds": options.rounds,
        "preload": options.preload,
        "client": {"python": platform.python_version(), "cpus": os.cpu_count()},
        "generator": result.generator._asdict() if result.generator else None,
        "figures": [asdict(figure) for figure in result.figures],
        "kept": asdict(result.kept),
        "ok": result.kept.whole,
    }


def as_text(result: Result) -> str:
    """The result as a table, with the errors below it and what became of the statements at the end."""
    options = result.options
    parts = [f"{options.url}, xAPI {options.version}, run {options.run}, seed {options.seed}"]
    if result.figures:
        parts.append(table([HEAD, *(row(figure) for figure in result.figures)]))
    parts.append("\n".join(notes(result)))
    return "\n\n".join(part for part in parts if part)


def row(figure: Figure) -> tuple[str, ...]:
    """One line of the table."""
    latencies = (f"{value:.2f}" for value in (figure.p50_ms, figure.p95_ms, figure.p99_ms))
    return (
        figure.name,
        str(figure.connections),
        number(figure.value),
        f"{number(figure.low)} - {number(figure.high)}",
        figure.unit,
        *latencies,
        str(figure.n),
        "" if figure.rows is None else f"{figure.rows:.0f}",
        f"{figure.client_cpu_share:.0%}",
    )


def number(value: float) -> str:
    """Three digits that matter, or all before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows under each other: the first column and the unit to the left, numbers to the right."""
    widths = [max(len(each[column]) for each in rows) for column in range(len(HEAD))]
    left = {0, HEAD.index("unit")}
    return "\n".join(
        "  ".join(
            text.ljust(width) if column in left else text.rjust(width)
            for column, (text, width) in enumerate(zip(each, widths, strict=True))
        ).rstrip()
        for each in rows
    )


def notes(result: Result) -> list[str]:
    """What a reader of the table must know: errors, empty queries, the generator's part, the check."""
    lines = []
    for figure in result.figures:
        name = f"{figure.name}, {figure.connections} conn."
        lines += [f"errors in {name}: {count} x {error}" for error, count in figure.errors.items()]
        if figure.reconnects:
            lines.append(f"the server closed connections in {name}: {figure.reconnects} times")
        if figure.rows == 0:
            lines.append(f"{name} found nothing: its time says little")
    if result.generator:
        rate, cpu, connections = result.generator
        lines.append(
            f"load generator: {rate:.0f} requests/s at {connections} connections against a server that does "
            f"nothing, {cpu:.0f} us of CPU each; where the client CPU comes near 100 % it was the limit"
        )
    return [*lines, *verdict(result.kept)]


def verdict(kept: Kept) -> list[str]:
    """What became of the acknowledged statements."""
    lines = [
        f"acknowledged {kept.acknowledged} statements, listed {kept.listed}, {kept.sampled} asked for by id: "
        f"{len(kept.lost)} lost, {len(kept.unlisted)} not listed, {len(kept.duplicated)} twice"
    ]
    if kept.unacknowledged:
        lines.append(f"kept without having been acknowledged: {kept.unacknowledged}")
    for what, ids in (("lost", kept.lost), ("not listed", kept.unlisted), ("listed twice", kept.duplicated)):
        if ids:
            more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
            lines.append(f"{what}: {', '.join(ids[:SHOWN])}{more}")
    return lines + list(kept.problems)
