"""Who may speak to the service, and what came of it where that is not a statement.

Credentials and their tokens, the failed logins that throttle guessing, refused requests, the shapes of what is sent.
"""

from django.db import models

from lrs.documents.models import Document as Document  # Django looks for models in this module
from lrs.tasks import BackgroundTask as BackgroundTask
from statements.models import Store
from statements.profiles import Mode
from statements.xapi.versions import Version


class Scope(models.TextChoices):
    """What a credential may do (xAPI 1.0.3 Communication 4.2); a credential may have several."""

    STATEMENTS_WRITE = "statements/write"
    STATEMENTS_READ_MINE = "statements/read/mine"
    STATEMENTS_READ = "statements/read"
    REPORTS_READ = "reports/read"
    WEBINARS_WRITE = "webinars/write"
    STATE = "state"
    PROFILE = "profile"
    DEFINE = "define"
    ALL_READ = "all/read"
    ALL = "all"


class Credential(models.Model):
    """A sender or reader: a key, the hash of its secret, and what it may do in one store."""

    name = models.CharField(max_length=200, unique=True)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="credentials")
    key = models.CharField(max_length=200, unique=True)
    secret_hash = models.CharField(max_length=300)
    scopes = models.JSONField(default=list)
    default_version = models.CharField(
        max_length=10,
        blank=True,
        default="",
        choices=[(version.value, version.value) for version in Version],
        help_text="Requests without X-Experience-API-Version are taken as this version; empty refuses them.",
    )
    profile = models.CharField(
        max_length=40,
        blank=True,
        default="",
        help_text="What its statements should look like, beyond the standard; empty for nothing, or udemy.",
    )
    mode = models.CharField(
        max_length=10,
        default=Mode.REPORT.value,
        choices=[(mode.value, mode.value) for mode in Mode],
        help_text="Deviations from the profile are kept beside the statement, or refuse it, or are not looked for.",
    )
    repairs = models.JSONField(default=list, blank=True, help_text="Names of what may be mended in its statements.")
    base = models.CharField(
        max_length=500,
        blank=True,
        default="",
        help_text="What the repair sumtotal-relative-id puts in front of an id that is no IRI.",
    )
    content_ids = models.BooleanField(
        default=False,
        help_text="A statement without an id gets one from what it says, so that sending it again is no second one.",
    )
    shapes = models.BooleanField(default=False, help_text="Which JSON shapes it sends is noted, with an example each.")
    silence_hours = models.PositiveIntegerField(
        default=0, help_text="After so many hours without a statement it counts as silent; 0 never."
    )
    rate_limit = models.PositiveIntegerField(
        default=0, help_text="Requests a minute that each process of the server takes from it; 0 any number."
    )
    disabled = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class CredentialUse(models.Model):
    """When a credential was last used, to the minute (lrs.usage)."""

    credential = models.OneToOneField(Credential, on_delete=models.CASCADE, primary_key=True, related_name="use")
    last = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.credential} at {self.last:%Y-%m-%d %H:%M}"


class FailedLogin(models.Model):
    """Wrong secrets for one key from one address, in one window of time."""

    key = models.CharField(max_length=64, help_text="SHA-256 of the name that was given")
    address = models.CharField(max_length=64)
    count = models.PositiveIntegerField(default=0)
    since = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "address"], name="failed_login_once")]

    def __str__(self) -> str:
        return f"{self.count} from {self.address} since {self.since:%Y-%m-%d %H:%M}"


class Token(models.Model):
    """A bearer token that a credential was given; the token itself is kept nowhere."""

    hash = models.CharField(max_length=64, primary_key=True, help_text="SHA-256 of the token, in hexadecimal digits")
    credential = models.ForeignKey(Credential, on_delete=models.CASCADE, related_name="tokens")
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.credential} until {self.expires:%Y-%m-%d %H:%M}"


class RefusalKind(models.Model):
    """Refusals of one credential for the same reason: the same rules at the same places."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT)
    credential = models.ForeignKey(Credential, on_delete=models.PROTECT, related_name="refusal_kinds")
    fingerprint = models.CharField(max_length=16, help_text="hash of rules and pointers without indices")
    what = models.TextField(help_text="one line for each: rule and pointer without indices")
    sentence = models.TextField(help_text="of the first refusal")
    status = models.PositiveSmallIntegerField(help_text="HTTP status of the answer")
    count = models.BigIntegerField(default=0, help_text="requests, those that are no longer kept included")
    bytes = models.BigIntegerField(default=0, help_text="of the requests that are kept")
    first = models.DateTimeField()
    last = models.DateTimeField()
    dismissed = models.BooleanField(default=False)
    told = models.BooleanField(default=False, help_text="whether somebody was notified of it")

    class Meta:
        ordering = ["-last"]
        constraints = [models.UniqueConstraint(fields=["credential", "fingerprint"], name="refusal_kind_once")]
        indexes = [models.Index(fields=["store", "-last"], name="refusal_kind_last")]

    def __str__(self) -> str:
        return self.what.partition("\n")[0]


class Refusal(models.Model):
    """A request that was refused, as it came; the same request again is counted in `times`."""

    class State(models.TextChoices):
        """What became of it."""

        OPEN = "open"
        REPLAYED = "replayed"
        DISMISSED = "dismissed"

    kind = models.ForeignKey(RefusalKind, on_delete=models.CASCADE, related_name="refusals")
    store = models.ForeignKey(Store, on_delete=models.PROTECT)
    credential = models.ForeignKey(Credential, on_delete=models.PROTECT, related_name="refusals")
    digest = models.CharField(max_length=64, help_text="SHA-256 of method, path, query and body")
    received = models.DateTimeField()
    last = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    method = models.CharField(max_length=10)
    path = models.TextField()
    query = models.JSONField(default=dict)
    headers = models.JSONField(default=dict, help_text="names in lower case; secrets are left out")
    body = models.BinaryField(default=bytes, editable=False)
    note = models.TextField(blank=True, default="", help_text="why the body is not here, or not all of it")
    edited = models.BinaryField(null=True, editable=False, help_text="the body that a replay sends instead")
    bytes = models.PositiveIntegerField(default=0, help_text="what it takes in the quarantine")
    status = models.PositiveSmallIntegerField(help_text="HTTP status of the answer")
    sentence = models.TextField()
    errors = models.JSONField(default=list, help_text="pointer, rule and problem of each")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    result = models.JSONField(default=dict, help_text="of the last replay: time, status, ids or errors")

    class Meta:
        ordering = ["-last", "-pk"]
        constraints = [models.UniqueConstraint(fields=["kind", "digest"], name="refusal_once")]
        indexes = [models.Index(fields=["kind", "state", "last"], name="refusal_oldest")]

    def __str__(self) -> str:
        return f"{self.method} {self.path} at {self.received:%Y-%m-%d %H:%M:%S}"


class Shape(models.Model):
    """A form of JSON that a credential sends: which places there are and what types stand there."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT)
    credential = models.ForeignKey(Credential, on_delete=models.PROTECT, related_name="seen_shapes")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the places")
    places = models.JSONField(help_text="pointer and type of each place; * stands for any index or language")
    count = models.BigIntegerField(default=0)
    first = models.DateTimeField()
    last = models.DateTimeField()
    example = models.TextField(help_text="the first statement of this shape, as it was sent")
    told = models.BooleanField(default=False, help_text="whether somebody was notified of it")

    class Meta:
        ordering = ["-last"]
        constraints = [models.UniqueConstraint(fields=["credential", "digest"], name="shape_once")]
        indexes = [models.Index(fields=["store", "-last"], name="shape_last")]

    def __str__(self) -> str:
        return f"{len(self.places)} places, {self.count} times"
