"""POST /hooks/<key>, over a real socket."""

import json

import httpx
import pytest

from lrs.connectors.models import Delivery
from tests.lrs.connectors.archive import events, statements, work_off
from tests.lrs.connectors.conftest import payload

BODY = payload("alm/events/COURSE_COMPLETED.json")


@pytest.fixture
def post(lrs_url):
    with httpx.Client(base_url=lrs_url) as http:

        def send(connection, content=None, **options):
            if content is None:
                options.setdefault("json", BODY)
            return http.post(f"/hooks/{connection.hook}", content=content, **options)

        yield send


@pytest.fixture
def http(lrs_url):
    with httpx.Client(base_url=lrs_url) as client:
        yield client


def kept(connection):
    return list(Delivery.objects.filter(connection=connection).order_by("id"))


def test_a_delivery_is_acknowledged_when_it_is_kept_as_it_came(connect, post):
    connection = connect()
    content = b'{"accountId": 1234,   "events": []}\n'
    answer = post(connection, content, headers={"X-Adobe": "one", "Authorization": "Basic c2VjcmV0"})
    assert answer.status_code == 202
    [delivery] = kept(connection)
    assert bytes(delivery.body) == content
    assert delivery.headers["x-adobe"] == "one"
    assert delivery.headers["authorization"] == "(hidden)"


@pytest.mark.parametrize("key", ["guessed", "%00", "%ff", "x" * 5000])
def test_an_unknown_key_is_404(connect, lrs_url, key):
    assert httpx.post(f"{lrs_url}/hooks/{key}", json=BODY).status_code == 404


@pytest.mark.parametrize(
    "auth",
    [None, ("adobe", "wrong"), ("wrong", "right-password"), ("adobe", ""), ("", ""), ("adobe", "Right-password")],
)
def test_a_wrong_password_is_401_and_nothing_is_kept(connect, post, auth):
    connection = connect(auth="basic", username="adobe", password="right-password")
    assert post(connection, auth=auth).status_code == 401
    assert kept(connection) == []


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Bearer right", "Basic w7w=", "\xff"])
def test_a_broken_authorization_header_is_401(connect, post, header):
    connection = connect(auth="basic", username="adobe", password="right-password")
    assert post(connection, headers={"Authorization": header.encode("latin-1")}).status_code == 401
    assert kept(connection) == []


def test_the_right_password_is_let_in(connect, post):
    connection = connect(auth="basic", username="adobe", password="rïght:password")
    assert post(connection, auth=("adobe", "rïght:password")).status_code == 202


def test_a_shared_secret_in_a_header_is_asked_for_and_not_kept(connect, post):
    connection = connect(auth="header", header="X-Hook-Secret", header_secret="long and secret")
    assert post(connection).status_code == 401
    assert post(connection, headers={"X-Hook-Secret": "long and"}).status_code == 401
    assert post(connection, headers={"X-Hook-Secret": "long and secret"}).status_code == 202
    [delivery] = kept(connection)
    assert delivery.headers["x-hook-secret"] == "(hidden)"


def test_a_shared_secret_may_have_any_letters(connect, post):
    connection = connect(auth="header", header="X-Hook-Secret", header_secret="gehäim")
    assert post(connection, headers={"X-Hook-Secret": "gehäim".encode()}).status_code == 202
    assert post(connection, headers={"X-Hook-Secret": "gehäin".encode()}).status_code == 401


@pytest.mark.parametrize("content", [b"", b"  ", b"{}", b"\xef\xbb\xbf{}"])
def test_a_test_request_without_events_is_fine(connect, post, content):
    connection = connect()
    assert post(connection, content).status_code == 202
    work_off()
    assert [(row.state, row.events) for row in kept(connection)] == [("cut", 0)]


@pytest.mark.parametrize(
    "content", [b"not JSON", b"\xff\xfe", b"[]", b'"text"', b"7", b'{"events": 3}', b'{"other": 1}', b'{"events": [']
)
def test_an_unreadable_body_is_acknowledged_kept_and_shown(connect, post, content):
    connection = connect()
    assert post(connection, content).status_code == 202
    work_off()
    [delivery] = kept(connection)
    assert (delivery.state, bytes(delivery.body)) == ("unreadable", content)
    assert delivery.problem


def test_a_challenge_is_echoed(connect, post, http):
    connection = connect()
    answer = post(connection, json.dumps({"challenge": "abc"}).encode())
    assert (answer.status_code, answer.json()) == (200, {"challenge": "abc"})
    answer = http.get(f"/hooks/{connection.hook}", params={"challenge": "xyz"})
    assert (answer.status_code, answer.json()) == (200, {"challenge": "xyz"})


def test_events_beside_a_challenge_are_kept(connect, post):
    connection = connect()
    assert post(connection, json={**BODY, "challenge": "abc"}).json() == {"challenge": "abc"}
    work_off()
    assert len(statements(connection)) == 1


def test_a_body_of_eight_megabytes_is_taken_and_a_larger_one_is_not(connect, post):
    connection = connect()
    body = json.dumps({"events": []}).encode()
    assert post(connection, body.ljust(8 * 2**20)).status_code == 202
    assert post(connection, body.ljust(8 * 2**20 + 1)).status_code == 413
    assert len(kept(connection)) == 1


def test_other_methods_are_405(connect, http):
    connection = connect()
    for method in ("PUT", "DELETE", "PATCH"):
        assert http.request(method, f"/hooks/{connection.hook}").status_code == 405


def test_a_delivery_sent_twice_is_one_statement(connect, post):
    connection = connect()
    post(connection)
    post(connection)
    work_off()
    assert len(statements(connection)) == 1
    assert len(events(connection)) == 1
    assert [(row.events, row.repeated) for row in kept(connection)] == [(1, 0), (0, 1)]


def test_a_delivery_that_comes_again_later_is_counted_as_repeated(connect, post):
    connection = connect()
    for _ in range(2):
        post(connection)
        work_off()
    assert len(statements(connection)) == 1
    assert [(row.events, row.repeated) for row in kept(connection)] == [(1, 0), (0, 1)]


def test_an_event_and_its_batch_twin_with_one_id_are_two(connect, post):
    connection = connect()
    twin = json.loads(json.dumps(BODY))
    twin["events"][0]["eventName"] = "COURSE_COMPLETED_BATCH"
    other_account = json.loads(json.dumps(BODY)) | {"accountId": 999}
    for body in (BODY, twin, other_account):
        post(connection, json=body)
    work_off()
    assert len(statements(connection)) == 3


def test_a_paused_connection_keeps_its_deliveries_until_it_goes_on(connect, post):
    connection = connect()
    type(connection).objects.filter(pk=connection.pk).update(state="paused")
    assert post(connection).status_code == 202
    work_off()
    assert statements(connection) == []
    type(connection).objects.filter(pk=connection.pk).update(state="active")
    work_off()
    assert len(statements(connection)) == 1
