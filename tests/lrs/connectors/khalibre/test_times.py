"""The forms of a date that are read, and those that would have to be guessed."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from lrs.connectors.providers.khalibre import times

THAT = datetime(2025, 3, 1, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2025-03-01T02:00:00Z",
        "2025-03-01T02:00:00.000Z",
        "2025-03-01T02:00:00.000+0000",
        "2025-03-01T09:00:00+07:00",
        "20250301T020000Z",
        "2025-03-01T02:00",
        "2025-03-01 02:00:00",
        1740794400,
        "1740794400",
        1740794400000,
        "1740794400000",
        1740794400.0,
    ],
)
def test_iso_epoch_seconds_milliseconds_and_the_plain_form_are_read(written):
    assert times.read(written) == THAT


@pytest.mark.parametrize(
    "written",
    [
        "01/03/2025",
        "03/01/2025 02:00",
        "1 Mar 2025",
        "20250301",
        20250301,
        "250301020000",
        "2025-W09-6",
        "2025-02-30",
        "0001-01-01T00:00:00+14:00",
        "soon",
        "",
        None,
        True,
        float("nan"),
        1e300,
        {"year": 2025},
    ],
)
def test_anything_else_is_not_guessed(written):
    assert times.read(written) is None


def test_a_time_without_offset_is_told_in_the_connections_timezone():
    written = "2025-03-01 09:00:00"
    assert times.read(written, ZoneInfo("Asia/Phnom_Penh")) == THAT
    assert times.read("2025-03-01T02:00:00Z", ZoneInfo("Asia/Phnom_Penh")) == THAT
