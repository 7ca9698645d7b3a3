"""Who an id and an e-mail address are is one person, whichever connection says so and whatever comes first."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from lrs.connectors import sweeps
from lrs.connectors.contract import Page
from lrs.connectors.events import PersonUpdate
from lrs.connectors.webinars import importing, linking
from lrs.connectors.webinars.matching import Identity
from statements import people, progress
from statements.models import Link, Person, Progress, Statement
from tests.lrs.connectors.archive import deliver, work_off
from tests.lrs.connectors.conftest import payload
from tests.lrs.connectors.webinars.conftest import END, OLENA, START, planned
from tests.lrs.connectors.webinars.test_results import HEAD, present

USER, ANN = "11080928", "ann@example.com"
ACCOUNT = f"account https://learningmanager.adobe.com/app/learner?accountId=1234 {USER}"
MBOX = f"mbox mailto:{ANN}"


def completed(connection: Any) -> None:
    """Adobe tells of a completion of the account's, and it is folded."""
    body = payload("alm/events/COURSE_COMPLETED.json")
    body["accountId"] = 1234
    deliver(connection, body)
    work_off()
    progress.follow(connection.store_id)


def known(connection: Any, identifier: str) -> set[str]:
    found = people.person_of(connection.store_id, identifier)
    return set() if found is None else {row.identifier for row in people.identities(found.store, found.key)}


def texts(connection: Any) -> list[str]:
    return list(Statement.objects.filter(store=connection.store_id).order_by("key").values_list("text", flat=True))


def test_an_account_and_the_address_that_the_api_knows_are_one_person(with_api, alm_side):
    connection = with_api()
    completed(connection)
    alm_side.user(USER, "Ann@Example.com", "Ann")
    before = texts(connection)
    sweeps.look_up(connection)
    assert known(connection, ACCOUNT) == {ACCOUNT, MBOX}
    person = people.person_of(connection.store_id, MBOX)
    assert person is not None
    assert (person.name, Progress.objects.get(store=connection.store_id).person) == ("Ann", person.key)
    assert texts(connection) == before


def test_what_a_lookup_made_one_can_be_undone_and_stays_apart(with_api, alm_side):
    connection = with_api()
    completed(connection)
    alm_side.user(USER, ANN, "Ann")
    sweeps.look_up(connection)
    made = Link.objects.filter(store=connection.store_id)
    assert {(row.how, row.by) for row in made} == {("connector", connection.name)}
    people.undo(connection.store_id, made[0].operation, by="admin")
    assert known(connection, ACCOUNT) == {ACCOUNT}
    update = PersonUpdate(USER, ANN, "Ann")
    with transaction.atomic():
        sweeps.learn(connection.pk, Page(people=[update]), timezone.now())
    assert known(connection, ACCOUNT) == {ACCOUNT}


@pytest.mark.parametrize("first", ["the report", "the statement"])
def test_a_report_links_whether_it_comes_before_the_statements_or_after(connect, tmp_path, first):
    connection = connect(account_id="1234")
    report = tmp_path / "users.csv"
    report.write_text(f"Internal User ID,User Email,Name\n{USER},{ANN},Ann\n7,,Nobody\n8,n/a,Nobody\n")
    if first == "the statement":
        completed(connection)
    call_command("connection", "import", connection.name, "--users", str(report), "--json")
    completed(connection)
    assert known(connection, ACCOUNT) == {ACCOUNT, MBOX}
    row = Progress.objects.get(store=connection.store_id)
    assert Person.objects.get(pk=row.person).name == "Ann"
    assert not Person.objects.filter(store=connection.store_id, name="Nobody").exists()


def attend(session: Any, id: str) -> None:
    """Somebody with this user id was in the session's room for an hour."""
    line = f"{session.external},{START.isoformat()},{END.isoformat()},,{id},,{START.isoformat()},{END.isoformat()}"
    importing.attendance(session.connection, f"{HEAD}\n{line}".encode(), END, dry=False)


def test_a_webinars_user_id_and_e_mail_are_one_person(connect):
    connection = connect("attendance", home_page="https://lms.example.org")
    present(connection, ("", "417", "Olena", 0, 10))
    progress.follow(connection.store_id)
    account = "account https://lms.example.org 417"
    assert known(connection, account) == {account}
    session = planned(connection, "another room", roster=[Identity("417", OLENA, "Olena")])
    attend(session, "417")
    assert known(connection, account) == {account, f"mbox mailto:{OLENA}"}


@pytest.mark.parametrize(("everywhere", "linked"), [(True, True), (False, False)])
def test_an_alias_of_a_user_id_links_it_where_it_holds_everywhere(connect, everywhere, linked):
    connection = connect("attendance", home_page="https://lms.example.org")
    session = planned(connection, "room", roster=[OLENA])
    present(connection, ("", "417", "Olya", 0, 10))
    before = texts(connection)
    linking.link(session, "id 417", Identity("", OLENA, ""), END, everywhere=everywhere)
    account = "account https://lms.example.org 417"
    assert (f"mbox mailto:{OLENA}" in known(connection, account)) is linked
    assert set(before) < set(texts(connection))
