"""Adobe Learning Manager: events by webhook, names and e-mails from its public API or its reports.

Facts: Adobe's webhook documentation ("Webhooks in Adobe Learning Manager") and its API reference, version 2. Not
published, and therefore not here: the algorithm and header of the webhook authentication "Signature".
"""

from lrs.connectors.contract import Provider
from lrs.connectors.providers.alm import client, events, ordering, reports, settings, webhook

PROVIDER = Provider(
    name="alm",
    title="Adobe Learning Manager",
    settings=settings.SETTINGS,
    problem=settings.problem,
    verify=webhook.verify,
    answer=webhook.answer,
    cut=webhook.cut,
    read=events.read,
    decide=ordering.decide,
    check=client.check,
    people=client.people,
    people_most=25,
    things=client.things,
    things_most=10,
    all_people=client.all_people,
    account=events.account,
    enrolments=client.enrolments,
    reports=reports.READERS,
    methods=("POST", "GET"),
    # The refresh token changes with each use, so that the one of the settings is good for nothing soon.
    token_for=("host", "token_url", "client_id", "client_secret", "refresh_token"),
)
