"""Small statements, and requests that carry attachments, for the tests of this folder."""

import hashlib
import uuid
from collections.abc import Iterable
from typing import Any

import orjson

from tests.client import Statement

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
BOUNDARY = "between-the-parts"
MIXED = {"Content-Type": f"multipart/mixed; boundary={BOUNDARY}"}


def new_id() -> str:
    """A statement's id."""
    return str(uuid.uuid4())


def agent(name: str) -> dict[str, Any]:
    """An Agent with an account."""
    return {"objectType": "Agent", "account": {"homePage": "https://people.example.com", "name": name}}


def activity(name: str) -> dict[str, Any]:
    """An Activity without a definition."""
    return {"objectType": "Activity", "id": f"https://courses.example.com/{name}"}


def verb(name: str) -> dict[str, Any]:
    """A verb without a display."""
    return {"id": f"https://verbs.example.com/{name}"}


def statement(**changes: Any) -> Statement:
    """A statement with an id of its own, and with these properties."""
    plain = {"id": new_id(), "actor": agent("ann"), "verb": verb("read"), "object": activity("safety")}
    return {**plain, **changes}


def reference(target: str, **changes: Any) -> Statement:
    """A statement about a statement, by somebody else and with another verb."""
    about = {"objectType": "StatementRef", "id": target}
    return statement(**{"actor": agent("tom"), "verb": verb("confirmed"), "object": about, **changes})


def voiding(target: str, **changes: Any) -> Statement:
    """A statement that voids a statement."""
    return reference(target, **{"verb": {"id": VOIDED}, **changes})


def attachment(data: bytes, **changes: Any) -> dict[str, Any]:
    """The attachment object of some data."""
    plain = {
        "usageType": "https://usages.example.com/certificate",
        "display": {"en": "Certificate", "de": "Zeugnis"},
        "contentType": "text/plain",
        "length": len(data),
        "sha2": hashlib.sha256(data).hexdigest(),
    }
    return {**plain, **changes}


def part(data: bytes, *, sha2: str | None = None) -> bytes:
    """The part of a multipart request that holds an attachment's data."""
    named = hashlib.sha256(data).hexdigest() if sha2 is None else sha2
    head = "Content-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\nX-Experience-API-Hash: " + named
    return head.encode() + b"\r\n\r\n" + data


def mixed(statements: object, parts: Iterable[bytes]) -> bytes:
    """The body of a multipart request of statements and parts."""
    first = b"Content-Type: application/json\r\n\r\n" + orjson.dumps(statements)
    middle = b"".join(b"--%b\r\n%b\r\n" % (BOUNDARY.encode(), each) for each in [first, *parts])
    return middle + f"--{BOUNDARY}--\r\n".encode()


def ids(statements: Iterable[Statement]) -> list[str]:
    """The statements' ids, in their order."""
    return [each["id"] for each in statements]
