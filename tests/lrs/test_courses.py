import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from statements import catalogue
from tests import sample
from tests.lrs.reports.conftest import reader_of

PAYLOADS = Path(__file__).parents[1] / "payloads" / "udemy"


def payload(name):
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def run(file, store):
    output = StringIO()
    call_command("import", "udemy-courses", str(file), "--store", store.name, "--json", stdout=output)
    return json.loads(output.getvalue())


@pytest.fixture
def items():
    return [payload("course_api_item_533682"), payload("course_api_item_900920"), payload("learning_path_api_item")]


@pytest.mark.parametrize("form", ["a list", "a page", "one"])
def test_the_json_of_the_course_api_gives_titles(store, tmp_path, items, form):
    file = tmp_path / "courses.json"
    file.write_text(json.dumps({"a list": items, "a page": {"count": 3, "results": items}, "one": items[0]}[form]))
    # The second item of the documentation has no title, and a title is what this is for.
    assert run(file, store) == ({"titles": 1, "ids": 1} if form == "one" else {"titles": 2, "ids": 2})
    found = catalogue.titles(store.pk, ["https://www.udemy.com/course/533682/"])
    (title,) = found.values()
    assert (title.title, title.kind) == ("Java Programming Masterclass updated to Java 17", "course")
    assert title.minutes == 7330.0


def test_a_learning_path_has_the_id_of_its_address(store, tmp_path, items):
    file = tmp_path / "paths.json"
    file.write_text(json.dumps(items[2]))
    run(file, store)
    (title,) = catalogue.titles(store.pk, ["https://gire.udemy.com/learning-paths/2903050/"]).values()
    assert (title.title, title.kind) == ("#DevForce - Arquitect Training for Devs", "learning_path")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffTitle,xapi_activity_id\nKurs,https://www.udemy.com/course/7\n",
        "title;url\nKurs;https://www.udemy.com/course/7/\n",
        "Course ID\tTitle\n7\tKurs\n",
        'id,title,url\n7,"Kurs",\n',
    ],
)
def test_a_csv_gives_titles_by_activity_id_address_or_number(store, tmp_path, text):
    file = tmp_path / "courses.csv"
    file.write_text(text)
    assert run(file, store) == {"titles": 1, "ids": 1}
    assert catalogue.titles(store.pk, ["https://www.udemy.com/course/7"])


def test_a_course_with_a_number_and_its_own_address_is_found_by_the_id_of_its_statements(store, tmp_path):
    file = tmp_path / "courses.csv"
    file.write_text("id,title,url\n533682,Java,https://acme.udemy.com/course/java-the-complete/\n")
    assert run(file, store) == {"titles": 1, "ids": 3}
    # SumTotal's statements have the organisation's own host.
    for host in ("www", "acme", "ACME"):
        assert catalogue.titles(store.pk, [f"https://{host}.udemy.com/course/533682"])


def test_a_title_over_two_lines_and_surplus_cells_are_taken(store, tmp_path):
    file = tmp_path / "courses.csv"
    file.write_text('id,title\n7,"Kurs\r\neins",surplus,more\n8\n9,Kurs\u2028zwei\n')
    assert run(file, store) == {"titles": 2, "ids": 2}
    found = catalogue.titles(store.pk, [f"https://www.udemy.com/course/{number}" for number in (7, 9)])
    assert [title.title for title in found.values()] == ["Kurs eins", "Kurs zwei"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"title,url\n", b"title,url\n" + b"x" * 200_000 + b",https://x.example/1\n"]
)
def test_a_file_that_is_no_list_of_courses_is_refused_in_a_sentence(store, tmp_path, content):
    file = tmp_path / "courses"
    file.write_bytes(content)
    with pytest.raises(CommandError):
        run(file, store)


def test_a_missing_file_or_store_is_refused_in_a_sentence(store, tmp_path):
    with pytest.raises(CommandError, match="cannot be read"):
        run(tmp_path / "nothing", store)
    with pytest.raises(CommandError, match="There is no store 'nowhere'"):
        call_command("import", "udemy-courses", "x", "--store", "nowhere")


NAMELESS = "https://www.udemy.com/course/900920/"
REPORTS = {
    "statements": "activity_name",
    "progress": "activity_name",
    "activities": "name",
    "summary": "activity_name",
}


@pytest.fixture
def untitled(store, credential, tmp_path):
    """A course of the list whose statements do not name it, and one that they name."""
    named, nameless = sample.statement(), sample.statement(thing=NAMELESS)
    named["object"]["definition"]["name"] = {"en": "Its own name"}
    del nameless["object"]["definition"]
    sample.send(credential.credential, [nameless, named])
    file = tmp_path / "courses.json"
    items = [payload("course_api_item_533682"), payload("course_api_item_900920") | {"title": "Triplet Design"}]
    file.write_text(json.dumps(items))
    run(file, store)
    return reader_of(store.name, "reports/read")


@pytest.mark.parametrize("report", REPORTS)
def test_reports_show_the_title_of_what_its_statements_do_not_name(untitled, report):
    given = {"summary": {"count": "statements", "by": "activity"}}.get(report, {})
    called = {row["activity"]: row[REPORTS[report]] for row in untitled.rows(report, **given)}
    assert called == {NAMELESS: "Triplet Design", "https://www.udemy.com/course/533682": "Its own name"}


@pytest.mark.parametrize(
    ("report", "filter"), [("statements", "activity_name"), ("progress", "activity_name"), ("activities", "name")]
)
def test_what_is_asked_for_by_its_title_is_found(untitled, report, filter):
    assert [row["activity"] for row in untitled.rows(report, **{filter: "triplet"})] == [NAMELESS]
    # What has a name of its own is not called by its title.
    assert untitled.rows(report, **{filter: "Masterclass"}) == []


@pytest.mark.parametrize("view", ["report_statement", "report_progress", "report_activity"])
def test_sql_views_show_the_title_too(untitled, view):
    name = "name" if view == "report_activity" else "activity_name"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT activity, {name} FROM {view} WHERE store = %s", [untitled.store])
        called = dict(cursor.fetchall())
    assert called == {NAMELESS: "Triplet Design", "https://www.udemy.com/course/533682": "Its own name"}


def test_people_find_an_activity_by_its_title(untitled, operator):
    html = operator.get("/admin/statements/activity/", {"store": untitled.store, "q": "triplet"}).content.decode()
    assert "Triplet Design" in html
    assert "Its own name" not in html
