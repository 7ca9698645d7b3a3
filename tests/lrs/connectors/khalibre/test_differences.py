"""What a changed row of progress comes to."""

from datetime import UTC, datetime

import pytest

from lrs.connectors.contract import Row
from lrs.connectors.events import Event, Kind, Note
from lrs.connectors.providers.khalibre import differences, events, shapes
from lrs.connectors.providers.khalibre.shapes import ProgressRow
from tests.lrs.connectors.conftest import payload
from tests.lrs.connectors.khalibre.working import SETTINGS

NOW = datetime(2025, 4, 1, tzinfo=UTC)
SAMPLE = payload("khalibre/api/progress_page.json")["items"][0]


def row(done, total=5, text=None, **more):
    """A row with these counts and this status, which without more ado is what the counts say."""
    text = text or ("Completed" if done == total else "In progress" if done else "Not started")
    given = {**SAMPLE, "completedActivity": done, "totalActivity": total, "statusDescription": text, **more}
    return Row("key", shapes.plain(shapes.read(given, ProgressRow)))


def happened(before, after, **settings):
    """The events and the rules of the notes that the change comes to."""
    chosen = SETTINGS | settings
    found = [one for got in differences.compare(before, after, chosen, NOW) for one in events.read(got, chosen)]
    made = [(one.kind, one.progress, one.completion, one.success) for one in found if isinstance(one, Event)]
    return made, [one.rule for one in found if isinstance(one, Note)]


REGISTERED = (Kind.REGISTERED, None, None, None)
COMPLETED = (Kind.COMPLETED, None, True, None)
UNREGISTERED = (Kind.UNREGISTERED, None, None, None)


def progressed(percent):
    return (Kind.PROGRESSED, percent, False, None)


@pytest.mark.parametrize(
    ("before", "after", "made"),
    [
        (None, row(0), [REGISTERED]),
        (None, row(2), [progressed(40)]),
        (None, row(5), [COMPLETED]),
        (None, row(0, text="Cancelled"), [UNREGISTERED]),
        (row(0), row(1), [progressed(20)]),
        (row(1), row(2), [progressed(40)]),
        (row(0), row(5), [COMPLETED]),
        (row(2), row(5), [COMPLETED]),
        (row(2), row(5, text="In progress"), [COMPLETED]),
        (row(2), row(2, text="Completed"), [COMPLETED]),
        (row(2), row(5, text="Passed"), [(Kind.COMPLETED, None, True, True)]),
        (row(2), row(3, text="Failed"), [(Kind.COMPLETED, None, True, False)]),
        (row(5), row(5, text="Passed"), [(Kind.COMPLETED, None, True, True)]),
        (row(2), row(2, text="Withdrawn"), [UNREGISTERED]),
        (row(5), row(5, text="Expired"), [UNREGISTERED]),
        # Booked again after an unregistration.
        (row(2, text="Cancelled"), row(0), [REGISTERED]),
        # The course became longer, and the learner did something, too.
        (row(2), row(3, total=10), [progressed(30)]),
        (row(2), row(2, total=4), [progressed(50)]),
    ],
)
def test_a_row_makes_the_statement_of_the_table(before, after, made):
    assert happened(before, after) == (made, [])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (row(2), row(2, activityOverdue=True, courseOverdue=True)),
        (row(2), row(2, recentUpdateDate="2025-03-06T07:15:00Z")),
        (row(2), row(2, firstName="Other", title="Renamed", classTitle="Batch 8")),
        (row(0), row(0, text="In progress")),
        (row(5), row(5, total=5, recentUpdateDate="2025-03-06T07:15:00Z")),
        (row(5, text="Passed"), row(5, text="Completed")),
        (row(0, text="Cancelled"), row(0, text="Expired")),
    ],
)
def test_a_change_that_is_none_of_the_table_makes_nothing(before, after):
    assert happened(before, after) == ([], [])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (row(3), row(2)),
        (row(5), row(3)),
        (row(2), row(0)),
        (row(5), row(5, total=6)),
        (row(2), row(2, total=6)),
    ],
)
def test_a_row_that_goes_back_makes_a_note_and_no_statement(before, after):
    assert happened(before, after) == ([], ["backwards"])


@pytest.mark.parametrize(
    ("done", "total", "percent"), [(1, 3, 33), (2, 3, 67), (1, 8, 12), (199, 200, 99), (999, 1000, 99), (1, 1000, 0)]
)
def test_progress_is_rounded_and_never_100_before_the_end(done, total, percent):
    assert happened(None, row(done, total)) == ([progressed(percent)], [])


def test_an_unknown_status_falls_back_to_the_numbers_with_a_warning():
    assert happened(row(0), row(2, text="Waiting", status=17)) == ([progressed(40)], ["unknown-status"])
    # Told once, not with each sweep.
    assert happened(row(2, text="Waiting", status=17), row(3, text="Waiting", status=17)) == ([progressed(60)], [])
    assert happened(None, row(0, text=" ", status=None))[1] == ["unknown-status"]


def test_the_status_table_is_matched_on_the_text_first_then_on_the_number():
    table = {"Waiting": "registered", "17": "passed", "in progress": "failed"}
    assert happened(row(0), row(2, text="Waiting", status=17), status_table=table)[0] == [progressed(40)]
    passed, failed = (Kind.COMPLETED, None, True, True), (Kind.COMPLETED, None, True, False)
    assert happened(row(0), row(2, text="Unheard of", status=17), status_table=table)[0] == [passed]
    assert happened(row(0), row(2, text="In Progress", status=17), status_table=table)[0] == [failed]


def test_a_date_of_unknown_form_is_kept_as_text_and_the_statement_has_the_time_it_was_seen():
    for before, after, fact in (
        (None, row(0, bookingDate="1 March"), "booking-date"),
        (row(0), row(2, recentUpdateDate="1 March"), "recent-update-date"),
    ):
        (got,) = differences.compare(before, after, SETTINGS, NOW)
        event, note = events.read(got, SETTINGS)
        assert isinstance(event, Event)
        assert (event.at, event.facts[fact]) == (NOW, "1 March")
        assert isinstance(note, Note)
        assert "'1 March'" in note.reason


def test_the_same_state_of_a_row_is_the_same_event_for_ever():
    (first,) = differences.compare(row(0), row(2), SETTINGS, NOW)
    (again,) = differences.compare(row(1), row(2), SETTINGS, datetime(2026, 1, 1, tzinfo=UTC))
    assert first.id == again.id
