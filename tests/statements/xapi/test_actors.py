"""Agents and Groups: who is who by their inverse functional identifiers."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from statements.xapi import actors

ANN: dict[str, Any] = {"mbox": "mailto:ann@example.com"}
ACCOUNT: dict[str, Any] = {"account": {"homePage": "https://people.example.com", "name": "ann 4711"}}

words = st.text(max_size=6)
iris = st.text(st.characters(exclude_characters=" "), max_size=6)
identities = st.one_of(
    st.fixed_dictionaries({"mbox": iris}),
    st.fixed_dictionaries({"mbox_sha1sum": words}),
    st.fixed_dictionaries({"openid": iris}),
    st.fixed_dictionaries({"account": st.fixed_dictionaries({"homePage": iris, "name": words})}),
)


def test_each_identifier_is_one_string():
    assert actors.identifier(ANN) == "mbox mailto:ann@example.com"
    assert actors.identifier(ACCOUNT) == "account https://people.example.com ann 4711"
    assert actors.identifier({"objectType": "Group", "openid": "https://id.example.com/x"}) == (
        "openid https://id.example.com/x"
    )
    assert actors.identifier({"objectType": "Agent", "mbox_sha1sum": "ab" * 20}) == "mbox_sha1sum " + "ab" * 20


def test_the_object_type_does_not_identify():
    assert actors.identifier(ANN) == actors.identifier({"objectType": "Agent", **ANN})
    assert actors.identifier(ANN) == actors.identifier({"objectType": "Group", **ANN})


def test_a_name_does_not_identify():
    assert actors.identifier({"name": "Ann", **ANN}) == actors.identifier({"name": "Anna", **ANN})


def test_an_anonymous_group_has_no_identifier_but_members():
    group = {"objectType": "Group", "name": "Some", "member": [ANN, ACCOUNT]}

    assert actors.identifier(group) is None
    assert actors.members(group) == [ANN, ACCOUNT]
    assert list(actors.members(ANN)) == []


@settings(deadline=None)
@given(identities, identities)
def test_two_agents_share_an_identifier_only_if_they_are_the_same(one, other):
    assert (actors.identifier(one) == actors.identifier(other)) == (one == other)


def test_a_person_has_every_name_and_identifier_once():
    agents = [
        {"objectType": "Agent", "name": "Ann", **ANN},
        {"name": "Anna", **ACCOUNT},
        {"name": "Ann", "mbox": "mailto:ann@home.example.com"},
        ACCOUNT,
        {"openid": "https://id.example.com/ann"},
        {"mbox_sha1sum": "ab" * 20},
    ]

    assert actors.person(agents) == {
        "objectType": "Person",
        "name": ["Ann", "Anna"],
        "mbox": ["mailto:ann@example.com", "mailto:ann@home.example.com"],
        "mbox_sha1sum": ["ab" * 20],
        "openid": ["https://id.example.com/ann"],
        "account": [ACCOUNT["account"]],
    }


def test_a_person_has_no_empty_lists():
    assert actors.person([ANN]) == {"objectType": "Person", "mbox": ["mailto:ann@example.com"]}
