"""Connections for the tests of connectors, each with a store of its own."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

PAYLOADS = Path(__file__).parents[2] / "payloads"


@pytest.fixture(autouse=True)
def short_waits(settings) -> None:
    """Who fails is asked again soon."""
    settings.LRS_OUTBOUND_BACKOFF = 40


@pytest.fixture
def public_url(settings) -> str:
    """The address that the expected statements were written for."""
    settings.LRS_PUBLIC_URL = "https://lrs.example.org"
    return "https://lrs.example.org"


@pytest.fixture
def alm_side(settings) -> Iterator:
    """Adobe's side, which may be reached."""
    from tests.standins import alm

    settings.LRS_OUTBOUND_ALLOW = ["127.0.0.1"]
    with alm.running() as side:
        yield side


@pytest.fixture
def connect(store):
    """Makes connections in a store of the test's own."""
    from lrs.connectors import connections

    def make(provider="alm", **given):
        named = f"{provider} {uuid.uuid4()}"
        return connections.create(provider, named, {"store": store.name} | given)

    return make


@pytest.fixture
def with_api(connect, alm_side):
    """Makes connections that ask the stand-in."""

    def make(**given):
        return connect(
            client_id="app",
            client_secret="app-secret",
            refresh_token="refresh-0",
            account_id="1234",
            api_url=f"{alm_side.url}/primeapi/v2",
            token_url=f"{alm_side.url}/oauth/token/refresh",
            **given,
        )

    return make


def payload(path: str):
    """A payload of the tests, as JSON."""
    return json.loads((PAYLOADS / path).read_text())
