"""Where state and profile documents live."""

from django.db import models

from lrs.documents.context import Kind

_KINDS = {
    Kind.STATE: "State",
    Kind.ACTIVITY_PROFILE: "Activity profile",
    Kind.AGENT_PROFILE: "Agent profile",
}


class Document(models.Model):
    """A document of the State, Activity Profile or Agent Profile resource (xAPI 1.0.3 Communication 2.2).

    Both keys are computed from what they name (lrs.documents.context); `activity`, `agent` and `registration` say the
    same to people. There are no foreign keys: a document needs no statement about its activity or agent.
    """

    key = models.UUIDField(primary_key=True, editable=False, help_text="store, context, registration and id")
    store = models.IntegerField()
    context = models.UUIDField(editable=False, help_text="store, kind, activity and agent")
    kind = models.CharField(max_length=10, choices=[(kind.value, name) for kind, name in _KINDS.items()])
    activity = models.TextField(blank=True, default="", help_text="IRI; empty for an agent profile")
    agent = models.TextField(blank=True, default="", help_text="identifier; empty for an activity profile")
    registration = models.UUIDField(null=True, blank=True)
    id = models.TextField(help_text="stateId or profileId")
    content_type = models.TextField()
    content = models.BinaryField()
    etag = models.CharField(max_length=40, editable=False, help_text="SHA-1 of the content, in hexadecimal digits")
    updated = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["store", "context"], name="document_context")]

    def __str__(self) -> str:
        return f"{_KINDS[Kind(self.kind)]} {self.id}"
