"""The fields of Khalibre's connector, each with its type."""

import types
import typing
from typing import Any

import msgspec
import pytest

from lrs.connectors.providers.khalibre import shapes
from lrs.connectors.providers.khalibre.shapes import Booking, Community, Course, DeliveryMethod, Faulty, ProgressRow
from tests.lrs.connectors.conftest import payload

# As Khalibre's connector describes them; dates are strings there, and kept here as they come.
DATE = Any
FIELDS = {
    ProgressRow: {
        "activityOverdue": bool,
        "bookingDate": DATE,
        "classTitle": str,
        "community": Community,
        "completedActivity": int,
        "courseId": int,
        "courseOverdue": bool,
        "emailAddress": str,
        "firstName": str,
        "lastName": str,
        "recentUpdateDate": DATE,
        "status": int,
        "statusDescription": str,
        "title": str,
        "totalActivity": int,
    },
    Course: {
        "additionalBookingNote": str,
        "bannerUrl": str,
        "bookingUrl": str,
        "classTitle": str,
        "communities": list[Community],
        "courseExpiryPeriod": int,
        "courseId": int,
        "createdDate": DATE,
        "currency": str,
        "dayBeforeBook": int,
        "dayBeforeCancel": int,
        "deliveryMethod": DeliveryMethod,
        "description": str,
        "endDate": DATE,
        "expectedDuration": int,
        "languages": list[str],
        "modifiedDate": DATE,
        "price": float,
        "startDate": DATE,
        "timezone": str,
        "title": str,
        "totalActivity": int,
    },
    Community: {"bookingUrl": str, "id": int, "name": str},
    DeliveryMethod: {"key": str, "value": str},
    Booking: {
        "communityId": int,
        "courseId": int,
        "learnerEmail": str,
        "learnerFirstname": str,
        "learnerLastname": str,
    },
}


@pytest.mark.parametrize("shape", FIELDS, ids=lambda shape: shape.__name__)
def test_every_field_of_khalibres_tables_is_there_with_its_type(shape):
    assert {field.encode_name: said(field.type) for field in msgspec.structs.fields(shape)} == FIELDS[shape]


def said(kind):
    if typing.get_origin(kind) is typing.Annotated:
        # What the OpenAPI document says of it beside.
        (kind, *_) = typing.get_args(kind)
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        (kind,) = [said(one) for one in typing.get_args(kind) if one is not type(None)]
    return kind


def test_the_sample_course_comes_back_as_it_was_but_for_what_is_empty():
    given = payload("khalibre/api/course_detail.json")
    plain = shapes.plain(shapes.read(given, Course))
    assert plain == {**given, "additionalBookingNote": None, "communities": plain["communities"]}
    assert plain["communities"] == given["communities"]


def test_numbers_and_flags_may_be_text_and_fields_may_be_absent_null_or_empty():
    row = shapes.read(
        {"courseId": "40517", "completedActivity": "2", "totalActivity": "", "courseOverdue": "true", "title": None},
        ProgressRow,
    )
    assert (row.course_id, row.completed_activity, row.total_activity) == (40517, 2, None)
    assert (row.course_overdue, row.title, row.status) == (True, None, None)


def test_a_faulty_row_is_told_and_the_others_are_read():
    page = payload("khalibre/api/progress_page.json")
    page["items"][1]["totalActivity"] = "five"
    listing = shapes.listing(page, ProgressRow)
    assert [row.email for row in listing.items] == ["sok.dara@example.org", "new.learner@example.org"]
    assert listing.faulty == ["course 40517: Expected `int | null`, got `str` - at `$.totalActivity`"]


def test_a_field_that_cannot_be_read_is_told_and_the_rest_of_the_course_is_there():
    page = payload("khalibre/api/courses_page.json")
    page["items"][0] |= {"price": "12,50", "languages": "en", "communities": [{"name": "nameless"}]}
    listing = shapes.listing(page, Course)
    (course,) = listing.items
    assert (course.title, course.total_activity) == ("Safeguarding", 5)
    assert (course.price, course.languages, course.communities) == (None, None, None)
    assert [sentence.rpartition("$")[2] for sentence in listing.left_out] == [
        ".communities[0]`",
        ".languages`",
        ".price`",
    ]
    assert shapes.plain_listing(listing)["faulty"] == listing.left_out
    page["items"][0]["courseId"] = "none"
    assert shapes.listing(page, Course).items == []


def test_a_number_that_no_column_holds_makes_a_row_faulty_and_is_no_date():
    given = payload("khalibre/api/progress_page.json")["items"][0]
    for field in ("courseId", "completedActivity", "totalActivity", "status"):
        with pytest.raises(Faulty):
            shapes.read({**given, field: 10**30}, ProgressRow)
    assert shapes.read({**given, "bookingDate": 10**30}, ProgressRow).booking_date == str(10**30)


def test_what_no_database_can_hold_is_taken_out():
    row = shapes.read({"courseId": 1, "firstName": "Da\0ra", "lastName": "So\ud800k"}, ProgressRow)
    assert (row.first_name, row.last_name) == ("Dara", "So?k")


@pytest.mark.parametrize("answer", [[], "no", None, {"items": "none"}])
def test_an_answer_that_is_no_page_is_faulty(answer):
    with pytest.raises(Faulty):
        shapes.listing(answer, Course)
