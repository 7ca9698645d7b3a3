"""Attendance as CSV: one row for each time somebody joined; a row without joined_at is somebody who was expected.

UTF-8, with or without a byte order mark; commas or semicolons. What is wrong is told with row and column.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from lrs.connectors.providers.attendance import body
from lrs.connectors.webinars.attendance import Listed, Source

COLUMNS = (
    "meeting_id",
    "session_id",
    "title",
    "scheduled_start",
    "scheduled_end",
    "email",
    "external_id",
    "name",
    "role",
    "joined_at",
    "left_at",
    "duration_seconds",
)
_ROSTER = ("email", "external_id", "name")
_NEEDED = ("meeting_id", "joined_at")
# Where a fault of the body is in a row.
_COLUMN = {"join": "joined_at", "leave": "left_at", "total_seconds": "duration_seconds"}


class RowFault(NamedTuple):
    """What is wrong in a file. The first row is the heading's, 1."""

    row: int
    column: str
    problem: str


class Read(NamedTuple):
    """A file as lists, one for each session; lists are empty where there are faults."""

    lists: list[Listed]
    faults: list[RowFault]
    rows: int


def read(content: bytes, received: datetime) -> Read:
    """The lists of a file of attendance."""
    rows, found = _rows(content, _NEEDED)
    faults = list(found)
    sessions: dict[tuple[str, ...], dict[str, Any]] = {}
    for number, row in rows:
        given, wrong = _one(row, number)
        faults += wrong
        if wrong:
            continue
        key = tuple(row.get(name, "") for name in ("meeting_id", "session_id", "scheduled_start"))
        kept = sessions.setdefault(key, {**given, "participants": [], "roster": []})
        kept["participants"] += given["participants"]
        kept["roster"] += given["roster"]
    if not rows and not faults:
        faults.append(RowFault(1, "", "there are no rows"))
    if faults:
        return Read([], sorted(faults), len(rows))
    happenings = [one for given in sessions.values() for one in body.happenings(given, Source.CSV, received)]
    return Read([one for one in happenings if isinstance(one, Listed)], [], len(rows))


def roster(content: bytes) -> tuple[list[dict[str, str]], list[RowFault]]:
    """The people of a file with the columns email, external_id and name."""
    rows, faults = _rows(content, ())
    found = list(faults)
    people = []
    for number, row in rows:
        person = {name: row.get(name, "") for name in _ROSTER}
        wrong = body.faults(_body({"meeting_id": "x"}, [], [person]))
        found += [RowFault(number, _named(fault.path), fault.problem) for fault in wrong]
        people.append(person)
    return ([] if found else people), sorted(found)


def _one(row: Mapping[str, str], number: int) -> tuple[dict[str, Any], list[RowFault]]:
    session = {name: row.get(name, "") for name in COLUMNS[:5]}
    person: dict[str, Any] = {name: row.get(name, "") for name in (*_ROSTER, "role")}
    seconds = row.get("duration_seconds", "")
    most = int(body.LONGEST.total_seconds())
    if seconds and not (seconds.isascii() and seconds.isdecimal() and len(seconds) < 10 and int(seconds) <= most):
        return {}, [RowFault(number, "duration_seconds", f"must be a whole number, 0 to {most}")]
    joined, left = row.get("joined_at", ""), row.get("left_at", "")
    here = bool(joined or left or int(seconds or 0))
    if here:
        left = left or _after(joined, int(seconds or 0))
        person["intervals"] = [{"join": joined, "leave": left}] if joined or left else []
        person["total_seconds"] = int(seconds) if seconds and not joined else None
    given = _body(session, [person] if here else [], [] if here else [person])
    return given, [
        RowFault(number, _named(fault.path), fault.problem) for fault in body.faults(given) if fault.path != "version"
    ]


def _after(joined: str, seconds: int) -> str:
    """When somebody left of whom it is told how long they were there; empty where it is not, or `joined` is no time."""
    try:
        return (datetime.fromisoformat(joined) + timedelta(seconds=seconds)).isoformat() if seconds else ""
    except (ValueError, OverflowError):
        return ""


def _body(session: Mapping[str, Any], people: list[dict[str, Any]], expected: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "version": "1.0",
        "event": body.FINAL,
        "session": dict(session),
        "participants": people,
        "roster": expected,
    }


def _named(path: str) -> str:
    last = path.rpartition(".")[2]
    return _COLUMN.get(last, last if "[" not in last else "")


def _rows(content: bytes, needed: tuple[str, ...]) -> tuple[list[tuple[int, dict[str, str]]], list[RowFault]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        return [], [RowFault(1, "", f"the file is not UTF-8: {problem.reason} at byte {problem.start}")]
    heading = text.partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=";" if heading.count(";") > heading.count(",") else ","
    )
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        missing = [name for name in needed if name not in names]
        unknown = [name for name in names if name not in COLUMNS]
        if missing or unknown or not names:
            sentence = f"the columns must be {', '.join(COLUMNS)}"
            return [], [RowFault(1, name, sentence) for name in (*missing, *unknown)] or [RowFault(1, "", sentence)]
        return _read(reader, names)
    except csv.Error as problem:
        return [], [RowFault(reader.line_num, "", str(problem))]


def _read(reader: Iterator[list[str]], names: list[str]) -> tuple[list[tuple[int, dict[str, str]]], list[RowFault]]:
    rows, faults = [], []
    for number, cells in enumerate(reader, 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            faults.append(RowFault(number, "", f"has {len(cells)} cells, not {len(names)}"))
            continue
        rows.append((number, {name: cell.strip() for name, cell in zip(names, cells, strict=True)}))
    return rows, faults
