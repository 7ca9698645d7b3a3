"""/api/v1/webinars/sessions: what is planned, who is expected, and what holds for each, for the LMS that plans it.

The names of the fields are those of the attendance webhook. Whoever may read reports reads; to plan takes the scope
`webinars/write`, or in the administration the permission that the same page takes, with its form token (X-CSRFToken).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from django.db.models import Count, QuerySet
from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from lrs import parameters
from lrs.api import access, cursors, door, openapi
from lrs.api.openapi import Described, Operation, Parameter
from lrs.connectors.events import Kind
from lrs.connectors.models import Connection
from lrs.connectors.providers.attendance import body
from lrs.connectors.webinars import matching, sessions
from lrs.connectors.webinars.attendance import Attendee, Plan
from lrs.connectors.webinars.matching import Identity
from lrs.connectors.webinars.models import Expected, Result, Sent, Session
from lrs.connectors.webinars.sessions import Change, SessionProblem
from lrs.errors import NotFound
from lrs.models import Scope
from lrs.parameters import Check
from statements import journal
from statements.errors import Fault, Invalid

_WHOM = "those who plan webinars"
_ORDER = "webinars -start"
# The statements that a result became, by the kind that `Sent.about` begins with.
_SAID = (Kind.ATTENDED, Kind.COMPLETED, Kind.FAILED)


class WebinarPerson(msgspec.Struct):
    """Somebody: the user id at the LMS or the e-mail at least, and a name."""

    external_id: str = ""
    email: str = ""
    name: str = ""


class WebinarSession(msgspec.Struct):
    """A session: what is planned, where asking for the list stands, and how many are expected and judged."""

    session: int
    connection: UUID
    connection_name: str
    provider: str
    meeting_id: str
    title: str
    scheduled_start: datetime
    scheduled_end: datetime
    activity_id: str
    parent: str
    instructors: list[WebinarPerson]
    state: str
    reason: str
    asked_next: datetime | None
    expected: int
    passed: int
    failed: int
    attended: int
    review: int


class WebinarSessionPage(msgspec.Struct):
    """Sessions, the latest start first."""

    results: list[WebinarSession]
    next: str | None


class WebinarSessionNew(msgspec.Struct):
    """A session to be planned: `connection` is its id or name, `meeting_id` the provider's id of the room."""

    connection: str
    meeting_id: str
    scheduled_start: datetime
    scheduled_end: datetime
    title: str = ""
    activity_id: str = ""
    parent: str = ""
    instructors: list[WebinarPerson] = []
    roster: list[WebinarPerson] = []


class WebinarSessionWhole(msgspec.Struct):
    """All of a session: what is not said is empty afterwards."""

    scheduled_start: datetime
    scheduled_end: datetime
    title: str = ""
    activity_id: str = ""
    parent: str = ""
    instructors: list[WebinarPerson] = []


class WebinarSessionPart(msgspec.Struct):
    """Some of a session: what is not said stays."""

    scheduled_start: datetime | msgspec.UnsetType = msgspec.UNSET
    scheduled_end: datetime | msgspec.UnsetType = msgspec.UNSET
    title: str | msgspec.UnsetType = msgspec.UNSET
    activity_id: str | msgspec.UnsetType = msgspec.UNSET
    parent: str | msgspec.UnsetType = msgspec.UNSET
    instructors: list[WebinarPerson] | msgspec.UnsetType = msgspec.UNSET


class WebinarExpected(msgspec.Struct):
    """Somebody on the roster, and since when."""

    external_id: str
    email: str
    name: str
    added: datetime


class WebinarRosterPage(msgspec.Struct):
    """Who is expected."""

    results: list[WebinarExpected]
    next: str | None


class WebinarRoster(msgspec.Struct):
    """People for the roster."""

    roster: list[WebinarPerson]


class WebinarRosterNumber(msgspec.Struct):
    """How many people are on the roster now."""

    expected: int


class WebinarResult(msgspec.Struct):
    """What holds for a person: passed, failed, attended (not judged yet), or review (nobody knows who it is).

    `ratio` is the share of the planned time, 0 to 1; `statements` are the ids of those that hold.
    """

    external_id: str
    email: str
    name: str
    verdict: str
    seconds: int
    ratio: float
    reason: str
    recognised_by: str
    changed: datetime
    statements: list[UUID]


class WebinarResultPage(msgspec.Struct):
    """What holds for each."""

    results: list[WebinarResult]
    next: str | None


class Planners(access.Credentials):
    """Who may read reports, and who may plan webinars."""

    scopes: ClassVar[tuple[Scope, ...]] = (*access.SCOPES, Scope.WEBINARS_WRITE)


_NUMBER = Parameter({"type": "integer", "minimum": 0, "maximum": 2**63 - 1}, "number of the session")
_PAGED: Mapping[str, Check] = {**door.ONE_STORE, "limit": parameters.count, "cursor": parameters.text}
_PAGES = {
    "limit": Parameter(openapi.COUNT, f"rows on a page; {door.PAGE} where nothing is said, at most {door.MOST}"),
    "cursor": Parameter(openapi.TEXT, "where a page begins, as `next` says"),
}
_REFUSALS = {
    "400": "a parameter or a field is wrong: `pointer` names it",
    "403": "the scope webinars/write is missing, or this is not for the caller",
    "404": "there is no such session, connection or store",
}
_CHANGING = {**_REFUSALS, "413": "the body is too large", "415": "the body is no JSON"}


class _Webinars(door.Door):
    authentication_classes = (Planners, access.Session)
    schema = Described()
    TAG = "webinars"
    PLACES: ClassVar[Mapping[str, Parameter]] = {"number": _NUMBER}

    def session(self, request: Request, number: int, asked: Mapping[str, Any]) -> Session:
        """The session of the address, in a store of the caller's. Raises NotFound."""
        store = access.narrowed(access.reader_of(request), asked.get("store"))
        rows = Session.objects.select_related("connection__store", "connection__credential")
        rows = rows if store is None else rows.filter(connection__store=store)
        found = rows.filter(pk=number).first() if number < 2**63 else None
        if found is None:
            raise NotFound(f"There is no session {number}.")
        return found

    def planning(self, request: Request, permission: str = "webinars.change_session") -> str:
        """Who plans, for the audit log. Raises Forbidden."""
        return access.acting(request, Scope.WEBINARS_WRITE, permission, _WHOM)


class WebinarSessions(_Webinars):
    """Webinar sessions: those that are planned and those that were."""

    PLACES: ClassVar[Mapping[str, Parameter]] = {}
    known: ClassVar[Mapping[str, Check]] = {
        **_PAGED,
        "connection": parameters.text,
        "meeting_id": parameters.text,
        "state": parameters.one_of(*Session.State.values),
        "start_from": parameters.moment,
        "start_until": parameters.moment,
    }
    OPERATIONS: ClassVar[Mapping[str, Operation]] = {
        "get": Operation(
            "Sessions, the latest start first.",
            {200: WebinarSessionPage},
            {
                **_PAGES,
                "connection": Parameter(openapi.TEXT, "id or name of a connection"),
                "meeting_id": Parameter(openapi.TEXT, "the provider's id of the room"),
                "state": Parameter({"type": "string", "enum": list(Session.State.values)}, "where it stands"),
                "start_from": Parameter(openapi.TIME, "planned to start at or after this"),
                "start_until": Parameter(openapi.TIME, "planned to start before this"),
            },
            refusals=_REFUSALS,
        ),
        "post": Operation(
            "Plan a session. The same connection, room and start is the same session: it is changed then (200),"
            " what is not said stays, and people are added to its roster.",
            {201: WebinarSession, 200: WebinarSession},
            takes=WebinarSessionNew,
            refusals=_CHANGING,
        ),
    }

    def get(self, request: Request) -> HttpResponseBase:
        """A page of them."""
        asked = self.all_asked(request.query_params, self.known)
        store = access.store_of(access.reader_of(request), asked.get("store"))
        rows = _asked_for(Session.objects.filter(connection__store=store), asked).select_related("connection")
        if "cursor" in asked:
            place = cursors.read(asked["cursor"], _ORDER, (datetime, int))
            rows = rows.filter(cursors.beyond(("start", "id"), place, descending=True))
        limit = _limit(asked)
        found = list(rows.order_by("-start", "-id")[: limit + 1])
        after = (found[limit - 1].start, found[limit - 1].pk) if len(found) > limit else None
        return _paged(request, _described(found[:limit]), cursors.write(after, _ORDER))

    def post(self, request: Request) -> HttpResponseBase:
        """Plan one."""
        given = door.object_of(request)
        by = self.planning(request, "webinars.add_session")
        asked = self.all_asked(request.query_params, door.ONE_STORE)
        _check(given, WebinarSessionNew, ("connection", "meeting_id", "scheduled_start", "scheduled_end"))
        store = access.narrowed(access.reader_of(request), asked.get("store"))
        connection = _connection(given["connection"], store)
        now = timezone.now()
        with _named_faults():
            session = sessions.plan(
                connection,
                given["meeting_id"],
                Plan(
                    title=given.get("title") or "",
                    start=body.moment(given["scheduled_start"]),
                    end=body.moment(given["scheduled_end"]),
                    activity=given.get("activity_id") or "",
                    instructors=_attendees(given.get("instructors")),
                ),
                parent=given.get("parent") or "",
                now=now,
            )
            if given.get("roster"):
                sessions.expect(session, sessions.people_of(_attendees(given["roster"])), now)
        made = session.created >= now
        journal.note("add" if made else "change", _thing(session), by=by, after=journal.of(session))
        (described,) = _described([session])
        response = Response(described, status=201 if made else 200)
        response.headers["Location"] = f"/api/v1/webinars/sessions/{session.pk}"
        return response


class WebinarSessionOne(_Webinars):
    """A webinar session."""

    OPERATIONS: ClassVar[Mapping[str, Operation]] = {
        "get": Operation("A session.", {200: WebinarSession}, refusals=_REFUSALS),
        "put": Operation(
            "Change all of a session but its connection and room. The start stays once statements were made of it.",
            {200: WebinarSession},
            takes=WebinarSessionWhole,
            refusals=_CHANGING,
        ),
        "patch": Operation(
            "Change some of a session.", {200: WebinarSession}, takes=WebinarSessionPart, refusals=_CHANGING
        ),
    }

    def get(self, request: Request, number: int) -> HttpResponseBase:
        """All of it."""
        asked = self.all_asked(request.query_params, door.ONE_STORE)
        return Response(_described([self.session(request, number, asked)])[0])

    def put(self, request: Request, number: int) -> HttpResponseBase:
        """All anew."""
        return self._change(request, number, WebinarSessionWhole, ("scheduled_start", "scheduled_end"), whole=True)

    def patch(self, request: Request, number: int) -> HttpResponseBase:
        """Some of it anew."""
        return self._change(request, number, WebinarSessionPart, (), whole=False)

    def _change(
        self, request: Request, number: int, shape: type[msgspec.Struct], required: Sequence[str], *, whole: bool
    ) -> HttpResponseBase:
        given = door.object_of(request)
        by = self.planning(request)
        session = self.session(request, number, self.all_asked(request.query_params, door.ONE_STORE))
        _check(given, shape, required)
        before = journal.of(session)

        def text(name: str) -> str | None:
            return (given.get(name) or "").strip() if whole or name in given else None

        wanted = Change(
            title=text("title"),
            start=body.moment(given.get("scheduled_start")),
            end=body.moment(given.get("scheduled_end")),
            activity=text("activity_id"),
            parent=text("parent"),
            instructors=_attendees(given.get("instructors")) if whole or "instructors" in given else None,
        )
        with _named_faults():
            changed = sessions.change(session, wanted, timezone.now())
        journal.note("change", _thing(session), by=by, before=before, after=journal.of(changed))
        return Response(_described([changed])[0])


class WebinarSessionRoster(_Webinars):
    """Who is expected at a webinar session."""

    OPERATIONS: ClassVar[Mapping[str, Operation]] = {
        "get": Operation("Who is expected, in the order of being added.", {200: WebinarRosterPage}, _PAGES),
        "put": Operation(
            "Expect these people and nobody else.",
            {200: WebinarRosterNumber},
            takes=WebinarRoster,
            refusals=_CHANGING,
        ),
        "post": Operation(
            "Expect these people, too; the same user id or e-mail is the same person.",
            {200: WebinarRosterNumber},
            takes=WebinarRoster,
            refusals=_CHANGING,
        ),
        "delete": Operation(
            "Do not expect somebody any more; one of external_id and email says whom.",
            {204: None},
            {
                "external_id": Parameter(openapi.TEXT, "the user id at the LMS"),
                "email": Parameter(openapi.TEXT, "the e-mail"),
            },
            refusals={**_REFUSALS, "404": "there is no such session, or nobody such is on its roster"},
        ),
    }

    def get(self, request: Request, number: int) -> HttpResponseBase:
        """A page of them."""
        asked = self.all_asked(request.query_params, _PAGED)
        session = self.session(request, number, asked)
        rows, cursor = _part(session.roster.all(), asked, f"roster {session.pk}")
        return _paged(request, [_expected(row) for row in rows], cursor)

    def put(self, request: Request, number: int) -> HttpResponseBase:
        """These and nobody else."""
        return self._take(request, number, replace=True)

    def post(self, request: Request, number: int) -> HttpResponseBase:
        """These, too."""
        return self._take(request, number, replace=False)

    def delete(self, request: Request, number: int) -> HttpResponseBase:
        """Somebody no more."""
        door.body_of(request)
        by = self.planning(request)
        known = {**door.ONE_STORE, "external_id": parameters.text, "email": parameters.text}
        asked = self.all_asked(request.query_params, known)
        session = self.session(request, number, asked)
        if ("external_id" in asked) == ("email" in asked):
            raise Invalid(Fault("?email", "required", "give one of external_id and email"))
        who = Identity(asked.get("external_id", "").replace("\0", ""), matching.mail(asked.get("email", "")))
        if not (who.id or who.email) or not sessions.dismiss(session, who, timezone.now()):
            raise NotFound("Nobody such is on the roster.")
        journal.note("roster", _thing(session), by=by, before={"expected": who.id or who.email})
        return Response(status=204)

    def _take(self, request: Request, number: int, *, replace: bool) -> HttpResponseBase:
        given = door.object_of(request)
        by = self.planning(request)
        session = self.session(request, number, self.all_asked(request.query_params, door.ONE_STORE))
        _check(given, WebinarRoster, ("roster",))
        before = session.roster.count()
        people = sessions.people_of(_attendees(given["roster"]))
        with _named_faults():
            expected = sessions.expect(session, people, timezone.now(), replace=replace)
        after = {"expected": expected, "replace": replace}
        journal.note("roster", _thing(session), by=by, before={"expected": before}, after=after)
        return Response({"expected": expected})


class WebinarSessionResults(_Webinars):
    """What holds for each person of a webinar session."""

    OPERATIONS: ClassVar[Mapping[str, Operation]] = {
        "get": Operation(
            "What holds for each person; nothing before there is a list of who was there.",
            {200: WebinarResultPage},
            {
                **_PAGES,
                "verdict": Parameter({"type": "string", "enum": list(Result.Verdict.values)}, "only these"),
            },
            refusals=_REFUSALS,
        )
    }

    def get(self, request: Request, number: int) -> HttpResponseBase:
        """A page of them."""
        known = {**_PAGED, "verdict": parameters.one_of(*Result.Verdict.values)}
        asked = self.all_asked(request.query_params, known)
        session = self.session(request, number, asked)
        found = session.results.all()
        found = found.filter(verdict=asked["verdict"]) if "verdict" in asked else found
        rows, cursor = _part(found, asked, f"results {session.pk}")
        abouts = [f"{kind} {row.key}" for row in rows for kind in _SAID]
        said = dict(
            Sent.objects.filter(session=session, voided=None, about__in=abouts).values_list("about", "statement")
        )
        return _paged(request, [_result(row, said) for row in rows], cursor)


def _asked_for(rows: "QuerySet[Session]", asked: Mapping[str, Any]) -> "QuerySet[Session]":
    if "connection" in asked:
        rows = rows.filter(**_named(asked["connection"], "connection__"))
    for name, lookup in (
        ("meeting_id", "external"),
        ("state", "state"),
        ("start_from", "start__gte"),
        ("start_until", "start__lt"),
    ):
        if name in asked:
            rows = rows.filter(**{lookup: asked[name]})
    return rows


def _named(text: str, before: str = "") -> dict[str, Any]:
    """A connection by its id, or else by its name; a name that is a UUID is found by the id it says."""
    try:
        return {f"{before}pk": UUID(text)}
    except ValueError:
        return {f"{before}name": text.replace("\0", "\ufffd")}


def _connection(text: str, store: int | None) -> Connection:
    rows = Connection.objects.select_related("store", "credential").filter(**_named(text.strip()))
    found = (rows if store is None else rows.filter(store=store)).first()
    if found is None:
        raise Invalid(Fault("connection", "connection", f"there is no connection {text[:100]!r} in this store"))
    return found


def _limit(asked: Mapping[str, Any]) -> int:
    return min(asked.get("limit") or door.PAGE, door.MOST)


def _part(rows: "QuerySet[Any]", asked: Mapping[str, Any], order: str) -> tuple[list[Any], str | None]:
    """A page of rows in the order of their numbers, and where the next one begins."""
    if "cursor" in asked:
        rows = rows.filter(cursors.beyond(("id",), cursors.read(asked["cursor"], order, (int,)), descending=False))
    limit = _limit(asked)
    found = list(rows.order_by("id")[: limit + 1])
    return found[:limit], cursors.write((found[limit - 1].pk,) if len(found) > limit else None, order)


def _paged(request: Request, rows: Sequence[Mapping[str, Any]], cursor: str | None) -> Response:
    return Response({"results": rows, "next": cursor and door.address(request, cursor)})


def _described(rows: Sequence[Session]) -> list[dict[str, Any]]:
    """Sessions as JSON, in the order that they were given; two more queries, however many they are."""
    keys = [row.pk for row in rows]
    counted = Expected.objects.filter(session__in=keys).order_by().values_list("session")
    expected = dict(counted.annotate(number=Count("id")))
    verdicts: Counter[tuple[int, str]] = Counter()
    judged = Result.objects.filter(session__in=keys).order_by().values_list("session", "verdict")
    for session, verdict, number in judged.annotate(number=Count("id")):
        verdicts[session, verdict] = number
    return [
        {
            "session": row.pk,
            "connection": row.connection_id,
            "connection_name": row.connection.name,
            "provider": row.connection.provider,
            "meeting_id": row.external,
            "title": row.title,
            "scheduled_start": row.start,
            "scheduled_end": row.end,
            "activity_id": row.activity,
            "parent": row.parent,
            "instructors": [_person(one) for one in sessions.instructors(row)],
            "state": row.state,
            "reason": row.reason,
            "asked_next": row.due,
            "expected": expected.get(row.pk, 0),
            **{name: verdicts[row.pk, name] for name in Result.Verdict.values},
        }
        for row in rows
    ]


def _person(one: Identity) -> dict[str, str]:
    return {"external_id": one.id, "email": one.email, "name": one.name}


def _expected(row: Expected) -> dict[str, Any]:
    return {**_person(Identity(row.person, row.email, row.name)), "added": row.added}


def _result(row: Result, said: Mapping[str, UUID]) -> dict[str, Any]:
    return {
        **_person(Identity(row.person, row.email, row.name)),
        "verdict": row.verdict,
        "seconds": row.seconds,
        "ratio": row.ratio,
        "reason": row.reason,
        "recognised_by": row.how,
        "changed": row.changed,
        "statements": [said[about] for kind in _SAID if (about := f"{kind} {row.key}") in said],
    }


# --- What is given


def _check(given: Mapping[str, Any], shape: type[msgspec.Struct], required: Sequence[str]) -> None:
    """Raise Invalid with a fault for each field that is missing, unknown or wrong; checked as the webhook's body is."""
    known = shape.__struct_fields__
    faults = [
        Fault(name[:100], "unknown-field", f"there is no field {name[:60]}; there are {', '.join(known)}")
        for name in given
        if name not in known
    ]
    faults += [
        Fault(name, "required", f"the field {name} is missing") for name in required if given.get(name) in (None, "")
    ]
    found = [*body.fields(given, "", _TEXTS), *body.people(given.get("instructors"), "instructors")]
    found += body.people(given.get("roster"), "roster")
    faults += [Fault(one.path, "field", one.problem) for one in found]
    if not faults:
        faults = [
            Fault(f"{name}[{number}].email", "field", "is not an e-mail address")
            for name in ("instructors", "roster")
            for number, one in enumerate(given.get(name) or ())
            if one.get("email") and not matching.mail(one["email"])
        ]
    if faults:
        raise Invalid(*faults)


_TEXTS = ("connection", "meeting_id", "title", "activity_id", "parent")


def _attendees(given: Sequence[Mapping[str, Any]] | None) -> tuple[Attendee, ...]:
    return tuple(map(body.attendee, given or ()))


@contextmanager
def _named_faults() -> Iterator[None]:
    """What cannot be planned is a fault of the field that it is about."""
    try:
        yield
    except SessionProblem as problem:
        raise Invalid(Fault(problem.about, "session", str(problem))) from None


def _thing(row: Session) -> journal.Thing:
    return journal.thing(row)._replace(store=row.connection.store_id)
