"""Lists in a browser, on both databases."""

from playwright.sync_api import expect

from tests import sample


def test_the_list_of_statements_is_searched_narrowed_and_turned_over(desk, filled):
    sample.send(filled.credential, sample.many(f"lists {filled.credential.pk}", 150))
    look = desk.open("viewer")
    page = look.go(f"/admin/statements/statement/?store={filled.credential.store_id}")
    expect(page.locator("a.r-main")).to_have_count(50)
    look.check()
    first = page.locator("a.r-main").first.get_attribute("href")
    page.get_by_role("link", name="Older").click()
    expect(page.locator("a.r-main")).to_have_count(50)
    page.get_by_role("link", name="Newer").click()
    assert page.locator("a.r-main").first.get_attribute("href") == first
    page.locator("summary", has_text="Filters").click()
    page.get_by_label("Learner").fill("ann@example.com")
    page.get_by_label("Kind").select_option("course")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("a.r-main")).to_have_count(2)
    look.check()
