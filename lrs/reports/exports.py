"""Rows as text and as Parquet, in portions, so that a million rows take no more memory than two thousand."""

import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.conf import settings

from lrs.reports.columns import Column, Row, Type
from statements.errors import Fault, Invalid

# With these a spreadsheet begins a formula (OWASP, "CSV Injection"; the wide ones in Japanese spreadsheets).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_BOM = "\ufeff"


class Format(NamedTuple):
    """A format that is streamed: its media type, and what makes it of portions of rows."""

    media_type: str
    make: Callable[[Iterable[Sequence[Row]], Sequence[Column], bool], Iterator[bytes]]


def csv_of(portions: Iterable[Sequence[Row]], columns: Sequence[Column], bom: bool) -> Iterator[bytes]:
    """CSV (RFC 4180) in UTF-8. Text that a spreadsheet would calculate has an apostrophe before it."""
    names = [column.name for column in columns]
    texts = {column.name for column in columns if column.type is Type.TEXT}
    yield (_BOM if bom else "").encode() + _lines([names])
    for rows in portions:
        yield _lines([[_cell(row[name], name in texts) for name in names] for row in rows])


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any, text: bool) -> str:
    if value is None:
        return ""
    if text:
        return "'" + value if value.startswith(_FORMULA) else str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return moment(value) if isinstance(value, datetime) else str(value)


def moment(value: datetime) -> str:
    """A time as JSON and CSV have it."""
    return value.isoformat().replace("+00:00", "Z")


def ndjson_of(portions: Iterable[Sequence[Row]], columns: Sequence[Column], bom: bool) -> Iterator[bytes]:
    """A JSON object on each line."""
    names = [column.name for column in columns]
    for rows in portions:
        yield b"".join([json({name: row[name] for name in names}) + b"\n" for row in rows])


def json(value: Any) -> bytes:
    """JSON text."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def parquet_of(portions: Iterable[Sequence[Row]], columns: Sequence[Column], bom: bool) -> Iterator[bytes]:
    """A Parquet file; it is made on the disk first. Raises Invalid where the [analytics] extra is not installed."""
    with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
        path = Path(folder) / "rows.parquet"
        with parquet_writer(path, columns) as writer:
            for rows in portions:
                writer.write_table(table(rows, columns))
        with path.open("rb") as file:
            while chunk := file.read(2**16):
                yield chunk


FORMATS: Mapping[str, Format] = {
    "csv": Format("text/csv", csv_of),
    "ndjson": Format("application/x-ndjson", ndjson_of),
    "parquet": Format("application/vnd.apache.parquet", parquet_of),
}


# --- Parquet


def parquet_writer(path: Path, columns: Sequence[Column]) -> Any:
    """What writes tables of these columns into a file, as a context manager. Raises Invalid."""
    arrow()
    from pyarrow import parquet

    return parquet.ParquetWriter(path, _schema(columns), compression="zstd")


def table(rows: Sequence[Row], columns: Sequence[Column]) -> Any:
    """Rows as a pyarrow table."""
    values = {column.name: [_value(row[column.name]) for row in rows] for column in columns}
    return arrow().table(values, schema=_schema(columns))


def arrow() -> Any:
    """The pyarrow module. Raises Invalid where it is not installed."""
    try:
        import pyarrow
    except ImportError:
        problem = "Parquet needs the [analytics] extra: pip install -e '.[analytics]'"
        raise Invalid(Fault("?format", "format", problem)) from None
    return pyarrow


def _schema(columns: Sequence[Column]) -> Any:
    module = arrow()
    types = {
        Type.TEXT: module.string(),
        Type.UUID: module.string(),
        Type.TIME: module.timestamp("us", tz="UTC"),
        Type.NUMBER: module.float64(),
        Type.WHOLE: module.int64(),
        Type.BOOLEAN: module.bool_(),
    }
    return module.schema([(column.name, types[column.type]) for column in columns])


def _value(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
