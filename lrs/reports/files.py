"""Exports into files: a report whole, and the statements that came since the last time.

Incremental Parquet: OUT/store=NAME/date=YYYY-MM-DD/*.parquet by the day of `stored` (UTC), as DuckDB and Spark read
partitions, and OUT/_since/NAME.json, which says how far it is. A file is named after its first statement and moved
into place whole, and how far it is is written last: an export that was stopped is made again over itself. Files of
another one that begin behind the place where this one goes on have the same statements, and are removed day by day.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import orjson

from lrs.api.cursors import Place
from lrs.reports import changes, exports
from lrs.reports.columns import STATEMENTS, Row
from statements.errors import Fault, Invalid
from statements.models import Store

_AT_ONCE = 2_000
# A million statements are some 100 MB.
_LARGEST = 1_000_000
_SINCE = "_since"


class Exported(NamedTuple):
    """How many statements went into how many new files."""

    statements: int
    files: int


def statements(store: Store, out: Path, *, since_last: bool, say: Callable[[int], None]) -> Exported:
    """Write the statements of a store into partitions, all of them or those that came since the last time.

    Statements that were taken back before are marked (`voided`); of one that is taken back later the statement that
    does so tells (`voids`). Raises Invalid where another export into this folder is under way.
    """
    exports.arrow()
    state = out / _SINCE / f"{quote(store.name, safe='')}.json"
    state.parent.mkdir(parents=True, exist_ok=True)
    folder = out / f"store={quote(store.name, safe='')}"
    with _alone(state.with_suffix(".lock")):
        if not since_last:
            # Before anything is written: what is stopped here is no place to go on from.
            state.unlink(missing_ok=True)
        after = changes.read(orjson.loads(state.read_bytes())["after"]) if state.exists() else None
        behind = "" if after is None else _begin(after[0])
        written: set[Path] = set()
        amount = 0
        for day, rows in groupby(_rows(store.pk, after), key=lambda found: found[0]["stored"].date()):
            file = _File(folder, day)
            with file:
                for row, place in rows:
                    file.add(row)
                    amount, after = amount + 1, place
                    if amount % _AT_ONCE == 0:
                        say(amount)
            written.update(file.written)
            _remove(file.folder.glob("*.parquet"), behind, written)
        _remove(folder.glob("date=*/*.parquet"), behind, written)
        if after is not None:
            _replace(state, orjson.dumps({"after": changes.write(after), "store": store.name}))
    return Exported(amount, len(written))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else exports meanwhile; the lock goes with the process, however that ends."""
    with path.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Invalid(Fault("--out", "busy", "another export into this folder is under way")) from None
        yield


def _begin(stored: datetime) -> str:
    """How the path of a file begins, from its partition on, whose first statement was stored then."""
    return f"date={stored:%Y-%m-%d}/{stored:%H%M%S%f}"


def _remove(files: Iterator[Path], behind: str, written: set[Path]) -> None:
    for file in sorted(set(files) - written):
        if f"{file.parent.name}/{file.name.partition('-')[0]}" > behind:
            file.unlink()


def _rows(store: int, after: Place | None) -> Iterator[tuple[Row, Place]]:
    while True:
        found = changes.find(store, after, _AT_ONCE, texts=False)
        yield from zip(found.rows, found.places, strict=True)
        if not found.more:
            return
        after = found.after


class _File:
    """The file, or after a million statements the next, of one partition."""

    def __init__(self, folder: Path, day: date) -> None:
        self.folder = folder / f"date={day.isoformat()}"
        self.written: list[Path] = []
        self._rows: list[Row] = []
        self._amount = 0
        self._writing: ExitStack | None = None
        self._writer: Any = None
        self._path = self.folder

    def __enter__(self) -> Self:
        return self

    def add(self, row: Row) -> None:
        """One more statement."""
        self._rows.append(row)
        if len(self._rows) >= _AT_ONCE:
            self._flush()

    def __exit__(self, kind: type[BaseException] | None, *problem: object) -> None:
        if kind is None:
            self._flush()
            self._finish()
        elif self._writing is not None:
            self._writing.close()

    def _flush(self) -> None:
        if not self._rows:
            return
        if self._writing is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            first = self._rows[0]
            self._path = self.folder.parent / f"{_begin(first['stored'])}-{first['id']}.parquet"
            self._writing = ExitStack()
            writer = exports.parquet_writer(self._path.with_suffix(".part"), STATEMENTS)
            self._writer = self._writing.enter_context(writer)
        self._writer.write_table(exports.table(self._rows, STATEMENTS))
        self._amount += len(self._rows)
        self._rows = []
        if self._amount >= _LARGEST:
            self._finish()

    def _finish(self) -> None:
        if self._writing is None:
            return
        self._writing.close()
        self._path.with_suffix(".part").replace(self._path)
        self._writing, self._amount = None, 0
        self.written.append(self._path)


def _replace(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)
