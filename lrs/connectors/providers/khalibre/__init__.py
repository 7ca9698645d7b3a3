"""Khalibre LMS: its webhook hints that something happened, its API says what; bookings go the other way.

Facts: the description of Khalibre's own connector for Power Automate (its actions, their fields, the limit of calls).
Not published, and therefore never relied on: what is in a webhook's body, what the numbers of `status` mean, how dates
are written.
"""

from lrs.connectors.contract import Provider
from lrs.connectors.providers.khalibre import client, differences, events, settings, sweep, webhook

PROVIDER = Provider(
    name="khalibre",
    title="Khalibre LMS",
    settings=settings.SETTINGS,
    problem=settings.problem,
    verify=webhook.verify,
    cut=webhook.cut,
    read=events.read,
    check=client.check,
    sweep=sweep.sweep,
    every=settings.every,
    compare=differences.compare,
    reread=sweep.reread,
    things=sweep.things,
    things_most=10,
)
