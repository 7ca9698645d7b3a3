"""More callers: in another store, and with fewer scopes."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.client import Client


@pytest.fixture
def another_client(lrs_url: str) -> Iterator[Client]:
    """A client that may do everything in another store."""
    # Models can be imported only when Django is set up.
    from lrs import credentials

    name = f"other {uuid.uuid4()}"
    issued = credentials.create(name, scopes=["all"], store=name)
    with Client(lrs_url, issued.credential.key, issued.secret) as client:
        yield client


@pytest.fixture
def scoped(lrs_url: str, store) -> Iterator[Callable[..., Client]]:
    """Makes clients of the store that have certain scopes."""
    from lrs import credentials

    with ExitStack() as stack:

        def make(*scopes: str) -> Client:
            issued = credentials.create(f"scoped {uuid.uuid4()}", scopes=list(scopes), store=store.name)
            return stack.enter_context(Client(lrs_url, issued.credential.key, issued.secret))

        yield make
