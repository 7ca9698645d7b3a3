"""What people come here to do, from the beginning to the end."""

import uuid

import httpx
import pytest
from playwright.sync_api import expect

from tests import sample
from tests.client import TLS


@pytest.fixture(params=["desk", "phone"])
def phone(request) -> bool:
    return request.param == "phone"


def test_from_the_first_sign_in_to_the_first_statement(desk, store, lrs_url, phone):
    from django.contrib.auth.models import User

    name = f"first-{uuid.uuid4().hex[:6]}"
    User.objects.create_superuser(name, password="a long enough password")
    look = desk.open(None, phone=phone)
    page = look.go("/admin/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill("a long enough password")
    page.get_by_role("button", name="Log in").click()
    page = look.go(f"/admin/?store={store.pk}")
    expect(page.get_by_role("heading", name="Nothing has come in yet")).to_be_visible()
    page.get_by_role("link", name="Make a credential").click()
    page.get_by_label("Name", exact=True).fill(f"Udemy {name}")
    page.get_by_label("Profile", exact=True).select_option("udemy")
    look.check()
    page.get_by_role("button", name="Make it").click()
    look.check()
    auth = (page.locator("#key").inner_text(), page.locator("#secret").inner_text())
    sent = httpx.post(f"{lrs_url}/xapi/statements", json=sample.statement(percent=25), auth=auth, verify=TLS)
    assert sent.status_code == 200
    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("link", name="Its statements").click()
    page.get_by_role("link", name="ann@example.com progressed to 25 %").click()
    expect(page.get_by_text(f"via Udemy {name}")).to_be_visible()
    look.check()


def test_a_learner_is_looked_at_merged_and_separated_again(desk, filled, phone):
    look = desk.open("operator", phone=phone)
    page = look.go(f"/admin/statements/person/?store={filled.credential.store_id}")
    page.get_by_label("Search").fill("ann@example.com")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="ann@example.com").click()
    expect(page.get_by_role("progressbar").first).to_have_attribute("aria-valuenow", "60.0")
    page.locator("summary", has_text="Merge with another").click()
    page.get_by_label("The other learner").fill("bob@example.com")
    look.check()
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("The two learners are one now.")
    expect(page.get_by_role("progressbar").first).to_have_attribute("aria-valuenow", "100.0")
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_role("status")).to_contain_text("It is as it was before.")
    look.check()


def test_a_statement_is_voided_with_a_reason(desk, filled, phone):
    look = desk.open("operator", phone=phone)
    page = look.go(f"/admin/statements/statement/?store={filled.credential.store_id}&learner=cem@example.com")
    page.get_by_role("link", name="cem@example.com progressed to 5 %").click()
    page.locator("summary", has_text="Void").click()
    page.get_by_label("Reason").fill("It was a test.")
    page.get_by_role("button", name="Void this statement").click()
    expect(page.get_by_role("status")).to_contain_text("The statement is voided.")
    look.check()


def test_a_long_action_shows_how_far_it_is_and_what_became_of_it(desk, filled):
    from lrs import background, tasks

    look = desk.open("operator")
    page = look.go(f"/admin/lrs/backgroundtask/?store={filled.credential.store_id}")
    for form in ("Import a file", "Export a report"):
        page.locator("summary", has_text=form).click()
    look.check()
    page.locator("summary", has_text="Rebuild progress").click()
    page.get_by_role("button", name="Rebuild progress").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    look.check()
    tasks.work_off(background.KINDS)
    expect(page.get_by_text("was made anew")).to_be_visible()
    look.check()


def test_the_json_of_a_statement_is_copied(desk, filled):
    look = desk.open("viewer")
    look.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = look.go(f"/admin/statements/statement/?store={filled.credential.store_id}")
    page.locator("a.r-main").first.click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert '"verb"' in page.evaluate("navigator.clipboard.readText()")


def test_a_button_that_is_pressed_twice_does_it_once(desk, filled):
    from lrs.models import BackgroundTask

    look = desk.open("operator")
    page = look.go(f"/admin/lrs/backgroundtask/?store={filled.credential.store_id}")
    page.locator("summary", has_text="Export a report").click()
    before = BackgroundTask.objects.count()
    page.get_by_role("button", name="Export").dblclick()
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert BackgroundTask.objects.count() == before + 1
