"""Counts of a period and of names are those of the single calls in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubv1.api.routes import Outcome
from hubv1.journal import CallRecord, Location, Selection, Summary, read, summarised
from report.made import write_journal
from samples import make_entry

START = datetime(2026, 2, 27, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = START + 60 * HOUR
CALLS = [
    make_entry(
        started_at=START + at * timedelta(minutes=50),
        caller=f"c{at % 3}",
        namespace="acme" if at % 2 else "library",
        outcome=Outcome.GONE if at % 5 == 0 else Outcome.TRANSLATED,
    )
    for at in range(90)
]

times = st.none() | st.integers(-3, 80).map(lambda hours: START + hours * HOUR)
selections = st.builds(
    Selection,
    since=times,
    until=times,
    callers=st.sampled_from([(), ("c1",), ("c[12]",), ("nobody",)]),
    repositories=st.sampled_from([(), ("acme/*",)]),
    outcomes=st.sampled_from([(), (Outcome.GONE,)]),
    accepted=st.sampled_from([(), ("c2",), ("*",)]),
).filter(lambda one: one.since is None or one.until is None or one.since < one.until)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_journal(tmp_path_factory.mktemp("selection") / "journal", *CALLS)


@contextmanager
def counted(journal: Path, selection: Selection) -> Iterator[Summary]:
    with read(Location(str(journal)), selection) as history:
        yield history.summary(NOW)


def comparable(summary: Summary) -> tuple[object, ...]:
    counts, accepted = (
        sorted(
            (one.caller, one.repository, one.outcome, one.calls, one.this_hour, one.first_at)
            for one in some
        )
        for some in (summary.counts, summary.accepted)
    )
    return counts, accepted, dict(summary.days)


@given(selections)
@settings(deadline=None)
def test_the_tables_of_counts_say_what_the_rows_would(journal: Path, selection: Selection) -> None:
    with counted(journal, selection) as summary:
        assert comparable(summary) == comparable(summarised(CALLS, NOW, selection))


def entries_of(journal: Path, selection: Selection) -> list[CallRecord]:
    with read(Location(str(journal)), selection) as history:
        return list(history.entries)


def test_single_calls_are_those_of_the_period(journal: Path) -> None:
    selection = Selection(since=START + HOUR, until=START + 2 * HOUR)
    assert [entry.started_at for entry in entries_of(journal, selection)] == [
        START + timedelta(minutes=100)
    ]
