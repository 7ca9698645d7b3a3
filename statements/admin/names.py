"""What agents, verbs and activities are called, for a page's worth of statements with a query each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from statements import catalogue
from statements.models import Activity, Agent, Identity, Statement, Verb


@dataclass(frozen=True, slots=True)
class Names:
    """Names by key; `people` gives the person of an actor's key, `titles` the catalogue's of an activity's IRI."""

    agents: dict[UUID, Agent]
    verbs: dict[UUID, Verb]
    activities: dict[UUID, Activity]
    people: dict[UUID, UUID]
    titles: dict[str, str]

    def agent(self, key: UUID | None) -> str:
        """What an agent is called: the name, else the identifier."""
        found = self.agents.get(key) if key else None
        return "" if found is None else found.name or short(found.identifier)

    def identified(self, key: UUID | None) -> str:
        """The identifier of an agent, as people write it."""
        found = self.agents.get(key) if key else None
        return "" if found is None else short(found.identifier)

    def verb(self, key: UUID) -> str:
        """What a verb is called."""
        found = self.verbs.get(key)
        return "" if found is None else found.name or found.iri.rstrip("/").rpartition("/")[2]

    def activity(self, key: UUID | None) -> str:
        """What an activity is called: its name, else the catalogue's, else its IRI."""
        found = self.activities.get(key) if key else None
        return "" if found is None else titled(found, self.titles)


def titled(activity: Activity, titles: dict[str, str]) -> str:
    """What an activity is called: its name, else the catalogue's, else its IRI."""
    return activity.name or titles.get(activity.iri, "") or activity.iri


def short(identifier: str) -> str:
    """An identifier as people write it: the e-mail address, the account's name."""
    for word in ("Agent ", "Group "):
        identifier = identifier.removeprefix(word)
    kind, _, value = identifier.partition(" ")
    if kind == "mbox":
        return value.removeprefix("mailto:")
    if kind == "account":
        return value.partition(" ")[2] or value
    return value


def of(store: int, statements: Iterable[Statement]) -> Names:
    """The names of everything that these statements are made of."""
    told = list(statements)
    actors = {one.actor for one in told if one.actor}
    objects = {one.object for one in told if one.object}
    return named(store, actors, {one.verb for one in told}, objects)


def named(store: int, agents: Iterable[UUID] = (), verbs: Iterable[UUID] = (), things: Iterable[UUID] = ()) -> Names:
    """The names of these; `things` may be activities or agents."""
    actors, objects = set(agents), set(things)
    activities = {row.pk: row for row in _some(Activity.objects.filter(store=store), objects).defer("definition")}
    known = {row.pk: row for row in _some(Agent.objects.filter(store=store), actors | (objects - activities.keys()))}
    return Names(
        agents=known,
        verbs={row.pk: row for row in _some(Verb.objects.filter(store=store), set(verbs))},
        activities=activities,
        people=dict(_some(Identity.objects.filter(store=store), actors).values_list("key", "person")),
        titles=titles(store, [row.iri for row in activities.values() if not row.name]),
    )


def titles(store: int, iris: Sequence[str]) -> dict[str, str]:
    """The catalogue's titles of activities that have no name of their own."""
    return {iri: row.title for iri, row in catalogue.titles(store, iris).items()} if iris else {}


def _some(rows, keys: set[UUID]):  # type: ignore[no-untyped-def]
    return rows.filter(key__in=keys) if keys else rows.none()
