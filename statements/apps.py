"""Django's registration of the statements and where they live."""

from django.apps import AppConfig


class StatementsConfig(AppConfig):
    name = "statements"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Statements"
