"""What a vendor reads before it sends: the JSON Schema of its profile."""

import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from lrs import problems
from lrs.errors import NotFound
from statements.profiles import PROFILES


@require_safe
def schema(request: HttpRequest, name: str) -> HttpResponse:
    """GET /profiles/<name>/schema.json: what this sender's statements should look like, beyond xAPI itself."""
    profile = PROFILES.get(name)
    if profile is None:
        return problems.answer(NotFound(f"There is no profile {name[:40]!r}; there is {', '.join(PROFILES)}."))
    document = {"$id": f"{settings.LRS_PUBLIC_URL}/profiles/{name}/schema.json", **profile.schema}
    response = HttpResponse(json.dumps(document, indent=2), content_type="application/schema+json")
    response.headers["Cache-Control"] = "public, max-age=3600"
    # It is no secret, and checkers run in browsers too.
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response
