"""What documents belong to, and the keys computed from it; pure (xAPI 1.0.3 Communication 2.2)."""

import json
from enum import StrEnum
from typing import NamedTuple

from statements import keys


class Kind(StrEnum):
    """Which resource a document belongs to."""

    STATE = "state"
    ACTIVITY_PROFILE = "activity"
    AGENT_PROFILE = "agent"


class Context(NamedTuple):
    """An activity (IRI), an agent (identifier), a registration (UUID in lower case); empty where it has none."""

    store: int
    kind: Kind
    activity: str = ""
    agent: str = ""
    registration: str = ""

    def key(self) -> str:
        """The key that its documents share, whatever their registration."""
        return keys.thing(self.store, "documents", json.dumps([self.kind, self.activity, self.agent]))

    def key_of(self, id: str) -> str:
        """The key of the document with this stateId or profileId."""
        return keys.thing(self.store, "document", json.dumps([*self[1:], id]))
