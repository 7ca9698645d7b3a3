"""Charts as SVG, drawn here: they need no script, are read out as a table, and follow light and dark by CSS."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.formats import number_format

from statements.admin.page import Text

# So many series have a colour of their own; the rest is put together.
COLOURS = 6
_HEIGHT = 100.0


class Series(NamedTuple):
    """A name and its values, one for each label of the chart, and where its bars lead."""

    name: Text
    values: Sequence[float]
    url: str = ""


class Bar(NamedTuple):
    """A rectangle in percent of the chart, the number of its colour, and what it says."""

    x: float
    y: float
    width: float
    height: float
    colour: int
    text: str


@dataclass(frozen=True, slots=True)
class Bars:
    """Stacked bars over labels. `short` are what stands under some of the bars."""

    title: Text
    labels: Sequence[str]
    series: Sequence[Series]
    short: Sequence[str] = ()
    unit: Text = ""

    @property
    def most(self) -> float:
        """The end of the scale: a round number at or above the highest bar."""
        return _round(
            max((sum(values) for values in zip(*[one.values for one in self.series], strict=True)), default=0)
        )

    @property
    def bars(self) -> list[Bar]:
        """The rectangles."""
        most, found = self.most, []
        step = 100.0 / max(1, len(self.labels))
        for column, label in enumerate(self.labels):
            below = 0.0
            for number, one in enumerate(self.series):
                value = one.values[column]
                if not value:
                    continue
                height = _HEIGHT * value / most
                y = _HEIGHT - below - height
                text = f"{label}: {one.name} {_number(value)}"
                found.append(
                    Bar(
                        round(column * step + step * 0.12, 3),
                        round(y, 3),
                        round(step * 0.76, 3),
                        round(height, 3),
                        number % COLOURS,
                        text,
                    )
                )
                below += height
        return found

    @property
    def scale(self) -> list[tuple[float, str]]:
        """Lines across: how far from the top in percent, and the number beside."""
        return [(_HEIGHT * (1 - share), _number(self.most * share)) for share in (1.0, 0.5, 0.0)]

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Words under the bars: the middle in percent, and the word."""
        step = 100.0 / max(1, len(self.labels))
        return [(round((number + 0.5) * step, 3), word) for number, word in enumerate(self.short) if word]

    @property
    def rows(self) -> list[tuple[str, list[float]]]:
        """The same as a table."""
        return [(label, [one.values[number] for one in self.series]) for number, label in enumerate(self.labels)]


class Step(NamedTuple):
    """A step of a funnel: how many, in percent of the first, and where they are listed."""

    name: Text
    amount: int
    percent: float
    url: str = ""


def funnel(steps: Sequence[tuple[Text, int, str]]) -> list[Step]:
    """Steps with their share of the first, which is not smaller than any other."""
    whole = max((amount for _, amount, _ in steps), default=0)
    return [Step(name, amount, round(100 * amount / whole, 1) if whole else 0.0, url) for name, amount, url in steps]


def _number(value: float) -> str:
    return str(number_format(int(value) if value == int(value) else value, force_grouping=True))


def _round(value: float) -> float:
    if value <= 4:
        return 4.0
    magnitude = 10.0 ** (len(str(int(value))) - 1)
    return next(magnitude * factor for factor in (1, 1.6, 2, 3, 4, 5, 6, 8, 10) if magnitude * factor >= value)
