"""Django's registration of the service."""

from django.apps import AppConfig
from django.conf import settings
from django.core.signals import request_started
from django.db import close_old_connections, reset_queries
from django.db.models.signals import post_migrate, pre_migrate


class LrsConfig(AppConfig):
    name = "lrs"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Service"

    def ready(self) -> None:
        """Look after the connections that threads keep between requests, and after the views of the database."""
        from lrs import report_views, roles
        from lrs.connections import drop_broken

        # What the end of a request has looked through need not be looked through again when the next one begins; and
        # queries are noted only for those who debug.
        request_started.disconnect(close_old_connections)
        if not settings.DEBUG:
            request_started.disconnect(reset_queries)
        request_started.connect(drop_broken, dispatch_uid="lrs.connections.drop_broken")
        pre_migrate.connect(report_views.drop, sender=self, dispatch_uid="lrs.report_views.drop")
        post_migrate.connect(report_views.create, sender=self, dispatch_uid="lrs.report_views.create")
        post_migrate.connect(roles.make, sender=self, dispatch_uid="lrs.roles.make")
