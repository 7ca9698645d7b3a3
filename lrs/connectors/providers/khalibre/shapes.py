"""What Khalibre's API gives and takes, field by field as its connector describes them. Unknown fields are passed over.

A number or a flag may come as text; a field may be absent, null or empty, which is the same here. What cannot be read
as the field's type at all makes the item faulty: it is told, and the others are read.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from lrs.connectors.providers.khalibre.times import Written


class Faulty(Exception):
    """Not what Khalibre describes; the text says where and why."""


class Community(msgspec.Struct, frozen=True, rename="camel"):
    """Who a course is offered to."""

    id: int
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

    course_id: int
    title: str | None = None
    class_title: str | None = None
    description: str | None = None
    additional_booking_note: str | None = None
    banner_url: str | None = None
    booking_url: str | None = None
    communities: list[Community] | None = None
    course_expiry_period: int | None = None
    created_date: Written = None
    modified_date: Written = None
    start_date: Written = None
    end_date: Written = None
    timezone: str | None = None
    currency: str | None = None
    price: float | None = None
    day_before_book: int | None = None
    day_before_cancel: int | None = None
    delivery_method: DeliveryMethod | None = None
    expected_duration: int | None = None
    languages: list[str] | None = None
    total_activity: int | None = None


class ProgressRow(msgspec.Struct, frozen=True, rename="camel"):
    """Where a learner stands in a course; no id of the learner, and no score."""

    course_id: int
    email_address: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    community: Community | None = None
    title: str | None = None
    class_title: str | None = None
    completed_activity: int | None = None
    total_activity: int | None = None
    status: int | None = None
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
    """A page of a list. `faulty` are sentences about the items that could not be read."""

    items: Sequence[Item]
    facets: Sequence[Any]
    page: int | None
    page_size: int | None
    last_page: int | None
    total_count: int | None
    faulty: Sequence[str] = ()


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
    for item in whole.items or []:
        try:
            items.append(read(item, kind))
        except Faulty as problem:
            faulty.append(str(problem))
    return Listing(items, whole.facets or [], whole.page, whole.page_size, whole.last_page, whole.total_count, faulty)


def read(given: Any, kind: type[Item]) -> Item:
    """One of these; raises Faulty."""
    return _converted(_clean(given), kind)


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
        "faulty": list(given.faulty),
    }


_Any = TypeVar("_Any")


def _converted(given: Any, kind: type[_Any]) -> _Any:
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as problem:
        known = given if isinstance(given, Mapping) else {}
        which = f"course {known.get('courseId')}" if "courseId" in known else "an answer"
        raise Faulty(f"{which}: {problem}") from None


def _clean(value: Any) -> Any:
    """Without what neither a database nor a statement can hold: NUL, halves of surrogate pairs, NaN."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode() or None
    if isinstance(value, list):
        return [_clean(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return {_clean(name): _clean(one) for name, one in value.items()} if isinstance(value, dict) else value
