"""Connections to the database that broke while nobody used them."""

import select

from django.db import connections


def drop_broken(**signal: object) -> None:
    """Close idle PostgreSQL connections whose server went away, so that the next query opens a new one.

    Each thread keeps its connection between requests (config.settings). Asking the server whether it is still there
    would add a quarter to a small request; a look at the socket costs 3 us: an idle server says nothing but goodbye.
    """
    for wrapper in connections.all(initialized_only=True):
        if wrapper.vendor == "postgresql" and wrapper.connection is not None and not wrapper.in_atomic_block:
            watched = select.poll()
            watched.register(wrapper.connection.fileno(), select.POLLIN)
            if watched.poll(0):
                wrapper.close()
