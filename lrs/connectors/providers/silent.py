"""For providers that send no events of their own: nobody is let in, except by the signed attendance webhook."""

from collections.abc import Sequence

from lrs.connectors.contract import Received, Request, Settings, Unreadable
from lrs.connectors.events import Happening, Note


def verify(request: Request, settings: Settings) -> bool:
    """Whoever it is, it is not the provider."""
    return False


def cut(request: Request, settings: Settings) -> Sequence[Received]:
    """Raises Unreadable."""
    raise Unreadable("This provider sends no events.")


def read(received: Received, settings: Settings) -> Sequence[Happening]:
    """Nothing is to be done."""
    return [Note("no such event", "This provider sends no events.")]
