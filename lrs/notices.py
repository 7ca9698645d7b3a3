"""Telling somebody of a new kind of refusal or a new shape of statements: by mail and to a webhook.

Off until LRS_NOTIFY_MAIL or LRS_NOTIFY_WEBHOOK is set. The worker does it, so that no sender waits for a mail server.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import httpx
from django.conf import settings
from django.core.mail import send_mail

from lrs.models import RefusalKind, Shape

_AT_ONCE = 50
_PATIENCE = 10.0


class Notice(NamedTuple):
    """One piece of news, as a webhook gets it too."""

    event: str
    credential: str
    sentence: str
    at: datetime


# News by its event and the number of its row.
_News = Mapping[tuple[str, int], Notice]


def tell(now: datetime) -> int:
    """Tell what is new, each way in one message; how many. What a way could not tell it tells later, and it alone.

    Raises what kept a way from it, after all were tried.
    """
    wanted = {"mail": settings.LRS_NOTIFY_MAIL, "webhook": settings.LRS_NOTIFY_WEBHOOK}
    ways = [way for way in _WAYS if wanted[way]]
    told, problems = 0, []
    for way in ways:
        news = _untold(way)
        try:
            if news:
                _WAYS[way](list(news.values()))
        except (OSError, httpx.HTTPError, httpx.InvalidURL) as problem:
            problems.append(problem)
        else:
            _heard[way].update(news)
            told = max(told, len(news))
    # Without anybody to tell it counts as told, so that switching it on later does not tell old news.
    _settle(set.intersection(*[_heard[way] for way in ways]) if ways else set(_untold("")))
    if problems:
        raise problems[0]
    return told


# What one way has told and another has not yet. A process that begins anew tells it once more.
_heard: dict[str, set[tuple[str, int]]] = {"mail": set(), "webhook": set(), "": set()}


def _untold(way: str) -> _News:
    """What this way has not told, the oldest of each event."""
    heard = _heard[way]
    kinds = RefusalKind.objects.select_related("credential").filter(told=False)
    shapes = Shape.objects.select_related("credential").filter(told=False)
    new_kinds = kinds.exclude(pk__in=_numbers(heard, "refusal")).order_by("pk")[:_AT_ONCE]
    new_shapes = shapes.exclude(pk__in=_numbers(heard, "shape")).order_by("pk")[:_AT_ONCE]
    return {
        **{("refusal", kind.pk): _of_kind(kind) for kind in new_kinds},
        **{("shape", shape.pk): _of_shape(shape) for shape in new_shapes},
    }


def _numbers(told: Iterable[tuple[str, int]], event: str) -> list[int]:
    return [pk for its, pk in told if its == event]


def _settle(told: set[tuple[str, int]]) -> None:
    RefusalKind.objects.filter(pk__in=_numbers(told, "refusal")).update(told=True)
    Shape.objects.filter(pk__in=_numbers(told, "shape")).update(told=True)
    for heard in _heard.values():
        heard -= told


def _of_kind(kind: RefusalKind) -> Notice:
    sentence = f"{kind.credential.name} was refused with {kind.status} for a new reason: {kind.what}"
    return Notice("refusal", kind.credential.name, sentence, kind.first)


def _of_shape(shape: Shape) -> Notice:
    sentence = f"{shape.credential.name} sent statements of a new shape, with {len(shape.places)} places."
    return Notice("shape", shape.credential.name, sentence, shape.first)


# --- the ways; what a statement holds of people's data is not sent: whoever wants to see it looks it up


def _mail(notices: Sequence[Notice]) -> None:
    lines = "\n\n".join(f"{notice.at:%Y-%m-%d %H:%M} UTC  {notice.sentence}" for notice in notices)
    subject = f"Learning Record Store: {notices[0].sentence.splitlines()[0][:100]}"
    send_mail(subject, f"{lines}\n\n{settings.LRS_PUBLIC_URL}/admin/\n", None, settings.LRS_NOTIFY_MAIL)


def _webhook(notices: Sequence[Notice]) -> None:
    body = {"notices": [{**notice._asdict(), "at": notice.at.isoformat()} for notice in notices]}
    httpx.post(settings.LRS_NOTIFY_WEBHOOK, json=body, timeout=_PATIENCE).raise_for_status()


_WAYS: Mapping[str, Callable[[Sequence[Notice]], None]] = {"mail": _mail, "webhook": _webhook}
