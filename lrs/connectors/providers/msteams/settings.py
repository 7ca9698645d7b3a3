"""The settings of a connection to Microsoft Teams."""

import hashlib
import json
import re
from enum import StrEnum
from urllib.parse import quote

from lrs.connectors.contract import Setting, SettingKind, Settings
from lrs.connectors.webinars import settings as webinars

GRAPH = "https://graph.microsoft.com/v1.0"
LOGIN = "https://login.microsoftonline.com"


class Mode(StrEnum):
    """By whose rights attendance is read."""

    APPLICATION = "application"
    DELEGATED = "delegated"


SETTINGS = (
    Setting(
        "mode",
        "With application, webinars are in each curator's calendar; with delegated, in the calendar of one person,"
        " who signs in",
        SettingKind.CHOICE,
        default=Mode.APPLICATION.value,
        choices=tuple(Mode),
    ),
    Setting("client_id", "Application (client) id of the app registration", required=True),
    Setting(
        "client_secret", "Of the app registration: the secret's value, not its id", SettingKind.SECRET, required=True
    ),
    Setting("tenant_id", "Directory (tenant) id", required=True),
    Setting(
        "attendance",
        "Read from Teams who was there; no: lists come by the signed webhook and CSV only",
        SettingKind.FLAG,
        default=True,
    ),
    Setting("organizer", "Object id of a curator, for the check and for rooms whose address names no organizer"),
    Setting("api_url", "Instead of Microsoft's, such as https://graph.microsoft.us/v1.0", SettingKind.URL),
    Setting("login_url", "Instead of Microsoft's, such as https://login.microsoftonline.us", SettingKind.URL),
    *webinars.SETTINGS,
)
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
# When one of these changes, whoever signed in must do so again.
_BASIS = ("mode", "client_id", "client_secret", "tenant_id", "api_url", "login_url")


def problem(settings: Settings) -> str:
    """What does not fit together, in a sentence; empty where all does."""
    if not _TENANT.fullmatch(str(settings["tenant_id"])):
        return "tenant_id must be the directory's id, or its domain, such as contoso.onmicrosoft.com."
    return webinars.problem(settings)


def api_url(settings: Settings) -> str:
    """Where Graph is."""
    return str(settings["api_url"] or GRAPH).rstrip("/")


def login_url(settings: Settings, endpoint: str) -> str:
    """Where the tenant's authorize or token endpoint is."""
    return f"{str(settings['login_url'] or LOGIN).rstrip('/')}/{quote(settings['tenant_id'])}/oauth2/v2.0/{endpoint}"


def delegated(settings: Settings) -> bool:
    """Whether a person's rights are used."""
    return bool(settings["mode"] == Mode.DELEGATED)


def basis(settings: Settings) -> str:
    """A mark of the settings that a token is given for."""
    return hashlib.sha256(json.dumps([str(settings[name]) for name in _BASIS]).encode()).hexdigest()
