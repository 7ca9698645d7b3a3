"""The settings of a connection to Adobe Learning Manager."""

from typing import Any

from lrs.connectors.contract import Setting, SettingKind, Settings

SETTINGS = (
    Setting("account_id", "The account's number; used where an event names none"),
    Setting(
        "host",
        "Such as learningmanagereu.adobe.com in Europe",
        default="learningmanager.adobe.com",
    ),
    Setting(
        "auth",
        "How ALM proves itself to the webhook: none, basic (username, password), or header (a shared secret)",
        SettingKind.CHOICE,
        default="none",
        choices=("none", "basic", "header"),
    ),
    Setting("username", "Of Basic authentication at the webhook"),
    Setting("password", "Of Basic authentication at the webhook", SettingKind.SECRET),
    Setting("header", "The name of the header with the shared secret"),
    Setting("header_secret", "What that header must say", SettingKind.SECRET),
    Setting("client_id", "Of the application in ALM (Integration Admin > Applications), for names and e-mails"),
    Setting("client_secret", "Of the application", SettingKind.SECRET),
    Setting("refresh_token", "Of the application, with the scope admin:read", SettingKind.SECRET),
    Setting(
        "actor",
        "Who statements are about: the ALM account (at once), or the e-mail (waits until it is known)",
        SettingKind.CHOICE,
        default="account",
        choices=("account", "mbox"),
    ),
    Setting("api_url", "Instead of https://HOST/primeapi/v2", SettingKind.URL),
    Setting("token_url", "Instead of https://HOST/oauth/token/refresh", SettingKind.URL),
)

_NEEDED = {"none": (), "basic": ("username", "password"), "header": ("header", "header_secret")}


def problem(settings: Settings) -> str:
    """What does not fit together, in a sentence; empty where all does."""
    missing = [name for name in _NEEDED[settings["auth"]] if not settings[name]]
    if missing:
        return f"auth={settings['auth']} needs {' and '.join(missing)}."
    if "/" in settings["host"] or not settings["host"]:
        return "host is a host name such as learningmanager.adobe.com, without https://."
    return ""


def api_url(settings: Settings) -> str:
    """The base of the public API, without a slash at its end."""
    given: Any = settings["api_url"] or f"https://{settings['host']}/primeapi/v2"
    return str(given).rstrip("/")


def token_url(settings: Settings) -> str:
    """Where a refresh token is exchanged for an access token."""
    given = str(settings["token_url"] or f"https://{settings['host']}/oauth/token/refresh")
    # /oauth/token exchanges authorization codes only; refresh tokens have an address below it.
    return f"{given.rstrip('/')}/refresh" if given.rstrip("/").endswith("/oauth/token") else given
