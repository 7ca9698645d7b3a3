"""The Agent Profile resource: documents about an agent (xAPI 1.0.3 Communication 2.6)."""

from lrs.documents.context import Kind
from lrs.models import Scope
from lrs.resources import documents

view = documents.Documents(
    kind=Kind.AGENT_PROFILE,
    scope=Scope.PROFILE,
    id="profileId",
    required={"agent": documents.agent},
).view()
