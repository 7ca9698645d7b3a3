"""eTutorium: its check and its registrants, with a stand-in made after the source of its clients."""

import httpx
import pytest
from django.utils import timezone

from lrs.connectors import connections
from lrs.connectors.contract import CheckFailed
from lrs.connectors.webinars import sessions, sync
from tests.lrs.connectors.conftest import payload
from tests.lrs.connectors.webinars.conftest import END, OLENA, PETRO, planned, run, told
from tests.standins.loopback import Said

ENVELOPES = payload("webinars/etutorium/response_envelopes.json")


@pytest.fixture
def etutorium(settings):
    from tests.standins import etutorium

    settings.LRS_OUTBOUND_ALLOW = ["127.0.0.1"]
    with etutorium.running() as side:
        yield side


@pytest.fixture
def connection(connect, etutorium):
    return connect("etutorium", endpoint=etutorium.url, api_token=etutorium.token)


def test_the_check_says_what_nobody_has_verified(connection):
    ok, sentence = connections.check(connection)
    assert ok
    assert sentence.startswith("ok: eTutorium takes api_token. 1 webinars. Not verified against the live service.")


@pytest.mark.parametrize(
    ("said", "part"),
    [
        (Said(200, ENVELOPES["error"] | {"error": ["Wrong key", "or so"]}), "Wrong key; or so"),
        (Said(200, ENVELOPES["validate"]), "field"),
        (Said(200, ENVELOPES["message"]), ".."),
        (Said(200, []), "not an object"),
        (Said(200, "<html>"), "not JSON"),
        (Said(401, {}), "does not take api_token"),
        (Said(404, {}), "is endpoint right?"),
    ],
)
def test_every_kind_of_no_is_a_failed_check(connection, etutorium, said, part):
    etutorium.said = said
    ok, sentence = connections.check(connection)
    assert not ok
    assert part in sentence


def test_a_wrong_token_is_a_failed_check(connection):
    connections.change(connection, {"api_token": "wrong"})
    assert connections.check(connection) == (False, "failed: eTutorium says no: Wrong API key")


@pytest.mark.parametrize("keyed", [False, True])
def test_registrants_are_the_roster_in_every_likely_shape(connection, etutorium, keyed):
    rows = [
        {"email": OLENA, "first_name": "Olena", "second_name": "Koval", "access_token": "x", "role": "listener"},
        {"username": PETRO, "first_name": "Petro", "last_name": "Bondar"},
        {"username": "third@example.com", "name": "Third"},
        {"username": "without address"},
        {"access_token": "x"},
        "text",
    ]
    etutorium.registered = {str(number): row for number, row in enumerate(rows)} if keyed else rows
    session = planned(connection, "13144", roster=())
    assert sync.fetch_roster(session, timezone.now()) == 3
    assert {(one.email, one.name) for one in sessions.roster(session)} == {
        (OLENA, "Olena Koval"),
        (PETRO, "Petro Bondar"),
        ("third@example.com", "Third"),
    }


def test_a_registrant_is_not_an_attendee(connection, etutorium):
    etutorium.registered = [{"email": OLENA}]
    session = planned(connection, "13144", roster=())
    sync.fetch_roster(session, timezone.now())
    for _ in range(13):
        session.refresh_from_db()
        run(connection, session.due)
    session.refresh_from_db()
    assert session.state == "no_data"
    assert told(connection) == []
    assert session.due is None
    assert session.base == END


def test_a_webinar_has_a_number(connection):
    session = planned(connection, "my-webinar", roster=())
    with pytest.raises(CheckFailed, match="have numbers"):
        sync.fetch_roster(session, timezone.now())


def test_nobody_is_let_in_as_etutorium(connection, lrs_url):
    assert httpx.post(f"{lrs_url}/hooks/{connection.hook}", json={}).status_code == 401
