"""Each of the nine providers is connected by its form, and what came is looked at."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from playwright.sync_api import expect

# An address that is refused at once: the test is not about the network, and a name that is looked up takes seconds.
_NOWHERE = "127.0.0.1"
_SECRET = "whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"


def _keys() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return public, private


# What is typed in, by the labels of the fields.
FORMS: Mapping[str, Mapping[str, str]] = {
    "alm": {"Account ID": "1234", "Username": "adobe", "Password": _SECRET},
    "khalibre": {"Host": _NOWHERE, "Client ID": "app", "Client secret": _SECRET},
    "attendance": {"Secret": _SECRET},
    "bigbluebutton": {"Server": f"https://{_NOWHERE}/bigbluebutton/", "Secret": _SECRET},
    "zoom": {
        "Account ID": "account",
        "Client ID": "app",
        "Client secret": _SECRET,
        "API URL": f"https://{_NOWHERE}/v2",
        "Token URL": f"https://{_NOWHERE}/token",
    },
    "msteams": {"Client ID": "app", "Client secret": _SECRET, "Tenant ID": "00000000-0000-0000-0000-000000000001"},
    "digitalsamba": {"API token": _SECRET, "Team ID": "team", "Server": f"https://{_NOWHERE}/api"},
    "etutorium": {"API token": _SECRET, "Endpoint": f"https://{_NOWHERE}"},
    "vatra": {"Server": "https://vatra.example.com", "API token": _SECRET},
}
_CHOSEN = {"alm": {"Auth": "basic"}, "msteams": {"Mode": "delegated"}}


def _picture(request, page, name):
    folder = request.config.getoption("--screenshots")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
@pytest.mark.parametrize("provider", FORMS)
def test_a_provider_is_connected_by_its_form(desk, store, request, provider, phone):
    from lrs.connectors import connections
    from lrs.connectors.models import Connection
    from lrs.connectors.providers import PROVIDERS

    name = f"{provider} {uuid.uuid4().hex[:6]}"
    look = desk.open("operator", phone=phone)
    page = look.go(f"/admin/connectors/connection/?store={store.pk}")
    look.follow(page.get_by_role("link", name="New connection"))
    if provider == "zoom":
        look.check()
    look.follow(page.get_by_role("link", name=PROVIDERS[provider].title))
    page.get_by_label("Name", exact=True).fill(name)
    for label, value in FORMS[provider].items():
        page.get_by_label(label, exact=True).fill(value)
    for label, value in _CHOSEN.get(provider, {}).items():
        page.get_by_label(label, exact=True).select_option(value)
    if provider == "vatra":
        for label, value in zip(("JWT public key", "JWT private key"), _keys(), strict=True):
            page.get_by_label(label, exact=True).fill(value)
    look.check()
    _picture(request, page, f"connect-{provider}{'-phone' if phone else ''}")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("status")).to_contain_text("The connection is made.")
    made = Connection.objects.get(name=name)
    assert page.locator("#webhook-url").inner_text() == connections.webhook_url(made)
    assert _SECRET not in page.content()
    if provider == "msteams":
        expect(page.get_by_role("link", name="Sign in to Microsoft")).to_be_visible()
        expect(page.get_by_role("alert").first).to_be_visible()
    page.locator("summary", has_text="Check").click()
    look.check()
    _picture(request, page, f"connection-{provider}{'-phone' if phone else ''}")
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    made.refresh_from_db()
    assert made.check_sentence.startswith(("ok: ", "failed: "))
    expect(page.get_by_text(made.check_sentence).first).to_be_visible()


def test_a_refused_event_is_looked_at_and_tried_again(window, store, request):
    from django.utils import timezone

    from lrs.connectors import connections, inbox
    from lrs.connectors.contract import Received, Request
    from lrs.connectors.models import InboxEvent

    row = connections.create("alm", f"ALM {uuid.uuid4().hex[:6]}", {"store": store.name})
    now = timezone.now()
    inbox.keep(row, Request({"content-type": "application/json"}, "", b'{"events": []}', now))
    inbox.put(row.pk, [Received("1234", "LEARNER_PROGRESS", "event-1", now, "one", {"userId": 7})], now=now)
    InboxEvent.objects.filter(connection=row).update(state="refused", reason="There is no such course.")
    page = window.page
    kind = "phone" if window.page.viewport_size["width"] < 500 else "desk"
    for address, name in (
        (f"/admin/connectors/connection/?store={store.pk}", "connections"),
        (f"/admin/connectors/delivery/?store={store.pk}", "deliveries"),
        (f"/admin/connectors/connection/{row.pk}/change/", "connection"),
        (f"/admin/connectors/inboxevent/?store={store.pk}&state=refused", "inbox"),
    ):
        page = window.go(address)
        window.check()
        _picture(request, page, f"{name}-{kind}")
    page.get_by_role("link", name="LEARNER_PROGRESS").click()
    expect(page.get_by_text("There is no such course.")).to_be_visible()
    window.check()
    _picture(request, page, f"event-{kind}")
    page.locator("summary", has_text="Try again").click()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("status")).to_contain_text("decided anew")
    window.check()


def test_a_webinar_is_planned_and_its_page_is_without_barriers(window, store, request):
    from lrs.connectors import connections
    from lrs.connectors.webinars.models import Result

    row = connections.create("attendance", f"LMS {uuid.uuid4().hex[:6]}", {"store": store.name, "secret": _SECRET})
    page = window.page
    kind = "phone" if window.page.viewport_size["width"] < 500 else "desk"
    page = window.go(f"/admin/webinars/session/?store={store.pk}")
    page.get_by_role("link", name="New session").click()
    start = datetime.now(UTC).replace(minute=0) + timedelta(days=1)
    page.get_by_label("Connection").select_option(label=row.name)
    page.get_by_label("Room").fill("room-77")
    page.get_by_label("Title").fill("Safety")
    page.get_by_label("Start (UTC)").fill(f"{start:%Y-%m-%dT%H:%M}")
    page.get_by_label("End (UTC)").fill(f"{start + timedelta(hours=1):%Y-%m-%dT%H:%M}")
    window.check()
    page.get_by_role("button", name="Plan it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Safety")
    page.get_by_label("Roster (CSV)").set_input_files(
        {"name": "r.csv", "mimeType": "text/csv", "buffer": b"email,external_id,name\nann@example.com,,Ann\n"}
    )
    page.get_by_role("button", name="Upload the roster").click()
    expect(page.get_by_role("status")).to_contain_text("1 people are on the roster")
    Result.objects.create(
        session=row.webinars.get(),
        key="name guest 7",
        name="Guest 7",
        verdict="review",
        reason="Nobody on the roster has this name.",
        handles=["name guest 7"],
        changed=datetime.now(UTC),
    )
    page.reload()
    window.check()
    _picture(request, page, f"session-{kind}")
    window.go(f"/admin/webinars/result/?store={store.pk}")
    window.check()
    page.get_by_role("link", name="Guest 7").click()
    window.check()
    _picture(request, page, f"result-{kind}")
