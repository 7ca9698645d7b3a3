"""What resources answer with where it is not statements: JSON or a document, each with its entity tag."""

from datetime import datetime

from django.http import HttpResponse
from django.utils.http import http_date

from lrs.documents import concurrency
from lrs.http import Call


def json(call: Call, body: bytes, updated: datetime | None = None) -> HttpResponse:
    """200 with JSON text."""
    return content(call, body, "application/json", concurrency.etag(body), updated)


def content(call: Call, body: bytes, content_type: str, etag: str, updated: datetime | None) -> HttpResponse:
    """200 with any content, or 304 where If-None-Match says that the caller has it already (RFC 9110 section 13.1.2).

    `etag` is without quotes; `updated` becomes Last-Modified.
    """
    seen = call.header("if-none-match")
    known = seen is not None and concurrency.names(seen, etag)
    response = HttpResponse(status=304) if known else HttpResponse(body, content_type=content_type)
    response.headers["ETag"] = f'"{etag}"'
    # A browser that guesses how long this stays true would show a learner an old state.
    response.headers["Cache-Control"] = "private, no-cache"
    if updated is not None:
        response.headers["Last-Modified"] = http_date(updated.timestamp())
    if known:
        del response.headers["Content-Type"]
    else:
        response.headers["Content-Length"] = str(len(body))
    return response


def done() -> HttpResponse:
    """204, and really nothing after its headers: some clients take it for the next answer."""
    response = HttpResponse(status=204)
    del response.headers["Content-Type"]
    return response
