"""Telling somebody of a new kind of refusal or a new shape of statements: by mail and to a webhook.

Off until LRS_NOTIFY_MAIL or LRS_NOTIFY_WEBHOOK is set. The worker does it, so that no sender waits for a mail server.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import httpx
from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Model

from lrs.models import RefusalKind, Shape

_AT_ONCE = 50
_PATIENCE = 10.0


class Notice(NamedTuple):
    """One piece of news, as a webhook gets it too."""

    event: str
    credential: str
    sentence: str
    at: datetime


def tell(now: datetime) -> int:
    """Tell what is new, in one mail and one request; how many. What cannot be told is tried again."""
    kinds = list(RefusalKind.objects.select_related("credential").filter(told=False).order_by("pk")[:_AT_ONCE])
    shapes = list(Shape.objects.select_related("credential").filter(told=False).order_by("pk")[:_AT_ONCE])
    notices = [*map(_of_kind, kinds), *map(_of_shape, shapes)]
    if notices:
        _send(notices)
        _told(RefusalKind, kinds)
        _told(Shape, shapes)
    return len(notices) if settings.LRS_NOTIFY_MAIL or settings.LRS_NOTIFY_WEBHOOK else 0


def _of_kind(kind: RefusalKind) -> Notice:
    sentence = f"{kind.credential.name} was refused with {kind.status} for a new reason: {kind.what}"
    return Notice("refusal", kind.credential.name, sentence, kind.first)


def _of_shape(shape: Shape) -> Notice:
    sentence = f"{shape.credential.name} sent statements of a new shape, with {len(shape.places)} places."
    return Notice("shape", shape.credential.name, sentence, shape.first)


def _send(notices: Sequence[Notice]) -> None:
    # What a statement holds of people's data is not sent: whoever wants to see it looks it up.
    if settings.LRS_NOTIFY_MAIL:
        lines = "\n\n".join(f"{notice.at:%Y-%m-%d %H:%M} UTC  {notice.sentence}" for notice in notices)
        subject = f"Learning Record Store: {notices[0].sentence.splitlines()[0][:100]}"
        send_mail(subject, f"{lines}\n\n{settings.LRS_PUBLIC_URL}/admin/\n", None, settings.LRS_NOTIFY_MAIL)
    if settings.LRS_NOTIFY_WEBHOOK:
        body = {"notices": [{**notice._asdict(), "at": notice.at.isoformat()} for notice in notices]}
        httpx.post(settings.LRS_NOTIFY_WEBHOOK, json=body, timeout=_PATIENCE).raise_for_status()


def _told(model: type[Model], rows: Iterable[Model]) -> None:
    # Without anybody to tell they count as told, so that switching it on later does not tell old news.
    model._default_manager.filter(pk__in=[row.pk for row in rows]).update(told=True)
