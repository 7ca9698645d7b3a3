"""What a profile says of a statement that the standard allows."""

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How bad: with an ERROR a report may be wrong, with a WARNING it is right and the form is not the usual one."""

    ERROR = "error"
    WARNING = "warning"


class Finding(NamedTuple):
    """One deviation: the rule's short name, the place as a JSON pointer in the statement, a sentence, how bad."""

    rule: str
    pointer: str
    problem: str
    severity: Severity
