"""What is known of certain senders: how their statements should look, and what may be mended in them.

A credential's Practice says which of this applies to what it sends.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from statements.errors import Fault, Invalid
from statements.profiles import udemy
from statements.profiles.finding import Finding, Severity
from statements.xapi.text import Given


class Mode(StrEnum):
    """What becomes of findings: they are kept beside the statement, or refuse it (errors do), or nobody looks."""

    REPORT = "report"
    REJECT = "reject"
    OFF = "off"


class Practice(NamedTuple):
    """How what one credential sends is treated, beyond the standard.

    `profile` is a name in PROFILES or empty. `repairs` are names in repairs.REPAIRS, in force in the table's order.
    `base` is the address that sumtotal-relative-id puts in front. With `content_ids` a statement without an id gets
    one from what it says, so that sending it again is no second statement.
    """

    profile: str = ""
    mode: Mode = Mode.REPORT
    repairs: tuple[str, ...] = ()
    base: str = ""
    content_ids: bool = False


class Profile(NamedTuple):
    """A known sender: its rules as a JSON Schema document, and as a function from statement to findings."""

    schema: dict[str, Any]
    findings: Callable[[Mapping[str, Any]], tuple[Finding, ...]]


PROFILES: Mapping[str, Profile] = {
    "udemy": Profile(udemy.SCHEMA, udemy.findings),
}


def findings(given: Sequence[Given], practice: Practice | None) -> Mapping[int, tuple[Finding, ...]]:
    """The findings of valid statements that have any, by index.

    Raises Invalid for those that are errors where the mode is to reject them.
    """
    if practice is None or not practice.profile or practice.mode is Mode.OFF:
        return {}
    profile = PROFILES[practice.profile]
    found = {index: its for index, one in enumerate(given) if (its := profile.findings(one.value))}
    if practice.mode is Mode.REJECT:
        _reject(given, found)
    return found


def _reject(given: Sequence[Given], found: Mapping[int, tuple[Finding, ...]]) -> None:
    faults = [
        Fault(given[index].at + finding.pointer, finding.rule, finding.problem)
        for index, its in found.items()
        for finding in its
        if finding.severity is Severity.ERROR
    ]
    if faults:
        raise Invalid(*faults)
