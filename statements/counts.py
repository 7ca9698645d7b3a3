"""How many statements were stored on which day, by source: what charts read instead of counting millions.

Kept up behind what arrives by statements.store.counts.
"""

from django.db import models


class Day(models.Model):
    """One day (UTC) of one credential in one store; `credential` is 0 for statements without one."""

    pk = models.CompositePrimaryKey("store", "day", "credential")
    store = models.IntegerField()
    day = models.DateField()
    credential = models.IntegerField()
    statements = models.BigIntegerField(default=0)
    completions = models.BigIntegerField(default=0, help_text="statements that say that something was completed")
    last = models.DateTimeField(help_text="when the newest of them was stored")

    def __str__(self) -> str:
        return f"{self.statements} on {self.day} from {self.credential}"


class Tally(models.Model):
    """How many statements that hold were stored on one day (UTC), by what they are counted by in summaries.

    `credential` is 0 for statements without one. A row may count less than nothing for a moment, and 0 for ever.
    """

    pk = models.CompositePrimaryKey("store", "day", "credential", "verb", "kind")
    store = models.IntegerField()
    day = models.DateField()
    credential = models.IntegerField()
    verb = models.UUIDField()
    kind = models.CharField(max_length=40)
    statements = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.statements} on {self.day} of {self.kind or 'no kind'}"


class Counted(models.Model):
    """Up to which statement a store has been counted; its row is the lock of those who count."""

    store = models.IntegerField(primary_key=True)
    stored = models.DateTimeField()
    key = models.UUIDField()
    active = models.IntegerField(null=True, help_text="learners of the last 7 days, where they are too many to count")
    active_at = models.DateTimeField(null=True, help_text="when they were looked for")

    def __str__(self) -> str:
        return f"store {self.store} until {self.stored:%Y-%m-%d %H:%M:%S}"
