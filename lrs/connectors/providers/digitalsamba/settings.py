"""The settings of a connection to Digital Samba, and how a room is named."""

import re
from urllib.parse import urlsplit

from lrs.connectors.contract import Setting, SettingKind, Settings
from lrs.connectors.webinars import settings as webinars

SERVER = "https://api.digitalsamba.com"
SETTINGS = (
    Setting("server", "Address of the API", default=SERVER),
    Setting("api_token", "The team's developer key", SettingKind.SECRET, required=True),
    Setting("team_id", "The team's id", required=True),
    Setting(
        "webhook_secret",
        "The webhook's authorization_header; without it no webhook is taken, and lists are asked for after the end",
        SettingKind.SECRET,
    ),
    *webinars.SETTINGS,
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def problem(settings: Settings) -> str:
    """What does not fit together, in a sentence; empty where all does."""
    if not urlsplit(url(settings, "")).hostname:
        return f"server must be an address such as {SERVER}."
    return webinars.problem(settings)


def url(settings: Settings, path: str) -> str:
    """An address of the API; the server may be written with or without https:// and /api/v1."""
    server = str(settings["server"] or SERVER).rstrip("/").removesuffix("/api/v1")
    return f"{server if '://' in server else f'https://{server}'}/api/v1{path}"


def meeting(text: str) -> str:
    """The room's id in what people paste: the id itself, or the room's address with an id or a name in it.

    Webhooks name rooms by id; a session that was made with a name is not pulled forward by them.
    """
    found = _UUID.search(text)
    if found:
        return found.group().lower()
    text = text.strip()
    return urlsplit(text).path.strip("/").rpartition("/")[2] if "://" in text else text
