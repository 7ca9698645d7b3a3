"""Somebody says who somebody is: an alias is kept, and the sessions that it changes are settled again."""

from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from django.db import transaction

from lrs.connectors import compose, connections
from lrs.connectors.events import Person
from lrs.connectors.models import Connection
from lrs.connectors.webinars import matching, results, sync
from lrs.connectors.webinars.matching import Identity
from lrs.connectors.webinars.models import Alias, Result, Session
from lrs.connectors.webinars.sessions import SessionProblem
from statements import people
from statements.xapi import actors


class Linked(NamedTuple):
    """What a link did: the sessions settled again, and the identifiers in statements that are the person's now."""

    sessions: list[int]
    identifiers: list[str]


def link(session: Session, handle: str, person: Identity, now: datetime, *, everywhere: bool = False) -> Linked:
    """Say that who is known by this handle is this person: in this session, or in all of the connection.

    `handle` is one of Result.handles, or a display name. Raises SessionProblem.
    """
    handle = handle if _is_handle(handle) else matching.name_handle(handle)
    _require(person)
    with transaction.atomic():
        _keep(session.connection, None if everywhere else session, handle, person)
        concerned = _concerned(session, handle, everywhere=everywhere)
        for one in concerned:
            sync.settle(one, now)
    results.same(session.connection, _one_person(handle, person, everywhere=everywhere))
    return Linked([one.pk for one in concerned], [])


def _one_person(handle: str, person: Identity, *, everywhere: bool) -> list[Identity]:
    """What the alias says of somebody for ever: whose user id an e-mail is."""
    kind, _, said = handle.partition(" ")
    # In one room somebody may have sat in front of another's screen.
    ids = [person.id, said if kind == "id" and everywhere else ""]
    return [Identity(id, person.email, person.name) for id in ids if id and person.email]


def name_at(connection: Connection, name: str, person: Identity, *, by: str) -> Linked:
    """Say whose display name this is on a server whose own exporter names people by it (BigBlueButton's).

    Its statements stay as they are; who reads the person's reads them, too. They never count as attendance: two people
    may have one name. Raises SessionProblem.
    """
    server = str(connections.settings_of(connection).get("server") or "")
    if not server:
        raise SessionProblem(f"{connections.provider_of(connection).title} has no exporter that names people so.")
    if not person.email:
        raise SessionProblem("A display name can be linked to an e-mail only.")
    parts = urlsplit(server)
    account = Person(id=name, home_page=f"{parts.scheme}://{parts.netloc}")
    found = [actors.identifier(compose.actor(one)) for one in (Person(email=person.email), account)]
    identifiers = [one for one in found if one is not None]
    people.link(connection.store_id, identifiers, by=by, name=person.name)
    return Linked([], identifiers)


def _is_handle(text: str) -> bool:
    return text.partition(" ")[0] in ("id", "handle", "email", "name") and " " in text


def _require(person: Identity) -> None:
    if not person.id and not person.email:
        raise SessionProblem("A person needs a user id or an e-mail.")
    if person.email and "@" not in person.email:
        raise SessionProblem(f"{person.email!r} is not an e-mail address.")


def _keep(connection: Connection, session: Session | None, handle: str, person: Identity) -> None:
    Alias.objects.update_or_create(
        connection=connection,
        session=session,
        handle=handle[:500],
        defaults={"person": person.id, "email": matching.mail(person.email), "name": person.name},
    )


def _concerned(session: Session, handle: str, *, everywhere: bool) -> list[Session]:
    """The sessions with somebody of this handle, those that were settled before."""
    if not everywhere:
        return [session] if session.results.exists() else []
    rows = Result.objects.filter(session__connection=session.connection_id, verdict=Result.Verdict.REVIEW)
    found = {row.session_id for row in rows if handle in row.handles} | {session.pk}
    settled = set(Result.objects.filter(session__in=found).values_list("session", flat=True))
    # All of them at once, before anything that statements share is locked.
    return list(Session.objects.select_for_update().filter(pk__in=settled).order_by("id"))
