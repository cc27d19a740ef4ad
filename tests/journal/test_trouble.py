"""A journal that cannot be written for a time: calls go on, and what is lost is said."""

import asyncio
import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import pytest

from hubv1.journal import Gap, Journal, Location, NotRecorded, read
from journal.asking import asked, assert_counts_are_those_of_the_rows, ids
from samples import make_entry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """While it lasts another program writes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full_disk() -> Iterator[None]:
    """While it lasts no file takes more than one page."""
    _, hard = old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def gaps(path: Path) -> tuple[Gap, ...]:
    with read(Location(str(path))) as history:
        return tuple(history.gaps)


async def lose(journal: Journal) -> float:
    """A call that is not recorded; how many seconds it took to say so."""
    began = time.monotonic()
    with pytest.raises(NotRecorded):
        await journal.record(make_entry())
    return time.monotonic() - began


def test_while_another_program_keeps_it_locked_only_the_first_call_waits(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubv1.journal.connection.BUSY_SECONDS", 0.4)
    journal = Journal(Location(str(path)), "bridge-1")

    async def recording() -> None:
        with locked(path):
            assert (first := await lose(journal)) > 0.35
            assert median([await lose(journal) for _ in range(5)]) < first / 2
        await journal.record(make_entry())
        with locked(path):
            assert await lose(journal) > 0.35
        await journal.record(make_entry())

    asyncio.run(recording())
    journal.close()
    assert [gap.calls for gap in gaps(path)] == [6, 1]


def test_a_full_disk_is_a_gap_and_no_more(path: Path) -> None:
    journal = Journal(Location(str(path)), "bridge-1")

    async def recording() -> None:
        await journal.record(make_entry())
        with full_disk():
            for _ in range(3):
                await lose(journal)
        await journal.record(make_entry())

    asyncio.run(recording())
    journal.close()
    assert len(ids(path)) == 2
    assert [gap.calls for gap in gaps(path)] == [3]
    assert asked(path, "PRAGMA integrity_check") == [("ok",)]
    assert_counts_are_those_of_the_rows(path)


def test_what_is_still_lost_at_the_end_is_said(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hubv1.journal.connection.BUSY_SECONDS", 0.05)
    journal = Journal(Location(str(path)), "bridge-1")

    async def recording() -> None:
        for _ in range(3):
            await lose(journal)

    with locked(path):
        asyncio.run(recording())
        journal.close()
    [record] = caplog.records
    assert record.levelname == "ERROR"
    assert "3 calls since" in record.getMessage()
    assert str(path) in record.getMessage()


def test_a_journal_that_cannot_be_written_in_time_at_the_end_is_said(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hubv1.journal.writer._CLOSING_SECONDS", 0.1)
    journal = Journal(Location(str(path)), "bridge-1")
    with locked(path):
        journal.record_unawaited(make_entry())
        journal.close()
    [record] = caplog.records
    assert record.levelname == "ERROR"
    assert f"{path} was still being written after 0.1 s" in record.getMessage()


def test_a_folder_that_becomes_read_only_is_no_trouble_for_an_open_journal(path: Path) -> None:
    journal = Journal(Location(str(path)), "bridge-1")

    async def recording() -> None:
        await journal.record(make_entry())
        path.parent.chmod(0o500)
        try:
            await journal.record(make_entry())
        finally:
            path.parent.chmod(0o700)

    asyncio.run(recording())
    journal.close()
    assert len(ids(path)) == 2


def test_a_clock_that_is_set_back_loses_nothing(path: Path) -> None:
    time_now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    journal = Journal(Location(str(path)), "bridge-1", now=lambda: time_now)

    async def recording() -> None:
        nonlocal time_now
        for days in (0, -30, 5, -400):
            time_now = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(days=days)
            journal.seen.flows += 1
            await journal.record(make_entry(started_at=time_now))

    asyncio.run(recording())
    journal.close()
    assert len(ids(path)) == 4
    assert_counts_are_those_of_the_rows(path)
    with read(Location(str(path))) as history:
        assert history.seen.flows == 4
        assert [entry.started_at.month for entry in history.entries] == [1, 1, 3, 3]
