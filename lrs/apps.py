"""Django's registration of the service."""

from django.apps import AppConfig
from django.core.signals import request_started


class LrsConfig(AppConfig):
    name = "lrs"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Service"

    def ready(self) -> None:
        """Look after the connections that threads keep between requests."""
        from lrs.connections import drop_broken

        request_started.connect(drop_broken, dispatch_uid="lrs.connections.drop_broken")
