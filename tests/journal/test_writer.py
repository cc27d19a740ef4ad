"""Writing a journal: recorded means on disk, and what cannot be recorded leaves a gap."""

import asyncio
import gc
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hubv1.journal import Journal, Location, NotRecorded, Seen, read
from journal.asking import asked, ids
from samples import make_entry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def journal(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    monkeypatch.setattr("hubv1.journal.connection.BUSY_SECONDS", 0.05)
    opened = Journal(Location(str(path)), "bridge-1")
    yield opened
    opened.close()


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No garbage is collected meanwhile, as in a process that has little to do."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows by one for each transaction that is committed."""
    seen: list[object] = []

    def note(statement: str) -> None:
        if statement == "COMMIT":
            seen.append(statement)

    connect = sqlite3.connect

    def listened(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(note)
        return connection

    monkeypatch.setattr("sqlite3.connect", listened)
    return seen


async def loss(journal: Journal) -> NotRecorded:
    with pytest.raises(NotRecorded) as lost:
        await journal.record(make_entry())
    return lost.value


def test_what_is_recorded_can_be_read_from_another_connection_at_once(
    journal: Journal, path: Path
) -> None:
    async def recording() -> None:
        for number in range(1, 21):
            entry = make_entry()
            await journal.record(entry)
            assert entry.id in ids(path)
            assert len(ids(path)) == number

    asyncio.run(recording())


def test_nobody_is_told_before_the_row_is_committed(path: Path) -> None:
    journal = Journal(Location(str(path)), "bridge-1")

    async def recording() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            task = asyncio.create_task(journal.record(make_entry()))
            _, waiting = await asyncio.wait({task}, timeout=0.3)
            assert task in waiting
            other.execute("ROLLBACK")
        await asyncio.wait_for(task, 5)
        assert len(ids(path)) == 1

    asyncio.run(recording())
    journal.close()


def test_two_hundred_at_once_arrive_each_once_and_in_few_commits(
    commits: list[object], journal: Journal, path: Path
) -> None:
    commits.clear()
    entries = [make_entry() for _ in range(200)]

    async def recording() -> None:
        await asyncio.gather(*map(journal.record, entries))

    asyncio.run(recording())
    assert ids(path) == sorted(entry.id for entry in entries)
    assert 1 <= len(commits) <= 20


def test_more_than_fit_in_one_commit_arrive_all(
    path: Path, monkeypatch: pytest.MonkeyPatch, commits: list[object]
) -> None:
    monkeypatch.setattr("hubv1.journal.writer._MOST_AT_ONCE", 7)
    journal = Journal(Location(str(path)), "bridge-1")
    commits.clear()
    for _ in range(30):
        journal.record_unawaited(make_entry())
    journal.close()
    assert len(ids(path)) == 30
    assert len(commits) >= 5


def test_what_nobody_waits_for_is_written_by_the_time_the_journal_is_closed(
    journal: Journal, path: Path
) -> None:
    entries = [make_entry() for _ in range(50)]
    for entry in entries:
        journal.record_unawaited(entry)
    journal.close()
    assert ids(path) == sorted(entry.id for entry in entries)


def test_a_caller_that_stops_waiting_does_not_keep_others_from_hearing(
    journal: Journal, path: Path
) -> None:
    async def recording() -> None:
        impatient = asyncio.create_task(journal.record(make_entry()))
        patient = asyncio.create_task(journal.record(make_entry()))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.wait_for(patient, 5)

    asyncio.run(recording())
    assert len(ids(path)) == 2


class TestTraffic:
    def test_counts_are_written_when_the_journal_is_closed(
        self, journal: Journal, path: Path
    ) -> None:
        journal.seen.flows, journal.seen.still_served, journal.seen.rejected_tls = 7, 2, 1
        journal.close()
        with read(Location(str(path))) as history:
            assert history.seen == Seen(7, 2, 1)

    def test_counts_are_written_as_they_grow_even_while_nobody_calls(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hubv1.journal.writer.COUNTING_SECONDS", 0.02)
        journal = Journal(Location(str(path)), "bridge-1")
        for flows in (4, 9):
            journal.seen.flows = flows
            deadline = time.monotonic() + 5
            while asked(path, "SELECT sum(flows) FROM seen") != [(flows,)]:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        journal.close()

    def test_counts_are_kept_by_the_hour_and_bridge_and_add_up(self, path: Path) -> None:
        for bridge, flows in (("bridge-1", 3), ("bridge-1", 4), ("bridge-2", 5)):
            journal = Journal(Location(str(path)), bridge)
            journal.seen.flows = flows
            journal.close()
        rows = asked(path, "SELECT hour, bridge_id, flows FROM seen")
        assert len({row[:2] for row in rows}) == len(rows)
        assert all(str(hour)[14:] == "00:00.000000" for hour, _, _ in rows)
        with read(Location(str(path))) as history:
            assert history.seen.flows == 12

    def test_nothing_is_written_where_nothing_was_seen(self, journal: Journal, path: Path) -> None:
        journal.close()
        assert asked(path, "SELECT * FROM seen") == []


class TestGaps:
    def test_a_journal_that_is_locked_for_too_long_loses_rows_and_says_how_many(
        self, journal: Journal, path: Path
    ) -> None:
        async def recording() -> None:
            await journal.record(make_entry())
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                first, second = await loss(journal), await loss(journal)
                together = [journal.record(make_entry()) for _ in range(10)]
                lost = await asyncio.gather(*together, return_exceptions=True)
                assert {type(each) for each in lost} == {NotRecorded}
                other.execute("ROLLBACK")
            assert (first.first, second.first) == (True, False)
            assert "locked" in str(first)
            await journal.record(make_entry())

        asyncio.run(recording())
        assert len(ids(path)) == 2
        with read(Location(str(path))) as history:
            [gap] = history.gaps
        assert gap.calls == 12
        assert gap.started_at <= gap.ended_at
        assert "locked" in gap.reason

    @pytest.mark.usefixtures("uncollected")
    def test_a_commit_that_failed_keeps_nobody_out_afterwards(
        self, journal: Journal, path: Path
    ) -> None:
        async def recording() -> None:
            await journal.record(make_entry())
            asked(path, "DROP TABLE calls")
            await loss(journal)

        asyncio.run(recording())
        with closing(sqlite3.connect(path, isolation_level=None, timeout=0.1)) as other:
            other.execute("BEGIN IMMEDIATE")

    def test_a_journal_whose_table_is_gone_works_again_once_it_is_back(
        self, journal: Journal, path: Path
    ) -> None:
        async def recording() -> None:
            await journal.record(make_entry())
            [(made,)] = asked(path, "SELECT sql FROM sqlite_master WHERE name = 'calls'")
            for number in range(1, 3):
                asked(path, "DROP TABLE calls")
                assert (await loss(journal)).first
                assert not (await loss(journal)).first
                asked(path, str(made))
                await journal.record(make_entry())
                assert asked(path, "SELECT calls FROM gaps") == [(2,)] * number

        asyncio.run(recording())
        assert len(ids(path)) == 1

    def test_of_calls_that_are_lost_together_one_is_the_first(
        self, journal: Journal, path: Path
    ) -> None:
        async def recording() -> None:
            await journal.record(make_entry())
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                together = [journal.record(make_entry()) for _ in range(10)]
                lost = await asyncio.gather(*together, return_exceptions=True)
                other.execute("ROLLBACK")
            assert [isinstance(each, NotRecorded) and each.first for each in lost].count(True) == 1

        asyncio.run(recording())

    def test_trouble_with_the_counts_alone_leaves_the_first_lost_call_the_first(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hubv1.journal.writer.COUNTING_SECONDS", 0.02)
        journal = Journal(Location(str(path)), "bridge-1")
        asked(path, "DROP TABLE seen")

        async def recording() -> None:
            journal.seen.flows = 1
            await asyncio.sleep(0.2)
            assert (await loss(journal)).first

        asyncio.run(recording())
        journal.close()

    def test_a_gap_is_written_without_waiting_for_the_next_call(
        self, journal: Journal, path: Path
    ) -> None:
        async def recording() -> None:
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                await loss(journal)
                other.execute("ROLLBACK")

        asyncio.run(recording())
        journal.close()
        assert asked(path, "SELECT calls, bridge_id FROM gaps") == [(1, "bridge-1")]
