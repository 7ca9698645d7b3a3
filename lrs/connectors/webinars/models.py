"""Sessions, who is expected, what is known of who was there, and what was said of each person."""

from django.db import models

from lrs.connectors.models import Connection


class Session(models.Model):
    """A webinar that is planned. The same room at another time is another session."""

    class State(models.TextChoices):
        SCHEDULED = "scheduled"
        WAITING = "waiting"
        POLLING = "polling"
        FINAL = "final"
        NO_DATA = "no_data"
        STOPPED = "stopped"

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="webinars", db_index=False)
    external = models.CharField("meeting", max_length=1000, help_text="the provider's id of the room, or its join URL")
    title = models.CharField(max_length=400, blank=True, default="")
    start = models.DateTimeField("scheduled start")
    end = models.DateTimeField("scheduled end")
    activity = models.CharField(max_length=2000, blank=True, default="", help_text="the LMS's own IRI of the webinar")
    parent = models.CharField(max_length=2000, blank=True, default="", help_text="IRI of the course it belongs to")
    instructors = models.JSONField(default=list, blank=True, help_text='[{"id": "", "email": "", "name": ""}]')
    state = models.CharField(max_length=10, choices=State.choices, default=State.SCHEDULED)
    base = models.DateTimeField(help_text="when the hour of asking began")
    due = models.DateTimeField(null=True, help_text="when the provider is asked next")
    tries = models.IntegerField(default=0)
    looked = models.DateTimeField(null=True, help_text="when somebody looked into the room")
    reason = models.TextField(default="", blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-start", "-id"]
        constraints = [models.UniqueConstraint(fields=["connection", "external", "start"], name="session_once")]
        indexes = [
            models.Index(fields=["due"], name="session_due", condition=models.Q(due__isnull=False)),
            models.Index(fields=["-start", "-id"], name="session_latest"),
        ]

    def __str__(self) -> str:
        return self.title or self.external


class Expected(models.Model):
    """Somebody on a session's roster: a user id of the LMS or an e-mail, and a name."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="roster")
    person = models.CharField(max_length=400, blank=True, default="", help_text="the user id at the LMS")
    email = models.CharField(max_length=320, blank=True, default="")
    name = models.CharField(max_length=400, blank=True, default="")
    added = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "expected person"
        verbose_name_plural = "roster"
        constraints = [
            models.UniqueConstraint(
                fields=["session", "person"], name="expected_person_once", condition=~models.Q(person="")
            ),
            models.UniqueConstraint(
                fields=["session", "email"], name="expected_email_once", condition=~models.Q(email="")
            ),
            models.CheckConstraint(condition=~models.Q(person="", email=""), name="expected_identified"),
        ]

    def __str__(self) -> str:
        return self.name or self.email or self.person


class Opening(models.Model):
    """One opening of a session's room; a room that is opened again has another."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="openings")
    external = models.CharField(max_length=400)
    opened = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    watched = models.BooleanField(default=False, help_text="its opening was told as it happened")
    first_look = models.DateTimeField(null=True)
    last_look = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "external"], name="opening_once")]

    def __str__(self) -> str:
        return self.external


class Listing(models.Model):
    """A list of who was there (attendance.Listed); a newer one of the same run and source takes its place."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="listings")
    run = models.CharField(max_length=400, blank=True, default="")
    source = models.CharField(max_length=10)
    people = models.JSONField(help_text="attendance.Attended, as JSON")
    opened = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    received = models.DateTimeField()
    event = models.BigIntegerField(null=True, help_text="the inbox event that brought it")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "run", "source"], name="listing_once")]

    def __str__(self) -> str:
        return f"{self.source} {self.run}"


class Trace(models.Model):
    """Somebody came or went (hooks), or was seen from `at` until `last` (looking in)."""

    class Kind(models.TextChoices):
        JOINED = "joined"
        LEFT = "left"
        SEEN = "seen"

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="traces", db_index=False)
    run = models.CharField(max_length=400, blank=True, default="")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    key = models.CharField(max_length=400, help_text="tells one stay, or with looking in one person, from another")
    who = models.JSONField(help_text="attendance.Attendee, as JSON")
    at = models.DateTimeField()
    last = models.DateTimeField(null=True)
    event = models.BigIntegerField(null=True, help_text="the inbox event that brought it")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "run", "kind", "key", "at"], name="trace_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class Alias(models.Model):
    """Who somebody is, said by a person: a handle (matching.handles) of this connection, or of one session of it."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="webinar_aliases")
    session = models.ForeignKey(
        Session, on_delete=models.CASCADE, null=True, blank=True, help_text="none: in every session"
    )
    handle = models.CharField(max_length=500, help_text='"name olena koval", "handle zoom:30R7kT7b", "id 417"')
    person = models.CharField(max_length=400, blank=True, default="", help_text="the user id at the LMS")
    email = models.CharField(max_length=320, blank=True, default="")
    name = models.CharField(max_length=400, blank=True, default="")
    made = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "aliases"
        constraints = [
            models.UniqueConstraint(fields=["session", "handle"], name="alias_of_session_once"),
            models.UniqueConstraint(
                fields=["connection", "handle"], name="alias_once", condition=models.Q(session=None)
            ),
            models.CheckConstraint(condition=~models.Q(person="", email=""), name="alias_identified"),
        ]

    def __str__(self) -> str:
        return self.handle


class Result(models.Model):
    """What holds for one person of a session, or that somebody is to be reviewed (`reviewed` is False then)."""

    class Verdict(models.TextChoices):
        PASSED = "passed"
        FAILED = "failed"
        ATTENDED = "attended", "attended, not judged yet"
        REVIEW = "review"

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="results")
    key = models.CharField(max_length=500, help_text="matching.Identity.key, or the handle of who is to be reviewed")
    person = models.CharField(max_length=400, blank=True, default="")
    email = models.CharField(max_length=320, blank=True, default="")
    name = models.CharField(max_length=400, blank=True, default="")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    seconds = models.IntegerField(default=0)
    ratio = models.FloatField(default=0)
    reason = models.TextField(blank=True, default="")
    how = models.CharField(max_length=10, blank=True, default="", help_text="how the person was recognised")
    handles = models.JSONField(default=list, help_text="what a link can be made of")
    changed = models.DateTimeField()

    class Meta:
        ordering = ["name", "key"]
        constraints = [models.UniqueConstraint(fields=["session", "key"], name="result_once")]

    def __str__(self) -> str:
        return self.name or self.key


class Sent(models.Model):
    """A statement about a session, by what it says of whom; another revision takes its place when that changes."""

    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="sent")
    about = models.CharField(max_length=700, help_text="verb and person, and for movements which")
    revision = models.IntegerField(default=1)
    statement = models.UUIDField()
    said = models.JSONField(help_text="what counts of it: when this changes it is voided")
    at = models.DateTimeField()
    voided = models.UUIDField(null=True, help_text="the statement that voids it")

    class Meta:
        verbose_name_plural = "sent"
        constraints = [models.UniqueConstraint(fields=["session", "about", "revision"], name="sent_once")]

    def __str__(self) -> str:
        return f"{self.about} {self.revision}"
