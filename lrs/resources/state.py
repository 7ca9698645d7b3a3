"""The State resource: where learning content keeps what it needs for an agent (xAPI 1.0.3 Communication 2.3)."""

from lrs import parameters
from lrs.documents.context import Kind
from lrs.models import Scope
from lrs.resources import documents

view = documents.Documents(
    kind=Kind.STATE,
    scope=Scope.STATE,
    id="stateId",
    required={"activityId": parameters.iri, "agent": documents.agent},
    optional={"registration": parameters.uuid},
    clears=True,
).view()
