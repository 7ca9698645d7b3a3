"""May this version of a document be replaced, changed or deleted? (xAPI 1.0.3 Communication 3.1, 2.0 4.1.4). Pure."""

import hashlib
from typing import NamedTuple

from lrs.documents.context import Kind
from lrs.errors import DocumentConflict, PreconditionFailed
from statements.errors import Fault, Invalid
from statements.xapi.versions import Version

# Documents that a PUT must not replace without saying which version of them it means.
GUARDED = {
    Version.V1: frozenset({Kind.ACTIVITY_PROFILE, Kind.AGENT_PROFILE}),
    Version.V2: frozenset(Kind),
}
# Those of which a PUT must say that it knows of none, where there is none yet.
ANNOUNCED = {
    Version.V1: frozenset({Kind.ACTIVITY_PROFILE, Kind.AGENT_PROFILE}),
    Version.V2: frozenset[Kind](),
}


class Conditions(NamedTuple):
    """The headers If-Match and If-None-Match of a request, as they came."""

    match: str | None
    none_match: str | None

    @property
    def stated(self) -> bool:
        """Whether there is either."""
        return self.match is not None or self.none_match is not None


def etag(content: bytes) -> str:
    """The entity tag of a content, without quotes: 40 lower-case hexadecimal digits of its SHA-1."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def check(conditions: Conditions, current: str | None) -> None:
    """Raise PreconditionFailed where a condition does not hold; `current` is the document's etag, None without one."""
    if conditions.match is not None and not names(conditions.match, current):
        raise PreconditionFailed(f"If-Match is {conditions.match[:100]}, and {_state(current)}.")
    if conditions.none_match is not None and names(conditions.none_match, current):
        raise PreconditionFailed(f"If-None-Match is {conditions.none_match[:100]}, and {_state(current)}.")


def check_put(kind: Kind, version: Version, conditions: Conditions, current: str | None) -> None:
    """The same for a PUT, which may not overwrite what its sender has not seen.

    Raises DocumentConflict where there is a document and neither header, and Invalid where there is none and the
    version wants a header nevertheless.
    """
    check(conditions, current)
    if conditions.stated:
        return
    if current is not None and kind in GUARDED[version]:
        raise DocumentConflict(
            "There is a document already, and the request does not say which version of it to replace: "
            f'GET it, and send its ETag ("{current}" now) as If-Match.'
        )
    if current is None and kind in ANNOUNCED[version]:
        problem = "a PUT of a profile has the header If-Match, or If-None-Match: * where it is to be a new one"
        raise Invalid(Fault("If-Match", "precondition", problem))


def names(header: str, current: str | None) -> bool:
    """Whether a list of entity tags, or "*", has the current one (RFC 9110 section 13.1).

    Proxies that compress make tags weak, and old clients send them without quotes; the digest says enough.
    """
    if current is None:
        return False
    tags = {tag.strip().removeprefix("W/").strip('"').lower() for tag in header.split(",")}
    return "*" in tags or current in tags


def _state(current: str | None) -> str:
    return "there is no such document" if current is None else f'the document\'s ETag is "{current}"'
