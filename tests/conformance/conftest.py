"""More callers: with other scopes, in other stores."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.client import Client


@pytest.fixture
def caller(lrs_url: str, store) -> Iterator[Callable[..., Client]]:
    """Makes clients with certain scopes, in the test's store or in one with another name."""
    # Models can be imported only when Django is set up.
    from lrs import credentials

    with ExitStack() as stack:

        def make(*scopes: str, store_name: str = store.name) -> Client:
            issued = credentials.create(f"caller {uuid.uuid4()}", scopes=list(scopes), store=store_name)
            return stack.enter_context(Client(lrs_url, issued.credential.key, issued.secret))

        yield make


@pytest.fixture
def stranger(caller: Callable[..., Client]) -> Client:
    """A client that may do everything in another store."""
    return caller("all", store_name=f"other {uuid.uuid4()}")
