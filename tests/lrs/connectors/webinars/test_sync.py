"""The hour after a session, walked with a clock; what stops it, what does not use up a try, and what revives it."""

from datetime import timedelta

import pytest

from lrs.connectors.webinars import sync
from tests.lrs.connectors.webinars.conftest import END, OLENA, PETRO, START, planned, run, told
from tests.standins.zoom import row

MINUTE = timedelta(minutes=1)
UUID = "run=="


def opened(side, *rows):
    side.instances["85746065"] = [{"uuid": UUID, "start_time": "2026-01-12T10:00:12Z"}]
    side.reports[UUID] = list(rows)


OLENA_WAS_THERE = row("O", "2026-01-12T10:00:00Z", "2026-01-12T10:58:00Z", user_email=OLENA)


def test_the_hour_is_walked_with_thirteen_tries_and_ends_without_a_word(zoom, zoom_side):
    session = planned(zoom)
    asked = [minute for minute in range(-30, 120) if run(zoom, END + minute * MINUTE)]
    assert asked == list(range(0, 61, 5))
    session.refresh_from_db()
    assert (session.state, session.tries, session.due) == ("no_data", 13, None)
    assert session.reason == "No list came, asked 13 times."
    assert told(zoom) == []
    assert not session.results.exists()


def test_the_list_of_a_later_try_decides_and_one_last_look_is_taken_at_the_end_of_the_hour(zoom, zoom_side):
    session = planned(zoom)
    asked = []
    for minute in range(120):
        if minute == 12:
            opened(zoom_side, OLENA_WAS_THERE)
        if run(zoom, END + minute * MINUTE):
            asked.append(minute)
    assert asked == [0, 5, 10, 15, 60]
    session.refresh_from_db()
    assert (session.state, session.due) == ("final", None)
    assert told(zoom) == [("attended", OLENA), ("completed", OLENA), ("failed", PETRO)]


def test_an_empty_list_is_no_list(zoom, zoom_side):
    session = planned(zoom)
    opened(zoom_side)
    run(zoom, END)
    session.refresh_from_db()
    assert (session.state, session.tries) == ("polling", 1)
    assert told(zoom) == []


def test_settings_say_how_often_and_how_long(connect, zoom_side):
    connection = connect(
        "zoom",
        account_id=zoom_side.account,
        client_id=zoom_side.client,
        client_secret=zoom_side.secret,
        api_url=f"{zoom_side.url}/v2",
        token_url=f"{zoom_side.url}/oauth/token",
        interval_minutes="10",
        limit_minutes="30",
    )
    planned(connection)
    assert [minute for minute in range(90) if run(connection, END + minute * MINUTE)] == [0, 10, 20, 30]


def test_a_worker_that_was_down_does_not_spend_all_tries_at_once(zoom, zoom_side):
    session = planned(zoom)
    late = END + 90 * MINUTE + timedelta(seconds=20)
    assert run(zoom, late) == 1
    assert run(zoom, late) == 0
    session.refresh_from_db()
    assert (session.tries, session.due) == (1, END + 95 * MINUTE)


@pytest.mark.parametrize(
    ("answers", "wait"),
    [([(503, {"Retry-After": "40"}, {})], timedelta(seconds=40)), ([(500, {}, {})] * 4, 5 * MINUTE)],
)
def test_a_server_that_fails_uses_up_no_try(zoom, zoom_side, answers, wait):
    session = planned(zoom)
    zoom_side.next("past_meetings", *answers)
    run(zoom, END)
    session.refresh_from_db()
    assert (session.tries, session.state, session.due) == (0, "polling", END + wait)
    opened(zoom_side, OLENA_WAS_THERE)
    run(zoom, session.due)
    assert ("completed", OLENA) in told(zoom)


def test_a_missing_scope_stops_with_its_name_and_a_retry_goes_on(zoom, zoom_side):
    session = planned(zoom)
    zoom_side.scope = "user:read:admin"
    run(zoom, END)
    session.refresh_from_db()
    assert (session.state, session.due) == ("stopped", None)
    assert "report:read:list_meeting_participants:admin" in session.reason
    zoom_side.scope, zoom_side.token = "report:read:list_meeting_participants:admin", ""
    opened(zoom_side, OLENA_WAS_THERE)
    sync.retry(session, END + 3 * MINUTE)
    # The token with the old scope is good for an hour.
    assert run(zoom, END + 63 * MINUTE) == 1
    session.refresh_from_db()
    assert session.state == "final"


def test_no_data_can_be_tried_again_for_another_hour(zoom, zoom_side):
    session = planned(zoom)
    for minute in range(0, 61, 5):
        run(zoom, END + minute * MINUTE)
    sync.retry(session, END + 600 * MINUTE)
    opened(zoom_side, OLENA_WAS_THERE)
    run(zoom, END + 600 * MINUTE)
    assert ("failed", PETRO) in told(zoom)


def test_a_planned_end_that_moves_moves_the_hour(zoom, zoom_side):
    planned(zoom)
    later = END + 30 * MINUTE
    planned(zoom, end=later)
    assert run(zoom, END) == 0
    assert run(zoom, later) == 1


def test_two_sessions_of_one_room_are_told_apart_by_their_time(zoom, zoom_side):
    planned(zoom)
    week = timedelta(days=7)
    planned(zoom, start=START + week, end=END + week)
    zoom_side.instances["85746065"] = [
        {"uuid": "one==", "start_time": START.isoformat()},
        {"uuid": "two==", "start_time": (START + week).isoformat()},
    ]
    zoom_side.reports["one=="] = [OLENA_WAS_THERE]
    joined, left = (START + week).isoformat(), (END + week).isoformat()
    zoom_side.reports["two=="] = [row("P", joined, left, user_email=PETRO)]
    run(zoom, END)
    assert told(zoom) == [("attended", OLENA), ("completed", OLENA), ("failed", PETRO)]
    run(zoom, END + week)
    assert told(zoom) == [
        ("attended", OLENA),
        ("attended", PETRO),
        ("completed", OLENA),
        ("completed", PETRO),
        ("failed", OLENA),
        ("failed", PETRO),
    ]


def test_an_opening_between_two_sessions_of_one_room_is_the_one_s_that_it_lies_in(zoom, zoom_side):
    first = planned(zoom)
    second = planned(zoom, start=END, end=END + 60 * MINUTE)
    early, late = (END + minute * MINUTE for minute in (-5, 55))
    zoom_side.instances["85746065"] = [
        {"uuid": "one==", "start_time": START.isoformat()},
        {"uuid": "two==", "start_time": early.isoformat()},
    ]
    zoom_side.reports["one=="] = [row("O", START.isoformat(), early.isoformat(), user_email=OLENA)]
    zoom_side.reports["two=="] = [row("P", early.isoformat(), late.isoformat(), user_email=PETRO)]
    run(zoom, END)
    run(zoom, END + 60 * MINUTE)
    found = {
        session.pk: dict(session.results.values_list("email", "verdict").order_by("email"))
        for session in (first, second)
    }
    assert found == {
        first.pk: {OLENA: "passed", PETRO: "failed"},
        second.pk: {OLENA: "failed", PETRO: "passed"},
    }


def test_the_worker_asks_by_itself(zoom, zoom_side):
    from django.utils import timezone

    from lrs.connectors import schedule
    from lrs.connectors.models import Task

    now = timezone.now()
    session = planned(zoom, start=now - 70 * MINUTE, end=now - 10 * MINUTE)
    zoom_side.instances["85746065"] = [{"uuid": UUID, "start_time": session.start.isoformat()}]
    zoom_side.reports[UUID] = [row("O", session.start.isoformat(), session.end.isoformat(), user_email=OLENA)]
    task = Task.objects.get(connection=zoom, kind="webinars")
    Task.objects.filter(pk=task.pk).update(holder="here", until=now + MINUTE)
    schedule.do(task.pk, "here")
    task.refresh_from_db()
    assert task.holder == ""
    assert task.due - timezone.now() < timedelta(seconds=10)
    assert told(zoom) == [("attended", OLENA), ("completed", OLENA), ("failed", PETRO)]


def test_one_session_that_cannot_be_settled_does_not_hold_up_the_others(zoom, zoom_side):
    from lrs.connectors.webinars.models import Session

    broken = planned(zoom, meeting="1", start=START - MINUTE)
    Session.objects.filter(pk=broken.pk).update(instructors=["nobody"])
    planned(zoom)
    opened(zoom_side, OLENA_WAS_THERE)
    run(zoom, END)
    assert ("completed", OLENA) in told(zoom)
    broken.refresh_from_db()
    assert broken.reason
    assert broken.due == END + timedelta(minutes=15)
