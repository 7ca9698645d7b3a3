"""What happened, in words that all providers share. Pure: no Django, no statements, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from lrs.connectors.webinars.attendance import RoomHappening


class Kind(StrEnum):
    """What a person did, or what happened to them."""

    REGISTERED = "registered"
    UNREGISTERED = "unregistered"
    PROGRESSED = "progressed"
    COMPLETED = "completed"
    PASSED = "passed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    ATTENDED = "attended"
    INITIALIZED = "initialized"
    TERMINATED = "terminated"
    JOINED = "joined"
    LEFT = "left"
    VOIDED = "voided"


class ThingKind(StrEnum):
    """What it happened with."""

    COURSE = "course"
    LEARNING_PATH = "learning_path"
    CERTIFICATION = "certification"
    WEBINAR = "webinar"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Person:
    """A person as a provider knows them.

    With an e-mail the statement's actor is an mbox, else an account: `id` at `home_page` (an absolute IRI).
    With `needs_email` the event waits until the connection knows an e-mail for `id`.
    """

    id: str = ""
    home_page: str = ""
    email: str = ""
    name: str = ""
    needs_email: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """A course, a path, a room: `iri` is the activity's id.

    `external` is the provider's own id, by which the catalogue knows a name where `names` (language -> text) is empty.
    """

    iri: str
    kind: ThingKind = ThingKind.OTHER
    names: Mapping[str, str] = field(default_factory=dict)
    external: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, which becomes one statement.

    `key` names the event within its connection: the same key is the same statement id, for ever.
    `registration` is the statement's registration: a UUID as it is, a text as uuid5 within the connection.
    `progress` is 0 to 100; `completion` and `success` are said only where they are not None; `seconds` is a duration.
    `facts` and `result_facts` are extensions: a short name is put under our address for the provider, an absolute IRI
    stays. So is each of `categories`: "alm/profile/v1" becomes LRS_PUBLIC_URL/xapi/alm/profile/v1.
    `voids` is, for Kind.VOIDED alone, the key of the event whose statement is withdrawn.
    """

    key: str
    kind: Kind
    at: datetime
    person: Person
    thing: Thing | None
    platform: str
    registration: str | UUID | None = None
    progress: int | None = None
    completion: bool | None = None
    success: bool | None = None
    seconds: float | None = None
    grouping: tuple[Thing, ...] = ()
    parent: tuple[Thing, ...] = ()
    categories: tuple[str, ...] = ()
    instructor: Person | tuple[Person, ...] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    result_facts: Mapping[str, Any] = field(default_factory=dict)
    voids: str = ""


@dataclass(frozen=True, slots=True)
class ThingUpdate:
    """What a provider says of a thing or, with `instance`, of one of its instances; None: not said.

    An update that is older than what the catalogue knows is passed over. `stale`: something changed and the
    provider's API has to be asked what.
    """

    external: str
    at: datetime | None
    instance: str = ""
    kind: ThingKind | None = None
    iri: str = ""
    names: Mapping[str, str] | None = None
    state: str | None = None
    seconds: int | None = None
    deleted: bool | None = None
    stale: bool | None = None
    seats: int | None = None
    waiting: int | None = None
    enrolled: int | None = None


@dataclass(frozen=True, slots=True)
class PersonUpdate:
    """Who a provider's person is: what turns an id into a name and an e-mail. `missing`: the provider knows nobody."""

    id: str
    email: str = ""
    name: str = ""
    unique_id: str = ""
    state: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Hint:
    """Something changed, and only the provider's API says what: `key` says what to read again, such as "course:7".

    Hints with one key that come within seconds are one reading (Provider.reread).
    """

    key: str


@dataclass(frozen=True, slots=True)
class Note:
    """Nothing is to be done, or, beside an Event, a warning: the rule's short name and a sentence, shown with it."""

    rule: str
    reason: str


Happening = Event | ThingUpdate | PersonUpdate | Hint | Note | RoomHappening
