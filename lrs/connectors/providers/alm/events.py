"""What ALM's events mean."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from lrs.connectors.contract import Received, Refused, Settings
from lrs.connectors.events import Event, Happening, Kind, Note, Person, Thing, ThingKind, ThingUpdate
from lrs.connectors.providers.alm import times
from lrs.connectors.providers.alm.webhook import same_prefix

PLATFORM = "Adobe Learning Manager"
BATCH = "_BATCH"
CATEGORY = "alm/profile/v1"

# Names without _BATCH: the twin of an event says the same of many learners, one event each.
KINDS: Mapping[str, Kind] = {
    "COURSE_ENROLLMENT": Kind.REGISTERED,
    "LEARNING_PATH_ENROLLMENT": Kind.REGISTERED,
    "CERTIFICATION_ENROLLMENT": Kind.REGISTERED,
    "COURSE_UNENROLLMENT": Kind.UNREGISTERED,
    "LEARNING_PATH_UNENROLLMENT": Kind.UNREGISTERED,
    "CERTIFICATION_UNENROLLMENT": Kind.UNREGISTERED,
    "COURSE_COMPLETED": Kind.COMPLETED,
    "LEARNING_PATH_COMPLETED": Kind.COMPLETED,
    "CERTIFICATION_COMPLETED": Kind.COMPLETED,
    "LEARNER_PROGRESS": Kind.PROGRESSED,
    "LEARNING_PATH_COMPLETION_ROLLBACK": Kind.ROLLED_BACK,
    # Not published for courses and certifications; the same word can only mean the same.
    "COURSE_COMPLETION_ROLLBACK": Kind.ROLLED_BACK,
    "CERTIFICATION_COMPLETION_ROLLBACK": Kind.ROLLED_BACK,
}
# loType is to be trusted, not the event's name: CERTIFICATION_ENROLLMENT_BATCH comes for courses.
TYPES: Mapping[str, ThingKind] = {
    "course": ThingKind.COURSE,
    "learningProgram": ThingKind.LEARNING_PATH,
    "learning_program": ThingKind.LEARNING_PATH,
    "certification": ThingKind.CERTIFICATION,
}
# How a statement calls what the event calls so.
_FACTS = {
    "eventId": "event-id",
    "eventName": "event-name",
    "eventInfo": "event-info",
}
_DATA_FACTS = {
    "enrollmentSource": "enrollment-source",
    "dateEnrolled": "date-enrolled",
    "dateStarted": "date-started",
    "dateCompleted": "date-completed",
}
# The date of the very thing that happened. An administrator may have set it back, and then it is when it happened.
_DATES = {Kind.REGISTERED: "dateEnrolled", Kind.COMPLETED: "dateCompleted"}
# Within `data` the seconds are cut off since August 2026, so a smaller difference says nothing.
_SET_BACK = timedelta(minutes=1)


def read(received: Received, settings: Settings) -> Sequence[Happening]:
    """What the event means: one Event, updates of the catalogue, or a Note for a name that is not known."""
    event = received.data["event"]
    if not isinstance(event, dict):
        raise Refused("The event is not an object.")
    base = received.name.removesuffix(BATCH)
    about = CATALOGUE.get(base)
    if base not in KINDS and about is None:
        name = received.name[:100] or "without a name"
        return [Note("unknown-name", f"An event {name} has no meaning here yet; it is kept as it came.")]
    data = event.get("data")
    if not isinstance(data, dict):
        raise Refused("The event has no data.")
    return about(received, data) if about is not None else [_event(received, event, data, KINDS[base], settings)]


def object_iri(settings: Settings, id: str) -> str:
    """The activity id of a learning object: its address in ALM's API, whatever address it is asked at."""
    return f"https://{settings['host']}/primeapi/v2/learningObjects/{quote(id, safe=':')}"


def account(user: str, account: str, settings: Settings) -> Person | None:
    """Who statements are about for a user, in the account that events name, else the connection's; None: in none."""
    name = account or str(settings["account_id"] or "")
    return Person(id=user, home_page=_home_page(name, settings)) if name else None


def _home_page(account: str, settings: Settings) -> str:
    return f"https://{settings['host']}/app/learner?accountId={quote(account, safe='')}"


def _event(
    received: Received, event: Mapping[str, Any], data: Mapping[str, Any], kind: Kind, settings: Settings
) -> Event:
    user, object_id = _id(data, "userId"), same_prefix(_id(data, "loId"))
    if received.at is None:
        raise Refused(f"The event's timestamp {event.get('timestamp')!r} is none of the forms that ALM uses.")
    instance = same_prefix(_text(data.get("loInstanceId")))
    iri = object_iri(settings, object_id)
    at, facts = _when(received.at, kind, data), _facts(received, event, data)
    if at != received.at:
        facts["event-timestamp"] = received.at
    progress = _percent(data.get("progressPercent")) if kind is Kind.PROGRESSED else None
    passed = data.get("hasPassed")
    return Event(
        key=f"{received.account}\n{received.name}\n{received.id}",
        kind=kind,
        at=at,
        person=Person(
            id=user, home_page=_home_page(received.account, settings), needs_email=settings["actor"] == "mbox"
        ),
        thing=Thing(iri, _type(data, object_id), external=object_id),
        platform=PLATFORM,
        registration=f"{instance or object_id}_{user}",
        progress=progress,
        completion=_completion(kind, progress),
        success=passed if kind is Kind.COMPLETED and isinstance(passed, bool) else None,
        grouping=(Thing(f"{iri}/instances/{quote(instance, safe=':')}"),) if instance else (),
        categories=(CATEGORY,),
        facts=facts,
    )


def _when(at: datetime, kind: Kind, data: Mapping[str, Any]) -> datetime:
    said = times.read(data.get(_DATES.get(kind, "")))
    return at if said is None or abs(said - at) < _SET_BACK else said


def _facts(received: Received, event: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {"account-id": received.data["account"]}
    facts |= {said: event[name] for name, said in _FACTS.items() if event.get(name) is not None}
    for name, said in _DATA_FACTS.items():
        if data.get(name) is not None:
            # One event in any of its three forms is one statement.
            moment = times.read(data[name]) if name.startswith("date") else None
            facts[said] = data[name] if moment is None else moment
    return facts


def _completion(kind: Kind, progress: int | None) -> bool | None:
    if kind is Kind.COMPLETED:
        return True
    if kind is Kind.ROLLED_BACK:
        return False
    # At 100 the completion has an event of its own.
    return False if kind is Kind.PROGRESSED and progress != 100 else None


def _percent(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Refused("The event has no progressPercent.")
    try:
        # Downwards: 99.7 is not done.
        return max(0, min(100, int(float(value))))
    except (ValueError, OverflowError):
        raise Refused(f"progressPercent {value!r} is not a number.") from None


def _type(data: Mapping[str, Any], object_id: str) -> ThingKind:
    return TYPES.get(_text(data.get("loType"))) or TYPES.get(object_id.partition(":")[0]) or ThingKind.OTHER


def _id(data: Mapping[str, Any], name: str) -> str:
    text = _text(data.get(name))
    if not text:
        raise Refused(f"The event has no {name}.")
    return text


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, bool | dict | list) else str(value)


# --- the catalogue


def _object(**said: Any) -> Callable[[Received, Mapping[str, Any]], Sequence[Happening]]:
    """An event about a learning object."""

    def meaning(received: Received, data: Mapping[str, Any]) -> Sequence[Happening]:
        id = same_prefix(_id(data, "loId"))
        return [ThingUpdate(external=id, at=received.at, kind=_type(data, id), **said)]

    return meaning


def _instance(**said: Any) -> Callable[[Received, Mapping[str, Any]], Sequence[Happening]]:
    """An event about an instance; its learning object is asked for again where something was changed."""

    def meaning(received: Received, data: Mapping[str, Any]) -> Sequence[Happening]:
        id = same_prefix(_text(data.get("loId")))
        updates: list[Happening] = [
            ThingUpdate(external=id, at=received.at, instance=same_prefix(_id(data, "loInstanceId")), **said)
        ]
        if id and not said:
            updates.append(ThingUpdate(external=id, at=None, kind=_type(data, id), stale=True))
        return updates

    return meaning


def _seats(received: Received, data: Mapping[str, Any]) -> Sequence[Happening]:
    """CI_STATS has neither loId nor loType."""
    return [
        ThingUpdate(
            external=same_prefix(_text(data.get("loId"))),
            at=received.at,
            instance=same_prefix(_id(data, "loInstanceId")),
            seats=_count(data.get("seatLimit")),
            waiting=_count(data.get("waitlistCount")),
            enrolled=_count(data.get("enrollmentCount")),
        )
    ]


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


CATALOGUE: Mapping[str, Callable[[Received, Mapping[str, Any]], Sequence[Happening]]] = {
    "CI_STATS": _seats,
    "LEARNING_OBJECT_DRAFT": _object(state="Draft", stale=True),
    "LEARNING_OBJECT_MODIFICATION": _object(stale=True),
    "LEARNING_OBJECT_DELETION": _object(state="Deleted", deleted=True),
    "LEARNING_OBJECT_INSTANCE_MODIFICATION": _instance(),
    "LEARNING_OBJECT_INSTANCE_DELETION": _instance(state="Deleted", deleted=True),
}
