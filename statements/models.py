"""Where statements live.

Bulk tables carry `store` (the tenant) and have no foreign keys in the database, so that they can be spread over
machines. Their keys are computed (statements.keys), never looked up; they are written by statements.store alone.
"""

import uuid

from django.db import models

from statements.arrival import Erased as Erased
from statements.arrival import Finding as Finding
from statements.arrival import Provenance as Provenance
from statements.arrival import Retry as Retry
from statements.catalogue import Title as Title
from statements.counts import Counted as Counted
from statements.counts import Day as Day
from statements.counts import Tally as Tally
from statements.journal import Act as Act
from statements.standing import Status


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
    name = models.TextField(default="", help_text="the newest name")

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
    name = models.TextField(default="", help_text="of the definition, in English where there is that")
    kind = models.CharField(max_length=40, default="", help_text="as Statement.kind, of the definition")

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
    name = models.TextField(default="", help_text="of the display, in English where there is that")

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


class Person(models.Model):
    """Somebody who learns: each actor that statements identify is one, alone or with other identifiers.

    A person without identities is what another one was merged from.
    """

    key = models.UUIDField(primary_key=True)
    store = models.IntegerField()
    name = models.TextField(default="", blank=True)
    reference = models.TextField(default="", blank=True, help_text="what the organisation calls them, such as a number")
    created = models.DateTimeField()

    class Meta:
        verbose_name_plural = "people"
        indexes = [
            models.Index(fields=["store", "key"], name="person_store"),
            models.Index(fields=["store", "reference"], name="person_reference", condition=~models.Q(reference="")),
        ]

    def __str__(self) -> str:
        return self.name or self.reference or str(self.key)


class Identity(models.Model):
    """That an Agent is a person."""

    class How(models.TextChoices):
        """Who says that it is; in this order one overrules the others before it."""

        SEEN = "seen"
        EMAIL = "e-mail"
        CONNECTOR = "connector"
        IMPORT = "import"
        HAND = "hand"

    key = models.UUIDField(primary_key=True, help_text="the Agent's, though there may be no statement of it yet")
    store = models.IntegerField()
    identifier = models.TextField(help_text="as Agent.identifier")
    person = models.UUIDField()
    how = models.CharField(max_length=10, choices=How.choices)
    by = models.TextField(default="", blank=True)
    since = models.DateTimeField()

    class Meta:
        verbose_name_plural = "identities"
        indexes = [models.Index(fields=["store", "person"], name="identity_person")]

    def __str__(self) -> str:
        return self.identifier


class Link(models.Model):
    """That an identity was given to another person: what can be undone. Those who were only seen have none."""

    store = models.IntegerField()
    operation = models.UUIDField(help_text="the same for everything that was done at once")
    identity = models.UUIDField()
    identifier = models.TextField()
    before = models.UUIDField()
    after = models.UUIDField()
    how = models.CharField(max_length=10, choices=Identity.How.choices)
    by = models.TextField(default="", blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["store", "operation"], name="link_operation"),
            models.Index(fields=["store", "identity"], name="link_identity"),
        ]

    def __str__(self) -> str:
        return f"{self.identifier} at {self.at:%Y-%m-%d %H:%M}"


class Progress(models.Model):
    """Where a person stands with an activity, under one registration; see statements.standing for each field."""

    key = models.UUIDField(primary_key=True, help_text="computed from store, person, activity and registration")
    store = models.IntegerField()
    person = models.UUIDField()
    activity = models.UUIDField()
    registration = models.UUIDField(null=True)
    status = models.CharField(max_length=12, choices=[(status.value, status.value) for status in Status])
    kind = models.CharField(max_length=40)
    credential = models.IntegerField(null=True)
    platform = models.TextField(null=True)  # noqa: DJ001  (absent is not the same as empty)
    first_seen = models.DateTimeField()
    last_activity = models.DateTimeField()
    progress = models.FloatField(null=True)
    progress_at = models.DateTimeField(null=True)
    progress_max = models.FloatField(null=True)
    completed_at = models.DateTimeField(null=True)
    rolled_back_at = models.DateTimeField(null=True)
    success = models.BooleanField(null=True)
    success_at = models.DateTimeField(null=True)
    score = models.FloatField(null=True)
    state = models.CharField(max_length=12)
    state_at = models.DateTimeField(null=True)
    attempts = models.IntegerField()
    statements = models.IntegerField()
    begun = models.IntegerField()
    ended = models.IntegerField()
    judged = models.IntegerField()
    enrolments = models.IntegerField()

    class Meta:
        verbose_name_plural = "progress"
        indexes = [
            models.Index(fields=["store", "person", "activity"], name="progress_person"),
            models.Index(fields=["store", "activity", "person"], name="progress_activity"),
            models.Index(fields=["store", "activity", "-last_activity", "-key"], name="progress_latest"),
            models.Index(fields=["store", "-last_activity", "-key"], name="progress_newest"),
            models.Index(
                fields=["store", "completed_at"],
                # What completions are counted by, so that counting them reads the index alone.
                include=["kind", "credential", "activity"],
                name="progress_completed",
                condition=models.Q(completed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.status} {self.activity}"


class Funnel(models.Model):
    """How many stand where with an activity: what a walk through its progress would count (statements.store.funnels).

    Standings are counted by their status: a person has one for each registration, and is one of the people once.
    """

    key = models.UUIDField(primary_key=True, help_text="of the activity")
    store = models.IntegerField()
    kinds = models.JSONField(help_text="how many standings are of each kind")
    people = models.IntegerField(default=0)
    registered = models.IntegerField(default=0)
    in_progress = models.IntegerField(default=0)
    passed = models.IntegerField(default=0)
    completed = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    unregistered = models.IntegerField(default=0)
    statements = models.BigIntegerField(default=0)
    last_activity = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.people} people with {self.key}"


class Checkpoint(models.Model):
    """Up to which statement the progress of a store has been folded; its row is the lock of those who fold."""

    store = models.IntegerField(primary_key=True)
    stored = models.DateTimeField()
    key = models.UUIDField()
    rebuild = models.UUIDField(null=True, help_text="the last Agent whose progress a rebuild under way has made anew")

    def __str__(self) -> str:
        return f"store {self.store} until {self.stored:%Y-%m-%d %H:%M:%S}"
