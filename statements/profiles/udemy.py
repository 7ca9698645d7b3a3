"""What the statements of Udemy Business should look like, and where they do not.

The rules and their sentences stand in udemy.schema.json, which a vendor can check with before sending; each says
there whether Udemy publishes it (help centre, "Udemy Business Learning Management System Integration: xAPI
Statements") or it is inferred. Udemy's JSON itself is not published.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import ValidationError

from statements import outcome
from statements.profiles.finding import Finding, Severity
from statements.xapi import validate

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "udemy.schema.json").read_text())
_ENGINES = validate.engines_of(SCHEMA)


def findings(statement: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Where a valid statement deviates; every place and rule once."""
    found = [] if _is_valid(statement) else [_finding(error) for error in _ENGINES.thorough.iter_errors(statement)]
    found += _ambiguous(statement)
    return tuple({(finding.rule, finding.pointer): finding for finding in found}.values())


def _is_valid(statement: Mapping[str, Any]) -> bool:
    try:
        return _ENGINES.fast.is_valid(statement)
    except ValueError:
        # Half of a surrogate pair, which only the thorough engine reads.
        return False


def _finding(error: ValidationError) -> Finding:
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    path = [str(part) for part in error.absolute_path]
    if error.validator == "required":
        instance: Any = error.instance
        path += [name for name in schema["required"] if name not in instance][:1]
    pointer = "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path)
    # The key of an extension may hold NUL or half of a surrogate pair, which a database does not take.
    pointer = pointer.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return Finding(schema["x-rule"], pointer, schema["x-problem"], Severity(schema["x-severity"]))


def _ambiguous(statement: Mapping[str, Any]) -> Iterator[Finding]:
    """More than one percentage in a learning path's result, none under the known key; a schema cannot count them."""
    extensions = (statement.get("result") or {}).get("extensions") or {}
    if len(extensions) < 2 or outcome.PROGRESS in extensions or outcome.kind(statement["object"]) != "learning_path":
        return
    names = outcome.percentages(extensions)
    if len(names) > 1:
        problem = f"{len(names)} extensions are numbers from 0 to 100, and which of them is the progress is not known"
        yield Finding("one-percentage", "/result/extensions", problem, Severity.ERROR)
