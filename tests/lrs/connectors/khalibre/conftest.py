"""Khalibre's side, and connections that ask it."""

import uuid
from collections.abc import Iterator

import pytest


@pytest.fixture
def side(settings, monkeypatch) -> Iterator:
    """Khalibre's side, which may be reached: from here and from processes that a test starts."""
    from tests.standins import khalibre

    settings.LRS_OUTBOUND_ALLOW = ["127.0.0.1"]
    monkeypatch.setenv("LRS_OUTBOUND_ALLOW", "127.0.0.1")
    with khalibre.running() as side:
        yield side


@pytest.fixture
def connect_khalibre(side, store):
    """Makes connections that ask the stand-in."""
    from lrs.connectors import connections

    def make(**given):
        settings = {
            "host": "khalibre.example",
            "client_id": "app",
            "client_secret": "app-secret",
            "api_url": f"{side.url}/o/kh-gateway/lms/v1.1",
            "token_url": f"{side.url}/o/oauth2/token",
            "store": store.name,
        }
        return connections.create("khalibre", f"khalibre {uuid.uuid4()}", settings | given)

    return make


@pytest.fixture
def connection(connect_khalibre):
    """A connection with the settings as they are without more ado."""
    return connect_khalibre()
