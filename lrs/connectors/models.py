"""Connections to other systems, what came from them, what became of it, and what is known of their things and people.

An event is one row of InboxEvent; everything that is decided about it stands there. The raw delivery is never changed.
"""

import uuid
from datetime import datetime

from django.db import models

from lrs.models import Credential
from statements.models import Store

# What stands in place of what was erased.
ERASED = "(erased)"


class Connection(models.Model):
    """One account at a provider. Its id is the namespace of the ids of all its statements."""

    class State(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.CharField(max_length=40)
    name = models.CharField(max_length=200, unique=True)
    settings = models.JSONField(default=dict)
    sealed = models.TextField(default="", help_text="the secret settings, encrypted")
    hook = models.CharField(max_length=64, unique=True, help_text="the last part of the webhook's address")
    use_proxy = models.BooleanField(default=False)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="connections")
    credential = models.OneToOneField(Credential, on_delete=models.PROTECT, related_name="connection")
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    checked = models.DateTimeField(null=True)
    check_ok = models.BooleanField(null=True)
    check_sentence = models.TextField(default="", blank=True)
    created = models.DateTimeField(auto_now_add=True)
    token = models.TextField(default="", help_text="the access token and what renews it, encrypted")
    token_holder = models.CharField(max_length=32, default="", help_text="who is renewing the token")
    token_held = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """A webhook request as it came."""

    class State(models.TextChoices):
        WAITING = "waiting"
        CUT = "cut"
        UNREADABLE = "unreadable"

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, db_index=False)
    received = models.DateTimeField()
    headers = models.JSONField(default=dict)
    method = models.CharField(max_length=10, default="POST")
    message = models.CharField(max_length=200, default="", help_text="the sender's own id of it")
    query = models.TextField(default="")
    body = models.BinaryField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    events = models.IntegerField(default=0)
    repeated = models.IntegerField(default=0, help_text="events that were here before")
    problem = models.TextField(default="")

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "message"], name="delivery_once", condition=~models.Q(message="")
            )
        ]
        indexes = [
            models.Index(fields=["id"], name="delivery_waiting", condition=models.Q(state="waiting")),
            models.Index(fields=["connection", "-id"], name="delivery_of_connection"),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk}"


class InboxEvent(models.Model):
    """One event and what became of it.

    `key` is uuid5 of the connection and (account, name, id): the same event has one row, however often it came.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        IGNORED = "ignored"
        DEFERRED = "deferred"
        REFUSED = "refused"

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, db_index=False)
    delivery = models.BigIntegerField(null=True, help_text="none: read from the provider's API, or imported")
    key = models.UUIDField(unique=True)
    account = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    event = models.CharField(max_length=400)
    at = models.DateTimeField(null=True)
    ordering = models.UUIDField(help_text="events with the same value are worked off in the order of their arrival")
    lane = models.SmallIntegerField()
    data = models.TextField()
    received = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    rule = models.CharField(max_length=40, default="", blank=True)
    reason = models.TextField(default="", blank=True)
    traceback = models.TextField(default="", blank=True)
    waits_for = models.CharField(max_length=200, default="", blank=True)
    attempts = models.IntegerField(default=0)
    decided = models.DateTimeField(null=True)
    statements = models.JSONField(default=list, help_text="ids of the statements that it became")

    class Meta:
        indexes = [
            models.Index(fields=["lane", "id"], name="inbox_waiting", condition=models.Q(state="waiting")),
            models.Index(
                fields=["connection", "waits_for"], name="inbox_deferred", condition=models.Q(state="deferred")
            ),
            models.Index(fields=["connection", "state", "-id"], name="inbox_by_state"),
            models.Index(fields=["ordering", "id"], name="inbox_ordering"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.event}"


class Lane(models.Model):
    """A part of the inbox that one worker works off at a time; an ordering belongs to one lane.

    The holder must be done, or take it again, before `until`; then it is anybody's.
    """

    number = models.SmallIntegerField(primary_key=True)
    holder = models.CharField(max_length=32, default="")
    until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"lane {self.number}"


class OrderingState(models.Model):
    """What is remembered of an ordering between its events (contract.Standing)."""

    ordering = models.UUIDField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE)
    at = models.DateTimeField(null=True)
    progressed = models.BooleanField(default=False)
    completed = models.BooleanField(default=False)
    told = models.JSONField(default=list)

    def __str__(self) -> str:
        return str(self.ordering)


class Thing(models.Model):
    """A course, path or room as its provider describes it."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE)
    external = models.CharField(max_length=200)
    kind = models.CharField(max_length=40, default="", blank=True)
    iri = models.TextField(default="", blank=True)
    names = models.JSONField(default=dict)
    state = models.CharField(max_length=40, default="", blank=True)
    seconds = models.IntegerField(null=True, help_text="how long it takes")
    deleted = models.BooleanField(default=False)
    stale = models.BooleanField(default=True, help_text="the provider is to be asked about it")
    at = models.DateTimeField(null=True, help_text="time of the newest event about it")
    read = models.DateTimeField(null=True, help_text="when the provider last described it")
    missing = models.BooleanField(default=False, help_text="the provider does not know it")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "external"], name="thing_once")]

    def __str__(self) -> str:
        return next(iter(self.names.values()), self.external)


class Instance(models.Model):
    """One run of a thing: its seats and who waits for one."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE)
    external = models.CharField(max_length=200)
    thing = models.CharField(max_length=200, default="", blank=True, help_text="the thing's external id")
    names = models.JSONField(default=dict)
    seats = models.IntegerField(null=True)
    waiting = models.IntegerField(null=True)
    enrolled = models.IntegerField(null=True)
    state = models.CharField(max_length=40, default="", blank=True)
    deleted = models.BooleanField(default=False)
    at = models.DateTimeField(null=True, help_text="time of the newest event about it")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "external"], name="instance_once")]

    def __str__(self) -> str:
        return self.external


class ExternalUser(models.Model):
    """Who a provider's id stands for."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE)
    external = models.CharField(max_length=200)
    email = models.CharField(max_length=320, default="", blank=True)
    name = models.CharField(max_length=400, default="", blank=True)
    unique_id = models.CharField(max_length=320, default="", blank=True)
    state = models.CharField(max_length=40, default="", blank=True)
    missing = models.BooleanField(default=False, help_text="the provider does not know it")
    read = models.DateTimeField(null=True)
    wanted = models.DateTimeField(null=True, help_text="an event asked for it")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "external"], name="external_user_once")]
        indexes = [models.Index(fields=["email"], name="external_user_email")]

    def __str__(self) -> str:
        return self.email or self.name or self.external


class Budget(models.Model):
    """The calls of the last hour or minute: no provider is asked more often than it allows, by all workers together."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE)
    bucket = models.CharField(max_length=60)
    calls = models.JSONField(default=list, help_text="when, in seconds since 1970")
    closed_until = models.DateTimeField(null=True, help_text="the provider asked for a pause")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "bucket"], name="budget_once")]

    def __str__(self) -> str:
        return self.bucket


class SeenRow(models.Model):
    """The last seen state of a row of a provider's report; the next sweep makes events of the difference."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE)
    key = models.CharField(max_length=400)
    data = models.JSONField()
    seen = models.DateTimeField()
    changed = models.DateTimeField()
    gone = models.DateTimeField(null=True, help_text="when the provider was found not to have it any more")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "key"], name="seen_row_once")]

    def __str__(self) -> str:
        return self.key


class Reread(models.Model):
    """Something to be read again: hints that came together wait here for one reading."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE)
    key = models.CharField(max_length=400)
    due = models.DateTimeField()
    hints = models.IntegerField(default=1)
    problem = models.TextField(default="", blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "key"], name="reread_once")]

    def __str__(self) -> str:
        return self.key


class Task(models.Model):
    """Work that is done for a connection at intervals, by one worker at a time."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE)
    kind = models.CharField(max_length=20)
    due = models.DateTimeField()
    holder = models.CharField(max_length=32, default="")
    until = models.DateTimeField(null=True)
    cursor = models.JSONField(default=dict, help_text="where an interrupted run goes on")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "kind"], name="task_once")]

    def __str__(self) -> str:
        return self.kind

    @staticmethod
    def free(now: datetime) -> models.Q:
        """Those that nobody is at; who was killed holds one until `until`."""
        return models.Q(holder="") | models.Q(until__lt=now)

    def is_held(self, now: datetime) -> bool:
        """Whether a worker is at it."""
        return bool(self.holder) and (self.until is None or self.until >= now)


class Run(models.Model):
    """One run of a task, for people to see."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE)
    kind = models.CharField(max_length=20)
    started = models.DateTimeField()
    finished = models.DateTimeField(null=True)
    ok = models.BooleanField(null=True)
    rows = models.IntegerField(default=0)
    total = models.IntegerField(null=True)
    events = models.IntegerField(default=0)
    problem = models.TextField(default="", blank=True)
    notes = models.TextField(default="", blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["connection", "-id"], name="run_of_connection")]

    def __str__(self) -> str:
        return f"{self.kind} {self.started:%Y-%m-%d %H:%M}"
