"""Digital Samba: sessions of a room and their participants by API; webhooks say when to ask, and nothing else.

Facts: the vendor's OpenAPI document and its page on webhook payloads. There are no e-mails: `external_id` is the claim
`ud` of the token that a person joined with, which the LMS makes.
"""

from lrs.connectors.contract import Provider, Webinars
from lrs.connectors.providers.digitalsamba import api, settings, webhook

PROVIDER = Provider(
    name="digitalsamba",
    title="Digital Samba",
    settings=settings.SETTINGS,
    problem=settings.problem,
    verify=webhook.verify,
    cut=webhook.cut,
    read=webhook.read,
    check=api.check,
    webinars=Webinars(attendance=api.attendance, meeting=settings.meeting),
)
