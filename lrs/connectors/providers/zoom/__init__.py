"""Zoom Meetings: the report of participants after the end; webhooks say when that is.

Facts: Zoom's API reference and webhook documentation; the order of the calls is that of Moodle's Zoom plugin.
"""

from lrs.connectors.contract import Provider, Setting, SettingKind, Webinars
from lrs.connectors.providers.zoom import client, reports, webhook
from lrs.connectors.webinars import settings as webinars

PROVIDER = Provider(
    name="zoom",
    title="Zoom Meetings",
    settings=(
        Setting("account_id", "Of the Server-to-Server OAuth app", required=True),
        Setting("client_id", "Of the app", required=True),
        Setting("client_secret", "Of the app", SettingKind.SECRET, required=True),
        Setting(
            "secret_token", "Of the app's event subscriptions; without it webhooks are refused", SettingKind.SECRET
        ),
        Setting("api_url", "Instead of https://api.zoom.us/v2", SettingKind.URL),
        Setting("token_url", "Instead of https://zoom.us/oauth/token", SettingKind.URL),
        *webinars.SETTINGS,
    ),
    problem=webinars.problem,
    verify=webhook.verify,
    answer=webhook.answer,
    cut=webhook.cut,
    read=webhook.read,
    check=client.check,
    webinars=Webinars(attendance=reports.attendance, meeting=reports.meeting),
)
