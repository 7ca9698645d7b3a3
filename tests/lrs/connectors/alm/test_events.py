"""What each of ALM's events becomes."""

import json
from datetime import UTC, datetime

import pytest

from lrs.connectors import inbox
from tests.lrs.connectors.archive import deliver, events, expected, statements, work_off
from tests.lrs.connectors.conftest import PAYLOADS, payload

ALL = sorted(path.stem for path in (PAYLOADS / "alm/events").glob("*.json"))
TOLD = sorted(path.stem for path in (PAYLOADS / "alm/expected").glob("*.json"))
CATALOGUE = sorted(set(ALL) - set(TOLD))
EPOCH = datetime(2024, 11, 8, 3, 49, 52, tzinfo=UTC)


def in_epoch(value, factor):
    if isinstance(value, dict):
        return {key: in_epoch(each, factor) for key, each in value.items()}
    if isinstance(value, list):
        return [in_epoch(each, factor) for each in value]
    return int(EPOCH.timestamp()) * factor if value == "2024-11-08T03:49:52.000Z" else value


def test_there_are_27_events_and_19_of_them_are_told():
    assert (len(ALL), len(TOLD), len(CATALOGUE)) == (27, 19, 8)


@pytest.mark.parametrize("form", ["iso", "seconds", "milliseconds", "mixed"])
@pytest.mark.parametrize("name", TOLD)
def test_an_event_becomes_its_expected_statement_in_every_form_of_time(connect, public_url, name, form):
    connection = connect()
    body = payload(f"alm/events/{name}.json")
    given = {"iso": body, "seconds": in_epoch(body, 1), "milliseconds": in_epoch(body, 1000)}.get(form)
    if given is None:
        given = json.loads(json.dumps(body))
        given["events"][0]["timestamp"] = int(EPOCH.timestamp()) * 1000
        given["events"][0]["data"] = in_epoch(given["events"][0]["data"], 1)
    deliver(connection, given)
    work_off()
    event = body["events"][0]
    assert statements(connection) == [expected(connection, name, event, body["accountId"], public_url)]
    [row] = events(connection)
    assert (row.state, row.attempts) == ("done", 1)


@pytest.mark.parametrize("name", CATALOGUE)
def test_an_event_about_the_catalogue_becomes_no_statement(connect, name):
    connection = connect()
    deliver(connection, payload(f"alm/events/{name}.json"))
    work_off()
    assert statements(connection) == []
    [row] = events(connection)
    assert (row.state, row.rule) == ("done", "catalogue")


def test_seats_and_the_waiting_list_come_from_ci_stats(connect):
    connection = connect()
    deliver(connection, payload("alm/events/CI_STATS.json"))
    work_off()
    [instance] = connection.instance_set.all()
    assert instance.external == "course:12345678_14448475"
    assert (instance.seats, instance.waiting, instance.enrolled) == (30, 0, 10)


def test_an_older_count_does_not_replace_a_newer_one(connect):
    connection = connect()
    body = payload("alm/events/CI_STATS.json")
    deliver(connection, body)
    older = json.loads(json.dumps(body))
    older["events"][0] |= {"eventId": "older", "timestamp": "2024-11-07T03:49:52.000Z"}
    older["events"][0]["data"]["enrollmentCount"] = 3
    deliver(connection, older)
    work_off()
    assert connection.instance_set.get().enrolled == 10


def test_a_deleted_learning_object_and_instance_are_marked(connect):
    connection = connect()
    deliver(connection, payload("alm/events/LEARNING_OBJECT_DELETION.json"))
    deliver(connection, payload("alm/events/LEARNING_OBJECT_INSTANCE_DELETION.json"))
    work_off()
    assert connection.thing_set.get(external="course:12319716").deleted is True
    assert connection.instance_set.get(external="course:12319674_14453849").deleted is True


@pytest.mark.parametrize("name", ["LEARNING_PATH_COMPLETION_ROLLBACK", "LEARNING_PATH_COMPLETION_ROLLBACK_BATCH"])
def test_a_rollback_takes_the_completion_back(connect, name):
    connection = connect()
    deliver(connection, payload(f"alm/newer/{name}.json"))
    work_off()
    [statement] = statements(connection)
    assert statement["verb"]["id"] == "http://activitystrea.ms/unsatisfy"
    assert statement["result"] == {"completion": False}
    # The enrolment's date is not the rollback's.
    assert statement["timestamp"] == "2026-01-20T05:48:10.000Z"
    assert statement["object"]["definition"]["type"].endswith("/learning-plan")


@pytest.mark.parametrize("name", ["RESPONSE_ASYNCAPI_USERGROUP_USER_ADDED", "RESPONSE_ASYNCAPI_USERGROUP_USER_REMOVED"])
def test_a_name_that_nobody_knows_is_kept_and_shown(connect, name):
    connection = connect()
    body = payload(f"alm/newer/{name}.json")
    deliver(connection, body)
    work_off()
    [row] = events(connection)
    assert (row.state, row.rule) == ("ignored", "unknown-name")
    assert row.name == body["events"][0]["eventName"]
    assert body["events"][0]["eventName"] in row.reason


def test_the_listener_sample_with_milliseconds_and_seconds_in_one_event_is_read(connect):
    connection = connect()
    deliver(connection, payload("alm/newer/listener_url_sample_epoch_ms.json"))
    work_off()
    [statement] = statements(connection)
    assert statement["timestamp"] == "2024-09-27T05:24:03.000Z"
    enrolled = statement["context"]["extensions"]
    assert [value for key, value in enrolled.items() if key.endswith("date-enrolled")] == ["2024-09-27T05:24:03.000Z"]


def test_a_back_dated_completion_happened_when_the_administrator_says(connect, public_url):
    connection = connect()
    body = payload("alm/events/COURSE_COMPLETED.json")
    body["events"][0]["data"]["dateCompleted"] = "2024-10-01T12:00:00.000Z"
    deliver(connection, body)
    work_off()
    [statement] = statements(connection)
    assert statement["timestamp"] == "2024-10-01T12:00:00.000Z"
    told = statement["context"]["extensions"][f"{public_url}/xapi/alm/extensions/event-timestamp"]
    assert told == "2024-11-08T03:49:52.000Z"


def test_the_order_is_that_of_the_events_and_not_of_the_dates_in_them(connect):
    """A completion that was set back to before the enrolment came after it, and counts."""
    connection = connect()
    enrolled, completed = payload("alm/events/COURSE_ENROLLMENT.json"), payload("alm/events/COURSE_COMPLETED.json")
    key = {"userId": 5, "loId": "course:1", "loInstanceId": "course:1_10"}
    enrolled["events"][0] |= {"timestamp": "2024-11-08T03:00:00.000Z"}
    enrolled["events"][0]["data"] |= key | {"dateEnrolled": "2024-11-08T03:00:00.000Z"}
    completed["events"][0] |= {"timestamp": "2024-11-08T04:00:00.000Z"}
    completed["events"][0]["data"] |= key | {"dateCompleted": "2024-10-01T12:00:00.000Z"}
    deliver(connection, enrolled)
    deliver(connection, completed)
    work_off()
    assert [row.state for row in events(connection)] == ["done", "done"]
    assert [one["timestamp"][:10] for one in statements(connection)] == ["2024-11-08", "2024-10-01"]


def test_an_event_that_does_not_count_is_kept_with_the_rule_and_the_reason(connect):
    connection = connect()
    progressed, enrolled = payload("alm/events/LEARNER_PROGRESS.json"), payload("alm/events/COURSE_ENROLLMENT.json")
    for body in (progressed, enrolled):
        body["events"][0]["data"] |= {"userId": 5, "loId": "course:1", "loInstanceId": "course:1_10"}
        deliver(connection, body)
    work_off()
    row = events(connection)[-1]
    assert (row.state, row.rule, row.reason) == (
        "ignored",
        "enrolment-after-progress",
        "Progress was there before this enrolment.",
    )
    assert row.decided is not None
    assert inbox.received_of(row).data["event"] == enrolled["events"][0]
    # Decided once more it comes out the same.
    assert inbox.again(type(row).objects.filter(pk=row.pk)) == 1
    work_off()
    row.refresh_from_db()
    assert (row.state, row.rule, row.attempts) == ("ignored", "enrolment-after-progress", 2)


@pytest.mark.parametrize(
    ("account", "data", "outcome"),
    [
        pytest.param(1, {}, "ignored", id="the same"),
        pytest.param(2, {}, "done", id="another account"),
        pytest.param(1, {"userId": 6}, "done", id="another learner"),
        pytest.param(1, {"loInstanceId": "course:1_11"}, "done", id="another instance"),
    ],
)
def test_progress_counts_against_enrolments_of_its_account_learner_and_instance_alone(connect, account, data, outcome):
    connection = connect()
    key = {"userId": 5, "loId": "course:1", "loInstanceId": "course:1_10"}
    progressed, enrolled = payload("alm/events/LEARNER_PROGRESS.json"), payload("alm/events/COURSE_ENROLLMENT.json")
    progressed["accountId"], enrolled["accountId"] = 1, account
    progressed["events"][0]["data"] |= key
    enrolled["events"][0]["data"] |= key | data
    deliver(connection, progressed)
    deliver(connection, enrolled)
    work_off()
    assert [row.state for row in events(connection)] == ["done", outcome]


@pytest.mark.parametrize(("percent", "completion", "progress"), [(0, False, 0), (99.7, False, 99), (100, None, 100)])
def test_progress_is_a_whole_number_and_all_of_it_says_nothing_of_completion(connect, percent, completion, progress):
    connection = connect()
    body = payload("alm/events/LEARNER_PROGRESS.json")
    body["events"][0]["data"]["progressPercent"] = percent
    deliver(connection, body)
    work_off()
    result = statements(connection)[0]["result"]
    assert result.get("completion") is completion
    assert result["extensions"]["https://w3id.org/xapi/cmi5/result/extensions/progress"] == progress


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"timestamp": "yesterday"}, "yesterday"),
        ({"timestamp": None}, "None"),
        ({"data": {"loId": "course:1"}}, "userId"),
        ({"data": {"userId": 1}}, "loId"),
        ({"data": None}, "data"),
    ],
)
def test_an_event_that_lacks_what_it_needs_is_refused_with_the_reason(connect, change, reason):
    connection = connect()
    body = payload("alm/events/COURSE_ENROLLMENT.json")
    body["events"][0] |= change
    deliver(connection, body)
    work_off()
    [row] = events(connection)
    assert row.state == "refused"
    assert reason in row.reason


def test_a_good_event_beside_broken_ones_becomes_its_statement(connect):
    connection = connect()
    body = payload("alm/events/COURSE_ENROLLMENT.json")
    body["events"] = [
        None,
        "text",
        {"eventId": {}},
        {},
        *body["events"],
        {"eventName": "X\u0000Y", "eventId": "\u0000"},
    ]
    deliver(connection, body)
    work_off()
    assert len(statements(connection)) == 1
    assert sorted(row.state for row in events(connection)) == [
        "done",
        "ignored",
        "ignored",
        "ignored",
        "refused",
        "refused",
    ]
