"""The sender's mistakes: what is wrong with what was sent, and where."""

from collections.abc import Mapping
from typing import NamedTuple


class Fault(NamedTuple):
    """One mistake: the place as a JSON pointer (RFC 6901), the rule's short name, and a sentence."""

    pointer: str
    rule: str
    problem: str


class StatementError(Exception):
    """Anything wrong with what a sender sent; sending the same again cannot turn out differently."""

    faults: tuple[Fault, ...] = ()


class Invalid(StatementError):
    """What was sent breaks the specification; carries every fault that was found."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{pointer or 'the body'}: {problem}" for pointer, _, problem in faults[:5]))


class TooSlow(StatementError):
    """A query that was given up because it took longer than the limit."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"The query took longer than {seconds} s and was given up;"
            " ask for less, with since and until or one more filter."
        )


class Conflict(StatementError):
    """A statement with one of these ids is already kept and says something else (xAPI 1.0.3 Communication 2.1)."""

    def __init__(self, ids: tuple[str, ...]) -> None:
        self.ids = ids
        super().__init__(f"A different statement with the id {', '.join(ids)} is already stored.")

    def placed(self, places: Mapping[str, str]) -> "Conflict":
        """The same with a fault for each statement; `places` has the pointer of each by its id in lower case."""
        same = Conflict(self.ids)
        problem = "a different statement with this id is already stored"
        same.faults = tuple(Fault(f"{places[id]}/id", "conflict", problem) for id in self.ids)
        return same
