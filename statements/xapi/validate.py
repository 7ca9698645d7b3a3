"""Whether statements follow the standard, and if not, every place where they do not.

The shape is said once, by the JSON Schema documents in schemas/. Two engines read them: a fast one answers yes or
no for every statement that comes in, and a thorough one says what is wrong with those that were refused.
"""

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema
import jsonschema_rs
from jsonschema import Draft202012Validator, FormatChecker

from statements.errors import Fault, Invalid
from statements.xapi.values import FORMATS
from statements.xapi.versions import Version

if TYPE_CHECKING:
    from statements.xapi.text import Given

COMPONENT_LISTS = ("choices", "scale", "source", "target", "steps")
# More than a person reads; a body made of faults must not cost minutes to answer.
MOST_FAULTS = 1000
# The thorough engine needs 20 to 40 us for each value; a body of a million of them must not cost half a minute.
MOST_VALUES = 10_000
LONGEST_SHOWN = 80


class Engines(NamedTuple):
    """The two readers of one schema document."""

    fast: jsonschema_rs.Validator
    thorough: Draft202012Validator


def batch(givens: "Sequence[Given]", version: Version) -> None:
    """Check all statements of a request, and that no two of them have the same id.

    Raises Invalid with every fault of every statement (of MOST_FAULTS at the most).
    """
    found = list(islice(_faults_of_batch(givens, version), MOST_FAULTS))
    if found:
        raise Invalid(*found)


def faults(value: object, version: Version, at: str = "") -> list[Fault]:
    """What is wrong with a statement, as far as the statement alone can say; nothing wrong is an empty list.

    `at` is the JSON pointer of the statement in what was sent: "" for a single one, "/3" for the fourth of a list.
    """
    return _faults(value, version, at, components=True)


def _faults(value: object, version: Version, at: str, *, components: bool) -> list[Fault]:
    found = chain(_check(STATEMENT[version], value, at), _relations(value, at, components))
    return list(islice(found, MOST_FAULTS))


def agent(value: object, version: Version, at: str) -> list[Fault]:
    """What is wrong with an Agent or identified Group that a query parameter names (Communication 2.1.3)."""
    return _check(AGENT[version], value, at)


def parameter(name: str, text: str, kind: str) -> list[Fault]:
    """What is wrong with the text of a query parameter; `kind` is a name in values.FORMATS.

    Parameters are held to the same standards as values of the same type in statements (Data 2.2).
    """
    form = FORMATS[kind]
    return [] if form.accepts(text) else [_fault(name, kind, f"{_shown(text)} {form.problem}")]


def _faults_of_batch(givens: "Sequence[Given]", version: Version) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for given in givens:
        yield from _faults(given.value, version, given.at, components=_may_have_components(given.raw))
        sent = given.value.get("id") if isinstance(given.value, dict) else None
        if isinstance(sent, str):
            earlier = first.setdefault(sent.lower(), given.at)
            if earlier != given.at:
                yield _fault(f"{given.at}/id", "duplicate-id", f"{_shown(sent)} is also the id of {earlier}")


def _may_have_components(raw: bytes) -> bool:
    # An escape may spell any key.
    return b"interactionType" in raw or b"\\u" in raw


def _check(engines: Engines, value: object, at: str) -> list[Fault]:
    try:
        if engines.fast.is_valid(value):
            return []
    except ValueError:
        pass  # The fast engine cannot read half a surrogate pair, nor 256 levels; JSON may have both.
    return _located(engines.fast, value, at) if _is_large(value) else _explained(engines.thorough, value, at)


# --- What a schema cannot say


def _relations(value: object, at: str, components: bool) -> Iterator[Fault]:
    """The rules between values, for a statement and for its SubStatement."""
    if not isinstance(value, dict):
        return
    statements = [(value, at)]
    inner = value.get("object")
    if isinstance(inner, dict) and inner.get("objectType") == "SubStatement":
        statements.append((inner, f"{at}/object"))
    for statement, place in statements:
        yield from _scores(statement, place)
        if components:
            yield from _components(statement, place)


def _scores(statement: Mapping[str, Any], at: str) -> Iterator[Fault]:
    """min < max, and raw between them (Data 2.4.5.1)."""
    result = statement.get("result")
    score = result.get("score") if isinstance(result, dict) else None
    if not isinstance(score, dict):
        return
    raw, least, most = _number(score.get("raw")), _number(score.get("min")), _number(score.get("max"))
    place = f"{at}/result/score"
    if least is not None and most is not None and least >= most:
        yield _fault(f"{place}/min", "score", f"min {_shown(least)} is not less than max {_shown(most)}")
    if raw is not None and least is not None and raw < least:
        yield _fault(f"{place}/raw", "score", f"raw {_shown(raw)} is less than min {_shown(least)}")
    if raw is not None and most is not None and raw > most:
        yield _fault(f"{place}/raw", "score", f"raw {_shown(raw)} is more than max {_shown(most)}")


def _number(value: object) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _components(statement: Mapping[str, Any], at: str) -> Iterator[Fault]:
    """The ids in one list of interaction components are distinct (Data 2.4.4.1)."""
    for activity, path in _activities(statement):
        definition = activity.get("definition") if type(activity) is dict else None
        if type(definition) is not dict or "interactionType" not in definition:
            continue
        for name in COMPONENT_LISTS:
            for index, identifier in _repeated(definition.get(name)):
                place = at + _pointer((*path, "definition", name, index, "id"))
                yield _fault(place, "duplicate-id", f"{_shown(identifier)} is already the id of another in {name}")


def _repeated(components: object) -> Iterator[tuple[int, str]]:
    seen: set[str] = set()
    for index, component in enumerate(components if isinstance(components, list) else ()):
        identifier = component.get("id") if isinstance(component, dict) else None
        if isinstance(identifier, str):
            if identifier in seen:
                yield index, identifier
            seen.add(identifier)


def _activities(statement: Mapping[str, Any]) -> Iterator[tuple[Any, tuple[str | int, ...]]]:
    """Whatever stands where an Activity may, each with the path to it."""
    yield statement.get("object"), ("object",)
    context = statement.get("context")
    related = context.get("contextActivities") if type(context) is dict else None
    if type(related) is not dict:
        return
    for name, given in related.items():
        if type(given) is list:
            for index, activity in enumerate(given):
                yield activity, ("context", "contextActivities", name, index)
        else:
            yield given, ("context", "contextActivities", name)


# --- From an error of the thorough engine to faults


def _explained(thorough: Draft202012Validator, value: object, at: str) -> list[Fault]:
    """Every fault once, in the order of the schema."""
    try:
        errors = islice(thorough.iter_errors(value), MOST_FAULTS)
        found = list(dict.fromkeys(fault for error in errors for fault in islice(_told(error, at), MOST_FAULTS)))
    except RecursionError:
        return [_fault(at, "nesting", "the statement is nested too deeply")]
    # What has the wrong type breaks other rules of its place as well; naming them would only distract.
    mistyped = {fault.pointer for fault in found if fault.rule in ("type", "null")}
    return [fault for fault in found if fault.rule in ("type", "null") or fault.pointer not in mistyped]


def _located(fast: jsonschema_rs.Validator, value: object, at: str) -> list[Fault]:
    """The first fault of a huge statement: where it is, and which keyword of the schema says so."""
    try:
        fast.validate(value)
    except jsonschema_rs.ValidationError as error:
        return [_fault(at + _pointer(error.instance_path), error.kind.name, _cut(error.message))]
    except ValueError:
        pass
    return [_fault(at, "size", "the statement is too large or nested too deeply to be checked")]


def _is_large(value: object) -> bool:
    count, left = 0, [value]
    while left and count <= MOST_VALUES:
        part = left.pop()
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        count += len(inner)
        left.extend(inner)
    return count > MOST_VALUES


def _told(error: jsonschema.ValidationError, at: str) -> Iterator[Fault]:
    """One error of the engine as faults. A schema that needs its own words has them in x-rule and x-problem."""
    found: Any = error.instance
    path = tuple(error.absolute_path)
    if "propertyNames" in error.absolute_schema_path:
        path = (*path, found)
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    for name, rule, problem in TELL[str(error.validator)](found, schema):
        place = at + _pointer(path if name is None else (*path, name))
        yield _fault(place, schema.get("x-rule", rule), schema.get("x-problem", problem))


# What is told: the name of the property below the error's place or None, the rule, the sentence.
Told = Iterator[tuple[str | None, str, str]]
TYPES = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}


def _type(found: Any, schema: Mapping[str, Any]) -> Told:
    if found is None:
        yield None, "null", "null is allowed inside extensions only"
    else:
        yield None, "type", f"{_shown(found)} stands where {TYPES[schema['type']]} is needed"


def _required(found: Any, schema: Mapping[str, Any]) -> Told:
    for name in schema["required"]:
        if name not in found:
            yield name, "required", f"{name} is missing"


def _dependent_required(found: Any, schema: Mapping[str, Any]) -> Told:
    for name, needed in schema["dependentRequired"].items():
        for missing in needed:
            if name in found and missing not in found:
                yield missing, "required", f"{missing} is missing beside {name}"


def _additional(found: Any, schema: Mapping[str, Any]) -> Told:
    known = schema["properties"]
    for name in found:
        if name not in known:
            hint = _meant(name, known)
            yield name, "unknown-property", f"{schema['title']} has no property {_shown(name)}{hint}"


def _choice(found: Any, schema: Mapping[str, Any]) -> Told:
    allowed = schema["enum"] if "enum" in schema else [schema["const"]]
    words = " or ".join(map(_shown, allowed))
    hint = _meant(found, allowed) if isinstance(found, str) else ""
    yield None, "value", f"{_shown(found)} stands where only {words} may{hint}"


def _format(found: Any, schema: Mapping[str, Any]) -> Told:
    kind = schema["format"]
    yield None, kind, f"{_shown(found)} {FORMATS[kind].problem}"


def _range(found: Any, schema: Mapping[str, Any]) -> Told:
    bounds = " and ".join(
        f"{words} {schema[bound]}"
        for bound, words in (("minimum", "not less than"), ("maximum", "not more than"))
        if bound in schema
    )
    yield None, "range", f"{_shown(found)} stands where a number {bounds} is needed"


def _own_words(found: Any, schema: Mapping[str, Any]) -> Told:
    """For the keywords that only say something with the words of their schema."""
    yield None, schema["x-rule"], schema["x-problem"]


TELL: Mapping[str, Callable[[Any, Mapping[str, Any]], Told]] = {
    "type": _type,
    "required": _required,
    "dependentRequired": _dependent_required,
    "additionalProperties": _additional,
    "enum": _choice,
    "const": _choice,
    "format": _format,
    "minimum": _range,
    "maximum": _range,
    "minItems": _own_words,
    "maxItems": _own_words,
    "anyOf": _own_words,
    "oneOf": _own_words,
    "contains": _own_words,
    "not": _own_words,
}


def _meant(name: str, known: Iterable[str]) -> str:
    """A hint where only the case is wrong or the spelling nearly right; else nothing."""
    if len(name) > 40:
        return ""
    for right in known:
        if right.lower() == name.lower():
            return f"; the case is wrong, it is {_shown(right)}"
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.8)
    return f"; is {_shown(near[0])} meant?" if near else ""


def _shown(value: object) -> str:
    """A value as a sentence can have it: short."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return f"'{_cut(value)}'"
    return _cut(json.dumps(value))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _pointer(path: Iterable[str | int]) -> str:
    """A JSON pointer (RFC 6901 3)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _fault(pointer: str, rule: str, problem: str) -> Fault:
    """A fault that can be written as UTF-8, even where it quotes half a surrogate pair."""
    return Fault(_sendable(pointer), rule, _sendable(problem))


def _sendable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


# --- The documents and their engines, made once at import


def engines_of(schema: dict[str, Any]) -> Engines:
    """Both engines for one schema, which may use every name in values.FORMATS as a format."""
    return Engines(
        jsonschema_rs.Draft202012Validator(
            _with_patterns(schema),
            formats={name: form.accepts for name, form in FORMATS.items()},
            validate_formats=True,
            ignore_unknown_formats=False,
        ),
        Draft202012Validator(schema, format_checker=_checker()),
    )


def _bundle(root: str, version: Version) -> dict[str, Any]:
    """One compound document: all that every version shares, and what this version has of its own."""
    folder = Path(__file__).parent / "schemas"
    documents = [
        json.loads(path.read_text()) for path in sorted((*folder.glob("*.json"), *(folder / version).glob("*.json")))
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://xapi.invalid/{version}/",
        "$ref": root,
        "$defs": {document["$id"]: document for document in documents},
    }


def _with_patterns(schema: Any) -> Any:
    """The same schema with every format that a pattern says completely replaced by that pattern, or asked after one.

    A call into Python costs the fast engine seven times what its own regular expressions cost.
    """
    if isinstance(schema, list):
        return [_with_patterns(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _with_patterns(part) for name, part in schema.items()}
    form = FORMATS.get(schema["format"]) if isinstance(schema.get("format"), str) else None
    if form is None or not (form.pattern or form.often):
        return made
    del made["format"]
    if form.pattern:
        return {**made, "pattern": f"^(?:{form.pattern})$"}
    return {**made, "anyOf": [{"pattern": f"^(?:{form.often})$"}, {"format": schema["format"]}]}


def _checker() -> FormatChecker:
    """The formats for the thorough engine; like the other one it asks them about text only."""
    checker = FormatChecker(formats=())
    for name, form in FORMATS.items():
        checker.checks(name)(_of_text(form.accepts))
    return checker


def _of_text(accepts: Callable[[str], bool]) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or accepts(value)


STATEMENT: Mapping[Version, Engines] = {v: engines_of(_bundle("statement.json", v)) for v in Version}
AGENT: Mapping[Version, Engines] = {v: engines_of(_bundle("identified.json", v)) for v in Version}
