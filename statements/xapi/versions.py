"""The versions of xAPI that are spoken here, and how a request names one."""

import re
from enum import StrEnum

from statements.errors import Fault, Invalid


class Version(StrEnum):
    """A version of the standard; the value is what the answer's header carries."""

    V1 = "1.0.3"
    V2 = "2.0.0"


OFFERED = (Version.V1, Version.V2)
HEADER = "X-Experience-API-Version"
# "1.0" stands for 1.0.0, and any patch of 1.0 is to be taken (xAPI 1.0.3 Communication 3.3); 2.0 likewise.
_PATTERNS = {Version.V1: re.compile(r"1\.0(\.\d+)?"), Version.V2: re.compile(r"2\.0(\.\d+)?")}


def negotiate(header: str | None) -> Version:
    """The version that a request's X-Experience-API-Version asks for.

    Raises Invalid where the header is missing or names a version that is not offered.
    """
    if header is None:
        raise Invalid(Fault(HEADER, "version", f"the header {HEADER} is missing; send 1.0.3 or 2.0.0"))
    for version, pattern in _PATTERNS.items():
        if pattern.fullmatch(header.strip()):
            return version
    raise Invalid(Fault(HEADER, "version", f"the header {HEADER} asks for {header[:40]!r}; send 1.0.x or 2.0.x"))
