"""Who somebody in a room is; nothing is guessed."""

import pytest

from lrs.connectors.webinars import matching
from lrs.connectors.webinars.attendance import Attendee
from lrs.connectors.webinars.matching import How, Identity

OLENA = Identity("417", "olena.koval@example.com", "Олена Коваль")
PETRO = Identity("418", "petro.bondar@example.com", "Петро Бондар")
IVAN, OTHER_IVAN = Identity("419", "", "Ivan Franko"), Identity("420", "ivan@example.com", "Ivan Franko")
LINKED = Identity("", "private@example.net", "Linked")
ALIASES = {"handle zoom:abc": PETRO, "name hello": LINKED, "email olena@home.example": Identity("417", "", "")}
KNOWN = matching.known([OLENA, PETRO, IVAN, OTHER_IVAN], ALIASES)


@pytest.mark.parametrize(
    ("who", "person", "how"),
    [
        (Attendee(id="417", email=PETRO.email, name=PETRO.name), OLENA, How.ID),
        (Attendee(id="999", email=" Olena.Koval@Example.com "), OLENA, How.EMAIL),
        (Attendee(email="mailto:olena.koval@example.com"), OLENA, How.EMAIL),
        (Attendee(name="Олена Коваль", handles=("zoom:abc",)), PETRO, How.ALIAS),
        (Attendee(name=" HELLO "), LINKED, How.ALIAS),
        (Attendee(email="olena@home.example", name="O"), OLENA, How.ALIAS),
        (Attendee(name="  олена   КОВАЛЬ"), OLENA, How.NAME),
        (Attendee(name="Олена Коваль", email="n/a"), OLENA, How.NAME),
        (Attendee(id="555", name="Somebody"), Identity("555", "", "Somebody"), How.ITSELF),
        (Attendee(email="New@Example.com"), Identity("", "new@example.com", ""), How.ITSELF),
        (Attendee(id="555", name="Олена Коваль"), Identity("555", "", "Олена Коваль"), How.ITSELF),
    ],
)
def test_the_first_rule_that_decides_decides(who, person, how):
    assert matching.match(who, KNOWN) == (person, how, "")


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        (Attendee(name="Guest"), "Only a display name is known."),
        (Attendee(name="Olena Kowal"), "Only a display name is known."),
        (Attendee(name="Ivan Franko"), "2 people on the roster have this name."),
        (
            Attendee(name="Олена Коваль", email="olena@private.example"),
            "The name is on the roster, with another e-mail (olena.koval@example.com).",
        ),
        (Attendee(), "Nothing is known of them."),
    ],
)
def test_what_no_rule_decides_is_for_people_to_review(who, reason):
    assert matching.match(who, KNOWN) == (None, None, reason)


def test_letters_that_are_composed_otherwise_are_the_same_name():
    known = matching.known([Identity("1", "", "Йосип")], {})
    assert matching.match(Attendee(name="Йосип"), known).how is How.NAME


def test_a_roster_has_everybody_once():
    found = matching.added([OLENA], [Identity("", "OLENA.koval@example.com", "Olena"), PETRO])
    assert found == [Identity("417", "OLENA.koval@example.com", "Olena"), PETRO]


def test_the_most_lasting_handle_comes_first_and_the_name_last():
    who = Attendee("7", "A@example.com", "A  B", handles=("zoom:x",))
    assert matching.handles(who) == ["id 7", "handle zoom:x", "email a@example.com", "name a b"]
