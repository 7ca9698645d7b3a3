"""What senders really send: the JSON shapes of their statements, with one example each.

Udemy's JSON is not published; after the first day it can be read here, and a new shape is reported like a new kind of
refusal. A shape is the set of places and types; list indices and languages are folded into `*`. A shape that this
process has seen costs a hash; how often it came is added up here and written now and then.
"""

import atexit
import hashlib
import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import DatabaseError
from django.db.models import F
from django.utils import timezone

from lrs.aside import Aside
from lrs.auth import Caller
from lrs.models import Shape
from statements.xapi.text import Given, storable

log = logging.getLogger(__name__)

MOST_SHAPES = 200
_MOST_PLACES = 400
_LONGEST_EXAMPLE = 64 * 1024
# Counts of this process are written after so many seconds at the latest.
WRITTEN_AFTER = 2.0
# Objects whose keys are languages (xAPI 1.0.3 Data 4.2.7).
_LANGUAGE_MAPS = frozenset({"display", "name", "description"})
_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}


def places(statement: object) -> tuple[str, ...]:
    """Each place of a JSON value and the type that stands there, such as "/result/score/scaled number", in order."""
    found: set[str] = set()
    for place in _walk(statement, "", language_map=False):
        found.add(place)
        if len(found) >= _MOST_PLACES:
            break
    return tuple(sorted(found))


def _walk(value: Any, at: str, *, language_map: bool) -> Iterator[str]:
    yield f"{at or '/'} {_TYPES.get(type(value), 'null')}"
    if isinstance(value, dict):
        for name, inner in value.items():
            token = "*" if language_map else name.replace("~", "~0").replace("/", "~1")
            yield from _walk(inner, f"{at}/{token}", language_map=name in _LANGUAGE_MAPS and not language_map)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, f"{at}/*", language_map=False)


def note(caller: Caller, given: Iterable[Given]) -> None:
    """Note the shapes of what a credential sends; a failure to do so is logged and changes nothing for the sender."""
    try:
        for one in given:
            _note(caller, one)
    except DatabaseError:
        log.exception("The shapes of what %r sends could not be noted.", caller.name)


def _note(caller: Caller, given: Given) -> None:
    its = [storable(place) for place in places(given.value)]
    digest = hashlib.sha256("\n".join(its).encode()).hexdigest()
    now = timezone.now()
    if (caller.credential, digest) not in _known:
        if not _keep(caller, given, its, digest, now):
            return
        _known.add((caller.credential, digest))
    _counts.add(caller.credential, digest, now)


def _keep(caller: Caller, given: Given, its: Sequence[str], digest: str, now: datetime) -> bool:
    """Whether there is, now, a row of this shape; somebody who sends ever new ones gets only so many."""
    mine = Shape.objects.filter(credential=caller.credential)
    if mine.filter(digest=digest).exists():
        return True
    if mine.count() >= MOST_SHAPES:
        return False
    example = given.raw.decode()
    row = Shape(
        store_id=caller.tenant.store,
        credential_id=caller.credential,
        digest=digest,
        places=its,
        first=now,
        last=now,
        example=example if len(example) <= _LONGEST_EXAMPLE else example[:_LONGEST_EXAMPLE] + "…",
    )
    Shape.objects.bulk_create([row], ignore_conflicts=True)
    return True


class _Counts:
    """How often shapes came that is not written yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[tuple[int, str], tuple[int, datetime]] = {}
        self._aside = Aside(self.write, WRITTEN_AFTER, "How often shapes came could not be written.")

    def add(self, credential: int, digest: str, now: datetime) -> None:
        """One more; it is written in a while, in a thread of its own, for the sender may not come again."""
        with self._lock:
            count, _ = self._waiting.get((credential, digest), (0, now))
            self._waiting[credential, digest] = (count + 1, now)
        self._aside.soon()

    def write(self) -> None:
        """Write what waits."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for (credential, digest), (count, last) in sorted(waiting.items()):
            Shape.objects.filter(credential=credential, digest=digest).update(count=F("count") + count, last=last)


_known: set[tuple[int, str]] = set()
_counts = _Counts()
flush = _counts.write
atexit.register(_counts.write)
