import re
import uuid
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from lrs.connections import drop_broken
from statements.models import Store
from tests import databases
from tests.client import Client


def test_a_running_server_is_alive_and_ready(lrs_url, database):
    assert httpx.get(f"{lrs_url}/healthz").json() == {"alive": True}
    assert httpx.get(f"{lrs_url}/readyz").json() == {"ready": True, "database": database}


def test_the_figures_of_all_processes_are_in_one_answer(lrs_url, client):
    for _ in range(20):
        client.get_statements()
    # A new connection each time, so that either process is asked.
    answers = [httpx.get(f"{lrs_url}/metrics", timeout=60) for _ in range(4)]
    assert answers[0].headers["Content-Type"].startswith("text/plain")
    for answer in answers:
        counted = [line for line in answer.text.splitlines() if line.startswith("lrs_request_seconds_count")]
        found = [line for line in counted if 'route="xapi/statements"' in line and 'status="200"' in line]
        assert sum(float(line.rsplit(" ", 1)[1]) for line in found) >= 20


@pytest.mark.parametrize("path", ["/nothing", "/xapi/nothing", "/static/nothing.css"])
def test_an_address_with_nothing_behind_it_answers_in_json(lrs_url, path):
    answer = httpx.get(lrs_url + path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Experience-API-Version"]
    assert answer.json()["error"]


def test_people_get_pages_and_machines_get_no_cookies(lrs_url, client):
    page = httpx.get(f"{lrs_url}/admin", follow_redirects=True)
    assert page.status_code == 200
    assert page.url.path == "/admin/login/"
    assert page.headers["X-Frame-Options"] == "DENY"
    assert "lrs_csrf" in page.cookies
    assert "Set-Cookie" not in client.get_statements().headers


def test_a_form_from_another_site_cannot_sign_in(lrs_url):
    answer = httpx.post(f"{lrs_url}/admin/login/", data={"username": "admin", "password": "guess"})
    assert answer.status_code == 403


def test_a_page_of_another_site_may_speak_xapi_but_not_see_the_rest(lrs_url):
    origin = {"Origin": "https://lms.example.com", "Access-Control-Request-Method": "PUT"}
    asked = httpx.options(f"{lrs_url}/xapi/statements", headers=origin)
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert asked.headers["X-Experience-API-Version"] == "1.0.3"
    assert "PUT" in asked.headers["Access-Control-Allow-Methods"]
    assert "x-experience-api-version" in asked.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Origin" not in httpx.get(f"{lrs_url}/readyz", headers=origin).headers


def end_connections():
    """End every other connection to the database, as a restart does; how many."""
    others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(pg_terminate_backend(pid, 10000)) {others}")
        return cursor.fetchone()[0]


@contextmanager
def away():
    """Within the block the database takes no connection; those that there are are ended."""
    name = connection.settings_dict["NAME"]
    with psycopg.connect(databases.place().server, autocommit=True) as server:
        server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        try:
            end_connections()
            yield
        finally:
            server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")


def test_while_the_database_is_away_senders_are_told_to_come_again(database, client):
    if database == "sqlite":
        # A file has no server that could go away; what cannot be stored now can be later all the same.
        assert client.post_statements([]).status_code == 200
        return
    with away():
        answers = [client.post_statements([]), client.get_statements(), client.request("DELETE", "statements")]
    for answer in answers:
        assert answer.status_code == 503
        assert answer.json() == {
            "error": "The database does not answer now. Send the same request again later.",
            "errors": [],
        }
        assert answer.headers["X-Experience-API-Version"] == "1.0.3"
    assert client.post_statements([]).status_code == 200


def test_a_restart_of_the_database_costs_no_request(lrs_url, database, client, credential):
    if database == "sqlite":
        # A file has no server that could go away; the statements of the other database hold here as they are.
        drop_broken()
        assert Store.objects.count() >= 1
        return
    with Client(lrs_url, credential.credential.key, credential.secret) as other:
        for each in (client, other) * 4:
            assert each.get_statements().status_code == 200
        assert end_connections() >= 1
        for each in (client, other) * 4:
            assert each.get_statements().status_code == 200


def test_an_administrator_signs_in_and_sees_the_administration(lrs_url):
    name, password = f"admin {uuid.uuid4()}", str(uuid.uuid4())
    get_user_model().objects.create_superuser(name, password=password)
    with httpx.Client(base_url=lrs_url, follow_redirects=True) as browser:
        browser.get("/admin/login/")
        form = {"username": name, "password": password, "csrfmiddlewaretoken": browser.cookies["lrs_csrf"]}
        page = browser.post("/admin/login/?next=/admin/", data=form)
        assert page.status_code == 200
        assert page.url.path == "/admin/"
        assert name in page.text
        styles = re.findall(r'href="(/static/[^"]+\.css)"', page.text)
        assert styles
        assert all(browser.get(style).status_code == 200 for style in styles)
