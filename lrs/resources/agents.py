"""The Agents resource: everything that is known of an agent, as a Person (xAPI 1.0.3 Communication 2.4)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse

from lrs import parameters
from lrs.http import Call, resource
from lrs.models import Scope
from lrs.resources import answers
from statements import keys, people
from statements.errors import Fault, Invalid
from statements.models import Agent
from statements.xapi import actors, text


def get(call: Call) -> HttpResponse:
    """The Person; of an agent that nothing is known of, what the parameter says."""
    call.caller.require(Scope.STATEMENTS_READ, Scope.PROFILE, Scope.ALL_READ)
    given = parameters.read(call.query, {"agent": parameters.agent}, call.version, ("agent",))["agent"]
    identifier = actors.identifier(given)
    if identifier is None:
        raise Invalid(Fault("?agent", "identifier", "an anonymous Group is nobody that could be asked for"))
    person = actors.person(_known(call.caller.tenant.store, identifier) or [given])
    return answers.json(call, bytes(text.write(person)))


def _known(store: int, identifier: str) -> list[Mapping[str, Any]]:
    """The agent under each name that statements gave it, the newest first; then whatever else the person is."""
    asked = UUID(keys.thing(store, "agent", identifier))
    linked = {row.key: row.identifier for row in people.same_person(store, identifier)}
    agents = {row.key: row for row in Agent.objects.filter(store=store, pk__in={asked, *linked})}
    ordered = [key for key in (asked, *(key for key in linked if key != asked)) if key in agents or key in linked]
    return [named for key in ordered for named in _names(agents.get(key), linked.get(key, identifier))]


def _names(row: Agent | None, identifier: str) -> list[Mapping[str, Any]]:
    if row is None:
        return [actors.named(identifier)]
    agent = text.read(row.value.encode())
    names = text.read(row.names.encode())
    return [{**agent, "name": name} for name in reversed(names)] or [agent]


view = resource({"GET": get})
