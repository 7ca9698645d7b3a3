"""manage.py connection, as people and scripts use it."""

import json
import threading
import time
import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections as databases
from django.utils import timezone

from lrs.connectors import connections, inbox, replay, sealed, worker
from lrs.connectors.events import Kind
from lrs.connectors.models import ERASED, Connection, ExternalUser
from lrs.connectors.providers.alm import events as alm_events
from tests.lrs.connectors.archive import deliver, events, statements, work_off
from tests.lrs.connectors.conftest import payload


def manage(*words):
    out = StringIO()
    call_command("connection", *words, "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def name():
    return f"ALM {uuid.uuid4()}"


def test_a_connection_is_made_and_its_address_shown(store, name, public_url):
    made = manage("create", "alm", name, "--set", f"store={store.name}", "--set", "account_id=1234")
    connection = Connection.objects.get(name=name)
    assert made["id"] == str(connection.pk)
    assert made["webhook_url"] == f"{public_url}/hooks/{connection.hook}"
    assert len(connection.hook) >= 32
    assert any(row["id"] == made["id"] for row in manage("list"))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["colour=red"], "has no setting 'colour'"),
        (["auth=maybe"], "auth must be one of none, basic, header"),
        (["auth=basic"], "auth=basic needs username and password"),
        (["auth=header", "header=X"], "needs header_secret"),
        (["api_url=ftp://x"], "full address"),
        (["use_proxy=perhaps"], "yes or no"),
        (["host=https://x/"], "host name"),
        (["nothing"], "KEY=VALUE"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_a_sentence(database, name, given, sentence):
    with pytest.raises(CommandError, match=sentence):
        manage("create", "alm", name, *[word for one in given for word in ("--set", one)])
    assert not Connection.objects.filter(name=name).exists()


def test_secrets_are_encrypted_at_rest_and_never_shown(connect):
    connection = connect(auth="basic", username="adobe", password="very-secret-word")
    row = Connection.objects.filter(pk=connection.pk).values().get()
    assert "very-secret-word" not in str(row)
    shown = manage("show", connection.name)
    assert shown["settings"]["password"] == "set"
    assert "very-secret-word" not in json.dumps(shown)
    assert connections.settings_of(connection)["password"] == "very-secret-word"


def test_secrets_are_read_after_the_key_was_changed(connect, settings):
    connection = connect(auth="basic", username="adobe", password="word")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key that is quite long enough"
    assert connections.settings_of(connection)["password"] == "word"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(sealed.Unsealable, match="LRS_SECRET_KEY_FALLBACKS"):
        connections.settings_of(connection)
    assert connections.shown(connection)["password"] == "unreadable"


def test_the_check_exits_with_1_where_it_failed(with_api, alm_side, capsys):
    connection = with_api()
    call_command("connection", "check", connection.name)
    assert capsys.readouterr().out.startswith("ok: ")
    connections.change(connection, {"refresh_token": "wrong"})
    with pytest.raises(SystemExit) as ended:
        call_command("connection", "check", str(connection.pk))
    assert ended.value.code == 1
    assert capsys.readouterr().out.startswith("failed: ")
    assert Connection.objects.get(pk=connection.pk).check_ok is False


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_user_report_gives_e_mails_and_wakes_what_waited(connect, tmp_path, delimiter):
    connection = connect(actor="mbox")
    deliver(connection, payload("alm/events/COURSE_COMPLETED.json"))
    work_off()
    columns = payload("alm/api/user_report_columns.json")
    values = {"internalUserID": "11080928", "userEmail": "ann@example.com", "name": "Ann", "state": "ACTIVE"}
    file = tmp_path / "users.csv"
    lines = [delimiter.join(columns), delimiter.join(values.get(column, "") for column in columns)]
    file.write_text("\ufeff" + "\r\n".join(lines) + "\r\n", encoding="utf-8")
    assert manage("import", connection.name, "--users", str(file))["users"] == 1
    [statement] = statements(connection)
    assert statement["actor"]["mbox"] == "mailto:ann@example.com"


def test_the_training_report_gives_names(connect, tmp_path):
    connection = connect()
    file = tmp_path / "trainings.csv"
    file.write_text(
        "Training Id,Training Name,Training Type,Duration,Status\n12345678,Fire safety,Course,60,Published\n"
    )
    manage("import", connection.name, "--trainings", str(file))
    deliver(connection, payload("alm/events/COURSE_COMPLETED.json"))
    work_off()
    assert statements(connection)[0]["object"]["definition"]["name"] == {"und": "Fire safety"}


def test_a_report_without_its_columns_is_refused(connect, tmp_path):
    file = tmp_path / "wrong.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match="internaluserid"):
        manage("import", connect().name, "--users", str(file))


# --- reconciliation


@pytest.fixture
def enrolled(with_api, alm_side):
    """A connection that received an enrolment, where ALM has that, a completion, and progress elsewhere."""
    connection = with_api()
    received = payload("alm/events/COURSE_ENROLLMENT.json")
    received["events"][0]["data"] |= {"userId": 5, "loId": "course:1", "loInstanceId": "course:1_10"}
    deliver(connection, received)
    work_off()
    # Half a minute after the event says so: the API and the event agree to the minute.
    at = "2024-11-08T03:50:22.000Z"
    alm_side.course("course:1", "One", "course:1_10")
    alm_side.enrolment(
        "5",
        "course:1",
        "course:1_10",
        dateEnrolled=at,
        dateCompleted="2024-11-20T10:00:00.000Z",
        hasPassed=True,
        progressPercent=100,
        state="COMPLETED",
    )
    alm_side.enrolment(
        "5", "course:2", "course:2_20", dateEnrolled=at, dateStarted=at, progressPercent=40, state="STARTED"
    )
    return connection


def late_completion():
    late = payload("alm/events/COURSE_COMPLETED.json")
    late["events"][0] |= {"timestamp": "2024-11-20T10:00:12.000Z"}
    late["events"][0]["data"] |= {
        "userId": 5,
        "loId": "course:1",
        "loInstanceId": "course:1_10",
        "dateCompleted": "2024-11-20T10:00:00.000Z",
    }
    return late


def test_reconciliation_lists_what_never_came(enrolled):
    found = manage("reconcile", enrolled.name, "--user", "5")
    assert found["compared"] == 4
    gaps = [(gap["event"], gap["thing"]) for gap in found["gaps"]]
    assert gaps == [
        ("COURSE_COMPLETED", "course:1"),
        ("COURSE_ENROLLMENT", "course:2"),
        ("LEARNER_PROGRESS", "course:2"),
    ]
    assert len(statements(enrolled)) == 1


def test_a_backfill_closes_the_gaps_once(enrolled):
    listed = manage("reconcile", enrolled.name, "--user", "5", "--backfill")
    assert listed["backfilled"] == 3
    told = statements(enrolled)
    assert [one["verb"]["display"]["en-US"] for one in told] == ["registered", "completed", "registered", "progressed"]
    # What was announced is what was made.
    assert {gap["statement"] for gap in listed["gaps"]} == {one["id"] for one in told[1:]}
    assert told[1]["result"] == {"completion": True, "success": True}
    again = manage("reconcile", enrolled.name, "--user", "5", "--backfill")
    assert (again["gaps"], again["backfilled"], len(statements(enrolled))) == ([], 0, 4)


def test_an_event_that_comes_after_its_backfill_has_the_statement_with_the_same_id(enrolled):
    """ALM's eventId cannot be known before the event comes, so the event is matched with what was made, and says so."""
    (gap,) = [
        gap
        for gap in manage("reconcile", enrolled.name, "--user", "5", "--backfill")["gaps"]
        if gap["event"] == "COURSE_COMPLETED"
    ]
    before = statements(enrolled)
    deliver(enrolled, late_completion())
    work_off()
    late = events(enrolled)[-1]
    assert (late.state, late.rule, late.statements) == ("done", "backfilled", [gap["statement"]])
    assert late.reason == (
        "The same was read from ALM's API before this event came; its statement is the one made then."
    )
    assert statements(enrolled) == before
    assert manage("replay", enrolled.name)["differences"] == []


def test_an_erasure_takes_the_backfilled_event_and_the_late_one(enrolled):
    manage("reconcile", enrolled.name, "--user", "5", "--backfill")
    deliver(enrolled, late_completion())
    work_off()
    actor = statements(enrolled)[0]["actor"]["account"]
    person = f"account {actor['homePage']} {actor['name']}"
    call_command("erase", person, "--store", enrolled.store.name, "--yes", "--json", stdout=StringIO())
    assert [(row.rule, row.data) for row in events(enrolled)] == [(ERASED, "")] * 5
    # What is remembered of the order stays; it names nobody.
    told = [one for standing in enrolled.orderingstate_set.all() for one in standing.told]
    assert len(told) == 3
    assert not [one for one in told if "course:" in one]


def test_a_thing_is_reconciled_for_everybody_in_it(enrolled):
    found = manage("reconcile", enrolled.name, "--thing", "course:1")
    assert [gap["event"] for gap in found["gaps"]] == ["COURSE_COMPLETED"]


def test_nothing_is_reconciled_without_the_account_that_events_name(enrolled):
    """Events would be looked for, and made, in an account without a name: all of them gaps, all of them twice."""
    connections.change(enrolled, {"account_id": ""})
    with pytest.raises(CommandError, match="set account_id"):
        manage("reconcile", enrolled.name, "--user", "5", "--backfill")
    assert len(statements(enrolled)) == 1


def test_progress_that_comes_after_its_backfill_is_no_second_statement(enrolled):
    manage("reconcile", enrolled.name, "--user", "5", "--backfill")
    late = payload("alm/events/LEARNER_PROGRESS.json")
    late["events"][0] |= {"timestamp": "2024-11-12T10:00:00.000Z"}
    late["events"][0]["data"] |= {"userId": 5, "loId": "course:2", "loInstanceId": "course:2_20", "progressPercent": 40}
    further = json.loads(json.dumps(late))
    further["events"][0] |= {"eventId": "further", "timestamp": "2024-11-13T10:00:00.000Z"}
    further["events"][0]["data"]["progressPercent"] = 60
    deliver(enrolled, late)
    deliver(enrolled, further)
    work_off()
    assert [(row.state, row.rule) for row in events(enrolled)[-2:]] == [("done", "backfilled"), ("done", "")]
    assert len(statements(enrolled)) == 5


# --- replay


def test_a_replay_without_a_change_finds_nothing(connect):
    connection = connect()
    for name in ("COURSE_ENROLLMENT", "COURSE_COMPLETED", "CI_STATS", "LEARNER_PROGRESS", "LEARNING_OBJECT_DELETION"):
        deliver(connection, payload(f"alm/events/{name}.json"))
    deliver(connection, payload("alm/newer/RESPONSE_ASYNCAPI_USERGROUP_USER_ADDED.json"))
    work_off()
    assert manage("replay", connection.name) == {"events": 6, "differences": [], "readable_now": [], "applied": False}


def test_a_replay_shows_what_a_new_mapping_changes_and_does_it_only_when_told(connect, monkeypatch):
    connection = connect()
    deliver(connection, payload("alm/events/COURSE_COMPLETED.json"))
    deliver(connection, payload("alm/newer/RESPONSE_ASYNCAPI_USERGROUP_USER_ADDED.json"))
    work_off()
    [before] = statements(connection)
    monkeypatch.setattr(alm_events, "PLATFORM", "ALM")
    [difference] = manage("replay", connection.name)["differences"]
    assert (difference["what"], difference["changed"], difference["void"]) == (
        "another statement",
        ["context"],
        [before["id"]],
    )
    assert statements(connection) == [before]

    manage("replay", connection.name, "--apply")
    voiding, after = statements(connection)[-2:]
    assert voiding["object"] == {"objectType": "StatementRef", "id": before["id"]}
    assert [one["id"] for one in statements(connection, voided=True)] == [before["id"]]
    assert after["context"]["platform"] == "ALM"
    assert after["id"] != before["id"]
    assert manage("replay", connection.name)["differences"] == []


def test_a_replay_makes_the_statements_of_events_that_had_no_meaning(connect, monkeypatch):
    connection = connect()
    body = payload("alm/events/COURSE_COMPLETED.json")
    body["events"][0]["eventName"] = "COURSE_FINISHED"
    deliver(connection, body)
    work_off()
    assert statements(connection) == []
    monkeypatch.setattr(alm_events, "KINDS", {**alm_events.KINDS, "COURSE_FINISHED": Kind.COMPLETED})
    [difference] = manage("replay", connection.name, "--apply")["differences"]
    assert (difference["was"], difference["would_be"]) == ("ignored (unknown-name)", "done")
    assert len(statements(connection)) == 1
    assert [row.state for row in events(connection)] == ["done"]


def test_a_replay_voids_what_would_not_be_told_today_once(connect, monkeypatch):
    connection = connect()
    deliver(connection, payload("alm/events/COURSE_COMPLETED.json"))
    work_off()
    [before] = statements(connection)
    monkeypatch.setattr(alm_events, "KINDS", {})
    [difference] = manage("replay", connection.name, "--apply")["differences"]
    assert (difference["would_be"], difference["void"]) == ("ignored (unknown-name)", [before["id"]])
    assert [one["id"] for one in statements(connection, voided=True)] == [before["id"]]
    assert manage("replay", connection.name)["differences"] == []


def test_a_replay_finds_deliveries_that_can_be_read_now(connect, monkeypatch):
    connection = connect()
    body = payload("alm/events/COURSE_COMPLETED.json")
    deliver(connection, json.dumps(body).encode("utf-16"))
    work_off()
    assert replay.preview(connection).readable == []
    delivery = connection.delivery_set.get()
    assert delivery.state == "unreadable"
    type(connection.delivery_set.get()).objects.filter(pk=delivery.pk).update(body=json.dumps(body).encode())
    assert manage("replay", connection.name, "--apply")["readable_now"][0]["events"] == 1
    assert len(statements(connection)) == 1


def steps(connection, *names, user=5):
    """Deliver these events of one learner, a minute after each other."""
    for minute, name in enumerate(names):
        body = payload(f"alm/events/{name}.json")
        body["events"][0] |= {"eventId": f"{user}-{name}-{minute}", "timestamp": f"2026-01-01T10:{minute:02d}:00.000Z"}
        body["events"][0]["data"] |= {"userId": user, "loId": "course:1", "loInstanceId": "course:1_10"}
        for date in ("dateEnrolled", "dateCompleted"):
            body["events"][0]["data"].pop(date, None)
        deliver(connection, body)


def test_a_replay_leaves_the_order_of_what_still_waits_as_it_is(connect, monkeypatch):
    connection = connect()
    steps(connection, "COURSE_UNENROLLMENT")
    work_off()
    steps(connection, "COURSE_ENROLLMENT", "LEARNER_PROGRESS", "COURSE_COMPLETED")
    worker._cut_some()
    monkeypatch.setattr(alm_events, "PLATFORM", "ALM")
    found = replay.apply(connection)
    assert [difference.row.name for difference in found.differences] == ["COURSE_UNENROLLMENT"]
    work_off()
    assert [row.state for row in events(connection)] == ["done"] * 4


def test_a_replay_leaves_the_order_of_what_is_deferred_as_it_is(connect, monkeypatch):
    connection = connect(actor="mbox")
    steps(connection, "COURSE_ENROLLMENT", "LEARNER_PROGRESS", "COURSE_COMPLETED")
    work_off()
    assert [row.state for row in events(connection)] == ["deferred"] * 3
    manage("replay", connection.name, "--apply")
    ExternalUser.objects.filter(connection=connection).update(email="ann@example.com")
    inbox.awake(connection.pk, ["person 5"])
    work_off()
    assert [row.state for row in events(connection)] == ["done"] * 3


def test_nothing_is_decided_while_a_replay_is_applied(connect, monkeypatch):
    """Or what was remembered of a learner would be what was known before."""
    connection = connect()
    steps(connection, "COURSE_ENROLLMENT")
    work_off()
    steps(connection, "LEARNER_PROGRESS", "COURSE_COMPLETED")
    worker._cut_some()
    held = inbox.claim(timezone.now(), 1)
    assert held is not None
    decided = []
    preview = replay.preview

    def look(connection, **options):
        decided.append(work_off())
        return preview(connection, **options)

    monkeypatch.setattr(replay, "preview", look)
    applying = threading.Thread(target=in_thread, args=(replay.apply, connection))
    applying.start()
    time.sleep(0.3)
    assert decided == []
    # A worker is at it; only when it gives its lane back the replay begins.
    inbox.release(held)
    applying.join(20)
    assert decided == [0]
    assert work_off() == 2
    steps(connection, "COURSE_ENROLLMENT_BATCH")
    work_off()
    assert [row.state for row in events(connection)] == ["done", "done", "done", "ignored"]


def in_thread(do, *given):
    try:
        do(*given)
    finally:
        databases.close_all()


def test_what_was_erased_is_no_gap_and_is_not_tried_again(enrolled):
    row = events(enrolled)[0]
    row.data, row.state, row.rule = "", "ignored", ERASED
    row.save()
    found = manage("reconcile", enrolled.name, "--user", "5")
    assert [gap["thing"] for gap in found["gaps"]] == ["course:2", "course:2"]
    assert inbox.again(type(row).objects.filter(pk=row.pk)) == 0


def test_secrets_that_cannot_be_read_any_more_can_be_set_again(connect, settings):
    connection = connect(auth="basic", username="adobe", password="word")
    settings.SECRET_KEY = "another key that is quite long enough"
    with pytest.raises(CommandError, match="set the connection's secrets again"):
        manage("set", connection.name, "--set", "actor=mbox")
    manage("set", connection.name, "--set", "password=another")
    assert connections.settings_of(Connection.objects.get(pk=connection.pk))["password"] == "another"
