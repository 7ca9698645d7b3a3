"""What pages may do in a browser."""

import uuid

from django.test import Client as Browser

from lrs.connectors import connections


def policy(answer):
    parts = answer.headers["Content-Security-Policy"].split("; ")
    return {name: value for name, _, value in (part.partition(" ") for part in parts)}


def test_pages_of_the_administration_run_and_show_only_what_comes_from_here(viewer, database):
    for answer in (viewer.get("/admin/"), Browser(SERVER_NAME="localhost").get("/admin/login/")):
        allowed = policy(answer)
        assert allowed["default-src"] == "'self'"
        assert allowed["script-src"] == "'self' 'unsafe-eval'"
        assert (allowed["object-src"], allowed["base-uri"]) == ("'none'", "'none'")
        assert (allowed["form-action"], allowed["frame-ancestors"]) == ("'self'", "'none'")


def test_the_page_whose_button_leads_to_a_provider_may_send_its_form_there(operator, store):
    given = {"mode": "delegated", "client_id": "app", "client_secret": "secret", "tenant_id": str(uuid.uuid4())}
    row = connections.create("msteams", f"Teams {uuid.uuid4()}", {**given, "store": store.name})
    allowed = policy(operator.get(connections.sign_in_url(row)))
    assert "form-action" not in allowed
    assert allowed["default-src"] == "'self'"


def test_machines_get_no_policy(database):
    assert "Content-Security-Policy" not in Browser(SERVER_NAME="localhost").get("/xapi/about").headers
