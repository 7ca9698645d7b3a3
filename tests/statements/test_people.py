"""One person, many identifiers: linked, told apart again, and progress that follows."""

import uuid
from hashlib import sha1
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from statements import people, progress
from statements.models import Identity, Progress, Store
from statements.people import Addressed, PeopleError, Together
from tests.statements.test_progress import crowd, send, standings, statement

ANN = "mbox mailto:ann@example.com"
ACCOUNT = {"homePage": "https://lms.example.com", "name": "4711"}
NUMBER = "account https://lms.example.com 4711"


def done(actor: dict[str, Any], activity: str, minute: int, verb: str = "completed") -> dict[str, Any]:
    return {**statement("nobody", verb, activity, minute), "actor": actor}


@pytest.fixture
def two(store: Store) -> Store:
    """A store in which one human being is known by an address and by an account."""
    send(store, statement("ann", "completed", "1", 5), done({"account": ACCOUNT}, "1", 3, "failed"))
    send(store, done({"account": ACCOUNT}, "2", 4))
    progress.follow(store.pk)
    return store


def known(store: Store, identifier: str) -> set[str]:
    person = people.person_of(store.pk, identifier)
    assert person is not None
    return {row.identifier for row in people.identities(store.pk, person.key)}


def test_linked_identifiers_are_one_person_with_one_progress(two):
    people.link(two.pk, [ANN, NUMBER], by="admin")
    assert known(two, NUMBER) == {ANN, NUMBER}
    person = people.person_of(two.pk, ANN)
    assert person is not None
    found = Progress.objects.filter(store=two.pk, person=person.key).order_by("-statements")
    assert [(row.statements, row.status) for row in found] == [(2, "failed"), (1, "completed")]
    assert Progress.objects.filter(store=two.pk).count() == 2


def test_what_comes_after_a_link_is_the_same_persons(two):
    people.link(two.pk, [ANN, NUMBER], by="admin")
    send(two, done({"account": ACCOUNT}, "1", 6, "passed"))
    progress.follow(two.pk)
    row = Progress.objects.get(store=two.pk, statements=3)
    assert (row.status, row.success) == ("completed", True)


def test_an_identifier_can_be_linked_before_anything_is_sent(store):
    people.link(store.pk, [ANN, NUMBER], by="import", how="import")
    send(store, done({"account": ACCOUNT}, "1", 3), statement("ann", "progressed", "1", 5))
    progress.follow(store.pk)
    assert Progress.objects.get(store=store.pk).statements == 2


@pytest.mark.parametrize("way", ["unlink", "split", "undo"])
def test_every_link_can_be_taken_back(two, way):
    before = standings(two)
    linked = people.link(two.pk, [ANN, NUMBER], by="admin")
    if way == "unlink":
        people.unlink(two.pk, NUMBER, by="admin")
    elif way == "split":
        people.split(two.pk, linked.person, [NUMBER], by="admin")
    else:
        people.undo(two.pk, linked.operation, by="admin")
    assert known(two, ANN) == {ANN}
    assert standings(two) == before


def test_merged_people_are_one_and_undoing_parts_them(two):
    before = standings(two)
    one, other = people.person_of(two.pk, ANN), people.person_of(two.pk, NUMBER)
    assert one is not None
    assert other is not None
    merged = people.merge(two.pk, one.key, [other.key], by="admin")
    assert known(two, ANN) == {ANN, NUMBER}
    assert people.identities(two.pk, other.key) == []
    people.undo(two.pk, merged.operation, by="admin")
    assert standings(two) == before
    with pytest.raises(PeopleError, match="nothing to undo"):
        people.undo(two.pk, merged.operation, by="admin")


def test_the_history_says_who_linked_what_and_how(two):
    linked = people.link(two.pk, [ANN, NUMBER], by="admin")
    people.unlink(two.pk, NUMBER, by="somebody else")
    last, first = people.history(two.pk, linked.person)
    assert (first.identifier, first.how, first.by, first.after) == (NUMBER, "hand", "admin", linked.person)
    assert (last.identifier, last.by, last.before) == (NUMBER, "somebody else", linked.person)


def test_an_address_in_any_case_and_its_sha1_are_one_person_by_themselves(store):
    digest = sha1(b"mailto:ann@example.com", usedforsecurity=False).hexdigest()
    send(store, statement("ann", "registered", "1", 1), done({"mbox_sha1sum": digest}, "1", 2))
    send(store, done({"mbox": "mailto:Ann@Example.com"}, "1", 3))
    progress.follow(store.pk)
    assert known(store, ANN) == {ANN, f"mbox_sha1sum {digest}", "mbox mailto:Ann@Example.com"}
    assert Progress.objects.get(store=store.pk).statements == 3


def test_who_was_taken_for_one_by_the_address_can_be_told_apart(store):
    send(store, statement("ann", "completed", "1", 1), done({"mbox": "mailto:Ann@example.com"}, "1", 3))
    progress.follow(store.pk)
    people.unlink(store.pk, ANN, by="admin")
    assert known(store, ANN) == {ANN}
    assert Progress.objects.filter(store=store.pk).count() == 2


def test_a_connector_finds_the_person_by_the_address_and_overrules_nobody(two):
    said = [Addressed(NUMBER, " ANN@example.com", "Ann")]
    assert [done.moved for done in people.same_emails(two.pk, said, by="Adobe")] == [(NUMBER,)]
    assert known(two, NUMBER) == {ANN, NUMBER}
    by_hand = people.unlink(two.pk, NUMBER, by="admin")
    assert people.same_emails(two.pk, said, by="Adobe") == []
    person = people.person_of(two.pk, NUMBER)
    assert person is not None
    assert person.key == by_hand.person


def test_a_lookup_that_says_what_is_known_changes_nothing_and_takes_no_lock(two):
    said = [Addressed(NUMBER, "ann@example.com", "Ann"), Addressed(NUMBER, "n/a"), Addressed("openid \0", "b@c.de")]
    [done] = people.same_emails(two.pk, said, by="Adobe")
    with CaptureQueriesContext(connection) as queries:
        assert people.same_emails(two.pk, said, by="Adobe") == []
    assert [query["sql"].split()[0] for query in queries] == ["SELECT", "SELECT"]
    people.undo(two.pk, done.operation, by="admin")
    assert known(two, NUMBER) == {NUMBER}


def test_a_name_that_is_looked_up_gives_way_to_one_that_is_there(two):
    people.link(two.pk, [ANN], by="import", how="import", name="Ann of the list")
    people.same_emails(two.pk, [Addressed(NUMBER, "ann@example.com", "A. N. N.")], by="Adobe")
    person = people.person_of(two.pk, NUMBER)
    assert person is not None
    assert person.name == "Ann of the list"


def test_a_name_that_comes_with_a_later_statement_fills_an_empty_one(two):
    before = people.person_of(two.pk, NUMBER)
    assert before is not None
    assert before.name == ""
    for name in ("Ann", "Anna"):
        send(two, {**done({"account": ACCOUNT}, name, 9), "actor": {"account": ACCOUNT, "name": name}})
        progress.follow(two.pk)
    after = people.person_of(two.pk, NUMBER)
    assert after is not None
    assert after.name == "Ann"


def test_a_name_that_is_told_is_kept(two):
    people.link(two.pk, [ANN], by="import", how="import", name="Ann")
    people.link(two.pk, [ANN], by="import", how="import")
    person = people.person_of(two.pk, ANN)
    assert person is not None
    assert person.name == "Ann"


def test_progress_after_links_is_what_a_rebuild_makes(store):
    crowd(store, 200)
    progress.follow(store.pk)
    names = [f"mbox mailto:learner{number}@example.com" for number in range(20)]
    people.link(store.pk, names[:5], by="admin")
    linked = people.link(store.pk, names[5:9], by="admin")
    people.split(store.pk, linked.person, names[6:8], by="admin")
    crowd(store, 100, seed=2)
    progress.follow(store.pk)
    live = standings(store)
    progress.rebuild(store.pk, lambda done: None)
    assert standings(store) == live


def test_linking_many_takes_as_many_queries_as_linking_one(store):
    counted = []
    for amount in (1, 100):
        groups = [
            Together((f"mbox mailto:{amount}-{number}@example.com", f"openid https://{amount}-{number}.example.com"))
            for number in range(amount)
        ]
        with CaptureQueriesContext(connection) as queries:
            people.link_all(store.pk, groups, how="import", by="test")
        counted.append(len(queries))
    # The first of a store also makes its checkpoint.
    assert counted[1] <= counted[0]
    assert Identity.objects.filter(store=store.pk).count() == 202


def test_a_person_of_another_store_is_nobody(two):
    stranger = Store.objects.create(name=str(uuid.uuid4()))
    person = people.person_of(two.pk, ANN)
    assert person is not None
    assert people.person_of(stranger.pk, ANN) is None
    with pytest.raises(PeopleError, match="There is no person"):
        people.merge(stranger.pk, person.key, [], by="admin")
    with pytest.raises(PeopleError, match="Nobody is known as"):
        people.unlink(stranger.pk, ANN, by="admin")
    with pytest.raises(PeopleError, match="somebody else's"):
        people.split(two.pk, person.key, [NUMBER], by="admin")


def test_names_that_a_database_cannot_tell_apart_stay_two_people(store):
    for name in ("a\0b", "a\ufffdb"):
        send(store, done({"account": {**ACCOUNT, "name": name}}, "1", 3))
    progress.follow(store.pk)
    assert Progress.objects.filter(store=store.pk).count() == 2


def test_what_would_be_linked_is_told_without_doing_it(two):
    (would,) = people.would_link(two.pk, [Together((ANN, NUMBER, "openid https://ann.example.com"))], how="import")
    assert would.moved == (NUMBER, "openid https://ann.example.com")
    assert known(two, ANN) == {ANN}
    assert people.person_of(two.pk, "openid https://ann.example.com") is None
