"""People from a CSV file: who is known by what, as the organisation knows it.

A row names one person by any of the columns; rows with the same reference are one person.
"""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from statements import people
from statements.models import Identity, Person
from statements.people import Together
from statements.xapi import actors, validate
from statements.xapi.versions import Version

COLUMNS = ("reference", "name", "email", "mbox_sha1sum", "openid", "account_home", "account_name")
# Linked in one transaction; a larger one would keep statements waiting on SQLite.
_AT_ONCE = 200


class CsvError(Exception):
    """A file that cannot be taken in, in a sentence."""


class Problem(NamedTuple):
    """What is wrong with a row; the file's first line has number 1."""

    line: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was taken in, or would be: people and identifiers named, those that change hands, and rows left out."""

    people: int = 0
    identifiers: int = 0
    moved: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class _Named:
    line: int
    reference: str
    name: str
    identifiers: list[str]


def take_in(
    store: int, path: Path, *, by: str, dry: bool = False, say: Callable[[int, int], None] = lambda done, all: None
) -> Outcome:
    """Link the people of a file; nothing is changed where a row is wrong, or with `dry`. Raises CsvError.

    `say` is told how many people are done, and of how many.
    """
    problems: list[Problem] = []
    named = _joined(_rows(path, problems), problems)
    groups = _groups(store, named, problems)
    done = []
    for at in range(0, len(groups), _AT_ONCE):
        some = groups[at : at + _AT_ONCE]
        say(at, len(groups))
        if dry or problems:
            done += people.would_link(store, some, how=Identity.How.IMPORT)
        else:
            done += people.link_all(store, some, how=Identity.How.IMPORT, by=by)
    return Outcome(
        people=len(groups),
        identifiers=sum(len(group.identifiers) for group in groups),
        moved=[identifier for one in done for identifier in one.moved],
        problems=sorted(problems),
    )


def _rows(path: Path, problems: list[Problem]) -> list[_Named]:
    try:
        # Excel puts a byte order mark in front.
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            unknown = set(reader.fieldnames or ()) - set(COLUMNS)
            if unknown or not reader.fieldnames:
                raise CsvError(f"The first line must name columns of {', '.join(COLUMNS)}; not {sorted(unknown)}.")
            return [named for row in reader if (named := _row(row, reader.line_num, problems)) is not None]
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise CsvError(f"{path} cannot be read as CSV in UTF-8: {problem}") from None


def _row(row: Mapping[str, Any], line: int, problems: list[Problem]) -> _Named | None:
    if None in row or None in row.values():
        problems.append(Problem(line, "has more or fewer columns than the first line."))
        return None
    given = {name: value.strip() for name, value in row.items()}
    agents = list(_agents(given))
    faults = [fault for agent in agents for fault in validate.agent(agent, Version.V2, "")]
    if faults:
        problems.extend(Problem(line, f"{fault.pointer} {fault.problem}.") for fault in faults)
        return None
    identifiers = [identifier for agent in agents if (identifier := actors.identifier(agent))]
    unreadable = [value for value in (*identifiers, *given.values()) if not value.isprintable()]
    if unreadable or not identifiers:
        says = f"{unreadable[0]!r} cannot be read." if unreadable else "names nobody: it has no identifier."
        problems.append(Problem(line, says))
        return None
    return _Named(line, given.get("reference", ""), given.get("name", ""), identifiers)


def _agents(given: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    if email := given.get("email"):
        yield {"mbox": f"mailto:{email}"}
    for name in ("mbox_sha1sum", "openid"):
        if value := given.get(name):
            yield {name: value}
    home, name = given.get("account_home", ""), given.get("account_name", "")
    if home or name:
        yield {"account": {"homePage": home, "name": name}}


def _joined(rows: Sequence[_Named], problems: list[Problem]) -> list[_Named]:
    """Rows of one reference together; an identifier in two places belongs to nobody knows whom."""
    by_reference: dict[str, _Named] = {}
    joined: list[_Named] = []
    for row in rows:
        before = by_reference.get(row.reference) if row.reference else None
        if before is None:
            joined.append(row)
            by_reference[row.reference] = row
        else:
            before.identifiers += [each for each in row.identifiers if each not in before.identifiers]
            before.name = before.name or row.name
    lines: dict[str, int] = {}
    for row in joined:
        for identifier in row.identifiers:
            other = lines.setdefault(identifier, row.line)
            if other != row.line:
                problems.append(Problem(row.line, f"{identifier} is somebody else's in line {other}."))
    return joined


def _groups(store: int, named: Sequence[_Named], problems: list[Problem]) -> list[Together]:
    known = _references(store, [row.reference for row in named if row.reference])
    owners = _owners(store, [identifier for row in named for identifier in row.identifiers])
    groups = []
    for row in named:
        person = known.get(row.reference)
        owner = owners.get(row.identifiers[0])
        if row.reference and person is None and owner is not None and owner.reference not in ("", row.reference):
            problems.append(Problem(row.line, f"{row.identifiers[0]} is {owner.reference}'s; split or merge by hand."))
        groups.append(Together(tuple(row.identifiers), person, row.name, row.reference))
    return groups


def _references(store: int, references: Sequence[str]) -> dict[str, UUID]:
    found: dict[str, UUID] = {}
    for at in range(0, len(references), _AT_ONCE):
        some = references[at : at + _AT_ONCE]
        rows = Person.objects.filter(store=store, reference__in=some).exclude(reference="")
        found |= dict(rows.values_list("reference", "key"))
    return found


def _owners(store: int, identifiers: Sequence[str]) -> dict[str, Person]:
    found: dict[str, Person] = {}
    for at in range(0, len(identifiers), _AT_ONCE):
        found |= people.persons_of(store, identifiers[at : at + _AT_ONCE])
    return found
