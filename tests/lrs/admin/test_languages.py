"""The languages of those who use it."""

import ast
import gettext
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone, translation
from django.utils.translation.template import templatize

from lrs import erasure
from lrs.admin.connections import CHOICES
from lrs.connectors.models import Connection
from lrs.connectors.providers import PROVIDERS
from lrs.connectors.webinars.models import Session
from lrs.models import BackgroundTask, Credential, Refusal, RefusalKind
from statements import journal
from statements.admin.properties import KINDS, NAMES, called
from statements.templatetags.records import ago
from tests import sample

_PAIR = re.compile(r'^msgid "([^"\n]+)"\nmsgstr "([^"\n]+)"$', re.MULTILINE)


@pytest.mark.parametrize("language", ["de", "ja", "uk"])
def test_what_is_translated_is_compiled(language):
    written = (Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    pairs = _PAIR.findall(written)
    assert len(pairs) > 100
    with translation.override(language):
        # Where this fails: manage.py compilemessages
        assert {said: translation.gettext(said) for said, _ in pairs} == dict(pairs)


# Functions that translate, and where the text stands among the arguments; Setting is lrs.connectors.contract's.
_TRANSLATING = {
    "_": 0, "gettext": 0, "gettext_lazy": 0, "gettext_noop": 0, "ngettext": 0, "ngettext_lazy": 0, "Setting": 1,
}  # fmt: skip
_IN_TEMPLATES = re.compile(r"""\bn?gettext\(u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")


def _in_code(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            place = _TRANSLATING.get(node.func.id)
            given = node.args[place] if place is not None and len(node.args) > place else None
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                yield given.value


def _messages() -> set[str]:
    """Every text of the code and the templates that is to be translated."""
    root = Path(settings.BASE_DIR)
    found: set[str] = set()
    for package in ("config", "lrs", "statements"):
        for file in (root / package).rglob("*.py"):
            found.update(_in_code(file.read_text(encoding="utf-8")))
        for file in (root / package).rglob("templates/**/*.html"):
            code = templatize(file.read_text(encoding="utf-8"))
            found.update(ast.literal_eval(text) for text in _IN_TEMPLATES.findall(code))
    return {text for text in found if text}


class _Missing(gettext.NullTranslations):
    """Asked for what a catalogue does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def gettext(self, message: str) -> str:
        self.asked.append(message)
        return message


@pytest.mark.parametrize("language", ["de", "ja", "uk"])
def test_no_text_of_ours_is_without_a_translation(language):
    messages = _messages()
    # Of each place where texts stand: code, templates, help texts of providers.
    assert {"Requests a minute", "At the provider's side", PROVIDERS["zoom"].settings[0].help} <= messages
    assert len(messages) > 600
    catalogue = Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / "django.mo"
    with catalogue.open("rb") as file:
        translated = gettext.GNUTranslations(file)
    missing = _Missing()
    translated.add_fallback(missing)
    for message in sorted(messages):
        if translated.ngettext(message, message, 1) == message:
            translated.gettext(message)
    # Where this fails: README, Administration, on texts.
    assert missing.asked == []


@pytest.mark.parametrize("language", ["de", "ja", "uk"])
def test_a_translation_names_what_the_text_names(language):
    written = (Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    assert "#, fuzzy" not in written
    named = re.compile(r"%\(\w+\)[sd]")
    for said, translated in _PAIR.findall(written):
        assert set(named.findall(said)) == set(named.findall(translated)), said


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", ["Auf der Seite des Anbieters", "Webhook-Adresse", "Aus der Server-to-Server-OAuth-App"]),
        ("ja", ["プロバイダー側での設定", "Webhook アドレス", "Server-to-Server OAuth アプリのもの"]),
        ("uk", ["На стороні провайдера", "Адреса вебхука", "Із застосунку Server-to-Server OAuth"]),
    ],
)
def test_the_page_of_a_connection_is_in_the_reader_s_language(operator, store, language, words):
    from lrs.connectors import connections

    given = {"account_id": "account", "client_id": "app", "client_secret": "secret", "store": store.name}
    row = connections.create("zoom", f"Zoom {store.name}", given)
    page = operator.get(f"/admin/connectors/connection/{row.pk}/change/", headers={"accept-language": language})
    for word in words:
        assert word in page.content.decode()


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("de", "ann@example.com: 25 % Fortschritt in"),
        ("ja", "25 % まで進めました"),
        ("uk", "ann@example.com: прогрес 25 %"),
    ],
)
def test_statements_are_sentences_in_the_reader_s_language(viewer, credential, language, sentence):
    sample.send(credential.credential, [sample.statement()])
    query = {"store": credential.credential.store_id}
    page = viewer.get("/admin/statements/statement/", query, headers={"accept-language": language})
    assert sentence in page.content.decode().replace("\xa0", " ")


@pytest.mark.parametrize(("language", "word"), [("de", "Lernende"), ("ja", "学習者"), ("uk", "Учні")])
def test_the_navigation_is_in_the_reader_s_language(viewer, store, language, word):
    assert word in viewer.get("/admin/", {"store": store.pk}, headers={"accept-language": language}).content.decode()


def test_the_language_is_chosen_in_the_menu(viewer, store):
    viewer.post("/admin/setlang/", {"language": "uk", "next": "/admin/"})
    assert "Учні" in viewer.get("/admin/").content.decode()


@pytest.mark.parametrize(
    ("language", "sentence", "around"),
    [
        ("de", "ann@example.com: Kurs „Data protection: the complete course“ abgeschlossen", "Dunkel"),
        ("ja", "コース 「Data protection: the complete course」 を 修了", "ダーク"),
        ("uk", "ann@example.com: курс «Data protection: the complete course» — завершено", "Темна"),
    ],
)
def test_verbs_and_what_surrounds_a_page_are_in_the_reader_s_language(viewer, credential, language, sentence, around):
    sample.send(credential.credential, [sample.statement(verb="completed", percent=None, result={"completion": True})])
    query = {"store": credential.credential.store_id}
    page = viewer.get("/admin/statements/statement/", query, headers={"accept-language": language}).content.decode()
    assert sentence in page
    assert around in page


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", ["vor 1 Minute", "vor 3 Stunden", "vor 2 Tagen", "vor 1 Woche", "vor 2 Monaten", "vor 3 Jahren"]),
        ("ja", ["1分前", "3時間前", "2日前", "1週間前", "2か月前", "3年前"]),
        ("uk", ["1 хвилину тому", "3 години тому", "2 дні тому", "1 тиждень тому", "2 місяці тому", "3 роки тому"]),
    ],
)
def test_a_time_that_is_past_is_worded_as_the_language_has_it(language, words):
    minutes, days = [timedelta(minutes=1), timedelta(hours=3)], [timedelta(days=days) for days in (2, 8, 70, 1200)]
    with translation.override(language):
        shown = [str(ago(timezone.now() - each)).replace("\xa0", " ") for each in minutes + days]
    assert [each.partition(">")[2] for each in shown] == [f"{each}</time>" for each in words]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", ["Art der Sache", "Zugang", "Anfragen pro Minute", "Gesperrt", ">nein<", ">ja<"]),
        ("ja", ["対象の種類", "認証情報", "1 分あたりのリクエスト数", "無効化", ">いいえ<", ">はい<"]),
        ("uk", ["Вид об’єкта", "Облікові дані", "Запитів на хвилину", "Вимкнено", ">ні<", ">так<"]),
    ],
)
def test_the_audit_log_is_in_the_reader_s_language(administrator, credential, language, words):
    thing = journal.thing(credential.credential)
    before, after = {"rate_limit": 1, "disabled": False}, {"rate_limit": 2, "disabled": True}
    act = journal.note("change", thing, by="somebody", before=before, after=after)
    theirs = {"accept-language": language}
    page = administrator.get(f"/admin/statements/act/{act.pk}/change/", headers=theirs).content.decode()
    listed = administrator.get("/admin/statements/act/", {"kind": "lrs.credential"}, headers=theirs).content.decode()
    assert words[0] in listed
    assert f"/act/{act.pk}/" in listed
    for word in words[1:]:
        assert word in page
    for name in ("rate_limit", "disabled", "lrs.credential"):
        assert name not in page


def test_every_property_that_is_noted_has_a_name():
    # Of these the audit log notes all that there is; the names of users' properties are Django's.
    noted = [Credential, Refusal, RefusalKind, Session]
    properties = {field.name for model in noted for field in model._meta.concrete_fields}
    properties |= {setting.name for provider in PROVIDERS.values() for setting in provider.settings}
    properties |= {"statements", "mentions by others", *erasure._PARTS, *erasure._OTHERS}
    assert properties - set(NAMES) == set()
    assert {model._meta.label_lower for model in [*noted, Connection, BackgroundTask, User]} <= set(KINDS)
    with translation.override("de"):
        assert str(called("last_login", "auth.user")) == "Letzte Anmeldung"
        assert called("unheard of", "auth.user") == called("unheard of", "nowhere") == "unheard of"


@pytest.mark.parametrize(
    ("language", "choice"),
    [
        ("de", "Benutzername und Passwort (basic)"),
        ("ja", "ユーザー名とパスワード (basic)"),
        ("uk", "Ім’я користувача й пароль (basic)"),
    ],
)
def test_choices_of_settings_are_in_the_reader_s_language(operator, store, language, choice):
    page = operator.get(
        "/admin/connectors/connection/add/", {"provider": "alm"}, headers={"accept-language": language}
    ).content.decode()
    assert f'<option value="basic">{choice}</option>' in page


def test_every_choice_of_a_setting_has_words_or_speaks_for_itself():
    chosen = {choice for each in PROVIDERS.values() for setting in each.settings for choice in setting.choices}
    assert {choice for choice in chosen if not any(sign.isdecimal() for sign in choice)} == set(CHOICES)
