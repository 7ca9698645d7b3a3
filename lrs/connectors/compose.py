"""An event as a statement. The only file that knows our verbs, types and extension addresses."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from lrs.connectors.events import Event, Kind, Person, Thing, ThingKind

VERBS: Mapping[Kind, tuple[str, str]] = {
    Kind.REGISTERED: ("http://adlnet.gov/expapi/verbs/registered", "registered"),
    Kind.UNREGISTERED: ("http://id.tincanapi.com/verb/unregistered", "unregistered"),
    Kind.PROGRESSED: ("http://adlnet.gov/expapi/verbs/progressed", "progressed"),
    Kind.COMPLETED: ("http://adlnet.gov/expapi/verbs/completed", "completed"),
    Kind.PASSED: ("http://adlnet.gov/expapi/verbs/passed", "passed"),
    Kind.FAILED: ("http://adlnet.gov/expapi/verbs/failed", "failed"),
    Kind.ROLLED_BACK: ("http://activitystrea.ms/unsatisfy", "unsatisfied"),
    Kind.ATTENDED: ("http://adlnet.gov/expapi/verbs/attended", "attended"),
    Kind.INITIALIZED: ("http://adlnet.gov/expapi/verbs/initialized", "initialized"),
    Kind.TERMINATED: ("http://adlnet.gov/expapi/verbs/terminated", "terminated"),
    Kind.JOINED: ("http://activitystrea.ms/join", "joined"),
    Kind.LEFT: ("http://activitystrea.ms/leave", "left"),
    Kind.VOIDED: ("http://adlnet.gov/expapi/verbs/voided", "voided"),
}
TYPES: Mapping[ThingKind, str] = {
    ThingKind.COURSE: "http://adlnet.gov/expapi/activities/course",
    ThingKind.LEARNING_PATH: "https://w3id.org/xapi/acrossx/activities/learning-plan",
    ThingKind.CERTIFICATION: "https://w3id.org/xapi/cred/activities/credential",
    ThingKind.WEBINAR: "https://w3id.org/xapi/virtual-classroom/activity-types/virtual-classroom",
}
# Profiles that statements about a kind of thing follow.
CATEGORIES: Mapping[ThingKind, str] = {ThingKind.WEBINAR: "https://w3id.org/xapi/virtual-classroom"}
# Extensions that others have named.
EXTENSIONS: Mapping[str, str] = {
    "sessionid": "https://w3id.org/xapi/cmi5/context/extensions/sessionid",
    "planned-start-time": "http://id.tincanapi.com/extension/planned-start-time",
    "planned-duration": "http://id.tincanapi.com/extension/planned-duration",
}
PROFILE = "http://adlnet.gov/expapi/activities/profile"
PROGRESS = "https://w3id.org/xapi/cmi5/result/extensions/progress"
VERSION = "1.0.3"

Statement = dict[str, Any]


def statement_id(connection: UUID, key: str) -> str:
    """The id of the statement of an event with this key: always the same."""
    return str(uuid5(connection, key))


def statement(event: Event, *, connection: UUID, provider: str, public_url: str) -> Statement:
    """The statement of an event; `names` of things without a name are left out.

    `connection` is the namespace of ids, `public_url` where our own profiles and extensions live.
    """
    verb, display = VERBS[event.kind]
    ours = f"{public_url}/xapi"
    context: dict[str, Any] = {}
    if event.registration is not None:
        context["registration"] = _registration(event.registration, connection)
    if event.instructor is not None:
        context["instructor"] = _instructor(event.instructor)
    if event.thing is not None:
        context["platform"] = event.platform
    activities = {
        "parent": [activity(thing) for thing in event.parent],
        "grouping": [activity(thing) for thing in event.grouping],
        "category": [
            {"objectType": "Activity", "id": _address(one, ours), "definition": {"type": PROFILE}}
            for one in _categories(event)
        ],
    }
    if any(activities.values()):
        context["contextActivities"] = {kind: listed for kind, listed in activities.items() if listed}
    if event.facts:
        context["extensions"] = _extensions(event.facts, f"{ours}/{provider}/extensions")
    result = _result(event, f"{ours}/{provider}/extensions")
    return {
        "id": statement_id(connection, event.key),
        "actor": actor(event.person),
        "verb": {"id": verb, "display": {"en-US": display}},
        "object": activity(event.thing)
        if event.thing is not None
        else {"objectType": "StatementRef", "id": statement_id(connection, event.voids)},
        **({"result": result} if result else {}),
        **({"context": context} if context else {}),
        "timestamp": moment(event.at),
        "version": VERSION,
    }


def actor(person: Person) -> dict[str, Any]:
    """The Agent of a person."""
    named = {"name": person.name} if person.name else {}
    if person.email:
        # Addresses are compared as they are written, by other systems as well as here.
        return {"objectType": "Agent", **named, "mbox": f"mailto:{person.email.strip().lower()}"}
    return {"objectType": "Agent", **named, "account": {"homePage": person.home_page, "name": person.id}}


def activity(thing: Thing) -> dict[str, Any]:
    """The Activity of a thing, with a definition only where something is known."""
    definition: dict[str, Any] = {}
    if thing.kind in TYPES:
        definition["type"] = TYPES[thing.kind]
    if thing.names:
        definition["name"] = dict(thing.names)
    return {"objectType": "Activity", "id": thing.iri, **({"definition": definition} if definition else {})}


def moment(at: datetime) -> str:
    """A time as statements have it: UTC, milliseconds, Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _result(event: Event, ours: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if event.completion is not None:
        result["completion"] = event.completion
    if event.success is not None:
        result["success"] = event.success
    if event.seconds is not None:
        result["duration"] = _duration(event.seconds)
    extensions = _extensions(event.result_facts, ours)
    if event.progress is not None:
        extensions[PROGRESS] = event.progress
    if extensions:
        result["extensions"] = extensions
    return result


def _duration(seconds: float) -> str:
    """ISO 8601 to the second, as PT1H5M or PT0S."""
    whole = max(0, round(seconds))
    parts = [(whole // 3600, "H"), (whole % 3600 // 60, "M"), (whole % 60, "S")]
    return "PT" + ("".join(f"{number}{unit}" for number, unit in parts if number) or "0S")


def _registration(given: str | UUID, connection: UUID) -> str:
    return str(given if isinstance(given, UUID) else uuid5(connection, given))


def _extensions(facts: Mapping[str, Any], ours: str) -> dict[str, Any]:
    return {_address(EXTENSIONS.get(name, name), ours): _plain(value) for name, value in facts.items()}


def _categories(event: Event) -> tuple[str, ...]:
    profile = CATEGORIES.get(event.thing.kind) if event.thing is not None else None
    return (profile, *event.categories) if profile else event.categories


def _instructor(given: Person | tuple[Person, ...]) -> dict[str, Any]:
    """One is an Agent; several are an anonymous Group."""
    if isinstance(given, Person):
        return actor(given)
    return {"objectType": "Group", "member": [actor(one) for one in given]}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return moment(value)
        case timedelta():
            return _duration(value.total_seconds())
        case UUID():
            return str(value)
    return value


def _address(name: str, ours: str) -> str:
    return name if "://" in name else f"{ours}/{name}"
