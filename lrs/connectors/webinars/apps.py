"""Django's registration of the webinars."""

from django.apps import AppConfig


class WebinarsConfig(AppConfig):
    name = "lrs.connectors.webinars"
    label = "webinars"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Webinars"
