"""The settings of a connection to Adobe Learning Manager."""

from typing import Any

from lrs.connectors.contract import Setting, SettingKind, Settings

SETTINGS = (
    Setting("account_id", "the account's number; used where an event names none"),
    Setting("host", "learningmanager.adobe.com, or learningmanagereu.adobe.com", default="learningmanager.adobe.com"),
    Setting(
        "auth",
        "how ALM proves itself to the webhook: none, basic (username, password), or header (a shared secret)",
        SettingKind.CHOICE,
        default="none",
        choices=("none", "basic", "header"),
    ),
    Setting("username", "of Basic authentication at the webhook"),
    Setting("password", "of Basic authentication at the webhook", SettingKind.SECRET),
    Setting("header", "the name of the header with the shared secret"),
    Setting("header_secret", "what that header must say", SettingKind.SECRET),
    Setting("client_id", "of the application in ALM (Integration Admin > Applications), for names and e-mails"),
    Setting("client_secret", "of the application", SettingKind.SECRET),
    Setting("refresh_token", "of the application, with the scope admin:read", SettingKind.SECRET),
    Setting(
        "actor",
        "who statements are about: the ALM account (at once), or the e-mail (waits until it is known)",
        SettingKind.CHOICE,
        default="account",
        choices=("account", "mbox"),
    ),
    Setting("api_url", "instead of https://HOST/primeapi/v2", SettingKind.URL),
    Setting("token_url", "instead of https://HOST/oauth/token/refresh", SettingKind.URL),
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
