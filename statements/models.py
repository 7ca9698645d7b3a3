"""Where statements live.

Bulk tables carry `store` (the tenant) and have no foreign keys in the database, so that they can be spread over
machines. Their keys are computed (statements.keys), never looked up; they are written by statements.store alone.
"""

import uuid

from django.db import models


class Store(models.Model):
    """One tenant: what is in it is seen by its own credentials only."""

    name = models.CharField(max_length=200, unique=True)
    namespace = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Statement(models.Model):
    """A statement: the text as it is to be given back, and typed columns for what is searched and reported.

    `text` lacks "stored", and "timestamp" where the sender gave none; both are put in from the columns on reading.
    Times are UTC, `duration` is in seconds, `progress` is 0 to 100.
    """

    key = models.UUIDField(primary_key=True, help_text="uuid5 of the store's namespace and the statement's id")
    store = models.IntegerField()
    id = models.UUIDField()
    stored = models.DateTimeField()
    timestamp = models.DateTimeField()
    timestamp_given = models.BooleanField()
    version = models.CharField(max_length=10)
    voided = models.BooleanField(default=False)
    actor = models.UUIDField(null=True)
    verb = models.UUIDField()
    object = models.UUIDField(null=True)
    target = models.UUIDField(null=True, help_text="key of the statement that the object refers to")
    registration = models.UUIDField(null=True)
    completion = models.BooleanField(null=True)
    success = models.BooleanField(null=True)
    scaled = models.FloatField(null=True)
    raw = models.FloatField(null=True)
    min = models.FloatField(null=True)
    max = models.FloatField(null=True)
    progress = models.FloatField(null=True)
    completed = models.BooleanField(null=True, help_text="the outcome, whatever form the sender gave it")
    duration = models.FloatField(null=True)
    kind = models.CharField(max_length=40)
    platform = models.TextField(null=True)  # noqa: DJ001  (absent is not the same as empty)
    language = models.TextField(null=True)  # noqa: DJ001
    credential = models.IntegerField(null=True)
    attachments = models.SmallIntegerField(default=0)
    text = models.TextField()

    class Meta:
        indexes = [
            models.Index(fields=["store", "-stored", "-key"], name="statement_newest"),
            models.Index(
                fields=["store", "target"],
                name="statement_target",
                condition=models.Q(target__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Mention(models.Model):
    """That a statement mentions an agent, an activity, a verb or a registration, and in which role.

    Every filter of the standard is a range scan of this table's key. `via` is the statement whose property it is:
    the statement itself, or one that it refers to, whose mentions it carries (xAPI 1.0.3 Communication 2.1.3).
    """

    pk = models.CompositePrimaryKey("store", "key", "stored", "statement", "role", "via")
    store = models.IntegerField()
    key = models.UUIDField()
    stored = models.DateTimeField()
    statement = models.UUIDField()
    role = models.SmallIntegerField()
    via = models.UUIDField()

    def __str__(self) -> str:
        return f"{self.key} in {self.statement}"


class Agent(models.Model):
    """An Agent or identified Group as it was named in statements."""

    key = models.UUIDField(primary_key=True)
    store = models.IntegerField()
    identifier = models.TextField(help_text="kind of identifier and value, as statements.xapi.actors says it")
    # JSON as text: PostgreSQL's jsonb refuses the NUL and lone surrogates that a name may contain.
    value = models.TextField(help_text="JSON text: objectType and identifier as in a statement")
    names = models.TextField(default="[]", help_text="JSON text: every name seen, newest last")

    class Meta:
        indexes = [models.Index(fields=["store", "key"], name="agent_store")]

    def __str__(self) -> str:
        return self.identifier


class Activity(models.Model):
    """An Activity and its definition, merged from every statement that described it."""

    key = models.UUIDField(primary_key=True)
    store = models.IntegerField()
    iri = models.TextField()
    definition = models.TextField(default="", help_text="JSON text; empty while nothing described it")

    class Meta:
        verbose_name_plural = "activities"
        indexes = [models.Index(fields=["store", "key"], name="activity_store")]

    def __str__(self) -> str:
        return self.iri


class Verb(models.Model):
    """A verb and how it was last displayed."""

    key = models.UUIDField(primary_key=True)
    store = models.IntegerField()
    iri = models.TextField()
    display = models.TextField(default="", help_text="JSON text of the language map")

    class Meta:
        indexes = [models.Index(fields=["store", "key"], name="verb_store")]

    def __str__(self) -> str:
        return self.iri


class Attachment(models.Model):
    """The content of attachments, once per store however many statements have it; the bytes are in Django's storage."""

    key = models.UUIDField(primary_key=True)
    store = models.IntegerField()
    sha2 = models.CharField(max_length=128)
    file = models.CharField(max_length=300, help_text="name in the storage for attachments")
    length = models.BigIntegerField(help_text="bytes")
    received = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["store", "key"], name="attachment_store")]

    def __str__(self) -> str:
        return self.sha2
