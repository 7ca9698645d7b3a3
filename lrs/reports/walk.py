"""Reading in portions that begin where the last one ended: never by number of rows, and never all at once.

Two steps, as statements.query does it: places first, from one narrow index; rows second, by key, and only those that
the other filters leave.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from lrs.api.cursors import Place
from lrs.reports.columns import Row

# So many rows are looked at before a list is refused that finds too few among them: some 30 ms.
MOST_SEEN = 10_000


class Portion(NamedTuple):
    """Rows in order, and after which place the next portion begins; None where there are no more."""

    rows: list[Row]
    after: Place | None


class Walk(NamedTuple):
    """A report in an order.

    `places` gives the next places of wanted rows, so many or all that are left; where it is told to look at so many
    rows at most, it raises Invalid if it finds too few among them. `rows` gives the rows at places. `fit` says how
    many of these places a page can have, where that is not a matter of their number.
    """

    places: Callable[[Place | None, int, int | None], Sequence[Place]]
    rows: Callable[[Sequence[Place]], Mapping[Place, Row]]
    fit: Callable[[Sequence[Place]], int] = len


def portion(walk: Walk, after: Place | None, limit: int) -> Portion:
    """One page. Raises Invalid where so little of what is looked at is wanted that reading on would be slow."""
    places = walk.places(after, limit + 1, MOST_SEEN)
    here = places[:limit]
    here = here[: walk.fit(here)]
    return Portion(_rows(walk, here), here[-1] if len(here) < len(places) else None)


def stream(walk: Walk, amount: int) -> Iterator[list[Row]]:
    """Every row, in portions."""
    after: Place | None = None
    while places := walk.places(after, amount, None):
        yield _rows(walk, places)
        if len(places) < amount:
            return
        after = places[-1]


def _rows(walk: Walk, places: Sequence[Place]) -> list[Row]:
    rows = walk.rows(places) if places else {}
    return [rows[place] for place in places if place in rows]
