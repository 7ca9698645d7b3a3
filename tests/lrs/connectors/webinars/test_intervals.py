"""Times in a room, put together."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs.connectors.webinars import intervals
from lrs.connectors.webinars.attendance import Stay
from lrs.connectors.webinars.intervals import Closed, Move

ZERO = datetime(2026, 1, 12, 10, 0, tzinfo=UTC)


def at(minute):
    return ZERO + timedelta(minutes=minute)


def stays(*pairs):
    return [Closed(at(joined), at(left)) for joined, left in pairs]


@pytest.mark.parametrize(
    ("given_", "merged", "minutes"),
    [
        ([], [], 0),
        ([(0, 10)], [(0, 10)], 10),
        ([(0, 10), (5, 20)], [(0, 20)], 20),
        ([(5, 20), (0, 10)], [(0, 20)], 20),
        ([(0, 10), (10, 20)], [(0, 20)], 20),
        ([(0, 10), (11, 20)], [(0, 10), (11, 20)], 19),
        ([(0, 60), (10, 20), (30, 70)], [(0, 70)], 70),
        ([(5, 5)], [(5, 5)], 0),
    ],
)
def test_overlaps_count_once(given_, merged, minutes):
    found = intervals.merged(stays(*given_))
    assert found == tuple(stays(*merged))
    assert intervals.seconds(found) == minutes * 60


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted), max_size=8))
def test_merging_gives_the_minutes_in_which_anybody_was_there(pairs):
    found = intervals.merged(stays(*pairs))
    minutes = {minute for joined, left in pairs for minute in range(joined, left)}
    assert intervals.seconds(found) == len(minutes) * 60
    assert intervals.merged(found) == found


def test_who_is_not_known_to_have_left_stayed_to_the_end():
    assert intervals.closed([Stay(at(0), None), Stay(at(70), None)], at(60)) == stays((0, 60), (70, 70))


@given(st.permutations([("a", 0, True), ("a", 10, False), ("b", 5, True), ("b", 20, False), ("a", 30, True)]))
def test_comings_and_goings_are_paired_in_whatever_order_they_are_told(told):
    found = intervals.paired(Move(key, at(minute), joined) for key, minute, joined in told)
    assert found == [Stay(at(0), at(10)), Stay(at(5), at(20)), Stay(at(30), None)]


def test_who_went_without_having_come_was_there_at_that_moment():
    assert intervals.paired([Move("a", at(7), False)]) == [Stay(at(7), at(7))]


def test_devices_that_are_not_told_apart_are_counted():
    assert intervals.covered([at(0), at(5)], [at(10), at(20)]) == [Stay(at(0), at(20))]
    assert intervals.covered([at(0), at(5)], [at(5), at(20)]) == [Stay(at(0), at(20))]
    assert intervals.covered([at(0), at(30)], [at(10)]) == [Stay(at(0), at(10)), Stay(at(30), None)]


def test_a_room_belongs_to_a_session_from_half_an_hour_before_to_an_hour_after_it():
    span = intervals.window(at(0), at(60))
    assert span == Closed(at(-30), at(120))
    assert intervals.overlaps(Closed(at(-40), at(-30)), span)
    assert not intervals.overlaps(Closed(at(-40), at(-31)), span)
    assert not intervals.overlaps(Closed(at(121), at(130)), span)


@pytest.mark.parametrize(
    ("run", "both"),
    [
        ((-5, 55), (True, False)),
        ((55, 115), (False, True)),
        ((58, 60), (True, False)),
        ((0, 120), (True, True)),
        ((30, 110), (True, True)),
        ((125, 130), (True, True)),
    ],
)
def test_an_opening_is_of_the_session_that_it_covers_and_of_two_that_it_covers_alike(run, both):
    first, second = (Closed(at(begin), at(begin + 60)) for begin in (0, 60))
    opening = Closed(at(run[0]), at(run[1]))
    assert (intervals.belongs(opening, first, [second]), intervals.belongs(opening, second, [first])) == both
