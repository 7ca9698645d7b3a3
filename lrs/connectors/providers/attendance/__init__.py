"""The generic way in, for every webinar service: a signed webhook, and CSV files.

The signature is that of the Standard Webhooks convention; the body and the columns are ours.
"""

from dataclasses import replace

from lrs.connectors.contract import (
    Answer,
    CheckFailed,
    Context,
    Provider,
    Received,
    Request,
    Setting,
    SettingKind,
    Webinars,
)
from lrs.connectors.contract import Settings as Given
from lrs.connectors.events import Happening
from lrs.connectors.providers.attendance import body, signature
from lrs.connectors.webinars import settings as webinars

OWN = "attendance_secret"


def also(provider: Provider) -> Provider:
    """A webinar provider that takes the signed attendance webhook beside what it sends itself."""

    def signed(request: Request) -> bool:
        return "webhook-signature" in request.headers

    def verify(request: Request, given: Given) -> bool:
        if signed(request):
            return signature.good(request, given[OWN])
        return provider.verify(request, given)

    def answer(request: Request, given: Given) -> Answer | None:
        if signed(request):
            return body.answer(request)
        return provider.answer(request, given) if provider.answer else None

    def cut(request: Request, given: Given) -> list[Received]:
        return body.cut(request) if signed(request) else list(provider.cut(request, given))

    def read(received: Received, given: Given) -> list[Happening]:
        return body.read(received) if received.name in body.EVENTS else list(provider.read(received, given))

    def message(request: Request, given: Given) -> str:
        return signature.message(request) if signed(request) else ""

    secret = Setting(OWN, "Of the signed attendance webhook; several, with spaces between, while one is replaced")
    return replace(
        provider,
        settings=(*provider.settings, replace(secret, kind=SettingKind.SECRET)),
        verify=verify,
        answer=answer,
        cut=cut,
        read=read,
        message=message,
        paced=signed,
        methods=tuple(dict.fromkeys((*provider.methods, "POST"))),
    )


def _check(context: Context) -> str:
    if not context.settings["secret"]:
        raise CheckFailed("No secret is set: attendance comes by CSV only.")
    return f"attendance comes by the signed webhook at {context.settings['webhook_url']} and by CSV."


PROVIDER = Provider(
    name="attendance",
    title="Webinars by webhook and CSV",
    settings=(
        Setting("secret", "Of the webhook; several, with spaces between, while one is replaced", SettingKind.SECRET),
        *webinars.SETTINGS,
    ),
    problem=webinars.problem,
    verify=lambda request, given: signature.good(request, given["secret"]),
    answer=lambda request, _: body.answer(request),
    cut=lambda request, _: body.cut(request),
    read=lambda received, _: body.read(received),
    message=lambda request, _: signature.message(request),
    paced=lambda _: True,
    check=_check,
    webinars=Webinars(),
)
