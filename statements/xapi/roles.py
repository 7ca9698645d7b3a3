"""What a statement is about, and how: everything that a query may look for, found in one walk.

The words are those of the parameters of GET /statements (xAPI 1.0.3 Communication 2.1.3).
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum
from typing import Any

from msgspec import Struct

from statements.xapi import activities, actors


class Kind(StrEnum):
    """The kinds of things that a statement mentions."""

    AGENT = "agent"
    ACTIVITY = "activity"
    VERB = "verb"
    REGISTRATION = "registration"


class Role(IntEnum):
    """How a statement mentions something. Of two for one thing the smaller is the stronger and includes the other."""

    AGENT = 1
    RELATED_AGENT = 2
    ACTIVITY = 3
    RELATED_ACTIVITY = 4
    VERB = 5
    REGISTRATION = 6


Mentions = dict[tuple[Kind, str], Role]


class Roles(Struct, frozen=True):
    """Everything that one statement mentions.

    `actor` and `object` are identifiers (see actors.identifier) or an Activity's IRI; None for an anonymous Group,
    a SubStatement and a StatementRef. `target` is the id of the statement that a StatementRef means, `registration`
    the context's; both in lower case. `mentions` has one entry, the strongest, for each thing.
    `agents`, `activities` and `verbs` say what the statement tells about each: the Agent or Group, the definition,
    the display; SubStatement included.
    """

    actor: str | None
    verb: str
    object: str | None
    target: str | None
    registration: str | None
    mentions: Mentions
    agents: dict[str, Mapping[str, Any]]
    activities: dict[str, Mapping[str, Any] | None]
    verbs: dict[str, Mapping[str, str] | None]


_AGENT, _ACTIVITY, _VERB, _REGISTRATION = Kind.AGENT, Kind.ACTIVITY, Kind.VERB, Kind.REGISTRATION


def of(statement: Mapping[str, Any], authority: Mapping[str, Any] | None) -> Roles:
    """What a valid statement mentions; `authority` is the one that the LRS gives it."""
    walk = _Walk()
    actor = walk.actor(statement["actor"], Role.AGENT)
    verb = walk.verb(statement["verb"])
    walk.mentions[_VERB, verb] = Role.VERB
    thing = statement["object"]
    kind = thing.get("objectType", "Activity")
    found = target = None
    if kind == "Activity":
        found = walk.activity(thing, Role.ACTIVITY)
    elif kind == "StatementRef":
        target = thing["id"].lower()
    elif kind == "SubStatement":
        walk.sub_statement(thing)
    else:
        found = walk.actor(thing, Role.AGENT)
    registration = None
    if "context" in statement:
        context = statement["context"]
        walk.context(context)
        if "registration" in context:
            registration = context["registration"].lower()
            walk.mentions[_REGISTRATION, registration] = Role.REGISTRATION
    if authority is not None:
        walk.actor(authority, Role.RELATED_AGENT)
    return Roles(actor, verb, found, target, registration, walk.mentions, walk.agents, walk.activities, walk.verbs)


class _Walk:
    """What was met so far. The strong roles come first, so a weak one never replaces what is there."""

    __slots__ = ("activities", "agents", "mentions", "verbs")

    def __init__(self) -> None:
        self.mentions: Mentions = {}
        self.agents: dict[str, Mapping[str, Any]] = {}
        self.activities: dict[str, Mapping[str, Any] | None] = {}
        self.verbs: dict[str, Mapping[str, str] | None] = {}

    def actor(self, actor: Mapping[str, Any], role: Role) -> str | None:
        found = actors.identifier(actor)
        if found is not None:
            self.mentions.setdefault((_AGENT, found), role)
            if found not in self.agents or "name" in actor:
                self.agents[found] = actor
        if "member" in actor:
            for member in actor["member"]:
                self.actor(member, role)
        return found

    def activity(self, activity: Mapping[str, Any], role: Role) -> str:
        iri: str = activity["id"]
        self.mentions.setdefault((_ACTIVITY, iri), role)
        new = activity.get("definition")
        old = self.activities.get(iri)
        self.activities[iri] = new if old is None else old if new is None else activities.merge(old, new)
        return iri

    def verb(self, verb: Mapping[str, Any]) -> str:
        iri: str = verb["id"]
        self.verbs[iri] = verb.get("display") or self.verbs.get(iri)
        return iri

    def context(self, context: Mapping[str, Any]) -> None:
        if "contextActivities" in context:
            for group in context["contextActivities"].values():
                for activity in (group,) if type(group) is dict else group:
                    self.activity(activity, Role.RELATED_ACTIVITY)
        if "instructor" in context:
            self.actor(context["instructor"], Role.RELATED_AGENT)
        if "team" in context:
            self.actor(context["team"], Role.RELATED_AGENT)
        if "contextAgents" in context:
            self._each(context["contextAgents"], "agent")
        if "contextGroups" in context:
            self._each(context["contextGroups"], "group")

    def _each(self, entries: Iterable[Mapping[str, Any]], name: str) -> None:
        for entry in entries:
            self.actor(entry[name], Role.RELATED_AGENT)

    def sub_statement(self, statement: Mapping[str, Any]) -> None:
        self.actor(statement["actor"], Role.RELATED_AGENT)
        self.verb(statement["verb"])
        thing = statement["object"]
        kind = thing.get("objectType", "Activity")
        if kind == "Activity":
            self.activity(thing, Role.RELATED_ACTIVITY)
        elif kind != "StatementRef":
            self.actor(thing, Role.RELATED_AGENT)
        if "context" in statement:
            self.context(statement["context"])
