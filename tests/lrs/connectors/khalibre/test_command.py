"""manage.py khalibre, and manage.py connection sweep, as people use them."""

import io
import json
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.lrs.connectors import archive
from tests.lrs.connectors.khalibre.working import reread, told


def said(*words):
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_courses_are_listed_found_and_shown(connection, side):
    side.course(40517, "Safeguarding", (20121, "Phnom Penh office"))
    side.course(2, "First aid")
    assert "2 altogether" in said("khalibre", "courses", connection.name)
    found = json.loads(said("khalibre", "courses", connection.name, "--keywords", "first", "--json"))
    assert [(item["courseId"], item["title"]) for item in found["items"]] == [(2, "First aid")]
    second = json.loads(said("khalibre", "courses", connection.name, "--page", "2", "--page-size", "1", "--json"))
    assert [item["courseId"] for item in second["items"]] == [2]
    assert "Phnom Penh office" in said("khalibre", "course", connection.name, "40517")


def test_progress_is_shown_by_course_and_by_email(connection, side):
    side.row("a@example.org", 2)
    side.row("b@example.org", 1)
    assert "a@example.org  2/5  In progress" in said("khalibre", "progress", connection.name, "--course", "40517")
    found = json.loads(said("khalibre", "progress", connection.name, "--email", "b@example.org", "--json"))
    assert [item["completedActivity"] for item in found["items"]] == [1]
    assert archive.statements(connection) == []


def test_a_booking_is_made_and_its_progress_read_soon(connection, side):
    words = ["book", connection.name, "--course", "40517", "--community", "20121", "--email", "a@example.org"]
    said("khalibre", *words, "--first-name", "Dara", "--last-name", "Sok")
    assert side.bookings == [
        {
            "communityId": 20121,
            "courseId": 40517,
            "learnerEmail": "a@example.org",
            "learnerFirstname": "Dara",
            "learnerLastname": "Sok",
        }
    ]
    side.row("a@example.org", 0)
    reread(connection)
    assert told(connection) == [("a", "registered", None)]


def test_whether_a_booking_in_doubt_was_made_is_read_soon(connection, side):
    words = ["book", connection.name, "--course", "40517", "--community", "20121", "--email", "a@example.org"]
    side.next("/course/booking", (502, {}))
    with pytest.raises(CommandError, match="look at the learner's progress"):
        said("khalibre", *words)
    side.row("a@example.org", 0)
    reread(connection)
    assert told(connection) == [("a", "registered", None)]


def test_a_status_that_is_told_afterwards_is_made_good_by_a_replay(connection, side):
    side.row("a@example.org", 2, statusDescription="Abgeschlossen", status=9)
    side.row("b@example.org", 2, recentUpdateDate="5 March")
    side.row("not an address", 2)
    archive.work_off()
    said("connection", "sweep", connection.name)
    assert told(connection) == [("a", "progressed", 40), ("b", "progressed", 40)]
    said("connection", "set", connection.name, "--set", 'status_table={"Abgeschlossen": "completed"}')
    [difference] = json.loads(said("connection", "replay", connection.name, "--apply", "--json"))["differences"]
    assert (difference["id"].split("\n")[0], difference["what"]) == ("40517/20121/a@example.org", "another statement")
    verbs = [
        s["verb"]["display"]["en-US"] for s in archive.statements(connection) if "a@" in s["actor"].get("mbox", "")
    ]
    assert verbs == ["completed"]
    states = {event.event.split("\n")[0]: (event.state, event.rule) for event in archive.events(connection)}
    assert states == {
        "40517/20121/a@example.org": ("done", ""),
        "40517/20121/b@example.org": ("done", "date"),
        "40517/20121/not an address": ("refused", "unreadable"),
    }


def test_rows_that_are_gone_are_counted(connection, side):
    side.row("kept@example.org", 1)
    gone = side.row("gone@example.org", 1)
    for rows in ((2, 0), (2, 1)):
        said("connection", "sweep", connection.name)
        shown = json.loads(said("connection", "show", connection.name, "--json"))
        assert (shown["rows"], shown["rows_gone"]) == rows
        if gone in side.rows:
            side.rows.remove(gone)


def test_a_problem_is_one_sentence(connection, connect, side):
    for words in (
        ["courses", "nobody"],
        ["course", connection.name, "9"],
        ["courses", connection.name, "--page", "0"],
        ["book", connection.name, "--course", "1", "--community", "1", "--email", "nobody"],
        ["courses", connect().name],
    ):
        with pytest.raises(CommandError) as problem:
            said("khalibre", *words)
        assert "\n" not in str(problem.value)


def test_the_readme_names_every_setting():
    from lrs.connectors.providers import khalibre

    section = Path("README.md").read_text().partition("## Connect Khalibre")[2].partition("\n## ")[0]
    told = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE))))
    assert {setting.name for setting in khalibre.PROVIDER.settings} <= told
