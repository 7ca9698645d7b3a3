"""The parameters of a query string: a table of names and what each must be, and the one function that reads it."""

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from statements.errors import Fault, Invalid
from statements.xapi import validate, values
from statements.xapi.versions import Version

# Takes the parameter's text and the version; gives its value or raises ValueError or Invalid with what is wrong.
Check = Callable[[str, Version], Any]


def read(
    query: Mapping[str, str], known: Mapping[str, Check], version: Version, required: Collection[str] = ()
) -> dict[str, Any]:
    """The values of the parameters that are given.

    Raises Invalid with a fault for each one that is missing, unknown (names are compared with their case) or wrong.
    """
    found: dict[str, Any] = {}
    faults = [
        Fault(f"?{name}", "required", f"the parameter {name} is missing") for name in required if name not in query
    ]
    for name, text in query.items():
        check = known.get(name)
        if check is None:
            faults.append(Fault(f"?{name}", "unknown-parameter", _unknown(name, known)))
            continue
        try:
            found[name] = check(text, version)
        except Invalid as problem:
            faults += [Fault(f"?{name}{pointer}", rule, what) for pointer, rule, what in problem.faults]
        except ValueError as problem:
            faults.append(Fault(f"?{name}", name, f"{text[:100]!r} {problem}"))
    if faults:
        raise Invalid(*faults)
    return found


def text(given: str, version: Version) -> str:
    """Any text but none."""
    if not given:
        raise ValueError("is empty")
    return given


def iri(given: str, version: Version) -> str:
    """An absolute IRI."""
    if not values.is_iri(given):
        raise ValueError("is not an IRI")
    return given


def uuid(given: str, version: Version) -> str:
    """A UUID, in lower case."""
    if not values.is_uuid(given):
        raise ValueError("is not a UUID")
    return str(UUID(given))


def moment(given: str, version: Version) -> datetime:
    """A time, in UTC. A plus sign that arrived as a space is meant as a plus sign."""
    text = given.replace(" ", "+") if " " in given and "T" in given else given
    if not values.is_timestamp(text):
        raise ValueError("is not a time of ISO 8601 such as 2026-01-31T08:00:00Z")
    return values.timestamp(text)


def boolean(given: str, version: Version) -> bool:
    """true or false."""
    if given not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return given == "true"


def count(given: str, version: Version) -> int:
    """A whole number, zero or more."""
    if not (given.isascii() and given.isdigit()):
        raise ValueError("is not a whole number, zero or more")
    return int(given[:18])


def agent(given: str, version: Version) -> dict[str, Any]:
    """An Agent or Group as JSON."""
    value = _json(given)
    faults = validate.agent(value, version, "")
    if faults:
        raise Invalid(*faults)
    return value  # type: ignore[no-any-return]


def _json(given: str) -> Any:
    try:
        return orjson.loads(given)
    except orjson.JSONDecodeError:
        pass
    try:
        # Slower, and takes half of a surrogate pair, which a name may have.
        return json.loads(given)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None


def one_of(*choices: str) -> Check:
    """One of a few words."""

    def check(given: str, version: Version) -> str:
        if given not in choices:
            raise ValueError(f"is not one of {', '.join(choices)}")
        return given

    return check


def _unknown(name: str, known: Mapping[str, Check]) -> str:
    meant = next((each for each in known if each.lower() == name.lower()), None)
    hint = f"write it {meant}" if meant else f"known are {', '.join(sorted(known)) or 'none'}"
    return f"there is no parameter {name[:60]}; {hint}"
