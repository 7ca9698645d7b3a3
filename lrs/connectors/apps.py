"""Django's registration of the connectors."""

from django.apps import AppConfig


class ConnectorsConfig(AppConfig):
    name = "lrs.connectors"
    label = "connectors"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Connectors"
