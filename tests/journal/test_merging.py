"""Several journals read together: a call that more than one of them has is counted once."""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubv1.journal import (
    EVERYTHING,
    CallRecord,
    Gap,
    Journal,
    JournalError,
    Location,
    Seen,
    Selection,
    read_all,
)
from report.made import write_journal
from samples import make_entry

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEEN = Seen(flows=30, still_served=2, rejected_tls=1)


def calls(number: int, start: datetime = START) -> list[CallRecord]:
    return [
        make_entry(bridge_id="bridge-1", started_at=start + at * HOUR, caller=f"c{at % 3}")
        for at in range(number)
    ]


def more(path: Path, *entries: CallRecord, bridge: str = "bridge-2", flows: int = 1) -> None:
    """What another bridge writes to the journal later."""
    journal = Journal(Location(str(path)), bridge)
    journal.seen = Seen(flows=flows)
    for entry in entries:
        journal.record_unawaited(entry)
    journal.close()


def without_rows(path: Path, until: datetime) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM calls WHERE started_at < ?", (until.isoformat(" ")[:19],))


class Told:
    """What several journals tell together."""

    def __init__(self, *paths: Path, selection: Selection = EVERYTHING) -> None:
        self.said: list[str] = []
        locations = [Location(str(path)) for path in paths]
        with read_all(locations, selection, self.said.append) as histories:
            summaries = [history.summary(START) for history in histories]
            self.calls = sum(count.calls for one in summaries for count in one.counts)
            self.by_day = sum(number for one in summaries for number in one.days.values())
            self.flows = sum(history.seen.flows for history in histories)
            self.gaps: Sequence[Gap] = [gap for history in histories for gap in history.gaps]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    gap = Gap(START, START, 3, "disk full")
    return write_journal(tmp_path / "journal", *calls(10), seen=SEEN, gaps=(gap,))


@pytest.fixture
def copy(journal: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(journal, tmp_path / "copy"))


def test_a_copy_adds_nothing_and_that_is_said(journal: Path, copy: Path) -> None:
    told = Told(journal, copy)
    assert (told.calls, told.by_day, told.flows, len(told.gaps)) == (10, 10, 30, 1)
    assert told.said == [f"All calls in {copy} are in {journal} too, and are counted once."]


def test_an_older_copy_adds_nothing_to_the_journal_that_went_on(journal: Path, copy: Path) -> None:
    more(journal, *calls(3, START + 100 * HOUR))
    for told in Told(copy, journal), Told(journal, copy):
        assert (told.calls, told.by_day, told.flows) == (13, 13, 31)
        assert told.said == [f"All calls in {copy} are in {journal} too, and are counted once."]


def test_two_copies_that_both_went_on_share_what_was_before(journal: Path, copy: Path) -> None:
    more(journal, *calls(3, START + 100 * HOUR))
    more(copy, *calls(2, START + 101 * HOUR), bridge="bridge-3", flows=4)
    told = Told(journal, copy)
    assert (told.calls, told.by_day, told.flows) == (15, 15, 35)
    assert told.said == [
        f"Calls in {copy} are in {journal} too: of it only the 2 others are counted."
    ]


def test_three_of_them_share_it_too(journal: Path, copy: Path, tmp_path: Path) -> None:
    third = Path(shutil.copy(copy, tmp_path / "third"))
    more(journal, *calls(3, START + 100 * HOUR))
    more(copy, *calls(2, START + 101 * HOUR), bridge="bridge-3")
    more(third, *calls(1, START + 102 * HOUR), bridge="bridge-4")
    assert Told(third, copy, journal).calls == 16


def test_of_rows_that_are_gone_the_counts_are_enough(journal: Path, copy: Path) -> None:
    more(journal, *calls(3, START + 100 * HOUR))
    without_rows(journal, START + 5 * HOUR)
    assert Told(journal, copy).calls == 13
    without_rows(journal, START + 500 * HOUR)
    assert Told(journal, copy).calls == 13


def test_a_journal_that_follows_another_of_the_same_bridge_is_counted_whole(
    journal: Path, tmp_path: Path
) -> None:
    later = write_journal(tmp_path / "later", *calls(4, START + 100 * HOUR), seen=Seen(flows=4))
    without_rows(later, START + 102 * HOUR)
    told = Told(journal, later)
    assert (told.calls, told.flows, told.said) == (14, 34, [])


def test_journals_of_different_bridges_are_counted_whole(journal: Path, tmp_path: Path) -> None:
    more(tmp_path / "other", *calls(4), bridge="bridge-9", flows=4)
    for _ in "with rows", "without":
        told = Told(journal, tmp_path / "other")
        assert (told.calls, told.flows, told.said) == (14, 34, [])
        without_rows(tmp_path / "other", START + 500 * HOUR)


def test_journals_that_one_bridge_wrote_at_the_same_time_are_counted_whole(
    journal: Path, tmp_path: Path
) -> None:
    other = write_journal(tmp_path / "other", *calls(4), seen=Seen(flows=4))
    told = Told(journal, other)
    assert (told.calls, told.flows, told.said) == (14, 34, [])


def test_what_one_adds_follows_the_selection(journal: Path, copy: Path) -> None:
    more(journal, *calls(3, START + 100 * HOUR))
    more(copy, *calls(6, START + 200 * HOUR), bridge="bridge-3")
    late = Selection(since=START + 202 * HOUR, callers=("c0",))
    told = Told(copy, journal, selection=late)
    assert (told.calls, told.by_day, told.gaps) == (1, 1, [])


def test_the_journal_that_cannot_be_read_is_named(journal: Path, copy: Path) -> None:
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE days SET first_at = 'yesterday'")
    with pytest.raises(
        JournalError, match=f"The journal {journal} holds values that no bridge wrote"
    ):
        Told(journal, copy)
    with pytest.raises(
        JournalError, match=f"The journal {journal} holds values that no bridge wrote"
    ):
        Told(copy, journal)
