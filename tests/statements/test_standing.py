"""The fold of facts into a standing: what each verb and result means, and that the order does not matter."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statements import standing
from statements.standing import Fact, Meaning, Status

NOON = datetime(2025, 1, 15, 12, tzinfo=UTC)
ADL = "http://adlnet.gov/expapi/verbs/"


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def fact(minutes: int, verb: str, **said) -> Fact:
    return Fact(at(minutes), standing.meaning(verb if ":" in verb else ADL + verb), **said)


facts = st.lists(
    st.builds(
        Fact,
        # Few moments, so that many facts are of the same one.
        timestamp=st.integers(0, 4).map(at),
        meaning=st.sampled_from([standing.NOTHING, *standing.VERBS.values()]),
        kind=st.sampled_from(["", "course", "learning_path"]),
        credential=st.sampled_from([None, 1, 2]),
        platform=st.sampled_from([None, "", "Udemy", "ALM"]),
        progress=st.sampled_from([None, 0.0, 25.0, 100.0]),
        completed=st.sampled_from([None, False, True]),
        success=st.sampled_from([None, False, True]),
        score=st.sampled_from([None, -0.5, 0.25, 1.0]),
    ),
    min_size=1,
    max_size=12,
)


@given(facts.flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_any_order_of_the_same_facts_is_the_same_standing(orders):
    one, other = orders
    assert standing.fold(one) == standing.fold(other)


@given(facts, facts)
def test_standings_of_parts_merge_to_the_standing_of_all(some, others):
    one = standing.fold(some)
    other = standing.fold(others, one.rolled_back_at)
    if standing.settled(one, other.rolled_back_at):
        assert standing.merge(one, other) == standing.merge(other, one) == standing.fold([*some, *others])


@given(facts, facts, facts)
def test_how_standings_are_bracketed_does_not_matter(first, second, third):
    parts = [standing.fold([fact for fact in some if not fact.meaning.takes_back] or some) for some in (first, second)]
    parts.append(standing.fold(third))
    if any(part.rolled_back_at for part in parts):
        return
    one, two, three = parts
    assert standing.merge(standing.merge(one, two), three) == standing.merge(one, standing.merge(two, three))


def test_progress_that_goes_back_is_kept_beside_the_most():
    told = standing.fold([fact(0, "progressed", progress=75.0), fact(1, "progressed", progress=50.0)])
    assert (told.progress, told.progress_at, told.progress_max) == (50.0, at(1), 75.0)
    assert told.status is Status.IN_PROGRESS


def test_what_comes_late_does_not_undo_a_completion():
    told = standing.fold([fact(5, "completed", completed=True), fact(3, "progressed", progress=80.0, completed=False)])
    assert (told.completed_at, told.progress, told.status) == (at(5), 100.0, Status.COMPLETED)


def test_of_two_completions_the_first_counts():
    assert standing.fold([fact(7, "completed"), fact(2, "completed")]).completed_at == at(2)


def test_a_rollback_takes_back_what_was_completed_before():
    taken = standing.fold(
        [
            fact(0, "progressed", progress=60.0),
            fact(1, "completed", success=True, score=1.0),
            fact(2, "http://activitystrea.ms/unsatisfy", completed=False),
        ]
    )
    assert (taken.completed_at, taken.success, taken.score, taken.progress_max) == (None, None, None, 60.0)
    assert taken.status is Status.IN_PROGRESS
    assert taken.statements == 3


def test_a_completion_after_a_rollback_counts():
    told = [fact(3, "completed"), fact(2, "http://activitystrea.ms/unsatisfy"), fact(1, "completed")]
    assert standing.fold(told).completed_at == at(3)


def test_a_standing_whose_completion_is_taken_back_is_not_settled():
    done = standing.fold([fact(1, "completed")])
    assert not standing.settled(done, at(1))
    assert standing.settled(done, at(0))


@pytest.mark.parametrize(
    ("verbs", "status"),
    [
        (["registered"], Status.REGISTERED),
        (["registered", "initialized"], Status.IN_PROGRESS),
        (["registered", "http://id.tincanapi.com/verb/unregistered"], Status.UNREGISTERED),
        (["http://id.tincanapi.com/verb/unregistered", "registered"], Status.REGISTERED),
        (["attended"], Status.COMPLETED),
        (["http://activitystrea.ms/schema/1.0/attend"], Status.COMPLETED),
        (["registered", "failed"], Status.FAILED),
        (["failed", "passed"], Status.PASSED),
        (["passed", "completed"], Status.COMPLETED),
        (["completed", "http://id.tincanapi.com/verb/unregistered"], Status.COMPLETED),
        (["https://w3id.org/xapi/adl/verbs/waived"], Status.COMPLETED),
        (["http://vendor.example/xapi#completed"], Status.COMPLETED),
        (["http://activitystrea.ms/join", "http://activitystrea.ms/leave"], Status.IN_PROGRESS),
    ],
)
def test_verbs_say_where_somebody_stands(verbs, status):
    assert standing.fold(fact(minute, verb) for minute, verb in enumerate(verbs)).status is status


def test_a_completion_says_hundred_per_cent_where_the_sender_does_not():
    assert standing.fold([fact(0, "attended", completed=True)]).progress_max == 100.0


def test_a_score_that_says_how_far_somebody_is_is_no_mark():
    assert standing.fold([fact(0, "progressed", score=0.25)]).score is None
    assert standing.fold([fact(0, "passed", score=0.25), fact(1, "failed", score=0.1)]).score == 0.25


@pytest.mark.parametrize(
    ("verbs", "attempts"),
    [
        (["registered"], 0),
        (["registered", "progressed", "progressed"], 1),
        (["initialized", "failed", "initialized", "passed", "completed"], 2),
        (["failed", "failed", "passed"], 3),
        (["attended", "completed"], 1),
    ],
)
def test_attempts_are_counted_by_beginnings_ends_or_verdicts(verbs, attempts):
    assert standing.fold(fact(minute, verb) for minute, verb in enumerate(verbs)).attempts == attempts


def test_the_source_is_that_of_the_latest_statement():
    told = standing.fold([fact(1, "progressed", credential=2, platform="ALM"), fact(0, "completed", credential=1)])
    assert (told.credential, told.platform) == (2, "ALM")


def test_a_verb_that_is_not_in_the_table_says_nothing():
    assert standing.meaning("http://example.com/verbs/jumped") == Meaning()
