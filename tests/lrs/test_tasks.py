"""Long actions: done once, by one worker, with how far they are."""

import csv
import html
import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone, translation

from lrs import background, tasks
from lrs.admin import task_words
from lrs.admin.task_words import REPORTS
from lrs.models import BackgroundTask
from lrs.reports.views import WHOLE
from lrs.tasks import Result
from statements.catalogue import Title
from statements.models import Act, Person
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
    shown = operator.get(page).content.decode()
    assert re.search(r"The progress of \d people was made anew\.", shown)
    assert "data-watch" not in shown


TASKS = "/admin/lrs/backgroundtask/"
PEOPLE = b"reference,name,email\n1,Ann,ann@example.com\n2,Bob,bob@example.com\n"


def _imported(browser, store, content, what="people", **more):
    file = SimpleUploadedFile("people.csv", content, "text/csv")
    page = browser.post(f"{TASKS}{store.pk}/take-in/", {"what": what, "file": file, **more}).headers["Location"]
    tasks.work_off(background.KINDS)
    return html.unescape(browser.get(page).content.decode())


def test_people_are_taken_in_from_a_file(operator, viewer, started, store):
    assert viewer.post(f"{TASKS}{store.pk}/take-in/").status_code == 403
    assert "Import a file" in operator.get(TASKS, {"store": store.pk}).content.decode()
    assert "2 people would be taken in; nothing was changed." in _imported(operator, store, PEOPLE, dry="on")
    assert not Person.objects.filter(store=store.pk).exists()
    assert "2 people are taken in." in _imported(operator, store, PEOPLE)
    people = Person.objects.filter(store=store.pk).values_list("reference", "name")
    assert sorted(people) == [("1", "Ann"), ("2", "Bob")]
    assert "2 people are taken in." in _imported(operator, store, PEOPLE)
    assert Person.objects.filter(store=store.pk).count() == 2
    assert Act.objects.filter(what="import people", thing=str(store.pk)).count() == 3


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"reference,email\n1,nobody\n", "1 row is wrong."),
        (b"colour\nred\n", "The first line must name columns"),
        (b"\xff\xfe\x00", "cannot be read as CSV in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_taken_in_is_answered_with_a_sentence(operator, started, store, content, sentence):
    page = _imported(operator, store, content)
    assert "Nothing was taken in" in page
    assert sentence in page
    assert str(background.waiting_file("")) not in page
    assert not Person.objects.filter(store=store.pk).exists()


def test_titles_of_courses_are_taken_in_from_a_file(operator, started, store):
    content = b"title,xapi_activity_id\nJava,https://www.udemy.com/course/1\n"
    assert "1 title is taken in." in _imported(operator, store, content, what="courses")
    assert Title.objects.filter(store=store.pk).exists()
    assert "is not JSON" in _imported(operator, store, b"{", what="courses")


def test_a_file_that_is_missing_is_asked_for(operator, store):
    answer = operator.post(f"{TASKS}{store.pk}/take-in/", {"what": "people"}, follow=True).content.decode()
    assert "Choose a file to be taken in." in answer


def test_a_report_is_written_into_a_file_and_fetched(operator, viewer, started, store, credential):
    sample.send(credential.credential, [sample.statement(), sample.statement("mailto:bob@example.com")])
    assert viewer.post(f"{TASKS}{store.pk}/export/").status_code == 403
    page = operator.post(f"{TASKS}{store.pk}/export/", {"report": "statements", "format": "csv"}).headers["Location"]
    assert "Download the file" not in operator.get(page).content.decode()
    file = page.replace("/change/", "/file/")
    assert operator.get(file).status_code == 404
    tasks.work_off(background.KINDS)
    shown = operator.get(page).content.decode()
    assert "2 rows are in the file." in shown
    assert file in shown
    answer = operator.get(file)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="statements.csv"'
    rows = list(csv.DictReader(b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()))
    assert len(rows) == 2
    assert viewer.get(file).status_code == 403
    task = BackgroundTask.objects.get(pk=int(page.rstrip("/").split("/")[-2]))
    background.waiting_file(task.arguments["file"]).unlink()
    assert "not kept any more" in operator.get(file, follow=True).content.decode()


def test_every_report_can_be_exported(operator, started, store, credential):
    sample.send(credential.credential, [sample.statement()])
    assert set(REPORTS) == set(WHOLE)
    for report in WHOLE:
        operator.post(f"{TASKS}{store.pk}/export/", {"report": report, "format": "ndjson"})
    tasks.work_off(background.KINDS)
    done = BackgroundTask.objects.filter(kind="export").order_by("-pk")[: len(WHOLE)]
    assert {task.state for task in done} == {States.DONE}


@pytest.mark.parametrize(
    ("language", "title", "sentence", "figure"),
    [
        ("de", "Import von people.csv in {}", "2 Personen sind importiert.", "Verschobene Kennungen"),
        ("ja", "people.csv を {} にインポート", "2 人を取り込みました。", "移動した識別子"),
        ("uk", "Імпорт people.csv до {}", "Імпортовано 2 особи.", "Перенесені ідентифікатори"),
    ],
)
def test_a_task_is_told_in_the_language_of_whoever_looks(operator, started, store, language, title, sentence, figure):
    # Whoever asked reads English, and so does the worker.
    _imported(operator, store, PEOPLE)
    theirs = {"accept-language": language}
    listed = html.unescape(operator.get(TASKS, {"store": store.pk}, headers=theirs).content.decode())
    newest = BackgroundTask.objects.order_by("-pk")[0]
    page = html.unescape(operator.get(f"{TASKS}{newest.pk}/change/", headers=theirs).content.decode())
    assert title.format(store.name) in listed
    assert title.format(store.name) in page
    assert sentence in page
    assert f"<dt>{figure}</dt><dd>0</dd>" in page


@pytest.mark.parametrize(
    ("kind", "arguments", "lines", "said"),
    [
        (background.REBUILD, {}, [["people", 1]], "Der Fortschritt von 1 Person ist neu berechnet."),
        (background.REPLAY, {}, [["accepted", 1], ["refused again", 2]], "1 von 3 wurden angenommen."),
        (background.EXPORT, {}, [["rows", 7], ["bytes", 90]], "7 Zeilen stehen in der Datei."),
        ("import courses", {"dry": True}, [["titles", 2]], "2 Titel würden importiert; nichts ist geändert."),
        ("import people", {"dry": True}, [["wrong", "2"], ["line 3", "x"]], "Nichts ist importiert: 2 Zeilen sind"),
        (background.ERASE, {}, [["statements", 3]], "Gelöscht."),
    ],
)
def test_a_result_is_worded_from_its_figures(kind, arguments, lines, said):
    task = BackgroundTask(kind=kind, arguments=arguments, lines=lines, state=States.DONE, sentence="Erased.")
    with translation.override("de"):
        assert task_words.sentence(task).startswith(said)


@pytest.mark.parametrize(
    ("kind", "far", "said"),
    [
        (background.REBUILD, (3, 10, "3 of 10 people"), "3 von 10"),
        (background.EXPORT, (400, 0, "400 rows"), "Zeilen: 400"),
        (background.ERASE, (25, 0, "read from providers"), "Von Anbietern gelesen: 25"),
        ("import courses", (0, 0, "reading the file"), "Die Datei wird gelesen"),
        (background.REBUILD, (0, 0, ""), "Wartet auf den Worker"),
    ],
)
def test_how_far_a_task_is_is_told_in_the_language_of_whoever_looks(kind, far, said):
    done, total, sentence = far
    with translation.override("de"):
        task = BackgroundTask(kind=kind, state=States.RUNNING, done=done, total=total, sentence=sentence)
        assert task_words.sentence(task) == said


def test_a_task_whose_store_is_gone_keeps_the_title_it_was_given(database):
    gone = BackgroundTask(kind=background.REBUILD, title="Rebuild progress of it", arguments={"store": -1})
    older = BackgroundTask(kind="import people", title="Import of a.csv into it", arguments={"store": -1, "dry": True})
    assert task_words.titles([gone, older]) == [gone.title, older.title]


def test_tasks_are_forgotten_after_a_while(started):
    task = started()
    BackgroundTask.objects.filter(pk=task.pk).update(state=States.DONE, finished=timezone.now() - timedelta(days=100))
    assert tasks.forget(timezone.now()) >= 1
    assert not BackgroundTask.objects.filter(pk=task.pk).exists()
