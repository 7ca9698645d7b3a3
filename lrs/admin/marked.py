"""A refused body in lines, with the places marked that are to blame. Every character of its values stays as it came.

A fault marks the line where its JSON pointer begins, or, where something is missing, the line of what it is missing in.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

# So many lines around those that are marked are shown where there are more than _MOST.
_AROUND = 12
_MOST = 1_500
_LONGEST_LINE = 2_000
_AT_LINE = re.compile(r"\bline (\d+)")


class _Number(str):
    """A number as it was spelled."""


class _Object(tuple[tuple[str, Any], ...]):
    """The members of an object, those that stand there twice included."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the body with its number from 1, and what is wrong there; number 0 stands for lines left out."""

    number: int
    text: str
    problems: tuple[str, ...] = ()


class Marked(NamedTuple):
    """A body as it is shown, and the line of each fault; 0 for those that are not about the body."""

    lines: Sequence[Line]
    places: Sequence[int]


def mark(body: bytes, errors: Sequence[Mapping[str, str]]) -> Marked:
    """The body in lines, JSON indented, anything else as it is, and where its errors are."""
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(
            text, parse_float=_Number, parse_int=_Number, parse_constant=_Number, object_pairs_hook=_Object
        )
        printed = list(_print(value, "", "", ""))
    except (ValueError, RecursionError):
        lines = text.splitlines()
        return _marked(lines, [_said(error, len(lines)) for error in errors], errors)
    numbers: dict[str, int] = {}
    for number, (_, pointer) in enumerate(printed, start=1):
        if pointer is not None:
            numbers.setdefault(pointer, number)
    return _marked([line for line, _ in printed], [_place(error["pointer"], numbers) for error in errors], errors)


def _print(value: Any, at: str, indent: str, name: str) -> Iterator[tuple[str, str | None]]:
    """Lines, and the pointer of what begins on each."""
    inner = indent + "  "
    if isinstance(value, _Object) and value:
        yield f"{indent}{name}{{", at
        for index, (key, each) in enumerate(value):
            place = f"{at}/{key.replace('~', '~0').replace('/', '~1')}"
            yield from _followed(_print(each, place, inner, f"{_text(key)}: "), index < len(value) - 1)
        yield f"{indent}}}", None
    elif isinstance(value, list) and value:
        yield f"{indent}{name}[", at
        for index, each in enumerate(value):
            yield from _followed(_print(each, f"{at}/{index}", inner, ""), index < len(value) - 1)
        yield f"{indent}]", None
    else:
        yield f"{indent}{name}{_text(value)}", at


def _followed(lines: Iterable[tuple[str, str | None]], comma: bool) -> Iterator[tuple[str, str | None]]:
    """The lines, with a comma at the end of the last where more follows."""
    last = None
    for line in lines:
        if last is not None:
            yield last
        last = line
    if last is not None:
        yield (last[0] + ",", last[1]) if comma else last


def _text(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, _Object):
        return "{}"
    return json.dumps(value, ensure_ascii=False)


def _place(pointer: str, numbers: Mapping[str, int]) -> int:
    """The line of a pointer, or of the nearest thing around it that is there."""
    if pointer and not pointer.startswith("/"):
        return 0
    while pointer not in numbers:
        if not pointer:
            return 0
        pointer = pointer.rpartition("/")[0]
    return numbers[pointer]


def _said(error: Mapping[str, str], most: int) -> int:
    """The line that the sentence names, as those about broken JSON do."""
    named = _AT_LINE.search(error["problem"])
    return int(named[1]) if named and int(named[1]) <= most else 0


def _marked(lines: Sequence[str], places: Sequence[int], errors: Sequence[Mapping[str, str]]) -> Marked:
    problems: dict[int, list[str]] = {}
    for place, error in zip(places, errors, strict=True):
        if place:
            problems.setdefault(place, []).append(error["problem"])
    shown: Iterable[int] = range(1, len(lines) + 1)
    if len(lines) > _MOST:
        near = {number for place in problems or [1] for number in range(place - _AROUND, place + _AROUND + 1)}
        shown = sorted(number for number in near if 1 <= number <= len(lines))[:_MOST]
    found: list[Line] = []
    before = 0
    for number in shown:
        if number > before + 1:
            found.append(Line(0, "⋯"))
        text = lines[number - 1]
        cut = text if len(text) <= _LONGEST_LINE else text[:_LONGEST_LINE] + "…"
        found.append(Line(number, cut, tuple(problems.get(number, ()))))
        before = number
    if before < len(lines):
        found.append(Line(0, "⋯"))
    kept = {line.number for line in found}
    return Marked(found, [place if place in kept else 0 for place in places])
