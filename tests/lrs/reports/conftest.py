"""A store with the demo's statements, and who reads it."""

import base64
from datetime import date
from typing import NamedTuple
from uuid import uuid4

import pytest
from django.test import Client

END = date(2026, 11, 1)


class Demo(NamedTuple):
    """A store's number and name, and a client that may read its reports."""

    store: int
    name: str
    api: Client
    authorization: str

    def get(self, path, **parameters):
        """What a report answers."""
        return self.api.get(f"/api/v1/{path}", parameters)

    def rows(self, path, **parameters):
        """Every row of a report, page by page."""
        found = []
        address = None
        while True:
            answer = self.get(path, **parameters) if address is None else self.api.get(address)
            assert answer.status_code == 200, answer.content
            page = answer.json()
            found += page["results"]
            address = page["next"]
            if address is None:
                return found


def reader_of(name, *scopes):
    """The store's number, a client, and its Authorization header."""
    from lrs import credentials

    issued = credentials.create(f"reader {uuid4()}", scopes=scopes, store=name)
    given = base64.b64encode(f"{issued.credential.key}:{issued.secret}".encode()).decode()
    header = f"Basic {given}"
    return Demo(
        issued.credential.store_id, name, Client(headers={"Authorization": header}, SERVER_NAME="localhost"), header
    )


def filled(statements):
    """A new store with so many of the demo's statements."""
    from lrs import demo

    name = f"demo {uuid4()}"
    demo.fill(name, statements, seed=7, end=END, say=lambda done: None)
    return reader_of(name, "reports/read")


@pytest.fixture(scope="module")
def demo(database):
    """A year of learning in 2000 statements."""
    return filled(2000)


@pytest.fixture
def empty(store):
    """An empty store."""
    return reader_of(store.name, "reports/read")
