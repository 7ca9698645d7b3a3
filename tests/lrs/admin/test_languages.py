"""The languages of those who use it."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

_PAIR = re.compile(r'^msgid "([^"\n]+)"\nmsgstr "([^"\n]+)"$', re.MULTILINE)


@pytest.mark.parametrize("language", ["de", "ja", "uk"])
def test_what_is_translated_is_compiled(language):
    written = (Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    pairs = _PAIR.findall(written)
    assert len(pairs) > 100
    with translation.override(language):
        # Where this fails: manage.py compilemessages
        assert {said: translation.gettext(said) for said, _ in pairs} == dict(pairs)


@pytest.mark.parametrize(("language", "word"), [("de", "Lernende"), ("ja", "学習者"), ("uk", "Учні")])
def test_the_navigation_is_in_the_reader_s_language(viewer, store, language, word):
    assert word in viewer.get("/admin/", {"store": store.pk}, headers={"accept-language": language}).content.decode()


def test_the_language_is_chosen_in_the_menu(viewer, store):
    viewer.post("/admin/setlang/", {"language": "uk", "next": "/admin/"})
    assert "Учні" in viewer.get("/admin/").content.decode()
