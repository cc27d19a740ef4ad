"""Moments as people give them, in UTC and on the hour, since counts are kept by the hour."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubv1.report.sources import hours_of
from report.made import NOW


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026-03-01", at(1), at(2)),
        (" 2026-03-01 ", at(1), at(2)),
        ("2026-03-01T12:00:00Z", at(1, 12), at(1, 12)),
        ("2026-03-01T12:00:00.000001Z", at(1, 12), at(1, 13)),
        ("2026-03-01T12:30:00+02:00", at(1, 10), at(1, 11)),
        ("2026-03-01 12:30", at(1, 12), at(1, 13)),
        ("2026-03-01T23:30-01:00", at(2, 0), at(2, 1)),
        ("30m", at(1, 12), at(1, 13)),
        ("24h", at(1, 13) - timedelta(days=1), at(1, 14) - timedelta(days=1)),
        ("7d", at(1, 13) - timedelta(days=7), at(1, 14) - timedelta(days=7)),
        ("2w", at(1, 13) - timedelta(days=14), at(1, 14) - timedelta(days=14)),
        ("0m", at(1, 13), at(1, 14)),
    ],
    ids=str,
)
def test_a_period_is_as_wide_as_its_hours(text: str, begin: datetime, end: datetime) -> None:
    assert hours_of(text, NOW) == (begin, end)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "7",
        "7y",
        "-7d",
        "7.5h",
        "2026-02-30",
        "2026-03-01T25:00:00Z",
        "9999-12-31",
        "0001-01-01T00:00:00+14:00",
        "999999w",
        "\N{ARABIC-INDIC DIGIT SEVEN}d",
    ],
)
def test_what_is_no_moment_is_named_with_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match="neither a time such as 2026-03-01"):
        hours_of(text, NOW)


@given(st.text() | st.datetimes().map(str) | st.dates().map(str))
def test_whatever_it_is_it_is_a_period_or_refused(text: str) -> None:
    try:
        begin, end = hours_of(text, NOW)
    except ValueError:
        return
    assert begin.tzinfo is end.tzinfo is UTC
    assert end - begin in (timedelta(0), timedelta(hours=1), timedelta(days=1))
