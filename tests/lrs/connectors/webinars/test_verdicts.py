"""What follows from evidence: which of it counts, and whom nobody judges."""

from datetime import timedelta

import pytest

from lrs.connectors.webinars import matching, verdicts
from lrs.connectors.webinars.attendance import Attended, Attendee, Source, Stay
from lrs.connectors.webinars.intervals import Closed, Move
from lrs.connectors.webinars.matching import Identity
from lrs.connectors.webinars.verdicts import Came, Credit, Evidence
from tests.lrs.connectors.webinars.conftest import END, START

PLANNED = Closed(START, END)
OLENA = Identity("417", "olena.koval@example.com", "")
MINUTE = timedelta(minutes=1)


def evidence(source, *minutes, run="run", **more):
    stays = tuple(Stay(START + joined * MINUTE, START + left * MINUTE) for joined, left in minutes)
    return Evidence(run, source, (Attended(Attendee(id="417"), stays),), None, None, **more)


def test_of_one_run_the_most_trustworthy_evidence_counts_and_runs_are_put_together():
    hook, callback = evidence(Source.HOOK, (0, 60)), evidence(Source.CALLBACK, (0, 50))
    second = evidence(Source.POLL, (70, 80), run="second")
    assert verdicts.best([hook, second, callback]) == [callback, second]


def test_evidence_that_names_nobody_hides_no_other():
    nobody = Evidence("run", Source.CALLBACK, (), None, None)
    hook = evidence(Source.HOOK, (0, 60))
    assert verdicts.best([nobody, hook]) == [hook]


def test_a_hook_whose_end_was_lost_is_over_when_looking_in_found_nobody():
    hook = evidence(Source.HOOK, (0, 60), over=False)
    poll = Evidence("run", Source.POLL, (), None, END, over=True)
    [found] = verdicts.best([hook, poll])
    assert (found.over, found.ended, found.source) == (True, END, Source.HOOK)


@pytest.mark.parametrize(
    ("minutes", "counts"), [((-200, -100), False), ((-40, -29), True), ((119, 130), True), ((121, 130), False)]
)
def test_another_meeting_in_the_same_room_is_not_counted(minutes, counts):
    assert bool(verdicts.within([evidence(Source.REPORT, minutes)], PLANNED)) is counts


def test_what_lies_outside_is_left_out_person_by_person():
    rehearsal = Attended(Attendee(id="418"), (Stay(START - 300 * MINUTE, START - 290 * MINUTE),))
    both = evidence(Source.REPORT, (0, 60))
    both = Evidence(both.run, both.source, (*both.people, rehearsal), None, None)
    [found] = verdicts.within([both], PLANNED)
    assert [one.who.id for one in found.people] == ["417"]


def test_hooks_take_the_fullest_word_of_who_it_is():
    full, bare = Attendee(id="417", name="Olena"), Attendee(id="417")
    moves = [Came(bare, Move("w_1", START, True)), Came(full, Move("w_1", END, False))]
    found = verdicts.hooked("run", moves, START, END, END)
    assert found.people == (Attended(full, (Stay(START, END),)),)
    assert (found.over, found.whole) == (True, True)


@pytest.mark.parametrize(("absence", "passed"), [(True, False), (False, None)])
def test_before_the_end_who_was_there_too_shortly_is_not_judged(absence, passed):
    known = matching.known([OLENA], {})
    given = [evidence(Source.REPORT, (0, 10))]
    found = verdicts.judge(given, known, PLANNED, Credit(minutes=30), absence=absence)
    assert [one.passed for one in found.verdicts] == [passed]


def test_nobody_fails_by_evidence_that_is_not_whole():
    petro = Identity("418", "", "")
    known = matching.known([OLENA, petro], {})
    given = [evidence(Source.HOOK, (0, 10)), evidence(Source.HOOK, (20, 25), run="second", whole=False)]
    found = verdicts.judge(given, known, PLANNED, Credit(minutes=30), absence=True)
    assert [(one.person, one.passed) for one in found.verdicts] == [(OLENA, None)]


def test_a_presence_without_length_is_a_presence():
    known = matching.known([OLENA], {})
    [found] = verdicts.judge([evidence(Source.HOOK, (5, 5))], known, PLANNED, Credit(), absence=True).verdicts
    assert (found.present, found.passed, found.seconds) == (True, True, 0)


def test_the_share_is_of_the_planned_time_and_never_more_than_all_of_it():
    known = matching.known([OLENA], {})
    [found] = verdicts.judge([evidence(Source.REPORT, (-20, 90))], known, PLANNED, Credit(), absence=True).verdicts
    assert (found.ratio, found.seconds) == (1.0, 110 * 60)
