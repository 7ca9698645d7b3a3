"""The data that statements say they carry, against what came with them.

xAPI 1.0.3 Data 2.4.11 and Communication 1.5.2.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from statements.errors import Fault, Invalid
from statements.xapi.text import Given

# The members of the SHA-2 family, told apart by the number of hexadecimal digits they are written in.
SHA2 = {56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}


@dataclass(frozen=True, slots=True)
class Part:
    """The data of one attachment as it was received, lying in a file."""

    sha2: str  # what its X-Experience-API-Hash says, in lower case
    digest: str  # what its data really gives, by the same member of the SHA-2 family
    content_type: str
    length: int  # bytes
    file: Path


class Wanted(NamedTuple):
    """One attachment object of a statement or of its SubStatement."""

    at: str  # JSON pointer of the attachment object
    sha2: str  # in lower case: the case of hexadecimal digits says nothing
    usage_type: str
    content_type: str
    has_file_url: bool


def wanted(statement: Mapping[str, Any], at: str) -> Iterator[Wanted]:
    """The attachments of a valid statement at the JSON pointer `at`, and those of its SubStatement."""
    for index, attachment in enumerate(statement.get("attachments", ())):
        yield Wanted(
            at=f"{at}/attachments/{index}",
            sha2=attachment["sha2"].lower(),
            usage_type=attachment["usageType"],
            content_type=attachment["contentType"],
            has_file_url="fileUrl" in attachment,
        )
    if statement["object"].get("objectType") == "SubStatement":
        yield from wanted(statement["object"], f"{at}/object")


def check(givens: Iterable[Given], parts: Sequence[Part]) -> None:
    """Every attachment has its data, every part its attachment, and the data is what its hash says.

    `givens` are valid statements; a request of type application/json has no parts. An attachment with a fileUrl
    may do without data. An attachment's `length` is not compared: the hash proves the data, and senders are known
    to count something else than bytes, the official conformance suite among them.
    Raises Invalid with every fault of every statement.
    """
    everything = [each for given in givens for each in wanted(given.value, given.at)]
    received = {part.sha2 for part in parts}
    altered = {part.sha2: part.digest for part in parts if part.digest != part.sha2}
    faults = [
        *_missing(everything, received),
        *_altered(everything, altered),
        *_surplus(parts, {each.sha2 for each in everything}),
    ]
    if faults:
        raise Invalid(*faults)


def _missing(everything: Iterable[Wanted], received: set[str]) -> Iterator[Fault]:
    for each in everything:
        if each.sha2 not in received and not each.has_file_url:
            problem = "there is no fileUrl, and no part of the request has this hash as X-Experience-API-Hash"
            yield Fault(f"{each.at}/sha2", "attachment-missing", problem)


def _altered(everything: Iterable[Wanted], altered: Mapping[str, str]) -> Iterator[Fault]:
    for each in everything:
        if each.sha2 in altered:
            problem = f"the data that came with this hash gives {altered[each.sha2]}"
            yield Fault(f"{each.at}/sha2", "attachment-hash", problem)


def _surplus(parts: Iterable[Part], named: set[str]) -> Iterator[Fault]:
    for part in parts:
        if part.sha2 not in named:
            problem = f"the part with the X-Experience-API-Hash {part.sha2} belongs to no attachment"
            yield Fault("", "attachment-surplus", problem)
