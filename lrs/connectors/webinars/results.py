"""What is said of each person: results for people to see, statements with revisions. Inside of a transaction.

A statement's id is made of the session, of what it says of whom, and of its revision. When what it says changes, the
old one is voided and the next revision is sent; what did not change is not sent again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid5

import orjson
from django.db import transaction

from lrs import auth
from lrs.connectors import addresses, compose, connections
from lrs.connectors.contract import Settings
from lrs.connectors.events import Event, Kind, Person, Thing, ThingKind
from lrs.connectors.models import Connection
from lrs.connectors.webinars import intake, matching, sessions, verdicts
from lrs.connectors.webinars import settings as chosen
from lrs.connectors.webinars.intervals import Closed
from lrs.connectors.webinars.matching import Identity
from lrs.connectors.webinars.models import Result, Sent, Session
from lrs.connectors.webinars.verdicts import Evidence, Judgement, Verdict
from statements.ingest import Source, ingest
from statements.xapi.text import Given
from statements.xapi.versions import Version

# Rows in one statement of SQL.
_ROWS = 500
# Extensions of webinars live under one address, whoever the provider is.
_WEBINAR = "webinar"


class Saying(NamedTuple):
    """A statement that should be there: `about` names it within the session, `said` is what counts of it."""

    about: str
    event: Event
    said: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Revised:
    """What is to be sent, in this order, and what it does to the rows of Sent."""

    event: Event
    about: str
    revision: int
    said: dict[str, Any] | None
    voids: int | None = None


class Found(NamedTuple):
    """What the evidence came to. `listed`: there is a list; `open`: somebody is still in the room."""

    listed: bool
    open: bool


def settle(session: Session, now: datetime, *, absence: bool) -> Found:
    """Judge by all that is known, and say it; nothing is said where there is no list. The session is locked.

    Without `absence` nobody fails yet.
    """
    planned = Closed(session.start, session.end)
    known = verdicts.within(verdicts.best(intake.evidence(session, now)), planned)
    if any(not one.over for one in known):
        return Found(False, True)
    if not known:
        return Found(False, False)
    settings = connections.settings_of(session.connection)
    judgement = verdicts.judge(
        known,
        sessions.known(session),
        planned,
        chosen.credit(settings),
        instructors=sessions.instructors(session),
        absence=absence,
    )
    _show(session, judgement, now)
    say(session, list(_sayings(session, settings, judgement, known)), now)
    # After the transaction: who writes statements must not wait for those who fold them.
    known_by_both = [one.person for one in judgement.verdicts if one.person.id and one.person.email]
    transaction.on_commit(lambda: same(session.connection, known_by_both))
    return Found(True, False)


def same(connection: Connection, people: Sequence[Identity]) -> None:
    """Make the user ids and the e-mails of these people one person each."""
    settings = connections.settings_of(connection)
    addresses.same(connection, [(_person(replace(one, email=""), settings), one.email, one.name) for one in people])


def say(session: Session, sayings: Sequence[Saying], now: datetime) -> list[str]:
    """Send what is new or changed and void what does not hold any more; the ids of the statements that were sent."""
    revised = list(revisions(list(session.sent.order_by("about", "revision")), sayings, _key(session), now))
    if not revised:
        return []
    connection = session.connection
    made = [_composed(one.event, connection) for one in revised]
    caller = auth.caller_of(connection.credential)
    given = [Given(orjson.dumps(one), one, f"/{number}") for number, one in enumerate(made)]
    ids = ingest(given, source=Source(caller.tenant, caller.credential, caller.authority), version=Version.V1)
    done = list(zip(revised, ids, strict=True))
    voided = [Sent(pk=one.voids, voided=id) for one, id in done if one.voids is not None]
    Sent.objects.bulk_update(voided, ["voided"], batch_size=_ROWS)
    Sent.objects.bulk_create(
        Sent(session=session, about=one.about, revision=one.revision, statement=id, said=one.said, at=now)
        for one, id in done
        if one.voids is None
    )
    return ids


def revisions(sent: Sequence[Sent], sayings: Sequence[Saying], key: str, now: datetime) -> Iterator[Revised]:
    """What is to be sent so that what was sent says what should be said."""
    wanted = {saying.about: saying for saying in sayings}
    newest = {row.about: row for row in sent}
    for about, row in newest.items():
        if row.voided is None and not (about in wanted and _same(wanted[about].said, row.said)):
            yield _voiding(row, key, now)
    for about, saying in wanted.items():
        before = newest.get(about)
        if before is not None and before.voided is None and _same(saying.said, before.said):
            continue
        revision = before.revision + 1 if before else 1
        yield Revised(replace(saying.event, key=_event_key(key, about, revision)), about, revision, saying.said)


def _voiding(row: Sent, key: str, now: datetime) -> Revised:
    voided = _event_key(key, row.about, row.revision)
    event = Event(
        key=f"void\n{voided}",
        kind=Kind.VOIDED,
        at=now,
        person=_NOBODY,
        thing=None,
        platform="",
        voids=voided,
    )
    return Revised(event, row.about, row.revision, None, voids=row.pk)


# Who voids is the connection itself; put in where the address is known.
_NOBODY = Person()


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    seconds = abs(one.get("seconds", 0) - other.get("seconds", 0))
    rest = [{name: value for name, value in said.items() if name != "seconds"} for said in (one, other)]
    return rest[0] == rest[1] and seconds <= verdicts.NO_DIFFERENCE


def _key(session: Session) -> str:
    return f"webinar\n{session.external}\n{compose.moment(session.start)}"


def _event_key(session: str, about: str, revision: int) -> str:
    return f"{session}\n{about}\n{revision}"


def _composed(event: Event, connection: Connection) -> compose.Statement:
    settings = connections.settings_of(connection)
    if event.person is _NOBODY:
        event = replace(event, person=_itself(connection, settings))
    return compose.statement(event, connection=connection.pk, provider=_WEBINAR, public_url=str(settings["public_url"]))


def _sayings(session: Session, settings: Settings, judgement: Judgement, known: Sequence[Evidence]) -> Iterator[Saying]:
    ended = max((one.ended for one in known if one.ended), default=session.end)
    source = known[0].source.value
    common = _in_run(session, _common(session, settings, source), known[0].run if len(known) == 1 else "")
    runs = _joined(known)
    yield from _openings(session, settings, replace(common, instructor=None), known)
    if settings["registrations"]:
        yield from _registrations(session, settings, common)
    for verdict in judgement.verdicts:
        yield from _verdict(verdict, replace(common, at=ended, person=_person(verdict.person, settings)))
        if settings["movements"]:
            moving = replace(common, person=_person(verdict.person, settings))
            yield from _movements(session, verdict, moving, runs)


def _verdict(verdict: Verdict, common: Event) -> Iterator[Saying]:
    key = verdict.person.key
    said = {"seconds": verdict.seconds}
    if verdict.present:
        stays = [{"join": compose.moment(one.joined), "leave": compose.moment(one.left)} for one in verdict.stays]
        facts = {"attendance-ratio": verdict.ratio, **({"intervals": stays} if stays else {})}
        event = replace(common, kind=Kind.ATTENDED, completion=True, seconds=verdict.seconds, result_facts=facts)
        yield Saying(f"{event.kind} {key}", event, said)
    if verdict.passed is None:
        return
    if verdict.passed:
        event = replace(common, kind=Kind.COMPLETED, completion=True, success=True, seconds=verdict.seconds)
    else:
        event = replace(
            common,
            kind=Kind.FAILED,
            completion=False,
            success=False,
            seconds=verdict.seconds,
            result_facts={"reason": verdict.reason},
        )
    yield Saying(f"{event.kind} {key}", event, {**said, "reason": verdict.reason})


def _openings(session: Session, settings: Settings, common: Event, known: Sequence[Evidence]) -> Iterator[Saying]:
    """That the room was opened and closed, where that is really known."""
    itself = _itself(session.connection, settings)
    for one in known:
        event = replace(_in_run(session, common, one.run), person=itself)
        run = one.run or "session"
        if one.opened is not None:
            yield Saying(
                f"{Kind.INITIALIZED} {run}"[:700],
                replace(event, kind=Kind.INITIALIZED, at=one.opened),
                {"at": _minute(one.opened)},
            )
        if one.opened is not None and one.ended is not None and one.ended >= one.opened:
            yield Saying(
                f"{Kind.TERMINATED} {run}"[:700],
                replace(
                    event,
                    kind=Kind.TERMINATED,
                    at=one.ended,
                    seconds=round((one.ended - one.opened).total_seconds()),
                ),
                {"seconds": round((one.ended - one.opened).total_seconds())},
            )


def _registrations(session: Session, settings: Settings, common: Event) -> Iterator[Saying]:
    for row in session.roster.order_by("id"):
        person = Identity(row.person, row.email, row.name)
        event = replace(common, kind=Kind.REGISTERED, at=row.added, person=_person(person, settings))
        yield Saying(f"{Kind.REGISTERED} {person.key}", event, {})


def _movements(session: Session, verdict: Verdict, common: Event, runs: Mapping[datetime, str]) -> Iterator[Saying]:
    for stay in verdict.stays:
        event = _in_run(session, common, runs.get(stay.joined, ""))
        for kind, at in ((Kind.JOINED, stay.joined), (Kind.LEFT, stay.left)):
            about = f"{kind} {verdict.person.key} {compose.moment(at)}"
            yield Saying(about, replace(event, kind=kind, at=at), {})


def _joined(known: Sequence[Evidence]) -> dict[datetime, str]:
    """In which opening of the room somebody came at a time."""
    return {stay.joined: one.run for one in known for person in one.people for stay in person.stays}


def _common(session: Session, settings: Settings, source: str) -> Event:
    """What all statements about a session have in common."""
    connection = session.connection
    provider = connections.provider_of(connection)
    base = f"{settings['public_url']}/xapi/activities/webinar/{connection.provider}/{connection.pk}"
    thing = Thing(
        session.activity or f"{base}/{quote(session.external, safe='')}",
        ThingKind.WEBINAR,
        {"und": session.title} if session.title else {},
    )
    teachers = tuple(_person(one, settings) for one in sessions.instructors(session) if one.id or one.email)
    return Event(
        key="",
        kind=Kind.ATTENDED,
        at=session.end,
        person=_NOBODY,
        thing=thing,
        platform=provider.title,
        registration=_key(session),
        parent=(Thing(session.parent, ThingKind.COURSE),) if session.parent else (),
        instructor=teachers[0] if len(teachers) == 1 else teachers or None,
        facts={
            "planned-start-time": session.start,
            "planned-duration": session.end - session.start,
            "provider": connection.provider,
            "source": source,
        },
    )


def _in_run(session: Session, event: Event, run: str) -> Event:
    """With the id of one opening of the room, or, where it is of several or of none that is known, of the session."""
    id = uuid5(session.connection_id, f"{_key(session)}\n{run}")
    return replace(event, facts={**event.facts, "sessionid": id})


def _person(person: Identity, settings: Settings) -> Person:
    return Person(person.id, chosen.home_page(settings), person.email, person.name)


def _itself(connection: Connection, settings: Settings) -> Person:
    return Person(f"webinars:{connection.pk}", str(settings["public_url"]))


def _minute(at: datetime) -> str:
    # Providers tell an opening to the second or the millisecond, each source a little differently.
    return at.strftime("%Y-%m-%dT%H:%MZ")


def _show(session: Session, judgement: Judgement, now: datetime) -> None:
    kept = {row.key: row for row in session.results.all()}
    new, changed = [], []
    for row in (*map(_judged, judgement.verdicts), *map(_unmatched, judgement.unmatched)):
        old = kept.pop(row.key, None)
        row.session, row.changed = session, now
        if old is None:
            new.append(row)
        elif any(getattr(old, name) != getattr(row, name) for name in _SHOWN):
            row.pk = old.pk
            changed.append(row)
    Result.objects.bulk_create(new)
    Result.objects.bulk_update(changed, [*_SHOWN, "changed"], batch_size=_ROWS)
    Result.objects.filter(pk__in=[row.pk for row in kept.values()]).delete()


# What people see of a result: where none of it is another, it was not changed.
_SHOWN = ("person", "email", "name", "verdict", "seconds", "ratio", "reason", "how", "handles")


def _judged(verdict: Verdict) -> Result:
    person = verdict.person
    passing = {True: Result.Verdict.PASSED, False: Result.Verdict.FAILED, None: Result.Verdict.ATTENDED}
    return Result(
        key=person.key[:500],
        person=person.id,
        email=person.email,
        name=person.name,
        verdict=passing[verdict.passed],
        seconds=verdict.seconds,
        ratio=verdict.ratio,
        reason=verdict.reason,
        how=verdict.how or "",
    )


def _unmatched(one: verdicts.Unmatched) -> Result:
    handles = matching.handles(one.who)
    return Result(
        key=f"? {'; '.join(handles)}"[:500],
        email=one.who.email[:320],
        name=one.who.name,
        verdict=Result.Verdict.REVIEW,
        seconds=one.seconds,
        reason=one.reason,
        handles=handles,
    )
