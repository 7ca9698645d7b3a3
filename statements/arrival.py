"""What is kept of how a statement arrived, beside the statement: findings, its original, how often it was sent again.

The keys begin with the store and the statement's key, so that these rows lie where their statement does.
"""

from django.db import models

from statements.profiles.finding import Severity


class Finding(models.Model):
    """Where a statement that was taken deviates from its sender's profile; counted by rule and day of `stored`."""

    pk = models.CompositePrimaryKey("store", "statement", "number")
    store = models.IntegerField()
    statement = models.UUIDField(help_text="the statement's key")
    number = models.SmallIntegerField()
    stored = models.DateTimeField(help_text="as the statement's")
    credential = models.IntegerField(null=True)
    rule = models.CharField(max_length=60)
    pointer = models.TextField()
    problem = models.TextField()
    severity = models.CharField(max_length=10, choices=[(each.value, each.value) for each in Severity])

    class Meta:
        indexes = [
            models.Index(fields=["store", "credential", "stored", "rule"], name="finding_rule"),
            models.Index(fields=["store", "-stored", "-statement"], name="finding_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} at {self.pointer}"


class Provenance(models.Model):
    """Where the text of a statement comes from that was repaired or replayed; others were kept as they came."""

    pk = models.CompositePrimaryKey("store", "statement")
    store = models.IntegerField()
    statement = models.UUIDField(help_text="the statement's key")
    original = models.TextField(help_text="the statement's JSON text as it was before any repair")
    # JSON as text, like everywhere in this app.
    repairs = models.TextField(default="[]", help_text="JSON text: the repairs, name@version, in their order")
    received = models.DateTimeField(null=True, help_text="when it first came, where that request was refused")
    refusal = models.BigIntegerField(null=True, help_text="number of the refused request in the quarantine")

    def __str__(self) -> str:
        return f"{self.statement}: {self.repairs}"


class Erased(models.Model):
    """That a statement was erased: when it is sent again, it is passed over. Nothing says whose it was."""

    key = models.UUIDField(primary_key=True, help_text="the statement's key")
    store = models.IntegerField()
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "erased"
        indexes = [models.Index(fields=["store", "at"], name="erased_at")]

    def __str__(self) -> str:
        return str(self.key)


class Retry(models.Model):
    """How often a statement was sent again after it was kept; for credentials with a practice of their own."""

    pk = models.CompositePrimaryKey("store", "statement")
    store = models.IntegerField()
    statement = models.UUIDField(help_text="the statement's key")
    credential = models.IntegerField(null=True)
    count = models.IntegerField()
    last = models.DateTimeField()

    class Meta:
        verbose_name_plural = "retries"
        indexes = [models.Index(fields=["store", "credential", "last"], name="retry_last")]

    def __str__(self) -> str:
        return f"{self.count} times until {self.last:%Y-%m-%d %H:%M}"
