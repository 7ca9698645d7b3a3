"""The Activity Profile resource: documents about an activity (xAPI 1.0.3 Communication 2.7)."""

from lrs import parameters
from lrs.documents.context import Kind
from lrs.models import Scope
from lrs.resources import documents

view = documents.Documents(
    kind=Kind.ACTIVITY_PROFILE,
    scope=Scope.PROFILE,
    id="profileId",
    required={"activityId": parameters.iri},
).view()
