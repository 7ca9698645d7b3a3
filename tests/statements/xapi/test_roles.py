"""What a statement is about, and how."""

import json
from pathlib import Path
from typing import Any

import pytest

from statements.xapi import roles
from statements.xapi.roles import Kind, Role

PAYLOADS = Path(__file__).parents[2] / "payloads/xapi"
COMPLETED = json.loads((PAYLOADS / "completed.json").read_bytes())
PLANNED = json.loads((PAYLOADS / "planned.json").read_bytes())
AUTHORITY = {"account": {"homePage": "https://lrs.example.com", "name": "udemy"}}
ANN = {"mbox": "mailto:ann@example.com"}
VERB = {"id": "https://verbs.example.com/did"}


def statement(**properties: Any) -> dict[str, Any]:
    return {"actor": ANN, "verb": VERB, "object": {"id": "https://courses.example.com/1"}, **properties}


def mentioned(value: dict[str, Any], authority: dict[str, Any] | None = None) -> dict[tuple[str, str], Role]:
    return {(kind.value, name): role for (kind, name), role in roles.of(value, authority).mentions.items()}


def test_everything_a_statement_mentions_has_a_role():
    found = roles.of(COMPLETED, AUTHORITY)

    assert found.actor == "account https://people.example.com ann 4711"
    assert found.verb == "http://adlnet.gov/expapi/verbs/completed"
    assert found.object == "https://courses.example.com/fire-safety"
    assert found.target is None
    assert found.registration == "ec531277-b57b-4c15-8d91-d292c5b2b8f7"
    assert found.mentions == {
        (Kind.AGENT, "account https://people.example.com ann 4711"): Role.AGENT,
        (Kind.VERB, "http://adlnet.gov/expapi/verbs/completed"): Role.VERB,
        (Kind.ACTIVITY, "https://courses.example.com/fire-safety"): Role.ACTIVITY,
        (Kind.REGISTRATION, "ec531277-b57b-4c15-8d91-d292c5b2b8f7"): Role.REGISTRATION,
        (Kind.ACTIVITY, "https://courses.example.com/safety"): Role.RELATED_ACTIVITY,
        (Kind.ACTIVITY, "https://w3id.org/xapi/cmi5"): Role.RELATED_ACTIVITY,
        (Kind.AGENT, "mbox mailto:teacher@Example.com"): Role.RELATED_AGENT,
        (Kind.AGENT, "mbox mailto:bob@example.com"): Role.RELATED_AGENT,
        (Kind.AGENT, "openid https://id.example.com/eve"): Role.RELATED_AGENT,
        (Kind.AGENT, "account https://lrs.example.com udemy"): Role.RELATED_AGENT,
    }
    assert found.activities["https://courses.example.com/safety"] == {"name": {"en-US": "Safety", "de": "Sicherheit"}}
    assert found.activities["https://w3id.org/xapi/cmi5"] is None
    assert found.agents["mbox mailto:bob@example.com"] == {"mbox": "mailto:bob@example.com", "name": "Bob"}
    assert found.verbs == {found.verb: COMPLETED["verb"]["display"]}


def test_what_is_inside_a_substatement_is_related_and_its_verb_and_registration_are_not_the_statements():
    found = roles.of(PLANNED, None)

    assert (found.actor, found.object, found.target, found.registration) == (None, None, None, None)
    assert found.mentions == {
        (Kind.AGENT, "mbox mailto:ann@example.com"): Role.AGENT,
        (Kind.AGENT, "mbox_sha1sum 0d2e1b8d8a1c4b4c9d3b2f7f3f6f0c8d1b2a3c4d"): Role.AGENT,
        (Kind.VERB, "http://activitystrea.ms/schema/1.0/plan"): Role.VERB,
        (Kind.AGENT, "mbox mailto:day@example.com"): Role.RELATED_AGENT,
        (Kind.AGENT, "mbox mailto:dan@example.com"): Role.RELATED_AGENT,
        (Kind.AGENT, "mbox mailto:sub-teacher@example.com"): Role.RELATED_AGENT,
        (Kind.ACTIVITY, "https://courses.example.com/first-aid"): Role.RELATED_ACTIVITY,
        (Kind.ACTIVITY, "https://courses.example.com/health"): Role.RELATED_ACTIVITY,
        (Kind.AGENT, "mbox mailto:coach@example.com"): Role.RELATED_AGENT,
        (Kind.AGENT, "mbox mailto:helper@example.com"): Role.RELATED_AGENT,
        (Kind.ACTIVITY, "https://courses.example.com/plan"): Role.RELATED_ACTIVITY,
    }
    assert found.verbs.keys() == {
        "http://activitystrea.ms/schema/1.0/plan",
        "http://adlnet.gov/expapi/verbs/attended",
    }


@pytest.mark.parametrize("group", [{}, {"mbox": "mailto:us@example.com"}])
def test_an_agent_or_group_as_the_object_is_found_by_agent_and_so_are_the_members(group):
    thing = {"objectType": "Group", "member": [{"mbox": "mailto:bob@example.com"}], **group}
    found = mentioned(statement(object=thing))

    assert found["agent", "mbox mailto:bob@example.com"] is Role.AGENT
    assert ("agent", "mbox mailto:us@example.com") in found or not group
    assert roles.of(statement(object={"objectType": "Agent", **ANN}), None).object == "mbox mailto:ann@example.com"


def test_the_strongest_of_two_roles_counts():
    value = statement(
        context={
            "instructor": ANN,
            "contextActivities": {"parent": [{"id": "https://courses.example.com/1"}]},
        }
    )

    assert mentioned(value, ANN) == {
        ("agent", "mbox mailto:ann@example.com"): Role.AGENT,
        ("verb", "https://verbs.example.com/did"): Role.VERB,
        ("activity", "https://courses.example.com/1"): Role.ACTIVITY,
    }


def test_a_statement_reference_is_a_target_in_lower_case():
    found = roles.of(
        statement(object={"objectType": "StatementRef", "id": "ABCDEF00-0000-4000-8000-00000000000A"}), None
    )

    assert found.target == "abcdef00-0000-4000-8000-00000000000a"
    assert found.object is None
    assert not found.activities


def test_a_reference_inside_a_substatement_or_in_the_context_is_no_target():
    reference = {"objectType": "StatementRef", "id": "abcdef00-0000-4000-8000-00000000000a"}
    inner = {"objectType": "SubStatement", "actor": ANN, "verb": VERB, "object": reference}

    assert roles.of(statement(object=inner, context={"statement": reference}), None).target is None


def test_definitions_of_one_activity_in_one_statement_come_together():
    iri = "https://courses.example.com/1"
    found = roles.of(
        statement(
            object={"id": iri, "definition": {"name": {"en": "One"}}},
            context={
                "contextActivities": {
                    "parent": [{"id": iri}],
                    "other": {"id": iri, "definition": {"name": {"de": "Eins"}}},
                }
            },
        ),
        None,
    )

    assert found.activities == {iri: {"name": {"en": "One", "de": "Eins"}}}


def test_an_agent_is_known_by_the_mention_that_has_a_name():
    named = {"name": "Ann", **ANN}

    assert roles.of(statement(context={"instructor": named}), ANN).agents == {"mbox mailto:ann@example.com": named}
