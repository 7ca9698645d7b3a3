"""Every main page, at a desk and on a phone: no errors, nothing from elsewhere, no sideways scrolling, no barriers."""

from pathlib import Path

import pytest


def test_every_main_page_is_without_errors_and_barriers(window, filled, request):
    from tests.browser.places import PAGES as places

    pictures = request.config.getoption("--screenshots")
    for name, place in places.items():
        page = window.go(place(filled.credential))
        if pictures:
            kind = "phone" if page.viewport_size["width"] < 500 else "desk"
            folder = Path(pictures)
            folder.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=folder / f"{name}-{kind}.png", full_page=True)
        window.check()


def test_the_sign_in_page_is_without_barriers(desk):
    look = desk.open(None)
    look.go("/admin/login/")
    look.check()


@pytest.mark.parametrize(("language", "word"), [("de-DE", "Lernende"), ("ja-JP", "学習者"), ("uk-UA", "Учні")])
def test_the_navigation_speaks_the_reader_s_language(desk, store, language, word):
    look = desk.open(language=language)
    page = look.go(f"/admin/?store={store.pk}")
    assert page.locator("#nav-sidebar").get_by_text(word, exact=True).is_visible()


def test_the_keyboard_gets_past_the_navigation_and_opens_it(desk, store):
    look = desk.open(phone=True)
    page = look.go(f"/admin/?store={store.pk}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "r-skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.get_by_role("button", name="Navigation").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Statements", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "Statements"


@pytest.mark.parametrize(
    ("language", "opens", "closes", "scrolls"),
    [
        ("de-DE", "Navigation", "Schließen", "Inhalt zum Scrollen"),
        ("ja-JP", "ナビゲーション", "閉じる", "スクロールできる内容"),
        ("uk-UA", "Навігація", "Закрити", "Вміст із прокручуванням"),
    ],
)
def test_the_navigation_of_a_phone_is_named_in_the_reader_s_language(desk, store, language, opens, closes, scrolls):
    page = desk.open(phone=True, language=language).go(f"/admin/?store={store.pk}")
    page.get_by_role("button", name=opens).click()
    assert page.locator("#nav-sidebar").get_by_label(scrolls).is_visible()
    page.get_by_role("button", name=closes).click()
    assert not page.locator("#nav-sidebar").is_visible()
