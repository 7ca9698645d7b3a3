"""The seven rules, one learner in one instance at a time."""

from datetime import UTC, datetime

import pytest

from lrs.connectors.contract import Received, Standing
from lrs.connectors.events import Event, Kind, Person
from lrs.connectors.providers.alm.ordering import decide
from lrs.connectors.providers.alm.webhook import ordering

ENROLLED, PROGRESSED, COMPLETED = Kind.REGISTERED, Kind.PROGRESSED, Kind.COMPLETED
UNENROLLED, ROLLED_BACK = Kind.UNREGISTERED, Kind.ROLLED_BACK


def fold(*told):
    """What became of (kind, minute) in this order: True where it counted, else the rule that it was ignored by."""
    standing, outcome = Standing(), []
    for kind, minute in told:
        at = datetime(2026, 1, 1, 10, minute, tzinfo=UTC)
        event = Event("key", kind, at, Person(), None, "")
        decision = decide(standing, Received("1", "", "id", at, "", {}), event)
        standing = decision.standing
        outcome.append(decision.rule if not decision.counts else True)
    return outcome


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        pytest.param([(ENROLLED, 1), (PROGRESSED, 2), (COMPLETED, 3)], [True, True, True], id="as it happened"),
        pytest.param([(PROGRESSED, 2), (ENROLLED, 1)], [True, "enrolment-after-progress"], id="older enrolment"),
        pytest.param([(PROGRESSED, 2), (ENROLLED, 3)], [True, "enrolment-after-progress"], id="newer enrolment"),
        pytest.param([(COMPLETED, 2), (PROGRESSED, 1)], [True, "progress-after-completion"], id="older progress"),
        pytest.param([(COMPLETED, 2), (PROGRESSED, 3)], [True, "progress-after-completion"], id="newer progress"),
        pytest.param([(COMPLETED, 2), (ENROLLED, 1)], [True, "stale"], id="enrolment older than the completion"),
        pytest.param([(UNENROLLED, 3), (COMPLETED, 2)], [True, "stale"], id="completion older than the unenrolment"),
        pytest.param([(UNENROLLED, 3), (PROGRESSED, 2)], [True, "stale"], id="progress older than the unenrolment"),
        pytest.param([(PROGRESSED, 9), (COMPLETED, 3)], [True, True], id="progress does not make anything stale"),
        pytest.param([(ENROLLED, 1), (COMPLETED, 1)], [True, True], id="same time, order of arrival"),
        pytest.param(
            [(ENROLLED, 1), (PROGRESSED, 2), (COMPLETED, 3), (UNENROLLED, 4), (ENROLLED, 5), (PROGRESSED, 6)],
            [True] * 6,
            id="an unenrolment clears what was seen",
        ),
        pytest.param(
            [(PROGRESSED, 2), (COMPLETED, 3), (ROLLED_BACK, 4), (PROGRESSED, 5), (COMPLETED, 6)],
            [True] * 5,
            id="a rollback clears what was seen",
        ),
        pytest.param(
            [(PROGRESSED, 2), (COMPLETED, 5), (UNENROLLED, 4), (ENROLLED, 6)],
            [True, True, "stale", "enrolment-after-progress"],
            id="a stale unenrolment clears nothing",
        ),
        pytest.param([(COMPLETED, 3)], [True], id="a completion alone"),
        pytest.param([(COMPLETED, 3), (COMPLETED, 4)], [True, True], id="a second completion is one more"),
        pytest.param([(COMPLETED, 4), (COMPLETED, 3)], [True, "stale"], id="an older completion is stale"),
    ],
)
def test_what_counts(told, outcome):
    assert fold(*told) == outcome


def test_the_time_of_the_event_counts_and_not_a_back_dated_completion():
    def sent(minute):
        return Received("1", "", "id", datetime(2026, 1, 1, 10, minute, tzinfo=UTC), "", {})

    enrolled = decide(Standing(), sent(1), Event("key", ENROLLED, sent(1).at, Person(), None, ""))
    last_year = datetime(2025, 1, 1, tzinfo=UTC)
    completed = decide(enrolled.standing, sent(2), Event("key", COMPLETED, last_year, Person(), None, ""))
    assert completed.counts
    unenrolled = decide(completed.standing, sent(1), Event("key", UNENROLLED, sent(1).at, Person(), None, ""))
    assert unenrolled.rule == "stale"


@pytest.mark.parametrize(
    ("account", "other"),
    [("2", {}), ("1", {"userId": 6}), ("1", {"loInstanceId": "course:3_9"})],
    ids=["account", "learner", "instance"],
)
def test_another_account_learner_or_instance_has_an_order_of_its_own(account, other):
    data = {"userId": 5, "loInstanceId": "course:3_4", "loId": "course:3"}
    assert ordering(account, data | other) != ordering("1", data)
