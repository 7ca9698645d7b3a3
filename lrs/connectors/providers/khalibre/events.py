"""What the inbox's events mean: hints of the webhook, and changed rows of progress."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import NAMESPACE_DNS, UUID, uuid5

from lrs.connectors.contract import Received, Refused, Settings
from lrs.connectors.events import Event, Happening, Hint, Kind, Note, Person, Thing, ThingKind, ThingUpdate
from lrs.connectors.providers.khalibre import differences, shapes
from lrs.connectors.providers.khalibre import settings as chosen
from lrs.connectors.providers.khalibre.shapes import Community, Course, ProgressRow
from lrs.connectors.providers.khalibre.webhook import Said

PLATFORM = "Khalibre LMS"
_NEXT_SWEEP = "the next sweep will show it"


def read(received: Received, settings: Settings) -> Sequence[Happening]:
    """What an event means: of a changed row at most one Event, of the webhook a Hint or an update of the catalogue."""
    if received.name == differences.NAME:
        return _row(received, settings)
    meaning = WEBHOOK.get(received.name)
    if meaning is None:
        name = received.name[:100] or "without a type"
        return [Note("unknown-type", f"An event {name} has no meaning here; it is kept as it came.")]
    return meaning(Said.of(received.data), settings)


def registration(row: ProgressRow, settings: Settings) -> UUID:
    """One learner's way through one course in one community, whichever connection it was read by."""
    return uuid5(uuid5(NAMESPACE_DNS, chosen.host(settings)), row.key)


def course_update(course: Course, settings: Settings) -> list[ThingUpdate]:
    """What the API says of a course, for the catalogue: the course, its communities, and that it is offered there."""
    said = [
        ThingUpdate(
            external=str(course.course_id),
            at=None,
            kind=ThingKind.COURSE,
            iri=chosen.course_iri(settings, course.course_id),
            names={"und": course.title} if course.title else None,
            state="public",
            deleted=False,
            stale=False,
        )
    ]
    for community in course.communities or ():
        said += [*_community(community, settings), _offered(course.course_id, community.id, offered=True)]
    return said


# --- the webhook


def _course(**said: bool | str) -> Callable[[Said, Settings], Sequence[Happening]]:
    """An event about a course itself."""

    def meaning(event: Said, settings: Settings) -> Sequence[Happening]:
        if event.course is None:
            return [Note("no-course", f"The event names no course; {_NEXT_SWEEP}.")]
        iri = chosen.course_iri(settings, event.course)
        return [ThingUpdate(str(event.course), at=None, kind=ThingKind.COURSE, iri=iri, **said)]  # type: ignore[arg-type]

    return meaning


def _sharing(offered: bool) -> Callable[[Said, Settings], Sequence[Happening]]:
    """A course was added to a community, or taken out of it."""

    def meaning(event: Said, settings: Settings) -> Sequence[Happening]:
        if event.course is None or event.community is None:
            return [Note("no-course", f"The event does not name a course and a community; {_NEXT_SWEEP}.")]
        return [
            *_community(event.community, settings),
            # Asked about, so that the course has its name where it is new here.
            ThingUpdate(
                str(event.course),
                at=None,
                kind=ThingKind.COURSE,
                iri=chosen.course_iri(settings, event.course),
                stale=True,
            ),
            _offered(event.course, event.community.id, offered=offered),
        ]

    return meaning


def _renamed(event: Said, settings: Settings) -> Sequence[Happening]:
    if event.community is None or not event.community.name:
        return [Note("no-community", f"The event does not say which community has which name; {_NEXT_SWEEP}.")]
    return _community(event.community, settings)


def _progress(event: Said, settings: Settings) -> Sequence[Happening]:
    if event.course is not None:
        return [Hint(f"course:{event.course}")]
    if event.email:
        return [Hint(f"learner:{event.email}")]
    return [Note("no-course", f"The event names neither a course nor a learner; {_NEXT_SWEEP}.")]


WEBHOOK: Mapping[str, Callable[[Said, Settings], Sequence[Happening]]] = {
    "course.created": _course(deleted=False, state="public", stale=True),
    "course.updated": _course(stale=True),
    "course.deleted": _course(deleted=True, state="deleted", stale=False),
    "community.updated": _renamed,
    "course.shared": _sharing(offered=True),
    "course.unshared": _sharing(offered=False),
    "course.status": _progress,
    "course.activity": _progress,
}


def _community(community: Community, settings: Settings) -> list[ThingUpdate]:
    return [
        ThingUpdate(
            external=f"community/{community.id}",
            at=None,
            kind=ThingKind.OTHER,
            iri=chosen.community_iri(settings, community.id),
            names={"und": community.name} if community.name else None,
            # The API has nothing more to say of a community.
            stale=False,
        )
    ]


def _offered(course: int, community: int, *, offered: bool) -> ThingUpdate:
    return ThingUpdate(
        external=str(course),
        at=None,
        instance=f"{course}/{community}",
        state="shared" if offered else "unshared",
        deleted=not offered,
    )


# --- rows


def _row(received: Received, settings: Settings) -> Sequence[Happening]:
    row = shapes.read(received.data["row"], ProgressRow)
    before = received.data["before"]
    found = differences.verdict(before and shapes.read(before, ProgressRow), row, settings)
    if found.stage is None:
        return found.notes or [Note("nothing", "By the status table as it is now, nothing happened.")]
    at, no_date = differences.when(row, found.stage.kind, settings)
    seen = datetime.fromisoformat(received.data["seen"])
    event = _event(row, found.stage, differences.event_key(row, found), at or seen, settings, undated=at is None)
    return [event, *found.notes, *([no_date] if no_date else [])]


def _event(
    row: ProgressRow, stage: differences.Stage, key: str, at: datetime, settings: Settings, *, undated: bool
) -> Event:
    kind = stage.kind
    if "@" not in row.email:
        raise Refused(f"{row.email_address!r} is not an e-mail address.")
    community = row.community
    return Event(
        key=key,
        kind=kind,
        at=at,
        person=Person(email=row.email, name=" ".join(filter(None, (row.first_name, row.last_name)))),
        thing=Thing(
            chosen.course_iri(settings, row.course_id),
            ThingKind.COURSE,
            {"und": row.title} if row.title else {},
            external=str(row.course_id),
        ),
        platform=PLATFORM,
        registration=registration(row, settings),
        progress=differences.percent(row) if kind is Kind.PROGRESSED else None,
        completion={Kind.PROGRESSED: False, Kind.COMPLETED: True}.get(kind),
        success=stage.success,
        grouping=(_place(community, settings),) if community else (),
        facts=_facts(row, kind if undated else None),
    )


def _place(community: Community, settings: Settings) -> Thing:
    names = {"und": community.name} if community.name else {}
    return Thing(chosen.community_iri(settings, community.id), names=names)


def _facts(row: ProgressRow, undated: Kind | None) -> dict[str, object]:
    facts: dict[str, object] = {
        "status": row.status,
        "status-description": row.status_description,
        "class-title": row.class_title,
        "completed-activity": row.completed_activity,
        "total-activity": row.total_activity,
    }
    if undated is not None:
        # The date whose form is not known, as it came.
        written = row.booking_date if undated is Kind.REGISTERED else row.recent_update_date
        facts["booking-date" if undated is Kind.REGISTERED else "recent-update-date"] = written
    return {name: value for name, value in facts.items() if value is not None and value != ""}
