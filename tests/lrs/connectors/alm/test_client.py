"""ALM's API, asked over real sockets: names and e-mails, budgets, tokens, what is obeyed and what is given up."""

import re
import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from lrs.connectors import budget, catalogue, connections, sweeps
from lrs.connectors.contract import Token
from lrs.connectors.models import Budget, ExternalUser
from lrs.connectors.tokens import StoredTokens
from tests.lrs.connectors.archive import deliver, events, statements, work_off
from tests.lrs.connectors.conftest import payload

USER = "11080928"


def completed():
    return payload("alm/events/COURSE_COMPLETED.json")


def test_the_check_signs_in_and_reads_a_user(with_api, alm_side):
    alm_side.user("1", "ann@example.com")
    assert connections.check(with_api()) == (True, "ok: ALM's API answers; it lists users.")


def test_the_check_says_what_to_do_about_a_wrong_secret(with_api):
    connection = with_api()
    connections.change(connection, {"client_secret": "wrong"})
    ok, sentence = connections.check(connection)
    assert not ok
    assert sentence.startswith("failed: ")
    assert "check client_id, client_secret and refresh_token" in sentence


def test_the_check_says_that_nobody_is_there(connect, settings):
    settings.LRS_OUTBOUND_ALLOW = ["127.0.0.1"]
    connection = connect(
        client_id="a", client_secret="b", refresh_token="c", token_url="http://127.0.0.1:9/oauth/token/refresh"
    )
    ok, sentence = connections.check(connection)
    assert not ok
    assert "127.0.0.1" in sentence


def test_mbox_without_any_way_to_e_mails_is_said_at_the_check(connect):
    ok, sentence = connections.check(connect(actor="mbox"))
    assert (ok, "import the user report" in sentence) == (False, True)


def test_ids_become_names_and_e_mails_ten_objects_in_one_call(with_api, alm_side):
    connection = with_api()
    for number in range(12):
        body = completed()
        event = body["events"][0]
        event["eventId"] = str(number)
        event["data"] |= {"userId": number, "loId": f"course:{number}", "loInstanceId": f"course:{number}_1"}
        alm_side.user(str(number), f"u{number}@example.com", f"User {number}")
        alm_side.course(f"course:{number}", f"Course {number}", f"course:{number}_1")
        deliver(connection, body)
    work_off()
    for _ in range(3):
        sweeps.look_up(connection)
    assert catalogue.names(connection.pk, ["course:3"]) == {"course:3": {"en-US": "Course 3"}}
    assert catalogue.emails(connection.pk, ["11"]) == {"11": "u11@example.com"}
    assert alm_side.calls["learningObjects"] == 2
    assert alm_side.calls["users"] == 12
    assert alm_side.calls["oauth"] == 1


def test_a_statement_never_waits_for_names_and_has_them_where_they_are_known(with_api, alm_side):
    connection = with_api()
    deliver(connection, completed())
    work_off()
    assert "name" not in statements(connection)[0]["object"]["definition"]
    alm_side.course("course:12345678", "Fire safety")
    sweeps.look_up(connection)
    later = completed()
    later["events"][0] |= {"eventId": "later", "timestamp": "2024-11-09T03:49:52.000Z"}
    deliver(connection, later)
    work_off()
    assert statements(connection)[1]["object"]["definition"]["name"] == {"en-US": "Fire safety"}


def test_with_mbox_an_event_waits_visibly_until_the_e_mail_is_known(with_api, alm_side):
    connection = with_api(actor="mbox")
    deliver(connection, completed())
    work_off()
    [row] = events(connection)
    assert (row.state, row.waits_for, row.reason) == (
        "deferred",
        f"person {USER}",
        f"The e-mail of the user {USER} is not known yet.",
    )
    assert statements(connection) == []
    alm_side.user(USER, "Ann@Example.com", "Ann")
    sweeps.look_up(connection)
    work_off()
    [statement] = statements(connection)
    assert statement["actor"] == {"objectType": "Agent", "mbox": "mailto:ann@example.com"}
    assert [row.state for row in events(connection)] == ["done"]


def test_what_comes_later_for_a_learner_waits_behind_what_waits(with_api, alm_side):
    connection = with_api(actor="mbox")
    enrolled = payload("alm/events/COURSE_ENROLLMENT.json")
    data = enrolled["events"][0]["data"]
    progressed = payload("alm/events/LEARNER_PROGRESS.json")
    progressed["events"][0]["data"] |= {name: data[name] for name in ("userId", "loId", "loInstanceId")}
    deliver(connection, enrolled)
    work_off()
    # The e-mail comes in a way that wakes nobody, as when it is read just while an event is put aside.
    ExternalUser.objects.filter(connection=connection).update(email="ann@example.com")
    deliver(connection, progressed)
    work_off()
    assert [row.state for row in events(connection)] == ["deferred", "deferred"]
    sweeps.look_up(connection)
    work_off()
    # Progress first would have made the enrolment one that does not count.
    assert [row.state for row in events(connection)] == ["done", "done"]
    verbs = [statement["verb"]["display"]["en-US"] for statement in statements(connection)]
    assert verbs == ["registered", "progressed"]


def test_a_user_whom_alm_does_not_know_is_not_asked_for_all_the_time(with_api, alm_side):
    connection = with_api(actor="mbox")
    deliver(connection, completed())
    work_off()
    for _ in range(3):
        sweeps.look_up(connection)
    assert alm_side.calls["users"] == 1
    assert connection.externaluser_set.get().missing is True


def test_a_refresh_token_that_rotates_is_kept_and_the_access_token_is_used_until_it_ends(with_api, alm_side):
    connection = with_api()
    for _ in range(3):
        assert connections.check(connection)[0]
    assert alm_side.calls["oauth"] == 1
    kept = StoredTokens(connection.pk).current()
    assert kept is not None
    assert kept.refresh == "refresh-1"
    StoredTokens(connection.pk).keep(Token("access-0", timezone.now() - timedelta(1), "refresh-1"))
    assert connections.check(connection)[0]
    assert alm_side.refresh_token == "refresh-2"


def test_a_token_that_was_withdrawn_is_renewed_once(with_api, alm_side):
    connection = with_api()
    connections.check(connection)
    alm_side.access.clear()
    assert connections.check(connection)[0]
    assert alm_side.calls["oauth"] == 2


def test_four_workers_renew_a_token_once(with_api, alm_side):
    from django.db import connections as databases

    connection = with_api()
    outcomes = []

    def check():
        outcomes.append(connections.check(type(connection).objects.get(pk=connection.pk))[0])
        databases.close_all()

    threads = [threading.Thread(target=check) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True] * 4
    assert alm_side.calls["oauth"] == 1


def test_a_fraction_of_a_second_in_retry_after_is_obeyed(with_api, alm_side):
    connection = with_api()
    alm_side.next("users", (429, {"retry-after": "0.752"}))
    assert connections.check(connection)[0]
    first, second = alm_side.at["users"]
    assert 0.752 <= second - first < 3


def test_a_long_retry_after_closes_the_budget_for_everybody_and_is_shown(with_api, alm_side):
    connection = with_api()
    alm_side.next("users", (429, {"retry-after": "600.5"}))
    assert connections.check(connection)[1] == "failed: GET 127.0.0.1/primeapi/v2/users asks to wait 600 s."
    assert connections.check(connection)[0] is False
    assert alm_side.calls["users"] == 1
    [shown] = [row for row in budget.state(connection) if row["bucket"] == "users"]
    assert shown["closed_until"] is not None


def test_not_more_than_500_calls_leave_in_an_hour_and_the_rest_waits(with_api, alm_side):
    connection = with_api(actor="mbox")
    now = time.time()
    Budget.objects.create(connection=connection, bucket="users:500/3600", calls=[now - 3000 + i for i in range(498)])
    for id in range(5):
        catalogue.note_people(connection.pk, [str(id)], timezone.now())
        alm_side.user(str(id), f"{id}@example.com")
    outcome = sweeps.look_up(connection)
    assert alm_side.calls["users"] == 2
    assert outcome.due > timezone.now() + timedelta(minutes=4)
    assert re.search(r"budget 'users:500/3600' is spent; the next call is free in (59|60)\d s", outcome.problem)
    [shown] = budget.state(connection)
    assert (shown["spent"], shown["of"]) == (500, 500)


def test_a_failure_and_silence_are_tried_again(with_api, alm_side):
    connection = with_api()
    alm_side.next("users", (500, {}), (0, {}))
    assert connections.check(connection)[0]
    assert alm_side.calls["users"] == 3


def test_everybody_comes_by_a_report_job(with_api, alm_side):
    connection = with_api(actor="mbox")
    deliver(connection, completed())
    work_off()
    alm_side.job_polls = 1
    alm_side.csv = f"internalUserID,userEmail,name\n{USER},ann@example.com,Ann\n2,bob@example.com,Bob\n"
    assert sweeps.everybody(connection) == 2
    work_off()
    assert statements(connection)[0]["actor"]["mbox"] == "mailto:ann@example.com"
    assert alm_side.calls["files"] == 1


def test_everybody_comes_page_by_page_where_jobs_are_not_allowed(with_api, alm_side):
    connection = with_api()
    alm_side.jobs_allowed = False
    for id in range(230):
        alm_side.user(str(id), f"{id}@example.com")
    assert sweeps.everybody(connection) == 230
    assert alm_side.calls["users"] == 3
    assert connection.externaluser_set.exclude(email="").count() == 230


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/token/refresh"])
def test_both_spellings_of_the_token_address_work(with_api, alm_side, path):
    connection = with_api()
    connections.change(connection, {"token_url": alm_side.url + path})
    assert connections.check(connection)[0]


def test_things_get_their_names_while_the_budget_of_people_is_spent(with_api, alm_side):
    connection = with_api()
    deliver(connection, completed())
    work_off()
    alm_side.course("course:12345678", "Fire safety")
    now = time.time()
    Budget.objects.create(connection=connection, bucket="users:500/3600", calls=[now - 3000] * 500)
    sweeps.look_up(connection)
    assert catalogue.names(connection.pk, ["course:12345678"]) == {"course:12345678": {"en-US": "Fire safety"}}
    outcome = sweeps.look_up(connection)
    assert alm_side.calls["users"] == 0
    assert "users" in outcome.problem
    # Things that are met meanwhile are not made to wait for the people's hour.
    assert (outcome.due - timezone.now()) <= sweeps.SOON


def test_a_change_of_another_setting_keeps_the_refresh_token_that_rotated(with_api, alm_side):
    connection = with_api()
    assert connections.check(connection)[0]
    assert alm_side.refresh_token == "refresh-1"
    connections.change(connection, {"actor": "mbox", "password": "of the webhook"})
    alm_side.access.clear()
    assert connections.check(connection) == (True, "ok: ALM's API answers; it lists no users yet.")


def test_a_refresh_token_that_is_set_anew_takes_the_place_of_the_one_that_rotated(with_api, alm_side):
    connection = with_api()
    assert connections.check(connection)[0]
    alm_side.access.clear()
    alm_side.refresh_token = "approved-anew"
    connections.change(connection, {"refresh_token": "approved-anew"})
    assert connections.check(connection)[0]


def test_what_waited_for_e_mails_goes_on_when_statements_are_about_accounts_again(with_api, alm_side):
    connection = with_api(actor="mbox")
    deliver(connection, completed())
    work_off()
    assert [row.state for row in events(connection)] == ["deferred"]
    connections.change(connection, {"actor": "account"})
    sweeps.look_up(connection)
    work_off()
    assert [row.state for row in events(connection)] == ["done"]
    assert statements(connection)[0]["actor"]["account"]["name"] == USER


def test_the_check_with_mbox_is_content_with_an_imported_user_report(connect):
    connection = connect(actor="mbox")
    ExternalUser.objects.create(connection=connection, external=USER, email="ann@example.com")
    assert connections.check(connection) == (
        True,
        "ok: the webhook can receive; e-mails come from the user report alone, and events of people who are not in it"
        " wait: import it again from time to time.",
    )
