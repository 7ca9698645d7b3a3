"""What differs between the databases, and which one is in use."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cache
from typing import Any, Protocol
from uuid import UUID

from django.db import connection

from statements.entry import Entry
from statements.store import postgres, sqlite
from statements.store.rows import Row


class Dialect(Protocol):
    """The functions that each database's module has; FOR_UPDATE ends a query whose rows are to be locked."""

    FOR_UPDATE: str

    def transaction(self, store: int, refers: bool) -> AbstractContextManager[datetime]:
        """A write transaction; gives the time from which its statements are stored.

        No statement that becomes visible later can have an earlier `stored` than `through` told. With `refers` no
        other write of the store is open meanwhile, so that a reference and its target cannot miss each other.
        """

    def quick(self, entry: Entry, besides: Callable[[], None] | None) -> bool:
        """Store one new statement by the shortest way, and in the same transaction what is to be written besides.

        False where that way does not serve and nothing was stored.
        """

    def writing(self, statements: Iterable[Row], mentions: Iterable[Row]) -> AbstractContextManager[None]:
        """Insert new rows, given in the order of the statements' keys.

        The database may still be busy with them inside of the block; IntegrityError, at the end of the block at the
        latest, where a statement was stored meanwhile.
        """

    def link(self, mentions: Sequence[Row]) -> None:
        """Insert mention rows, passing over those that exist."""

    def replace(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows, given in the order of their keys, or put them in place of those with the same `key`."""

    def through(self, store: int) -> datetime:
        """A time at or before which nothing of the store can appear any more."""

    def limited(self, seconds: int) -> AbstractContextManager[None]:
        """Queries inside that take longer raise TooSlow."""

    def select(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a query that is asked often; `%s` stands for a value."""

    def among(self, column: str, keys: Sequence[str]) -> tuple[str, list[Any]]:
        """That a column of keys has one of these: SQL and its values."""

    def first_rows(self, table: str, column: str, store: int, keys: Sequence[UUID], most: int) -> list[str]:
        """The column's keys of the first rows of a store that have the first of these keys, then the next, and so on.

        As an index of store and column gives them; nothing behind the last of so many rows is read.
        """

    def given(self, **columns: str) -> str:
        """A table `given` of rows that one parameter brings as a JSON list of objects; columns and their SQL types."""

    def time(self, moment: datetime) -> Any:
        """A UTC time as a parameter of SQL."""

    def moment(self, value: Any) -> datetime:
        """A time as SQL returned it, in UTC."""

    def key(self, value: Any) -> str:
        """A key as SQL returned it, as 32 hexadecimal digits."""


_DIALECTS: dict[str, Dialect] = {"postgresql": postgres, "sqlite": sqlite}


@cache
def dialect() -> Dialect:
    """The dialect of the database in use, which stays the same."""
    return _DIALECTS[connection.vendor]
