"""The alternate request syntax: a whole request within a form, for browsers of old.

xAPI 1.0.3 Communication 1.3; version 2.0 has dropped it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from statements.errors import Fault, Invalid
from statements.xapi import versions
from statements.xapi.versions import Version

METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")
WITH_CONTENT = ("PUT", "POST")
CONTENT = "content"
# The form fields that stand for headers of the request, by their names in lower case.
HEADERS = {
    name.lower(): name
    for name in (
        "Authorization",
        "X-Experience-API-Version",
        "Content-Type",
        "Content-Length",
        "If-Match",
        "If-None-Match",
    )
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """The request that a form stands for; `headers` go before those of the same names that came with it."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


def unwrap(method: str, query: Mapping[str, str], form: Mapping[str, str], version: str | None) -> Unwrapped:
    """The request within a request whose query has the parameter `method`.

    `method`, `query` and `version` (X-Experience-API-Version) are those of the HTTP request, `form` its fields.
    Raises Invalid with every fault where the syntax is broken, and for any version but 1.0. A version that neither
    the form nor the request names is left to whoever carries out the unwrapped request.
    """
    headers = {HEADERS[name.lower()]: value for name, value in form.items() if name.lower() in HEADERS}
    asked = headers.get(versions.HEADER, version)
    if asked is not None and versions.negotiate(asked) is not Version.V1:
        problem = "version 2.0 of xAPI has no alternate request syntax"
        raise Invalid(Fault("?method", "alternate-version", problem))
    faults = [
        *_method_faults(method, query["method"]),
        *_query_faults(query),
        *_content_faults(query["method"], form),
        *_header_faults(headers),
    ]
    if faults:
        raise Invalid(*faults)
    return Unwrapped(
        method=query["method"],
        query=_parameters(form),
        # The length is that of the body below; old clients counted characters.
        headers={name: value for name, value in headers.items() if name != "Content-Length"},
        # A lone surrogate is left to the reader of the body, who says where it is.
        body=form.get(CONTENT, "").encode("utf-8", "surrogatepass"),
    )


def _parameters(form: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in form.items() if name != CONTENT and name.lower() not in HEADERS}


def _method_faults(sent: str, meant: str) -> Iterator[Fault]:
    if sent != "POST":
        problem = f"a request with the parameter method is a POST, and this one is a {sent}"
        yield Fault("?method", "alternate-post", problem)
    if meant not in METHODS:
        problem = f"method is one of {', '.join(METHODS)}, and this one is {meant[:40]!r}"
        yield Fault("?method", "alternate-method", problem)


def _query_faults(query: Mapping[str, str]) -> Iterator[Fault]:
    for name in query:
        if name != "method":
            problem = "beside method no parameter stands in the address: the others are fields of the form"
            yield Fault(f"?{name}", "alternate-query", problem)


def _content_faults(meant: str, form: Mapping[str, str]) -> Iterator[Fault]:
    if meant in WITH_CONTENT and CONTENT not in form:
        problem = f"the form has no field {CONTENT}, which holds the body of a {meant}"
        yield Fault(CONTENT, "alternate-content", problem)


def _header_faults(headers: Mapping[str, str]) -> Iterator[Fault]:
    for name, value in headers.items():
        if _CONTROL.search(value):
            yield Fault(name, "alternate-header", "a header has no control characters")
