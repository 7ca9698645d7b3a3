"""The settings that every connection to a webinar provider has. Pure."""

from datetime import timedelta

from lrs.connectors.contract import Setting, SettingKind, Settings
from lrs.connectors.webinars.hour import Rules
from lrs.connectors.webinars.verdicts import Credit

SETTINGS = (
    Setting("home_page", "Home page of people's accounts: the LMS whose user ids rooms are given", SettingKind.URL),
    Setting("interval_minutes", "How often the list is asked for after the end", SettingKind.NUMBER, default=5),
    Setting("limit_minutes", "For how many minutes it is asked for", SettingKind.NUMBER, default=60),
    Setting("credit_minutes", "Who was there for fewer minutes fails; 0: any presence", SettingKind.NUMBER, default=0),
    Setting(
        "credit_percent",
        "Who was there for less of the planned time fails; 0: any presence",
        SettingKind.NUMBER,
        default=0,
    ),
    Setting("movements", "A statement for each coming and going, too", SettingKind.FLAG, default=False),
    Setting("registrations", "A statement for everybody on the roster, too", SettingKind.FLAG, default=False),
)


def problem(settings: Settings) -> str:
    """What does not fit together, in a sentence; empty where all does."""
    if settings["interval_minutes"] < 1:
        return "interval_minutes must be 1 at least."
    if settings["credit_percent"] > 100:
        return "credit_percent must be 100 at most."
    return ""


def rules(settings: Settings) -> Rules:
    """How often and for how long the list is asked for."""
    return Rules(timedelta(minutes=settings["interval_minutes"]), timedelta(minutes=settings["limit_minutes"]))


def credit(settings: Settings) -> Credit:
    """What is asked of a person."""
    return Credit(settings["credit_minutes"], settings["credit_percent"])


def home_page(settings: Settings) -> str:
    """Where accounts of people live of whom no e-mail is known."""
    return str(settings["home_page"] or settings["public_url"])
