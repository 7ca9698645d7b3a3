"""What is known of an Activity, put together from all statements about it."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from statements.xapi import activities

OLD = {
    "type": "http://adlnet.gov/expapi/activities/assessment",
    "name": {"en": "Fire", "de": "Feuer"},
    "extensions": {"https://a.example.com": {"deep": 1}, "https://b.example.com": 2},
    "interactionType": "choice",
    "choices": [{"id": "a"}, {"id": "b"}],
    "correctResponsesPattern": ["a"],
}

maps = st.dictionaries(st.sampled_from(["en", "de", "fr"]), st.text(max_size=3))
definitions = st.fixed_dictionaries(
    {},
    optional={
        "name": maps,
        "description": maps,
        "type": st.sampled_from(["t:1", "t:2"]),
        "extensions": st.dictionaries(st.sampled_from(["x:1", "x:2"]), st.integers()),
        "interactionType": st.sampled_from(["choice", "likert"]),
        "choices": st.lists(st.fixed_dictionaries({"id": st.text(max_size=1)}), max_size=2),
        "correctResponsesPattern": st.lists(st.text(max_size=1), max_size=1),
    },
)


def test_names_and_extensions_are_merged_by_language_and_by_key():
    merged = activities.merge(
        OLD,
        {
            "name": {"de": "Brand", "fr": "Feu"},
            "description": {"en": "!"},
            "extensions": {"https://a.example.com": {"x": 1}},
        },
    )

    assert merged["name"] == {"en": "Fire", "de": "Brand", "fr": "Feu"}
    assert merged["description"] == {"en": "!"}
    assert merged["extensions"] == {"https://a.example.com": {"x": 1}, "https://b.example.com": 2}
    assert merged["type"] == OLD["type"]


def test_lists_of_components_are_replaced():
    assert activities.merge(OLD, {"interactionType": "choice", "choices": [{"id": "c"}]})["choices"] == [{"id": "c"}]


def test_the_answers_of_another_kind_of_question_go_with_it():
    merged = activities.merge(OLD, {"interactionType": "likert", "scale": [{"id": "1"}]})

    assert merged.keys() == {"type", "name", "extensions", "interactionType", "scale"}


@settings(deadline=None)
@given(definitions, definitions)
def test_the_newer_is_contained_in_what_is_merged_and_neither_is_changed(old, new):
    before = copy.deepcopy((old, new))
    merged = activities.merge(old, new)

    assert (old, new) == before
    assert activities.merge(merged, new) == merged
    assert activities.merge(new, new) == new == activities.merge({}, new)
    assert activities.merge(old, {}) == old
    assert new.keys() <= merged.keys() <= old.keys() | new.keys()
