"""BigBlueButton: who was in a room, told by its hooks and its analytics callback, or by looking in every minute.

There is no list to ask for after the end: what is not told or seen while the room is open is lost. Facts: the API page
of BigBlueButton's documentation, the sources of bbb-webhooks 3.5.0 and of the analytics callback.
"""

from lrs.connectors.contract import Provider, Setting, SettingKind, Webinars
from lrs.connectors.providers.bigbluebutton import client, webhook
from lrs.connectors.webinars import settings as webinars

PROVIDER = Provider(
    name="bigbluebutton",
    title="BigBlueButton",
    settings=(
        Setting("server", "Its address, as bbb-conf --secret prints it", SettingKind.URL, required=True),
        Setting("secret", "The shared secret, as bbb-conf --secret prints it", SettingKind.SECRET, required=True),
        Setting(
            "hash", "Of checksums", SettingKind.CHOICE, default="sha256", choices=("sha256", "sha1", "sha384", "sha512")
        ),
        *webinars.SETTINGS,
    ),
    problem=webinars.problem,
    verify=webhook.verify,
    cut=webhook.cut,
    read=webhook.read,
    check=client.check,
    sweep=client.keep_hook,
    every=lambda _: client.EVERY,
    methods=("POST", "GET", "HEAD"),
    webinars=Webinars(look=client.look),
)
