"""Udemy's list of courses and learning paths, as JSON of its Course API or as CSV, for the catalogue of titles.

A course is known by `xapi_activity_id` (published: "to reference the activity id of the object to the course") and by
its address; a learning path by its address, which is what its statements have (inferred).
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from statements.catalogue import Listed

_LISTS = ("results", "courses", "learning_paths", "items")
# What xapi_activity_id is, for a list without it: a course's own url is not what its statements have.
_ADDRESS = "https://{}/course/{}"
_OWN_HOST = re.compile(r"https://([a-z0-9-]+\.udemy\.com)/", re.IGNORECASE)


class CatalogueError(Exception):
    """A file that cannot be read as a list of courses; the text is a sentence for whoever sent it."""


def read(file: Path) -> list[Listed]:
    """The courses and learning paths of a file that have a title and an id. Raises CatalogueError."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise CatalogueError(f"{file} cannot be read: {problem}") from None
    rows = list(_json(text) if text.lstrip()[:1] in ("{", "[") else _csv(text))
    if not rows:
        raise CatalogueError(f"{file} has no courses in it.")
    return [listed for row in rows if (listed := _listed(row)) is not None]


def _json(text: str) -> Iterator[Mapping[str, Any]]:
    """A list of items, one item, or a page of the API with the items in `results`."""
    try:
        document = json.loads(text)
    except ValueError as problem:
        raise CatalogueError(f"It is not JSON: {problem}") from None
    if isinstance(document, dict):
        lists = [document[name] for name in _LISTS if isinstance(document.get(name), list)]
        # A learning path has items of its own, so a list within it is not the list.
        document = lists[0] if lists and "_class" not in document else [document]
    yield from (row for row in document if isinstance(row, dict))


def _csv(text: str) -> Iterator[Mapping[str, Any]]:
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    names = [name.strip().lower().replace(" ", "_") for name in next(reader, [])]
    try:
        for cells in reader:
            # A row may have cells that no column is named for.
            yield dict(zip(names, cells, strict=False))
    except csv.Error as problem:
        raise CatalogueError(f"It is not CSV at line {reader.line_num}: {problem}") from None


def _listed(row: Mapping[str, Any]) -> Listed | None:
    # A title may go over several lines.
    title = " ".join(str(row.get("title") or row.get("name") or row.get("course_title") or "").split())
    number = str(row.get("id") or row.get("course_id") or "").strip()
    iris = [iri for name in ("xapi_activity_id", "url") if (iri := str(row.get(name) or "").strip())]
    kind = "learning_path" if row.get("_class") == "learning_path" or "/learning-paths/" in "".join(iris) else "course"
    if number.isdigit() and kind == "course":
        iris += _by_number(number, str(row.get("url") or ""))
    if not title or not iris:
        return None
    return Listed(
        tuple(dict.fromkeys(iris)),
        title,
        kind,
        _language(row.get("locale")),
        _minutes(row.get("estimated_content_length")),
    )


def _by_number(number: str, url: str) -> list[str]:
    """The ids that statements have: www, and for SumTotal the organisation's own host, which its address tells."""
    own = _OWN_HOST.match(url)
    return [_ADDRESS.format(host, number) for host in ("www.udemy.com", *(own.groups() if own else ()))]


def _language(locale: object) -> str:
    """ja_JP as a language tag."""
    name = locale.get("locale") if isinstance(locale, dict) else locale
    return str(name or "").replace("_", "-")[:40]


def _minutes(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None
