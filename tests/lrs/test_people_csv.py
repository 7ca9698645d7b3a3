"""People from a CSV file."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from statements import people, progress
from statements.models import Identity, Person
from tests.statements.test_progress import send, statement

PEOPLE = """\
reference,name,email,account_home,account_name
7,Ann Example,ann@example.com,https://learningmanager.adobe.com/app/learner?accountId=1234,123456728
7,,ann@old.example.com,,
,Bob,bob@example.com,,
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with three rows about two people."""
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE, encoding="utf-8-sig")
    return path


def run(*arguments):
    output = StringIO()
    call_command("import", "people", *map(str, arguments), stdout=output)
    return output.getvalue()


def test_rows_with_one_reference_are_one_person(store, file):
    send(store, statement("ann", "completed", "1", 1))
    progress.follow(store.pk)
    told = json.loads(run(file, "--store", store.name, "--json"))
    assert told == {"people": 2, "identifiers": 4, "identifiers changed hands": 2}
    ann = people.person_of(store.pk, "account https://learningmanager.adobe.com/app/learner?accountId=1234 123456728")
    assert ann is not None
    assert (ann.name, ann.reference) == ("Ann Example", "7")
    assert ann == people.person_of(store.pk, "mbox mailto:ann@old.example.com")
    assert {row.how for row in people.identities(store.pk, ann.key)} == {"import"}


def test_the_same_file_again_changes_nothing(store, file):
    run(file, "--store", store.name)
    before = list(Identity.objects.filter(store=store.pk).order_by("key").values("key", "person", "since"))
    assert "0 identifiers changed hands" in run(file, "--store", store.name)
    assert list(Identity.objects.filter(store=store.pk).order_by("key").values("key", "person", "since")) == before


def test_a_dry_run_tells_and_changes_nothing(store, file):
    assert run(file, "--store", store.name, "--dry-run") == (
        "2 people, 4 identifiers, 2 identifiers would change hands\n"
    )
    assert not Person.objects.filter(store=store.pk).exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("reference,email\n7,not an address\n", "line 2: .*mbox"),
        ("reference,name\n7,Ann\n", "line 2: names nobody"),
        ("reference,email\n7,a@example.com\n8,a@example.com\n", "line 3: .* is somebody else's in line 2"),
        ("reference,email\n7\n", "line 2: has more or fewer columns"),
        ("reference,mail\n7,a@example.com\n", "The first line must name columns of"),
        ("", "The first line must name columns of"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_taken_in(store, tmp_path, text, sentence):
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    with pytest.raises(CommandError, match=sentence):
        run(path, "--store", store.name)
    assert not Person.objects.filter(store=store.pk).exists()


def test_somebody_elses_identifier_is_not_taken_over_silently(store, file, tmp_path):
    run(file, "--store", store.name)
    other = tmp_path / "other.csv"
    other.write_text("reference,email\n9,ann@example.com\n")
    with pytest.raises(CommandError, match=r"line 2: mbox mailto:ann@example\.com is 7's; split or merge by hand"):
        run(other, "--store", store.name)
