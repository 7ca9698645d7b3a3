"""Sweeps against a stand-in that moves, fails and lies: the statements are exactly right, once each."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import pairwise

import pytest
from django.utils import timezone

from lrs.connectors.providers.khalibre.events import PLATFORM
from tests.lrs.connectors import archive
from tests.lrs.connectors.conftest import payload
from tests.lrs.connectors.khalibre.working import reread, sweep, told


def seen(connection):
    from lrs.connectors.models import SeenRow

    return {row.key: row for row in SeenRow.objects.filter(connection=connection)}


def test_a_learners_way_makes_the_expected_statements(connection, side, public_url):
    row = side.row("Sok.Dara@example.org", 0, status=1, recentUpdateDate="2025-03-01T02:00:00Z")
    sweep(connection)
    row.update(completedActivity=2, status=2, statusDescription="In progress", recentUpdateDate="2025-03-05T07:15:00Z")
    sweep(connection)
    row.update(completedActivity=5, status=3, statusDescription="Completed")
    sweep(connection)
    found = archive.statements(connection)
    for statement, name in zip(found, ("registered", "progressed", "completed"), strict=True):
        expected = payload(f"khalibre/statements/{name}.json")
        # The samples' ids are of a connection that is not this one, and their times have no milliseconds.
        expected["id"], expected["context"]["registration"] = statement["id"], statement["context"]["registration"]
        expected["timestamp"] = expected["timestamp"].replace("Z", ".000Z")
        assert statement == expected
    assert len({statement["id"] for statement in found}) == 3
    assert len({statement["context"]["registration"] for statement in found}) == 1
    assert found[0]["context"]["platform"] == PLATFORM


def test_the_first_sweep_tells_what_is_there_at_the_time_it_happened(connection, side):
    side.row("new@example.org", 0)
    side.row("half@example.org", 2)
    side.row("done@example.org", 5)
    side.row("gone@example.org", 1, statusDescription="Cancelled")
    run = sweep(connection)
    assert told(connection) == [
        ("done", "completed", None),
        ("gone", "unregistered", None),
        ("half", "progressed", 40),
        ("new", "registered", None),
    ]
    times = {s["actor"]["mbox"]: s["timestamp"] for s in archive.statements(connection)}
    assert times["mailto:new@example.org"] == "2025-03-01T02:00:00.000Z"
    assert times["mailto:done@example.org"] == "2025-03-05T07:15:00.000Z"
    assert (run.ok, run.events) == (True, 4)


def test_a_sweep_of_what_did_not_change_tells_nothing(connection, side):
    side.row("a@example.org", 2)
    sweep(connection)
    run = sweep(connection)
    assert (run.events, len(archive.events(connection)), len(archive.statements(connection))) == (0, 1, 1)


def test_2300_rows_over_pages_with_a_500_in_the_middle_are_told_once_each(connection, side):
    for number in range(2300):
        side.row(f"l{number:04}@example.org", number % 6)
    # Every try of page 12 fails, and then all is well again.
    failing: Iterator[list[tuple[int, dict[str, str]]]] = iter([[(500, {})] * 4])
    side.meanwhile = lambda path, page: side.next("/progress/course/40517", *next(failing, ())) if page == 11 else None
    first = sweep(connection)
    assert (first.ok, "500" in first.problem, first.rows) == (False, True, 1101)
    assert len(archive.statements(connection)) == 1100
    asked = len(side.asked)
    second = sweep(connection)
    assert second.ok
    # It goes on where it was.
    assert side.pages_asked("/progress/course/40517")[-12:] == list(range(12, 24))
    assert len(side.asked) - asked == 1 + 12
    names = ["registered", *["progressed"] * 4, "completed"]
    wanted = [(f"l{n:04}", names[n % 6], 20 * (n % 6) if 0 < n % 6 < 5 else None) for n in range(2300)]
    assert told(connection) == wanted
    assert sweep(connection).events == 0
    assert told(connection) == wanted


@pytest.mark.parametrize("failure", [(500, {}), (403, {}), (0, {})])
def test_a_course_that_fails_again_and_again_does_not_hold_up_the_others(connection, side, failure):
    side.most_page_size = 10
    for course in (1, 2, 3):
        for number in range(15):
            side.row(f"l{number:02}@example.org", 1, course=course)
    side.meanwhile = lambda path, page: (
        side.next("/progress/course/2", *[failure] * 4) if (path, page) == ("/progress/course/2", 1) else None
    )
    first = sweep(connection)
    # It may be Khalibre that is ill, and not the course.
    assert (first.ok, len(archive.statements(connection))) == (False, 25)
    side.script.clear()
    side.next("/progress/course/2", *[failure] * 4)
    second = sweep(connection)
    assert (second.ok, "Course 2 is passed over" in second.notes) == (True, True)
    assert len(archive.statements(connection)) == 40
    side.meanwhile = lambda path, page: None
    side.script.clear()
    assert sweep(connection).ok
    assert told(connection) == sorted([(f"l{n:02}", "progressed", 20) for n in range(15)] * 3)


def test_a_course_with_a_field_that_cannot_be_read_is_swept_all_the_same(connection, side):
    side.course(7, "Safeguarding", (20121, "Phnom Penh office"), price="12,50")
    side.row("a@example.org", 2, course=7)
    run = sweep(connection)
    assert (run.ok, "price" in run.notes) == (True, True)
    assert told(connection) == [("a", "progressed", 40)]


def test_a_number_without_end_in_one_row_does_not_stop_the_others(connection, side):
    side.row("a@example.org", 10**30, total=10**31)
    side.row("b@example.org", 2, recentUpdateDate=10**30)
    run = sweep(connection)
    assert (run.ok, "completedActivity" in run.notes) == (True, True)
    assert told(connection) == [("b", "progressed", 40)]


def test_how_far_a_sweep_is_never_goes_back_and_ends_with_all_of_it(connection, side):
    from lrs.connectors import schedule

    side.most_page_size = 10
    for course, learners in ((1, 20), (2, 60), (3, 20)):
        for number in range(learners):
            side.row(f"l{number}@example.org", course=course)
    shares, last = [], (0, 0)

    def tell(rows, total):
        nonlocal last
        last = (rows, total)
        if total:
            shares.append(rows / total)

    run = schedule.sweep_now(connection, tell)
    assert last == (run.rows, run.total) == (103, 103)
    # Where a course is longer than those before it, the estimate grows once, when it is begun.
    assert [one for one, following in pairwise(shares) if following < one - 0.01] == [shares[2]]


def test_a_token_that_ends_and_a_429_in_the_middle_of_a_sweep_do_not_stop_it(connection, side):
    side.most_page_size = 10
    for number in range(60):
        side.row(f"l{number:02}@example.org", 1)

    def meanwhile(path, page):
        if page == 2 and "progress" in path:
            side.tokens.update(dict.fromkeys(side.tokens, 0))
        if page == 4 and "progress" in path:
            side.next("/progress", (429, {"retry-after": "1"}))

    side.meanwhile = meanwhile
    assert sweep(connection).ok
    assert told(connection) == [(f"l{n:02}", "progressed", 20) for n in range(60)]
    assert side.asked.count("/o/oauth2/token") == 2


def removed(side):
    side.rows.pop(0)


def added(side):
    side.rows.insert(0, side.row("zz@example.org", 1))
    side.rows.pop()


def moved_to_the_front(side):
    side.rows.insert(0, side.rows.pop())


def moved_to_the_end(side):
    side.rows.append(side.rows.pop(0))


@pytest.mark.parametrize("change", [removed, added, moved_to_the_front, moved_to_the_end])
def test_rows_that_move_between_the_pages_are_all_told_once(connection, side, change):
    side.most_page_size = 10
    for number in range(35):
        side.row(f"l{number:02}@example.org", 1)
    changed: list[int] = []

    def meanwhile(path, page):
        if page == 2 and "progress" in path and not changed:
            changed.append(1)
            change(side)

    side.meanwhile = meanwhile
    assert sweep(connection).ok
    wanted = [(f"l{n:02}", "progressed", 20) for n in range(35)]
    assert told(connection) == wanted + ([("zz", "progressed", 20)] if change is added else [])


def test_a_total_that_is_never_reached_is_looked_for_once_more_and_no_more(connection, side):
    side.most_page_size = 10
    for number in range(15):
        side.row(f"l{number:02}@example.org", 1)
    side.lie = lambda page: page.update(totalCount=16)
    assert sweep(connection).ok
    assert side.pages_asked("/progress/course/40517") == [1, 2, 3, 1, 2, 3]


def test_how_much_is_left_is_told_of_a_sweep_that_goes_on(connection, side):
    side.most_page_size = 10
    for number in range(35):
        side.row(f"l{number:02}@example.org", 1)
    failing: Iterator[list[tuple[int, dict[str, str]]]] = iter([[(500, {})] * 4])
    side.meanwhile = lambda path, page: side.next("/progress/course/40517", *next(failing, ())) if page == 2 else None
    assert not sweep(connection).ok
    second = sweep(connection)
    assert (second.rows, second.total) == (16, 16)


def test_rows_that_change_between_the_pages_are_told_in_the_end(connection, side):
    side.most_page_size = 10
    rows = [side.row(f"l{number:02}@example.org", 1) for number in range(30)]

    def meanwhile(path, page):
        if page == 1 and "progress" in path and rows[0]["completedActivity"] == 1:
            # The first was read already, the last will be.
            rows[0].update(completedActivity=2, recentUpdateDate="2025-03-06T00:00:00Z")
            rows[-1].update(completedActivity=5, statusDescription="Completed")

    side.meanwhile = meanwhile
    sweep(connection)
    assert told(connection).count(("l29", "completed", None)) == 1
    assert ("l00", "progressed", 40) not in told(connection)
    sweep(connection)
    assert told(connection) == sorted(
        [("l29", "completed", None), ("l00", "progressed", 40)] + [(f"l{n:02}", "progressed", 20) for n in range(29)]
    )


def test_a_row_that_jumps_or_goes_back_or_is_only_marked_makes_what_the_table_says(connection, side):
    jumps, back, marked = (side.row(f"{name}@example.org", done) for name, done in (("j", 0), ("b", 3), ("m", 1)))
    sweep(connection)
    jumps.update(completedActivity=5, statusDescription="Completed")
    back.update(completedActivity=1)
    marked.update(activityOverdue=True, courseOverdue=True)
    sweep(connection)
    assert told(connection) == [
        ("b", "progressed", 60),
        ("j", "completed", None),
        ("j", "registered", None),
        ("m", "progressed", 20),
    ]
    (note,) = [event for event in archive.events(connection) if event.state == "ignored"]
    assert (note.rule, "3/5" in note.reason, "1/5" in note.reason) == ("backwards", True, True)
    assert seen(connection)["40517/20121/m@example.org"].data["courseOverdue"] is True


def test_a_row_that_went_back_and_comes_to_the_same_state_again_is_not_told_twice(connection, side):
    row = side.row("a@example.org", 3)
    for done in (3, 1, 3):
        row["completedActivity"] = done
        sweep(connection)
    assert told(connection) == [("a", "progressed", 60)]


def test_a_row_that_is_gone_is_marked_and_makes_no_statement(connection, side):
    kept, gone = side.row("kept@example.org", 1), side.row("gone@example.org", 1)
    side.row("other@example.org", 1, course=7)
    sweep(connection)
    side.rows.remove(gone)
    sweep(connection)
    rows = seen(connection)
    assert rows["40517/20121/gone@example.org"].gone is not None
    assert rows["40517/20121/kept@example.org"].gone is None
    assert rows["7/20121/other@example.org"].gone is None
    assert len(archive.statements(connection)) == 3
    side.rows.append(gone)
    sweep(connection)
    assert seen(connection)["40517/20121/gone@example.org"].gone is None
    assert len(archive.statements(connection)) == 3
    assert kept


def test_one_learner_in_two_communities_has_two_ways(connection, side):
    side.row("a@example.org", 2)
    side.row("a@example.org", 2, community={"id": 9, "name": "Other"})
    side.row("a@example.org", 2, community=None)
    sweep(connection)
    registrations = {s["context"]["registration"] for s in archive.statements(connection)}
    assert len(registrations) == 3


def test_an_email_is_the_same_in_any_case(connection, side):
    row = side.row("A.B@Example.org", 2)
    sweep(connection)
    row["emailAddress"] = "a.b@example.org"
    assert sweep(connection).events == 0
    assert told(connection) == [("a.b", "progressed", 40)]


def test_what_cannot_be_read_is_left_out_and_shown_with_the_run(connection, side):
    side.row("a@example.org", 2, statusDescription="Paused", status=17)
    side.row("b@example.org", 2, bookingDate="1 March 2025", recentUpdateDate="5 March")
    side.row("", 2)
    side.row("not an address", 2)
    side.row("c@example.org", 2, completedActivity="two")
    run = sweep(connection)
    assert run.ok
    for word in ("17 'Paused'", "'1 March 2025'", "'5 March'", "without a usable e-mail", "completedActivity"):
        assert word in run.notes
    assert told(connection) == [("a", "progressed", 40), ("b", "progressed", 40)]
    states = {event.event.split("\n")[0]: (event.state, event.rule) for event in archive.events(connection)}
    assert states["40517/20121/a@example.org"] == ("done", "unknown-status")
    assert states["40517/20121/b@example.org"] == ("done", "date")
    assert states["40517/20121/not an address"] == ("refused", "unreadable")
    statement = next(s for s in archive.statements(connection) if "b@" in s["actor"]["mbox"])
    kept = [v for k, v in statement["context"]["extensions"].items() if k.endswith("/recent-update-date")]
    assert kept == ["5 March"]


def test_the_catalogue_has_the_courses_and_communities_of_a_sweep(connection, side):
    from lrs.connectors.models import Instance, Thing

    for number in range(1, 13):
        side.course(number, f"Course {number}", (20121, "Phnom Penh office"))
    sweep(connection)
    names = dict(Thing.objects.filter(connection=connection).values_list("external", "names"))
    assert names == {str(n): {"und": f"Course {n}"} for n in range(1, 13)} | {
        "community/20121": {"und": "Phnom Penh office"}
    }
    assert Instance.objects.filter(connection=connection, state="shared").count() == 12


def test_sweeps_are_due_every_hour_or_as_often_as_is_set_or_never(connect_khalibre, side):
    from lrs.connectors import schedule
    from lrs.connectors.models import Run, Task

    for minutes in (60, 5):
        connection = connect_khalibre(**({} if minutes == 60 else {"sweep_minutes": str(minutes)}))
        task = Task.objects.get(connection=connection, kind="sweep")
        Task.objects.filter(pk=task.pk).update(due=timezone.now(), holder="test")
        schedule.do(task.pk, "test")
        task.refresh_from_db()
        assert timedelta(minutes=minutes - 1) < task.due - timezone.now() <= timedelta(minutes=minutes)
        run = Run.objects.get(connection=connection)
        assert (run.kind, run.ok, run.finished is not None) == ("sweep", True, True)
    never = connect_khalibre(sweep_minutes="0")
    assert not Task.objects.filter(connection=never, kind="sweep").exists()


def test_a_sweep_that_was_switched_off_and_on_again_is_due_at_once(connect_khalibre, side):
    from lrs.connectors import connections
    from lrs.connectors.models import Task

    connection = connect_khalibre(sweep_minutes="0")
    # By hand: there is no next one then.
    assert sweep(connection).ok
    for minutes in ("1440", "5"):
        connections.change(connection, {"sweep_minutes": minutes})
        task = Task.objects.get(connection=connection, kind="sweep")
        assert task.due < timezone.now() + timedelta(seconds=10)
        Task.objects.filter(pk=task.pk).update(due=timezone.now() + timedelta(minutes=int(minutes)))
    connections.change(connection, {"timezone": "Asia/Phnom_Penh"})
    assert Task.objects.get(connection=connection, kind="sweep").due > timezone.now() + timedelta(minutes=4)


def test_a_sweep_that_was_killed_is_told_apart_from_one_that_is_under_way(connection, side):
    from lrs.connectors import schedule, sweeps
    from lrs.connectors.connections import ConnectionProblem
    from lrs.connectors.models import Run, Task

    side.row("a@example.org", 1)
    killed = Run.objects.create(connection=connection, kind="sweep", started=timezone.now())
    until = timezone.now() + timedelta(minutes=2)
    Task.objects.filter(connection=connection, kind="sweep").update(holder="killed", until=until)
    with pytest.raises(ConnectionProblem, match=f"{until:%H:%M:%S} UTC"):
        schedule.sweep_now(connection, sweeps.silent)
    Task.objects.filter(connection=connection, kind="sweep").update(until=timezone.now())
    assert sweep(connection).ok
    killed.refresh_from_db()
    assert killed.notes == f"{sweeps.INTERRUPTED}\n"


def test_a_sweep_that_is_stopped_goes_on_where_it_was(connection, side):
    from lrs.connectors import sweeps
    from lrs.connectors.models import Task

    side.most_page_size = 10
    for course in (1, 2, 3):
        for number in range(25):
            side.row(f"l{number:02}@example.org", 1, course=course)
    rounds = 0
    while True:
        task = Task.objects.get(connection=connection, kind="sweep")
        run = sweeps.sweep(connection, task, go=partial(next, iter([True] * 3), False))
        rounds += 1
        if run.finished:
            break
        assert rounds < 20
    archive.work_off()
    assert rounds > 3
    assert told(connection) == sorted([(f"l{n:02}", "progressed", 20) for n in range(25)] * 3)
    assert sweep(connection).events == 0


READING = """
import django, sys
django.setup()
from lrs.connectors import connections, sweeps, worker
from django.db import transaction
from django.utils import timezone
connection = connections.named(sys.argv[1])
for _ in range(2):
    with transaction.atomic():
        worker.hint([(connection.pk, "course:40517")], timezone.now() - worker.JOIN)
    outcome = sweeps.reread(connection)
    assert not outcome.problem, outcome
worker.work_off_all(timezone.now())
"""


def test_four_workers_that_read_the_same_rows_at_once_tell_each_once(connection, side):
    side.most_page_size = 50
    for number in range(300):
        side.row(f"l{number:03}@example.org", 1)
    command = [sys.executable, "-c", READING, connection.name]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ}) for _ in range(4)]
    assert [worker.communicate(timeout=120)[1] for worker in workers] == [""] * 4
    archive.work_off()
    assert told(connection) == [(f"l{n:03}", "progressed", 20) for n in range(300)]
    assert len(archive.events(connection)) == 300


def test_a_hint_and_a_sweep_that_read_the_same_tell_it_once(connection, side):
    side.row("a@example.org", 2)
    archive.deliver(connection, payload("khalibre/webhook/course.activity.json"))
    archive.work_off()
    reread(connection)
    sweep(connection)
    assert told(connection) == [("a", "progressed", 40)]
