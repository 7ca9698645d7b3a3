"""The About resource over HTTP (xAPI 1.0.3 Communication 2.8)."""

import httpx
import pytest


@pytest.mark.parametrize("headers", [{}, {"X-Experience-API-Version": "0.9"}, {"Authorization": "Basic wrong"}])
def test_anybody_learns_the_versions(lrs_url: str, headers):
    answer = httpx.get(f"{lrs_url}/xapi/about", headers=headers)

    assert answer.status_code == 200
    assert answer.json()["version"] == ["1.0.3", "2.0.0"]
    assert answer.json().keys() == {"version", "extensions"}
    assert all(name.startswith("https://") for name in answer.json()["extensions"])
    assert answer.headers["X-Experience-API-Version"] == "1.0.3"


def test_the_answer_is_in_the_version_that_was_asked_for(lrs_url: str):
    answer = httpx.get(f"{lrs_url}/xapi/about", headers={"X-Experience-API-Version": "2.0.0"})

    assert answer.headers["X-Experience-API-Version"] == "2.0.0"


def test_head_has_no_body(lrs_url: str):
    head = httpx.head(f"{lrs_url}/xapi/about")

    assert (head.status_code, head.content) == (200, b"")


def test_about_knows_no_parameters_and_no_other_methods(lrs_url: str):
    assert httpx.get(f"{lrs_url}/xapi/about?a=b").status_code == 400
    assert httpx.post(f"{lrs_url}/xapi/about", json={}).status_code == 405


@pytest.mark.parametrize("path", ["/xapi/about/", "/xapi/nothing", "/xapi", "/xapi/", "/xapi/activities/state/"])
def test_other_addresses_are_404_in_json_without_a_redirect(lrs_url: str, path):
    answer = httpx.get(f"{lrs_url}{path}")

    assert answer.status_code == 404
    assert answer.json()["error"]
    assert answer.headers["X-Experience-API-Version"]
