"""When a session is asked about: the machine alone, with a clock."""

from datetime import UTC, datetime, timedelta

import pytest

from lrs.connectors.webinars import hour
from lrs.connectors.webinars.hour import Answered, Outcome, Rules, State

START, END = datetime(2026, 1, 12, 10, 0, tzinfo=UTC), datetime(2026, 1, 12, 11, 0, tzinfo=UTC)
RULES = Rules()
NOTHING, LISTED = Outcome(Answered.NOTHING), Outcome(Answered.LISTED)
MINUTE = timedelta(minutes=1)


def walk(course, outcome):
    """The minutes after the planned end at which it is asked, and where it ends."""
    asked = []
    while course.due is not None:
        now = course.due
        asked.append((now - END) // MINUTE)
        course = hour.after(course, outcome, now, RULES)
    return asked, course


def test_thirteen_tries_and_no_data():
    asked, course = walk(hour.planned(END), NOTHING)
    assert asked == list(range(0, 61, 5))
    assert (course.state, course.tries) == (State.NO_DATA, 13)


def test_a_list_is_final_and_looked_at_once_more_when_the_hour_is_over():
    asked, course = walk(hour.planned(END), LISTED)
    assert (asked, course.state) == ([0, 60], State.FINAL)


def test_a_last_look_that_finds_nothing_changes_nothing():
    course = hour.after(hour.planned(END), LISTED, END, RULES)
    assert hour.after(course, NOTHING, END + 60 * MINUTE, RULES).state is State.FINAL


def test_a_list_before_the_planned_end_waits_for_it():
    course = hour.ended(hour.planned(END), END - 10 * MINUTE, start=START, now=END - 9 * MINUTE)
    assert course.due == END - 9 * MINUTE
    course = hour.after(course, LISTED, END - 9 * MINUTE, RULES)
    assert (course.state, course.due) == (State.WAITING, END)
    assert not hour.judges_absence(course, END - MINUTE)
    assert hour.judges_absence(course, END)


def test_an_end_after_the_planned_one_begins_the_hour_anew():
    course = hour.after(hour.planned(END), NOTHING, END, RULES)
    late = END + 17 * MINUTE
    asked, course = walk(hour.ended(course, late, start=START, now=late), NOTHING)
    assert asked == list(range(17, 78, 5))


@pytest.mark.parametrize("state", [State.FINAL, State.NO_DATA])
def test_a_room_that_is_opened_again_and_ends_is_asked_about_again(state):
    done = hour.Course(END, END, None, state, 13)
    course = hour.ended(done, END + 90 * MINUTE, start=START, now=END + 90 * MINUTE)
    assert (course.due, course.tries, course.state) == (END + 90 * MINUTE, 0, State.POLLING)


def test_a_room_that_ended_long_before_the_planned_end_is_asked_about_again_then():
    tried = START + 2 * MINUTE
    asked, course = walk(hour.ended(hour.planned(END + 120 * MINUTE), tried, start=START, now=tried), NOTHING)
    assert asked == [*range(-58, 3, 5), *range(120, 181, 5)]
    assert (course.state, course.tries) == (State.NO_DATA, 13)


def test_an_end_before_the_start_is_a_rehearsal():
    course = hour.planned(END)
    assert hour.ended(course, START - MINUTE, start=START, now=START) == course


def test_a_refusal_stops_and_an_end_does_not_revive_it_but_a_retry_does():
    course = hour.after(hour.planned(END), Outcome(Answered.DENIED, "No."), END, RULES)
    assert (course.state, course.due, course.reason) == (State.STOPPED, None, "No.")
    assert hour.ended(course, END, start=START, now=END) == course
    assert hour.retried(course, END).due == END


@pytest.mark.parametrize(("seconds", "due"), [(90, timedelta(seconds=90)), (0, 5 * MINUTE)])
def test_a_busy_provider_is_waited_for_without_a_try(seconds, due):
    course = hour.after(hour.planned(END), Outcome(Answered.BUSY, "Wait.", seconds), END, RULES)
    assert (course.tries, course.due, course.reason) == (0, END + due, "Wait.")


def test_a_provider_that_is_never_free_is_given_up_after_days():
    course, asked = hour.planned(END), 0
    while course.due is not None:
        course = hour.after(course, Outcome(Answered.BUSY, "Wait.", 3600), course.due, RULES)
        asked += 1
    assert (course.state, asked) == (State.NO_DATA, 74)


def test_a_planned_end_that_moves_moves_the_asking_unless_it_has_begun():
    assert hour.moved(hour.planned(END), END + MINUTE, END - MINUTE).due == END + MINUTE
    begun = hour.after(hour.planned(END), NOTHING, END, RULES)
    assert hour.moved(begun, END + MINUTE, END + 2 * MINUTE).due == begun.due
