"""Long actions: done once, by one worker, with how far they are."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from lrs import background, tasks
from lrs.models import BackgroundTask
from lrs.tasks import Result
from tests import sample

States = BackgroundTask.State


@pytest.fixture
def started(database):
    """Starts tasks of a kind; others that wait are out of the way."""
    BackgroundTask.objects.filter(state=States.WAITING).update(state=States.STOPPED)
    return lambda kind="count", **arguments: tasks.start(kind, kind, arguments, by="somebody")


def _count(running):
    for step in range(3):
        running.say(step, 3, f"step {step}")
    return Result("counted", [("steps", 3)], "/there")


def test_a_task_is_done_and_says_what_became_of_it(started):
    task = started()
    assert tasks.work_off({"count": _count}) == 1
    task.refresh_from_db()
    assert (task.state, task.sentence, task.lines, task.link) == (States.DONE, "counted", [["steps", 3]], "/there")
    assert tasks.work_off({"count": _count}) == 0


def test_a_task_that_fails_says_why(started):
    def fail(running):
        raise ValueError("no such thing")

    task = started()
    tasks.work_off({"count": fail})
    task.refresh_from_db()
    assert (task.state, task.sentence, "ValueError" in task.trace) == (States.FAILED, "no such thing", True)


def test_a_task_that_is_stopped_ends_at_its_next_step(started):
    steps = []

    def endless(running):
        while True:
            steps.append(1)
            tasks.ask_to_stop(BackgroundTask.objects.get(pk=running.number))
            running.say(1, 1)

    task = started()
    tasks.work_off({"count": endless})
    task.refresh_from_db()
    assert (task.state, len(steps)) == (States.STOPPED, 1)


def test_a_task_that_waits_is_stopped_before_it_begins(started):
    task = started()
    tasks.ask_to_stop(task)
    assert tasks.work_off({"count": _count}) == 0


def test_a_task_whose_worker_was_lost_is_taken_up_by_another(started):
    task = started()
    left = timezone.now() - 2 * tasks.LEASE
    BackgroundTask.objects.filter(pk=task.pk).update(state=States.RUNNING, beat=left, holder="gone", tries=1)
    assert tasks.work_off({"count": _count}) == 1
    task.refresh_from_db()
    assert task.state == States.DONE


def test_a_task_under_way_is_left_to_its_worker(started):
    task = started()
    BackgroundTask.objects.filter(pk=task.pk).update(state=States.RUNNING, beat=timezone.now(), holder="other")
    assert tasks.work_off({"count": _count}) == 0


def test_a_task_that_kills_its_worker_is_given_up_at_last(started):
    task = started()
    left = timezone.now() - 2 * tasks.LEASE
    BackgroundTask.objects.filter(pk=task.pk).update(state=States.RUNNING, beat=left, holder="gone", tries=3)
    tasks.work_off({"count": _count})
    task.refresh_from_db()
    assert task.state == States.FAILED


def test_progress_is_rebuilt_from_the_administration(operator, viewer, started, store, credential):
    sample.send(credential.credential, [sample.statement()])
    url = f"/admin/lrs/backgroundtask/{store.pk}/rebuild/"
    assert viewer.post(url).status_code == 403
    page = operator.post(url).headers["Location"]
    assert "data-watch" in operator.get(page).content.decode()
    tasks.work_off(background.KINDS)
    html = operator.get(page).content.decode()
    assert re.search(r"The progress of \d people was made anew\.", html)
    assert "data-watch" not in html


def test_tasks_are_forgotten_after_a_while(started):
    task = started()
    BackgroundTask.objects.filter(pk=task.pk).update(state=States.DONE, finished=timezone.now() - timedelta(days=100))
    assert tasks.forget(timezone.now()) >= 1
    assert not BackgroundTask.objects.filter(pk=task.pk).exists()
