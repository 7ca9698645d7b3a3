"""The main pages: their names, and where they are for the store of a credential."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from lrs.connectors import connections
from lrs.connectors.models import Connection, InboxEvent
from lrs.connectors.webinars import sessions
from lrs.connectors.webinars.attendance import Plan
from lrs.connectors.webinars.matching import Identity
from lrs.connectors.webinars.models import Session
from lrs.models import BackgroundTask, Credential, RefusalKind, Shape
from statements import keys
from statements.admin.page import address
from statements.models import Act, Activity, Person, Progress, Statement, Store
from tests import sample


def _statement(store: int) -> str:
    return address(Statement, "change", Statement.objects.filter(store=store, completed=True).order_by("-stored")[0].pk)


def _person(store: int) -> str:
    course = keys.thing(store, "activity", sample.COURSE)
    return address(
        Person, "change", Progress.objects.filter(store=store, activity=course).order_by("first_seen")[0].person
    )


def _session(store: int) -> str:
    planned = Plan(title="Safety", start=_START, end=_START + timedelta(hours=1))
    connection = _connection(store, "etutorium", api_token="x")
    session = sessions.plan(connection, "7", planned, now=_START)
    sessions.enrol(session, [Identity("417", "petro.bondar@example.com", "Petro Bondar")])
    return address(Session, "change", session.pk)


def _sign_in(store: int) -> str:
    given = {"client_id": "app", "client_secret": "x", "tenant_id": "example.com"}
    return reverse("connectors:sign_in", args=[_connection(store, "msteams", mode="delegated", **given).pk])


def _connection(store: int, provider: str, **given: str) -> Connection:
    found = Connection.objects.select_related("store", "credential").filter(provider=provider, store=store).first()
    name = Store.objects.get(pk=store).name
    return found or connections.create(provider, f"{provider} of {name}"[:150], {"store": name, **given})


_START = datetime(2026, 11, 2, 9, tzinfo=UTC)


# A page that is added to the administration is added here.
PAGES: dict[str, Callable[[Credential], str]] = {
    "home": lambda one: f"/admin/?store={one.store_id}",
    "statements": lambda one: address(Statement, store=one.store_id),
    "statement": lambda one: _statement(one.store_id),
    "learners": lambda one: address(Person, store=one.store_id),
    "learner": lambda one: _person(one.store_id),
    "activities": lambda one: address(Activity, store=one.store_id),
    "activity": lambda one: address(Activity, "change", _key(keys.thing(one.store_id, "activity", sample.COURSE))),
    "credentials": lambda one: address(Credential, store=one.store_id),
    "credential": lambda one: address(Credential, "change", one.pk),
    "new-credential": lambda one: address(Credential, "add"),
    "connections": lambda one: address(Connection, store=one.store_id),
    "new-connection": lambda one: address(Connection, "add"),
    "inbox": lambda one: address(InboxEvent, store=one.store_id),
    "webinars": lambda one: address(Session, store=one.store_id),
    "webinar": lambda one: _session(one.store_id),
    "sign-in-with-a-provider": lambda one: _sign_in(one.store_id),
    "quarantine": lambda one: address(RefusalKind, store=one.store_id),
    "shapes": lambda one: address(Shape, store=one.store_id),
    "tasks": lambda one: address(BackgroundTask, store=one.store_id),
    "users": lambda one: address(User),
    "new-user": lambda one: address(User, "add"),
    "audit-log": lambda one: address(Act),
}


def _key(digits: str) -> Any:
    from uuid import UUID

    return UUID(digits)
