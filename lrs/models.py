"""Who may speak to the service: credentials, and the failed logins that throttle guessing."""

from django.db import models

from lrs.documents.models import Document as Document  # Django looks for models in this module
from statements.models import Store
from statements.xapi.versions import Version


class Scope(models.TextChoices):
    """What a credential may do (xAPI 1.0.3 Communication 4.2); a credential may have several."""

    STATEMENTS_WRITE = "statements/write"
    STATEMENTS_READ_MINE = "statements/read/mine"
    STATEMENTS_READ = "statements/read"
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
    profile = models.CharField(max_length=40, blank=True, default="")
    disabled = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


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
