"""The settings of a connection to Khalibre."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lrs.connectors.contract import Setting, SettingKind, Settings
from lrs.connectors.providers.khalibre.statuses import Meaning

VERSIONS = ("1.1", "1.0")
# A year.
_MOST_MINUTES = 525_600
SETTINGS = (
    Setting("host", "The host name, such as khalibre.com, without https://", required=True),
    Setting("client_id", "Of the OAuth 2.0 credential (Organisation settings > API integration)", required=True),
    Setting("client_secret", "Of the OAuth 2.0 credential", SettingKind.SECRET, required=True),
    Setting("api_version", "Of Khalibre's API", SettingKind.CHOICE, default="1.1", choices=VERSIONS),
    Setting("sweep_minutes", "How often all progress is read; 0: only by hand", SettingKind.NUMBER, default=60),
    Setting(
        "status_table",
        "What a status (its text or its number) means, as JSON: one of registered, progressed, completed, passed,"
        " failed, unregistered for each",
        SettingKind.TABLE,
        default={},
    ),
    Setting("timezone", "Of dates that are written without one", default="UTC"),
    Setting("username", "Of Basic authentication at the webhook"),
    Setting("password", "Of Basic authentication at the webhook", SettingKind.SECRET),
    Setting("api_url", "Instead of https://HOST/o/kh-gateway/lms/vVERSION", SettingKind.URL),
    Setting("token_url", "Instead of https://HOST/o/oauth2/token", SettingKind.URL),
)


def problem(settings: Settings) -> str:
    """What does not fit together, in a sentence; empty where all does."""
    host = str(settings["host"])
    if not host or any(sign in host for sign in "/:@?# "):
        return "host is a host name such as khalibre.com, without https://."
    if int(settings["sweep_minutes"]) > _MOST_MINUTES:
        return f"sweep_minutes is at most {_MOST_MINUTES}, a year."
    if bool(settings["username"]) != bool(settings["password"]):
        return "username and password are needed together."
    for status, meaning in _table(settings).items():
        if meaning not in set(Meaning):
            return f"status_table says {meaning!r} for {status!r}; it must be one of {', '.join(Meaning)}."
    try:
        ZoneInfo(str(settings["timezone"]))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"timezone {settings['timezone']!r} is none; it is a name such as Asia/Phnom_Penh."
    return ""


def host(settings: Settings) -> str:
    """The host name, in lower case: ids are made of it."""
    return str(settings["host"]).strip().lower()


def api_url(settings: Settings) -> str:
    """The base of the API, without a slash at its end."""
    given = settings["api_url"] or f"https://{host(settings)}/o/kh-gateway/lms/v{settings['api_version']}"
    return str(given).rstrip("/")


def token_url(settings: Settings) -> str:
    """Where the client's credential is exchanged for an access token."""
    return str(settings["token_url"] or f"https://{host(settings)}/o/oauth2/token")


def course_iri(settings: Settings, course: int) -> str:
    """The activity id of a course. The API's version is no part of it: it changes, the course does not."""
    return f"https://{host(settings)}/o/kh-gateway/lms/course/{course}"


def community_iri(settings: Settings, community: int) -> str:
    """The activity id of a community."""
    return f"https://{host(settings)}/o/kh-gateway/lms/community/{community}"


def timezone(settings: Settings) -> ZoneInfo:
    """Where times without an offset are told."""
    return ZoneInfo(str(settings["timezone"]))


def every(settings: Settings) -> timedelta | None:
    """The time between two sweeps."""
    minutes = int(settings["sweep_minutes"])
    return timedelta(minutes=minutes) if minutes else None


def _table(settings: Settings) -> Mapping[str, Any]:
    given: Mapping[str, Any] = settings["status_table"] or {}
    return given
