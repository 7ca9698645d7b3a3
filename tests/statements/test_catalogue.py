import pytest

from statements import catalogue
from statements.catalogue import Listed


@pytest.mark.parametrize(
    ("iri", "normal"),
    [
        ("https://WWW.Udemy.com/course/533682/", "https://www.udemy.com/course/533682"),
        ("https://www.udemy.com/course/533682", "https://www.udemy.com/course/533682"),
        ("https://www.udemy.com/Course/A?b=C", "https://www.udemy.com/Course/A?b=C"),
        ("urn:uuid:ABC/", "urn:uuid:ABC"),
        ("http://[broken", "http://[broken"),
    ],
)
def test_ids_are_compared_without_the_case_of_the_host_and_the_last_slash(iri, normal):
    assert catalogue.normal(iri) == normal


def test_titles_are_found_by_any_spelling_and_the_newest_counts(store):
    listed = Listed(("https://www.udemy.com/course/1", "https://o.udemy.com/course/slug/"), "Old", "course")
    assert catalogue.keep(store.pk, "udemy", [listed]) == 2
    catalogue.keep(store.pk, "udemy", [listed._replace(title="New", minutes=90.0)])
    asked = ["https://WWW.udemy.com/course/1/", "https://o.udemy.com/course/slug", "https://www.udemy.com/course/2"]
    found = catalogue.titles(store.pk, asked)
    assert {iri: (title.title, title.minutes) for iri, title in found.items()} == dict.fromkeys(
        asked[:2], ("New", 90.0)
    )


def test_another_store_has_a_catalogue_of_its_own(store):
    catalogue.keep(store.pk, "udemy", [Listed(("https://www.udemy.com/course/1",), "Title", "course")])
    assert catalogue.titles(store.pk + 1, ["https://www.udemy.com/course/1"]) == {}
