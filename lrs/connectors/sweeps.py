"""What is read from providers: reports in pages, single readings that a hint asked for, names and e-mails for ids.

A page and the place where the next one begins are kept in one transaction, so that a reading that is stopped at any
point goes on where it was.
"""

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from lrs.connectors import addresses, catalogue, connections, inbox, worker
from lrs.connectors.connections import ConnectionProblem
from lrs.connectors.contract import CheckFailed, Context, Page, Provider, Received, Refused, Row, Unreadable
from lrs.connectors.events import Event
from lrs.connectors.models import Connection, InboxEvent, Reread, Run, SeenRow, Task
from lrs.connectors.sealed import Unsealable
from lrs.connectors.transport import Later, TransportError

log = logging.getLogger(__name__)

# Failures that are somebody else's, or the settings': shown with the run, tried again later.
OUTSIDE = (TransportError, CheckFailed, ConnectionProblem, Unsealable, Unreadable, Refused)
SOON = timedelta(minutes=5)
STOPPED = "Stopped; it goes on from here."
INTERRUPTED = "Interrupted; the next one went on from there."
# Who is not known to the provider may be tomorrow.
ASK_AGAIN = timedelta(hours=24)
_LOOKUPS = 200

# Told of the rows read so far and of all rows, where that is known.
Tell = Callable[[int, int | None], None]
Go = Callable[[], bool]


class Outcome(NamedTuple):
    """How a task ended: when it is due again, and what went wrong (empty: nothing)."""

    due: datetime
    problem: str = ""


def silent(rows: int, total: int | None) -> None:
    """Nobody is watching."""


def always() -> bool:
    """Nothing stops it."""
    return True


def sweep(connection: Connection, task: Task, *, tell: Tell = silent, go: Go = always) -> Run:
    """Read the provider's report from where the last reading stopped; gives the run, finished or not."""
    provider = connections.provider_of(connection)
    if provider.sweep is None:
        raise ConnectionProblem(f"{provider.title} has nothing to sweep.")
    _close_interrupted(connection, task)
    run = Run.objects.create(connection=connection, kind=task.kind, started=timezone.now())
    try:
        with connections.context(connection) as outside:
            for page in provider.sweep(outside, task.cursor):
                _page(connection, provider, outside, page, run, task)
                tell(run.rows, run.total)
                if not go():
                    run.notes = f"{run.notes}{STOPPED}\n"
                    run.save()
                    return run
    except OUTSIDE as problem:
        run.problem, run.ok = str(problem), False
    except Exception:
        log.exception("A sweep of %s failed.", connection.name)
        run.problem, run.ok = traceback.format_exc(), False
    else:
        run.ok = True
        Task.objects.filter(pk=task.pk).update(cursor={})
    run.finished = timezone.now()
    run.save()
    return run


def _close_interrupted(connection: Connection, task: Task) -> None:
    """Who was killed could not say so: what is under way now is this sweep, and no other."""
    for run in Run.objects.filter(connection=connection, kind=task.kind)[:1]:
        if run.finished is None and not run.notes.rstrip().endswith((STOPPED, INTERRUPTED)):
            run.notes = f"{run.notes}{INTERRUPTED}\n"
            run.save(update_fields=["notes"])


def _page(connection: Connection, provider: Provider, outside: Context, page: Page, run: Run, task: Task) -> None:
    with transaction.atomic():
        new = keep(connection, provider, outside, page)
        Task.objects.filter(pk=task.pk).update(cursor=dict(page.cursor))
        run.rows += len(page.rows) + len(page.received) + len(page.people) + len(page.things)
        run.events += new
        run.total = run.total if page.total is None else page.total
        run.notes = f"{run.notes}{page.note}\n" if page.note else run.notes
        run.save()


def keep(connection: Connection, provider: Provider, outside: Context, page: Page) -> int:
    """Keep a page: rows, events, names; inside of a transaction. How many events were new."""
    now = outside.now()
    received = [*page.received, *_differences(connection.pk, provider, outside, page, now)]
    catalogue.things(connection.pk, page.things, read=now)
    learn(connection.pk, page, now)
    if page.whole is not None:
        rows = SeenRow.objects.filter(connection=connection, key__startswith=page.whole.prefix)
        rows.filter(seen__lt=page.whole.since, gone=None).update(gone=now)
    return inbox.put(connection.pk, received, now=now)


def learn(connection: UUID, page: Page, now: datetime) -> None:
    """Keep who people are, whose identifiers are one person's then, and let go on what waited for that."""
    catalogue.people(connection, page.people, read=now)
    addresses.learnt(connection, page.people)
    found = [worker.waits_for_person(one.id) for one in page.people if one.email]
    if found:
        inbox.awake(connection, found)


def _differences(
    connection: UUID, provider: Provider, outside: Context, page: Page, now: datetime
) -> Iterator[Received]:
    if provider.compare is None or not page.rows:
        return
    rows = {row.key: row for row in page.rows}
    before = _seen(connection, rows, now)
    changed = []
    for key, row in rows.items():
        last = before[key]
        if last.data != row.data:
            yield from provider.compare(Row(key, last.data) if last.data else None, row, outside.settings, now)
            last.data, last.changed = dict(row.data), now
            changed.append(last)
    SeenRow.objects.bulk_update(sorted(changed, key=lambda row: row.key), ["data", "changed"], batch_size=200)
    SeenRow.objects.filter(connection=connection, key__in=rows).update(seen=now, gone=None)


def _seen(connection: UUID, keys: Iterable[str], now: datetime) -> dict[str, SeenRow]:
    """The last seen rows of these keys, locked; one that is new has no data.

    It is made before it is compared, so that another worker who reads the same row at this moment waits for ours.
    """
    rows = SeenRow.objects.filter(connection=connection, key__in=keys)
    new = sorted(set(keys) - set(rows.values_list("key", flat=True)))
    made = [SeenRow(connection_id=connection, key=key, data={}, seen=now, changed=now) for key in new]
    SeenRow.objects.bulk_create(made, ignore_conflicts=True)
    return {row.key: row for row in rows.order_by("key").select_for_update()}


def reread(connection: Connection, go: Go = always) -> Outcome:
    """Read again what hints asked for and whose time has come."""
    reading = connections.provider_of(connection).reread
    if reading is None:
        raise ConnectionProblem(f"{connections.provider_of(connection).title} reads nothing again.")
    now = timezone.now()
    for row in Reread.objects.filter(connection=connection, due__lte=now).order_by("due")[:_LOOKUPS]:
        if not go():
            break
        try:
            with connections.context(connection) as outside:
                for page in reading(outside, row.key):
                    with transaction.atomic():
                        keep(connection, connections.provider_of(connection), outside, page)
                    if not go():
                        return Outcome(timezone.now())
        except Later as problem:
            Reread.objects.filter(pk=row.pk).update(problem=str(problem))
            return Outcome(timezone.now() + timedelta(seconds=problem.seconds), str(problem))
        except OUTSIDE as problem:
            Reread.objects.filter(pk=row.pk).update(problem=str(problem), due=timezone.now() + SOON)
            return Outcome(timezone.now() + timedelta(seconds=30), str(problem))
        # A hint that came meanwhile asks for one more reading.
        Reread.objects.filter(pk=row.pk, hints=row.hints).delete()
    coming = Reread.objects.filter(connection=connection).order_by("due").values_list("due", flat=True).first()
    at_least = timezone.now() + timedelta(seconds=1)
    return Outcome(max(at_least, coming) if coming and coming < at_least + worker.JOIN else at_least + worker.JOIN)


def look_up(connection: Connection, go: Go = always) -> Outcome:
    """Ask the provider who the ids are that nobody knows yet: people that events wait for first."""
    _wake(connection)
    provider = connections.provider_of(connection)
    try:
        with connections.context(connection) as outside:
            if not _may_ask(outside):
                return Outcome(timezone.now() + timedelta(minutes=1))
            # People and things have budgets of their own: while one is spent, the other is used.
            people, things = (_within_budget(ask, connection, provider, outside, go) for ask in (_people, _things))
    except OUTSIDE as problem:
        return Outcome(timezone.now() + SOON, str(problem))
    if people.found or things.found:
        return Outcome(timezone.now() + timedelta(seconds=1))
    late = [one for one in (people.late, things.late) if one is not None]
    if not late:
        return Outcome(timezone.now() + timedelta(seconds=10))
    # What is met meanwhile, and has a budget, is not made to wait for the one that is spent.
    wait = min(SOON, *(timedelta(seconds=one.seconds) for one in late))
    return Outcome(timezone.now() + wait, " ".join(map(str, late)))


class _Asked(NamedTuple):
    found: int
    late: Later | None


_Ask = Callable[[Connection, Provider, Context, Go], int]


def _within_budget(ask: _Ask, connection: Connection, provider: Provider, outside: Context, go: Go) -> _Asked:
    try:
        return _Asked(ask(connection, provider, outside, go), None)
    except Later as problem:
        return _Asked(0, problem)


def _may_ask(outside: Context) -> bool:
    given = outside.settings
    return all(given.get(name) for name in ("client_id", "client_secret", "refresh_token") if name in given)


def _people(connection: Connection, provider: Provider, outside: Context, go: Go) -> int:
    if provider.people is None or not go():
        return 0
    ids = catalogue.to_ask_people(connection.pk, provider.people_most, before=timezone.now() - ASK_AGAIN)
    for start in range(0, len(ids), 1 if provider.people_most == 1 else 5):
        # A few at a time, so that what was learnt before a limit is reached is kept.
        some = ids[start : start + (1 if provider.people_most == 1 else 5)]
        found = provider.people(outside, some)
        with transaction.atomic():
            learn(connection.pk, Page(people=found), timezone.now())
        if not go():
            break
    return len(ids)


def _things(connection: Connection, provider: Provider, outside: Context, go: Go) -> int:
    if provider.things is None or not go():
        return 0
    ids = catalogue.to_ask_things(connection.pk, provider.things_most)
    if ids:
        found = provider.things(outside, ids)
        with transaction.atomic():
            now = timezone.now()
            catalogue.things(connection.pk, found, read=now)
            catalogue.missing_things(connection.pk, set(ids) - {one.external for one in found}, now)
    return len(ids)


def _wake(connection: Connection) -> None:
    """Events that were put aside just when the e-mail came, and all of them where they need none any more."""
    rows = InboxEvent.objects.filter(connection=connection, state=InboxEvent.State.DEFERRED)
    first = rows.order_by("id").first()
    if first is not None and not _needs_email(connection, first):
        inbox.again(rows)
        return
    waiting = {text.removeprefix("person "): text for text in rows.values_list("waits_for", flat=True).distinct()}
    known = catalogue.emails(connection.pk, waiting)
    inbox.awake(connection.pk, [text for id, text in waiting.items() if known.get(id)])


def _needs_email(connection: Connection, row: InboxEvent) -> bool:
    provider, chosen = connections.provider_of(connection), connections.settings_of(connection)
    try:
        meant = provider.read(inbox.received_of(row), chosen)
    except Refused:
        return False
    return any(one.person.needs_email for one in meant if isinstance(one, Event))


def everybody(connection: Connection, tell: Tell = silent) -> int:
    """Read all people of the provider; how many."""
    provider = connections.provider_of(connection)
    if provider.all_people is None:
        raise ConnectionProblem(f"{provider.title} cannot list its people.")
    number = 0
    with connections.context(connection) as outside:
        for page in provider.all_people(outside):
            with transaction.atomic():
                learn(connection.pk, page, outside.now())
            number += len(page.people)
            tell(number, page.total)
    return number
