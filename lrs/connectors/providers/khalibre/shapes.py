"""What Khalibre's API gives and takes, field by field as its connector describes them. Unknown fields are passed over.

A number or a flag may come as text; a field may be absent, null or empty, which is the same here. A field that cannot
be read as its type at all is told and left out; where the item says nothing without it, the item is.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from lrs.connectors.providers.khalibre.times import Written

_LARGEST = 2**63 - 1
# A larger one would fit into no column and into no JSON of ours.
Number = Annotated[int, msgspec.Meta(ge=-_LARGEST - 1, le=_LARGEST)]


class Faulty(Exception):
    """Not what Khalibre describes; the text says where and why."""


class Community(msgspec.Struct, frozen=True, rename="camel"):
    """Who a course is offered to."""

    id: Number
    name: str | None = None
    booking_url: str | None = None


class DeliveryMethod(msgspec.Struct, frozen=True, rename="camel"):
    """How a course is taught."""

    key: str | None = None
    value: str | None = None


class Course(msgspec.Struct, frozen=True, rename="camel"):
    """A course that is visible to the API; what Khalibre calls a course id here is a class id elsewhere in it.

    The units of `expected_duration` and `course_expiry_period` are not published. `price` is in `currency`.
    """

    course_id: Number
    title: str | None = None
    class_title: str | None = None
    description: str | None = None
    additional_booking_note: str | None = None
    banner_url: str | None = None
    booking_url: str | None = None
    communities: list[Community] | None = None
    course_expiry_period: Number | None = None
    created_date: Written = None
    modified_date: Written = None
    start_date: Written = None
    end_date: Written = None
    timezone: str | None = None
    currency: str | None = None
    price: float | None = None
    day_before_book: Number | None = None
    day_before_cancel: Number | None = None
    delivery_method: DeliveryMethod | None = None
    expected_duration: Number | None = None
    languages: list[str] | None = None
    total_activity: Number | None = None


class ProgressRow(msgspec.Struct, frozen=True, rename="camel"):
    """Where a learner stands in a course; no id of the learner, and no score."""

    course_id: Number
    email_address: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    community: Community | None = None
    title: str | None = None
    class_title: str | None = None
    completed_activity: Number | None = None
    total_activity: Number | None = None
    status: Number | None = None
    status_description: str | None = None
    booking_date: Written = None
    recent_update_date: Written = None
    activity_overdue: bool | None = None
    course_overdue: bool | None = None

    @property
    def email(self) -> str:
        """The address as it is compared: in lower case."""
        return (self.email_address or "").strip().lower()

    @property
    def key(self) -> str:
        """Which row this is: course, community, learner."""
        return f"{self.course_id}/{self.community.id if self.community else ''}/{self.email}"


class Booking(msgspec.Struct, frozen=True, rename="camel"):
    """A learner's place in a course; with it they become a member of the community."""

    community_id: int
    course_id: int
    learner_email: str
    learner_firstname: str | None = None
    learner_lastname: str | None = None


Item = TypeVar("Item", Course, ProgressRow)


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """A page of a list.

    `faulty` are sentences about the items that could not be read, one each; `left_out` about fields of the others.
    """

    items: Sequence[Item]
    facets: Sequence[Any]
    page: int | None
    page_size: int | None
    last_page: int | None
    total_count: int | None
    faulty: Sequence[str] = ()
    left_out: Sequence[str] = ()


class _Envelope(msgspec.Struct, frozen=True, rename="camel"):
    items: list[Any] | None = None
    facets: list[Any] | None = None
    page: int | None = None
    page_size: int | None = None
    last_page: int | None = None
    total_count: int | None = None


def listing(given: Any, kind: type[Item]) -> Listing[Item]:
    """A page of these; raises Faulty where it is no page at all."""
    whole = _converted(given, _Envelope)
    items: list[Item] = []
    faulty: list[str] = []
    left_out: list[str] = []
    for item in whole.items or []:
        try:
            found, without = read_what_can_be(item, kind)
        except Faulty as problem:
            faulty.append(str(problem))
        else:
            items.append(found)
            left_out += without
    return Listing(
        items,
        whole.facets or [],
        whole.page,
        whole.page_size,
        whole.last_page,
        whole.total_count,
        faulty,
        left_out,
    )


def read(given: Any, kind: type[Item]) -> Item:
    """One of these; raises Faulty."""
    return _converted(clean(given), kind)


def read_what_can_be(given: Any, kind: type[Item]) -> tuple[Item, Sequence[str]]:
    """One of these, and sentences about its fields that cannot be read and are left out; raises Faulty."""
    rest = clean(given)
    without: list[str] = []
    while True:
        try:
            return _converted(rest, kind), without
        except Faulty as problem:
            field = _FIELD.search(str(problem))
            if field is None or field[1] in _NEEDED[kind]:
                raise
            without.append(str(problem))
            rest = {name: value for name, value in rest.items() if name != field[1]}


# Where in an item msgspec found a fault.
_FIELD = re.compile(r"at `\$\.(\w+)")
# Without these, nothing is known of a course, or something wrong would be told of a learner.
_NEEDED: Mapping[type[Any], frozenset[str]] = {
    Course: frozenset({"courseId"}),
    ProgressRow: frozenset(
        {
            "courseId",
            "community",
            "emailAddress",
            "completedActivity",
            "totalActivity",
            "status",
            "statusDescription",
        }
    ),
}


def plain(given: msgspec.Struct) -> dict[str, Any]:
    """As JSON, with Khalibre's own names for the fields."""
    answer: dict[str, Any] = msgspec.to_builtins(given)
    return answer


def plain_listing(given: Listing[Item]) -> dict[str, Any]:
    """A page as JSON, as Khalibre gives it; `faulty` is ours."""
    return {
        "items": [plain(item) for item in given.items],
        "facets": list(given.facets),
        "page": given.page,
        "pageSize": given.page_size,
        "lastPage": given.last_page,
        "totalCount": given.total_count,
        "faulty": [*given.faulty, *given.left_out],
    }


_Any = TypeVar("_Any")


def _converted(given: Any, kind: type[_Any]) -> _Any:
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as problem:
        known = given if isinstance(given, Mapping) else {}
        which = f"course {known.get('courseId')}" if "courseId" in known else "an answer"
        raise Faulty(f"{which}: {problem}") from None


def clean(value: Any) -> Any:
    """Without what neither a database nor a statement can hold: NUL, halves of surrogate pairs, NaN, huge numbers."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode() or None
    if isinstance(value, list):
        return [clean(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and not -_LARGEST - 1 <= value <= _LARGEST:
        return str(value)
    return {clean(name): clean(one) for name, one in value.items()} if isinstance(value, dict) else value
