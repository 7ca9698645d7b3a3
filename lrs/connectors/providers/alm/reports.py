"""The reports that an administrator exports from ALM: users, and trainings. CSV, as ALM or a spreadsheet writes it."""

import csv
from collections.abc import Iterable, Iterator, Mapping

from lrs.connectors.contract import Reader, Unreadable
from lrs.connectors.events import PersonUpdate, ThingKind, ThingUpdate

_KINDS: Mapping[str, tuple[str, ThingKind]] = {
    "course": ("course", ThingKind.COURSE),
    "learningprogram": ("learningProgram", ThingKind.LEARNING_PATH),
    "learningpath": ("learningProgram", ThingKind.LEARNING_PATH),
    "learningplan": ("learningProgram", ThingKind.LEARNING_PATH),
    "certification": ("certification", ThingKind.CERTIFICATION),
}


def users(lines: Iterable[str]) -> Iterator[PersonUpdate]:
    """The people of a user report. Raises Unreadable where a column is missing."""
    for row in _rows(lines, ("internaluserid", "useremail")):
        if row["internaluserid"]:
            yield PersonUpdate(
                id=row["internaluserid"],
                email=row["useremail"],
                name=row.get("name", ""),
                unique_id=row.get("customerdefineduniqueuserid", ""),
                state=row.get("state", ""),
            )


def trainings(lines: Iterable[str]) -> Iterator[ThingUpdate]:
    """The learning objects of a training report. Raises Unreadable where a column is missing.

    The unit of its Duration is not published, so that is left to the API.
    """
    for row in _rows(lines, ("trainingid", "trainingname")):
        prefix, kind = _KINDS.get(_plain(row.get("trainingtype", "")), ("", None))
        id = row["trainingid"]
        if ":" not in id:
            id = f"{prefix}:{id}" if prefix and id else ""
        if id:
            names = {"und": row["trainingname"]} if row["trainingname"] else None
            yield ThingUpdate(id, at=None, kind=kind, names=names, state=row.get("status") or None)


READERS: Mapping[str, Reader] = {"users": users, "trainings": trainings}


def _rows(lines: Iterable[str], needed: tuple[str, ...]) -> Iterator[dict[str, str]]:
    given = iter(lines)
    head = next(given, "").lstrip("\ufeff")
    delimiter = max(",;\t", key=head.count)
    columns = [_plain(name) for name in next(csv.reader([head], delimiter=delimiter), [])]
    missing = [name for name in needed if name not in columns]
    if missing:
        raise Unreadable(f"The report has no column {' and no column '.join(missing)}; it has {', '.join(columns)}.")
    for row in csv.reader(given, delimiter=delimiter):
        if row:
            yield dict.fromkeys(columns, "") | dict(zip(columns, map(str.strip, row), strict=False))


def _plain(name: str) -> str:
    """A column's name, however it is spaced and capitalised."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
