"""The About resource: which versions are spoken here; for everybody, in any version (xAPI 1.0.3 Communication 2.8)."""

import orjson
from django.conf import settings
from django.http import HttpResponse

from lrs import parameters
from lrs.http import Call, resource
from lrs.resources import answers
from statements.xapi.versions import OFFERED

# A property beside version and extensions is forbidden, and an extension's name is an IRI.
_EXTENSIONS = {
    "https://schema.org/name": "Learning Record Store",
    "https://schema.org/url": f"{settings.LRS_PUBLIC_URL}/xapi",
}


def get(call: Call) -> HttpResponse:
    """The versions, and for people what this is."""
    parameters.read(call.query, {}, call.version)
    return answers.json(call, orjson.dumps({"version": OFFERED, "extensions": _EXTENSIONS}))


view = resource({"GET": get}, public=True)
