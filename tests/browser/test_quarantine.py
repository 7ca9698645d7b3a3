"""From a refused statement to its replay, by hand."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests import sample
from tests.client import TLS

_IN_SIGHT = """box => {
    const [mark, around] = [box.querySelector(".r-faulty"), box].map(each => each.getBoundingClientRect());
    return mark.top >= around.top && mark.bottom <= around.bottom;
}"""


@pytest.fixture(params=["desk", "phone"])
def phone(request) -> bool:
    return request.param == "phone"


def test_from_a_refusal_to_its_replay(desk, credential, lrs_url, phone, request):
    row, auth = credential.credential, (credential.credential.key, credential.secret)
    said = sample.statement(result={"completion": False, "score": {"scaled": "0.25"}})
    sent = httpx.post(f"{lrs_url}/xapi/statements", json=said, auth=auth, verify=TLS,
                      headers={"X-Experience-API-Version": "1.0.3"})  # fmt: skip
    assert sent.status_code == 400
    look = desk.open("operator", phone=phone)
    pictures = request.config.getoption("--screenshots")

    def picture(name):
        look.check()
        if pictures:
            kind = "phone" if phone else "desk"
            look.page.screenshot(path=Path(pictures) / f"{name}-{kind}.png", full_page=True)

    page = look.go(f"/admin/lrs/refusalkind/?store={row.store_id}")
    picture("quarantine")
    page.locator("a.r-main").click()
    picture("quarantine-reason")
    page.locator("a.r-main").click()
    expect(page.locator("mark.r-faulty")).to_contain_text('"scaled": "0.25"')
    assert page.locator(".r-lines").evaluate(_IN_SIGHT)
    picture("quarantine-request")
    page.go_back()
    page.locator("summary", has_text="Switch numeric-string on").click()
    look.check()
    page.get_by_role("button", name="Switch the repair on").click()
    expect(page.get_by_role("status")).to_contain_text("The repair is on.")
    page.locator("a.r-main").click()
    page.locator("summary", has_text="Replay").click()
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("It was accepted.")
    picture("quarantine-replayed")
    page.get_by_role("link", name=said["id"]).click()
    expect(page.get_by_text("refused then, replayed later")).to_be_visible()
    look.check()


def test_an_edited_body_is_sent(desk, credential, lrs_url, phone):
    import json

    from lrs.models import Refusal

    auth = (credential.credential.key, credential.secret)
    httpx.post(f"{lrs_url}/xapi/statements", content=b'{"actor": ', auth=auth, verify=TLS,
               headers={"X-Experience-API-Version": "1.0.3", "Content-Type": "application/json"})  # fmt: skip
    (refusal,) = Refusal.objects.filter(credential=credential.credential)
    look = desk.open("operator", phone=phone)
    page = look.go(f"/admin/lrs/refusal/{refusal.pk}/change/")
    page.get_by_label("Body", exact=True).fill(json.dumps(sample.statement(), indent=2))
    look.check()
    page.get_by_role("button", name="Save and replay").click()
    expect(page.get_by_role("status")).to_contain_text("It was accepted.")
    look.check()


def test_a_shape_is_read(desk, credential, phone):
    import orjson

    from lrs import auth, shapes
    from lrs.models import Credential
    from statements.xapi.text import Given

    row = credential.credential
    Credential.objects.filter(pk=row.pk).update(shapes=True)
    one = sample.statement()
    shapes.note(auth.caller_of(row), [Given(orjson.dumps(one), one, "")])
    look = desk.open("operator", phone=phone)
    page = look.go(f"/admin/lrs/shape/?store={row.store_id}")
    look.check()
    page.locator("a.r-main").click()
    expect(page.get_by_text("/result/score/scaled")).to_be_visible()
    look.check()
