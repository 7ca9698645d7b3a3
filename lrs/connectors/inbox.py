"""The inbox: deliveries are kept as they come, cut into events, and worked off in order by several workers.

An ordering (one learner in one course, say) belongs to a lane, and a lane to one worker at a time, who holds it for
LRS_INBOX_LEASE seconds. Killing a worker leaves its lanes to the others when that time is over; nothing it had not
committed happened. The code is the same on SQLite and PostgreSQL: lanes are taken in a short transaction (IMMEDIATE
there, SELECT FOR UPDATE SKIP LOCKED here).
"""

import hashlib
import time
import uuid
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self
from uuid import UUID, uuid5

import orjson
from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Length
from django.utils import timezone

from lrs.connectors.contract import Received, Request
from lrs.connectors.models import ERASED, Connection, Delivery, InboxEvent, Lane
from statements.xapi.text import storable

LANES = 32
# Bodies that are cut at a time: together they must be done within the lease, and fit into the memory.
_BYTES = 8 * 2**20
# One more lane, for cutting deliveries: who holds it keeps the order of arrival.
DOOR = LANES
_HIDDEN = frozenset({"authorization", "cookie", "proxy-authorization"})


class Held(NamedTuple):
    """Lanes that this worker holds, under a name of its own."""

    holder: str
    lanes: tuple[int, ...]


class LostLease(Exception):
    """The lanes were held too long and are another worker's now; nothing was written."""


def keep(connection: Connection, request: Request, *, hidden: Iterable[str] = (), message: str = "") -> Delivery:
    """Keep a delivery as it came; headers that carry a secret are named without their value.

    With the sender's own id of it, `message`, it is kept once: gives the one that is there already.
    """
    secret = _HIDDEN | {name.lower() for name in hidden}
    headers = {name: "(hidden)" if name in secret else value for name, value in request.headers.items()}
    made = {
        "received": request.received,
        "headers": headers,
        "method": request.method,
        "query": request.query.replace("\0", ""),
        "body": request.body,
    }
    if message:
        return Delivery.objects.get_or_create(connection=connection, message=message, defaults=made)[0]
    return Delivery.objects.create(connection=connection, **made)


def request_of(delivery: Delivery) -> Request:
    """The delivery as the provider sees it."""
    return Request(delivery.headers, delivery.query, bytes(delivery.body), delivery.received, delivery.method)


class Arrival(NamedTuple):
    """An event on its way into the inbox: of which connection and delivery (None: of none), and when it came."""

    connection: UUID
    received: Received
    now: datetime
    delivery: int | None = None


def put(connection: UUID, received: Sequence[Received], *, now: datetime, delivery: int | None = None) -> int:
    """Put events into the inbox, in their order; how many were new. One that was here before is passed over."""
    return sum(put_all([Arrival(connection, one, now, delivery) for one in received]).values())


def put_all(arrivals: Sequence[Arrival]) -> Counter[int | None]:
    """Put events into the inbox, in their order; how many of each delivery were new."""
    rows: dict[UUID, InboxEvent] = {}
    for one in arrivals:
        row = _row(one.connection, one.received, one.now, one.delivery)
        rows.setdefault(row.key, row)
    here = set(InboxEvent.objects.filter(key__in=rows).values_list("key", flat=True)) if rows else set()
    fresh = [row for key, row in rows.items() if key not in here]
    if fresh:
        with database.cursor() as cursor:
            cursor.executemany(_INSERT, [_values(row) for row in fresh])
    return Counter(row.delivery for row in fresh)


# One row after the other in one round trip: bulk_create takes three times as long over texts with many quotes.
_FILLED = (
    "connection_id", "delivery", "key", "account", "name", "event", "at", "ordering", "lane", "data", "received",
    "state", "rule", "reason", "traceback", "waits_for", "attempts", "statements",
)  # fmt: skip
_INSERT = (
    f"INSERT INTO connectors_inboxevent ({', '.join(_FILLED)}) VALUES ({', '.join(['%s'] * len(_FILLED))})"
    " ON CONFLICT DO NOTHING"
)


def _values(row: InboxEvent) -> list[Any]:
    keys = [one if database.features.has_native_uuid_field else one.hex for one in (row.connection_id, row.key)]
    ordering = row.ordering if database.features.has_native_uuid_field else row.ordering.hex
    times = [database.ops.adapt_datetimefield_value(moment) for moment in (row.at, row.received)]
    return [
        keys[0], row.delivery, keys[1], row.account, row.name, row.event, times[0], ordering, row.lane, row.data,
        times[1], row.state, "", "", "", "", 0, "[]",
    ]  # fmt: skip


def cut(deliveries: Sequence[Delivery]) -> None:
    """Write what became of deliveries that were looked into."""
    with database.cursor() as cursor:
        cursor.executemany(
            "UPDATE connectors_delivery SET state = %s, problem = %s, events = %s, repeated = %s WHERE id = %s",
            [(row.state, storable(row.problem), row.events, row.repeated, row.pk) for row in deliveries],
        )


def key_text(account: str, name: str, event: str) -> str:
    """What names an event within its connection; also the key of the Event, unless its provider says otherwise."""
    return f"{account}\n{name}\n{event}"


def key(connection: UUID, received: Received) -> UUID:
    """The key of an event's row."""
    return uuid5(connection, key_text(received.account, received.name, received.id))


def _row(connection: UUID, received: Received, now: datetime, delivery: int | None) -> InboxEvent:
    ordering = uuid5(connection, f"ordering\n{received.ordering}")
    return InboxEvent(
        connection_id=connection,
        delivery=delivery,
        key=key(connection, received),
        account=_column(received.account, 200),
        name=_column(received.name, 200),
        event=_column(received.id, 400),
        at=received.at,
        ordering=ordering,
        lane=zlib.crc32(ordering.bytes) % LANES,
        data=orjson.dumps(received._asdict()).decode(),
        received=now,
    )


def received_of(row: InboxEvent) -> Received:
    """The event as its provider cut it."""
    read = orjson.loads(row.data)
    return Received(**{**read, "at": row.at})


def _column(text: str, most: int) -> str:
    # Only shown; what counts is in `data` and `key`.
    text = storable(text)
    return text if len(text) <= most else f"{text[: most - 17]}~{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def waits() -> bool:
    """Whether anything is to be cut or worked off, whoever may hold it now."""
    return _uncut().exists() or InboxEvent.objects.filter(state=InboxEvent.State.WAITING, lane__lt=LANES).exists()


def claim_door(now: datetime) -> Held | None:
    """Hold the cutting of deliveries, if there is something to cut and nobody else holds it."""
    return _claim(Lane.objects.filter(number=DOOR), now, 1) if _uncut().exists() else None


def claim(now: datetime, most: int) -> Held | None:
    """Hold at most so many lanes in which events wait, those with the oldest first; None where there are none."""
    waiting = InboxEvent.objects.filter(state=InboxEvent.State.WAITING, lane=OuterRef("number"))
    lanes = Lane.objects.filter(number__lt=LANES).filter(Exists(waiting))
    if not lanes.filter(_free(now)).exists():
        return None
    # The first entry of each lane in the index; the least of all its entries would have them all read.
    oldest = Subquery(waiting.order_by("id").values("id")[:1])
    return _claim(lanes.annotate(oldest=oldest).order_by("oldest"), now, most)


def _claim(lanes: QuerySet[Lane], now: datetime, most: int) -> Held | None:
    holder = uuid.uuid4().hex
    with transaction.atomic():
        free = lanes.filter(_free(now))
        if database.features.has_select_for_update_skip_locked:
            free = free.select_for_update(skip_locked=True, of=("self",))
        numbers = tuple(row.number for row in free[:most])
        if not numbers:
            return None
        Lane.objects.filter(number__in=numbers).update(holder=holder, until=_lease(now))
    return Held(holder, numbers)


class Alone:
    """All lanes, held by one who reads and writes what several of them decide about; no worker decides anything then.

    The lanes are taken in their order, each after those before it, so that two who want all of them cannot wait for
    each other.
    """

    def __init__(self) -> None:
        self.held = Held(uuid.uuid4().hex, tuple(range(LANES)))

    def __enter__(self) -> Self:
        while not self._take():
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        release(self.held)

    def stay(self) -> None:
        """Hold them for LRS_INBOX_LEASE seconds from now on. Raises LostLease where they were held too long."""
        with transaction.atomic():
            require(self.held)
            self._lanes().update(until=_lease(timezone.now()))

    def _take(self) -> bool:
        """Take lanes up to the first that is another's; whether these were all."""
        with transaction.atomic():
            now = timezone.now()
            free = []
            for lane in self._lanes().order_by("number").select_for_update():
                if lane.holder != self.held.holder and lane.until is not None and lane.until >= now:
                    break
                free.append(lane.number)
            self._lanes().filter(number__in=free).update(holder=self.held.holder, until=_lease(now))
        return len(free) == LANES

    def _lanes(self) -> QuerySet[Lane]:
        return Lane.objects.filter(number__in=self.held.lanes)


def require(held: Held) -> None:
    """Inside of the transaction that writes: the lanes are still ours and stay so until it ends. Raises LostLease."""
    rows = Lane.objects.filter(number__in=held.lanes, holder=held.holder).order_by("number").select_for_update()
    if len(rows) != len(held.lanes):
        raise LostLease


def release(held: Held) -> None:
    """Give the lanes back."""
    Lane.objects.filter(number__in=held.lanes, holder=held.holder).update(holder="", until=None)


def waiting(held: Held, most: int) -> list[InboxEvent]:
    """The oldest events that wait in the lanes."""
    rows = InboxEvent.objects.filter(state=InboxEvent.State.WAITING).order_by("id").values_list("id", flat=True)
    # Lane by lane, as the index has them: asked for several at once, databases read the archive from its beginning.
    ids = sorted(id for lane in held.lanes for id in rows.filter(lane=lane)[:most])[:most]
    return list(InboxEvent.objects.filter(pk__in=ids).order_by("id"))


def uncut(most: int) -> list[Delivery]:
    """The oldest deliveries that nobody has looked into; of large ones fewer, one at least."""
    ids: list[int] = []
    size = 0
    for id, length in _uncut().order_by("id").values_list("id", Length("body"))[:most]:
        size += length
        if ids and size > _BYTES:
            break
        ids.append(id)
    return list(Delivery.objects.filter(pk__in=ids).order_by("id"))


def deferred(orderings: Iterable[UUID]) -> dict[UUID, str]:
    """Which of these orderings have an event that waits for something, and for what: what comes later waits too."""
    rows = InboxEvent.objects.filter(state=InboxEvent.State.DEFERRED, ordering__in=set(orderings))
    return dict(rows.order_by("-id").values_list("ordering", "waits_for"))


def awake(connection: UUID, waits_for: Iterable[str]) -> int:
    """What waited for these goes on: how many events."""
    rows = InboxEvent.objects.filter(
        connection=connection, state=InboxEvent.State.DEFERRED, waits_for__in=set(waits_for)
    )
    return rows.update(state=InboxEvent.State.WAITING, waits_for="", rule="", reason="")


def again(rows: QuerySet[InboxEvent]) -> int:
    """Let refused, ignored or deferred events be decided anew; how many. What became statements stays as it is, and
    of what was erased nothing is there to decide about.
    """
    states = (InboxEvent.State.REFUSED, InboxEvent.State.IGNORED, InboxEvent.State.DEFERRED)
    return (
        rows.filter(state__in=states)
        .exclude(rule=ERASED)
        .update(state=InboxEvent.State.WAITING, waits_for="", rule="", reason="")
    )


def reread(deliveries: QuerySet[Delivery]) -> int:
    """Let deliveries that could not be read be looked into anew, as an update may have learnt to; how many."""
    return deliveries.filter(state=Delivery.State.UNREADABLE).update(state=Delivery.State.WAITING, problem="")


def finish(rows: Sequence[InboxEvent], now: datetime) -> None:
    """Write what became of the events; inside of the transaction that wrote their statements."""
    here = [
        (
            row.state,
            row.rule,
            storable(row.reason),
            storable(row.traceback),
            row.waits_for,
            row.attempts + 1,
            now,
            orjson.dumps(row.statements).decode(),
            row.pk,
        )
        for row in sorted(rows, key=lambda row: row.pk)
    ]
    if database.vendor == "sqlite":
        here = [(*row[:6], str(now.replace(tzinfo=None)), *row[7:]) for row in here]  # type: ignore[misc]
    with database.cursor() as cursor:
        cursor.executemany(
            "UPDATE connectors_inboxevent SET state = %s, rule = %s, reason = %s, traceback = %s, waits_for = %s,"
            " attempts = %s, decided = %s, statements = %s WHERE id = %s",
            here,
        )


def _uncut() -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=Delivery.State.WAITING, connection__state=Connection.State.ACTIVE)


def _lease(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.LRS_INBOX_LEASE)


def _free(now: datetime) -> Q:
    return Q(until=None) | Q(until__lt=now)
