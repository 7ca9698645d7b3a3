"""Who the numbers of credentials are: the service above knows, and tells it here (it may not be imported)."""

from collections.abc import Callable
from typing import NamedTuple


class Source(NamedTuple):
    """A sender: its number, what it is called, the identifier of its authority, and the address of its page.

    `permission` is the name of what a user must have to be led there.
    """

    credential: int
    name: str
    authority: str = ""
    url: str = ""
    permission: str = ""


_known: list[Callable[[int], dict[int, Source]]] = []


def told_by(function: Callable[[int], dict[int, Source]]) -> None:
    """Let this function say who the sources of a store are, by their numbers."""
    _known[:] = [function]


def of(store: int) -> dict[int, Source]:
    """The sources of a store, by their numbers."""
    return _known[0](store) if _known else {}


def name(sources: dict[int, Source], credential: int | None) -> str:
    """What a source is called; its number where it is not known any more, empty where there is none."""
    if not credential:
        return ""
    return sources[credential].name if credential in sources else f"#{credential}"
