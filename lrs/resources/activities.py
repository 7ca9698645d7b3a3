"""The Activities resource: an activity with everything that statements told of it (xAPI 1.0.3 Communication 2.5)."""

import orjson
from django.http import HttpResponse

from lrs import parameters
from lrs.http import Call, resource
from lrs.models import Scope
from lrs.resources import answers
from statements import query


def get(call: Call) -> HttpResponse:
    """The Activity; of one that nothing is known of, its id."""
    call.caller.require(Scope.STATEMENTS_READ, Scope.PROFILE, Scope.ALL_READ)
    iri = parameters.read(call.query, {"activityId": parameters.iri}, call.version, ("activityId",))["activityId"]
    definition = query.definitions(call.caller.tenant.store, [iri]).get(iri)
    described = b"" if definition is None else b',"definition":' + definition
    return answers.json(call, b'{"objectType":"Activity","id":%b%b}' % (orjson.dumps(iri), described))


view = resource({"GET": get})
