"""A list as the template records/list.html shows it: a table at a desk, cards on a phone.

    Listing(columns=(Column(_("Name"), wide=True), ...), rows=[Row(url, (cell, cell)), ...], newer=, older=, ...)

A cell is text, or HTML made by django.utils.html. The first cell of a row is the link to its `url`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django import forms

from statements.admin.page import Link, Text


class Column(NamedTuple):
    """A column: its heading, and how it is set: "number", "time", "word" (never broken), "words" (broken between
    words only), "broad", "wide" or nothing."""

    title: Text
    kind: str = ""


class Row(NamedTuple):
    """A row: where its first cell leads (empty: nowhere), its cells, and a tone: "bad", "warning", "muted"."""

    url: str
    cells: Sequence[object]
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list. `form` are the filters; `empty` says what to do where there are no rows; `note` stands above them."""

    caption: Text
    columns: Sequence[Column]
    rows: Sequence[Row]
    newer: str = ""
    older: str = ""
    form: forms.Form | None = None
    empty: Text = ""
    note: Text = ""
    tools: Sequence[Link] = ()

    @property
    def table(self) -> list[tuple[Row, list[tuple[Column, object]]]]:
        """Rows with their cells and the columns that these stand in."""
        return [(row, list(zip(self.columns, row.cells, strict=True))) for row in self.rows]
