"""A journal that is damaged, removed or replaced: kept aside, said once, and begun anew."""

import asyncio
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Self

import pytest

from hubv1.journal import Journal, JournalError, Location, NotRecorded, read
from journal.asking import asked, assert_counts_are_those_of_the_rows, ids
from samples import make_entry

PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


def write(path: Path, number: int) -> None:
    journal = Journal(Location(str(path)), "bridge-1")
    for _ in range(number):
        journal.record_unawaited(make_entry())
    journal.close()


def overwrite(path: Path, start: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xa5" * length)


def size(path: Path) -> int:
    return path.stat().st_size


def remove(*paths: Path) -> None:
    for path in paths:
        path.unlink()


def kept_aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.damaged-*"))


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname != "INFO"]


def watch_statements(monkeypatch: pytest.MonkeyPatch, see: Callable[[str], object]) -> None:
    """`see` is called after each statement of a bridge that writes, not while it opens a file."""

    class Seen(sqlite3.Cursor):
        def execute(self, statement: str, *parameters: Any) -> Self:
            done = super().execute(statement, *parameters)
            see(statement)
            return done

    class Connection(sqlite3.Connection):
        def cursor(self, *_: Any) -> Any:  # stricter than its type says
            return super().cursor(Seen)

        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            return super().cursor().execute(*arguments)  # Python 3.11 would call the method above

    monkeypatch.setattr("sqlite3.connect", partial(sqlite3.connect, factory=Connection))


class TestAtTheStart:
    @pytest.mark.parametrize(
        ("start", "length"),
        [(0, 100), (0, PAGE), (10 * PAGE, PAGE)],
        ids=["its header", "its first page", "a page in the middle"],
    )
    def test_a_damaged_one_is_kept_aside_and_a_new_one_begun(
        self, path: Path, caplog: pytest.LogCaptureFixture, start: int, length: int
    ) -> None:
        write(path, 200)
        overwrite(path, start, length)
        damaged = path.read_bytes()
        write(path, 1)
        [aside] = kept_aside(path)
        assert aside.read_bytes() == damaged
        assert len(ids(path)) == 1
        [sentence] = said(caplog)
        assert str(path) in sentence
        assert str(aside) in sentence
        # An error would end mitmproxy's start.
        assert caplog.records[0].levelname == "WARNING"

    def test_its_companions_go_with_it(self, path: Path) -> None:
        write(path, 200)
        with closing(sqlite3.connect(path)) as another:
            another.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            overwrite(path, 0, PAGE)
            write(path, 1)
        aside, *companions = kept_aside(path)
        names = [f"{aside.name}-shm", f"{aside.name}-wal"]
        assert [each.name for each in companions] == names

    def test_one_cut_off_is_a_damaged_one(self, path: Path) -> None:
        write(path, 200)
        path.write_bytes(path.read_bytes()[: 20 * PAGE])
        write(path, 1)
        assert len(kept_aside(path)) == 1

    @pytest.mark.parametrize("start", [0, PAGE])
    def test_what_somebody_else_damaged_is_theirs(self, path: Path, start: int) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE books (title)")
            connection.executemany("INSERT INTO books VALUES (?)", [("x" * 50,)] * 1_000)
        overwrite(path, start, 200)
        before = path.read_bytes()
        with pytest.raises(JournalError):
            write(path, 1)
        assert path.read_bytes() == before
        assert kept_aside(path) == []

    def test_a_text_that_speaks_of_the_bridge_is_no_journal(self, path: Path) -> None:
        path.write_text("started hub-v1-bridge-0a1b2c3d\n" * 500)
        with pytest.raises(JournalError, match="not a database"):
            write(path, 1)

    def test_a_link_leads_to_the_damaged_file(self, path: Path, tmp_path: Path) -> None:
        write(path, 200)
        overwrite(path, 0, 100)
        link = tmp_path / "link"
        link.symlink_to(path)
        write(link, 1)
        assert len(kept_aside(path)) == 1
        assert link.is_symlink()
        assert len(ids(path)) == 1


def test_damage_on_the_way_loses_no_call(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(Location(str(path)), "bridge-1")

    async def recording() -> None:
        for _ in range(200):  # of those before the last 150 it remembers less
            await journal.record(make_entry())
        asked(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        overwrite(path, PAGE, size(path) - PAGE)
        for _ in range(3):
            await journal.record(make_entry())

    asyncio.run(recording())
    journal.close()
    assert len(ids(path)) == 203
    assert_counts_are_those_of_the_rows(path)
    [error] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "is damaged" in error.getMessage()
    assert len(kept_aside(path)) >= 1


class TestWhileItIsWritten:
    def test_a_removed_one_is_begun_anew_before_the_next_call_is_recorded(
        self, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        journal = Journal(Location(str(path)), "bridge-1")

        async def recording() -> None:
            for _ in range(3):
                await journal.record(make_entry())
                remove(path)
                entry = make_entry()
                await journal.record(entry)
                assert entry.id in ids(path)

        asyncio.run(recording())
        journal.close()
        # What was in the log alone, and so in no file that anybody could have kept, is there too.
        assert len(ids(path)) == 6
        assert_counts_are_those_of_the_rows(path)
        assert len(said(caplog)) == 3
        assert "removed or replaced" in said(caplog)[0]

    @pytest.mark.parametrize("companions", [False, True])
    def test_one_in_whose_place_an_older_copy_was_put_is_gone_on_with(
        self, path: Path, tmp_path: Path, *, companions: bool
    ) -> None:
        write(path, 5)
        shutil.copy(path, tmp_path / "copy")
        journal = Journal(Location(str(path)), "bridge-1")
        entry = make_entry()

        async def recording() -> None:
            for _ in range(50):
                await journal.record(make_entry())
            if companions:
                remove(*path.parent.glob("journal.sqlite3-*"))
            (tmp_path / "copy").replace(path)
            await journal.record(entry)
            await journal.record(make_entry())

        asyncio.run(recording())
        journal.close()
        assert len(ids(path)) == 57
        assert entry.id in ids(path)
        assert asked(path, "PRAGMA integrity_check") == [("ok",)]
        assert_counts_are_those_of_the_rows(path)

    def test_its_folder_may_go_and_come_back(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        path = folder / "journal.sqlite3"
        journal = Journal(Location(str(path)), "bridge-1")

        async def recording() -> None:
            await journal.record(make_entry())
            shutil.rmtree(folder)
            with pytest.raises(NotRecorded, match="No such file"):
                await journal.record(make_entry())
            folder.mkdir()
            await asyncio.sleep(1.1)
            await journal.record(make_entry())

        asyncio.run(recording())
        journal.close()
        assert len(ids(path)) == 2
        with read(Location(str(path))) as history:
            assert [gap.calls for gap in history.gaps] == [1]

    @pytest.mark.parametrize("ending", ["-wal", "-shm", "-*"])
    def test_what_belongs_to_it_may_be_removed_and_nothing_is_lost(
        self, path: Path, caplog: pytest.LogCaptureFixture, ending: str
    ) -> None:
        journal = Journal(Location(str(path)), "bridge-1")

        async def recording() -> None:
            for _ in range(3):
                for _ in range(5):
                    await journal.record(make_entry())
                remove(*path.parent.glob(f"journal.sqlite3{ending}"))

        asyncio.run(recording())
        journal.close()
        assert len(ids(path)) == 15
        assert_counts_are_those_of_the_rows(path)
        assert "reopened" in said(caplog)[0]

    def test_one_that_is_emptied_gets_back_what_its_log_has(self, path: Path) -> None:
        write(path, 300)
        journal = Journal(Location(str(path)), "bridge-1")
        entries = [make_entry() for _ in range(6)]

        async def recording() -> None:
            for entry in entries[:3]:
                await journal.record(entry)
            os.truncate(path, 0)
            for entry in entries[3:]:
                await journal.record(entry)

        asyncio.run(recording())
        journal.close()
        assert {entry.id for entry in entries[3:]} <= set(ids(path))
        assert asked(path, "PRAGMA integrity_check") == [("ok",)]
        assert_counts_are_those_of_the_rows(path)

    def test_damage_that_its_writer_does_not_meet_is_noticed_too(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr("hubv1.journal.writer.COUNTING_SECONDS", 0.05)
        write(path, 300)
        journal = Journal(Location(str(path)), "bridge-1")
        asyncio.run(journal.record(make_entry()))
        for each in (path, path.with_name(f"{path.name}-wal")):
            overwrite(each, 0, size(each))
        deadline = time.monotonic() + 10
        while not kept_aside(path):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        asyncio.run(journal.record(make_entry()))
        journal.close()
        assert len(ids(path)) == 2
        assert_counts_are_those_of_the_rows(path)
        assert "is damaged" in " ".join(said(caplog))

    def test_it_is_noticed_while_nobody_calls(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hubv1.journal.writer.COUNTING_SECONDS", 0.02)
        journal = Journal(Location(str(path)), "bridge-1")
        path.unlink()
        deadline = time.monotonic() + 5
        while not path.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        journal.close()

    def test_somebody_elses_database_in_its_place_is_left_alone(
        self, path: Path, tmp_path: Path
    ) -> None:
        with closing(sqlite3.connect(tmp_path / "books")) as connection, connection:
            connection.execute("CREATE TABLE books (title)")
        journal = Journal(Location(str(path)), "bridge-1")

        async def recording() -> None:
            await journal.record(make_entry())
            (tmp_path / "books").replace(path)
            with pytest.raises(NotRecorded, match="not a journal of this bridge"):
                await journal.record(make_entry())

        asyncio.run(recording())
        journal.close()
        assert asked(path, "SELECT name FROM sqlite_master") == [("books",)]

    def test_damage_is_mended_that_is_met_while_lost_calls_are_written_again(
        self, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hubv1.journal.connection._CHECKED", 0)  # as of a large file
        another = tmp_path / "another"
        write(another, 300)
        overwrite(another, 20 * PAGE, size(another) - 20 * PAGE)
        journal = Journal(Location(str(path)), "bridge-1")
        entries = [make_entry() for _ in range(3)]

        async def recording() -> None:
            await journal.record(entries[0])
            another.replace(path)
            for entry in entries[1:]:
                await journal.record(entry)

        asyncio.run(recording())
        journal.close()
        assert ids(path) == sorted(entry.id for entry in entries)
        assert len([*path.parent.glob("*Z")]) == 1
        assert_counts_are_those_of_the_rows(path)

    def test_calls_are_not_lost_where_damage_comes_again_before_the_end(self, path: Path) -> None:
        journal = Journal(Location(str(path)), "bridge-1")
        entries = [make_entry() for _ in range(40)]

        async def recording() -> None:
            for number, entry in enumerate(entries):
                await journal.record(entry)
                if number % 20 == 19:
                    asked(path, "PRAGMA wal_checkpoint(TRUNCATE)")
                    overwrite(path, PAGE, size(path) - PAGE)
            with pytest.raises(NotRecorded):  # so soon after the first none is kept aside
                await journal.record(make_entry())

        asyncio.run(recording())
        journal.close()
        assert ids(path) == sorted(entry.id for entry in entries)
        assert asked(path, "SELECT calls FROM gaps") == [(1,)]
        assert len([*path.parent.glob("*Z")]) == 2
        assert_counts_are_those_of_the_rows(path)

    @pytest.mark.parametrize("after", ["BEGIN", "INSERT INTO calls", "COMMIT"])
    def test_a_log_that_is_emptied_at_the_wrong_moment_costs_no_call(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, after: str
    ) -> None:
        log = path.with_name(f"{path.name}-wal")
        moments = count()

        def empty(statement: str) -> None:
            if statement.startswith(after) and next(moments) % 3 == 2:
                os.truncate(log, 0)

        watch_statements(monkeypatch, empty)
        journal = Journal(Location(str(path)), "bridge-1")

        async def recording() -> None:
            for _ in range(60):
                await journal.record(make_entry())

        asyncio.run(recording())
        journal.close()
        assert len(ids(path)) == 60
        assert_counts_are_those_of_the_rows(path)

    @pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="Linux alone tells")
    def test_files_that_were_left_are_not_kept_open(self, path: Path) -> None:
        log = path.with_name(f"{path.name}-wal")
        journal = Journal(Location(str(path)), "bridge-1")

        async def recording() -> None:
            for _ in range(30):
                await journal.record(make_entry())
                os.truncate(log, 0)

        asyncio.run(recording())
        opened = [
            str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()
        ]
        journal.close()
        assert len(ids(path)) == 30
        assert sum(str(path) in each for each in opened) <= 6


class TestWithTwoBridges:
    @pytest.mark.parametrize("divisor", [2, 1_000_000], ids=["a half", "nothing"])
    def test_one_that_is_cut_short_is_begun_anew_and_no_call_of_either_is_lost(
        self, path: Path, divisor: int
    ) -> None:
        journals = [Journal(Location(str(path)), name) for name in ("bridge-1", "bridge-2")]
        entries = [make_entry(bridge_id=f"bridge-{number % 2 + 1}") for number in range(90)]

        async def recording() -> None:
            for number in range(0, 90, 2):
                pair = zip(journals, entries[number:], strict=False)
                await asyncio.gather(*(journal.record(entry) for journal, entry in pair))
                if number % 30 == 28:
                    os.truncate(path, size(path) // divisor)

        asyncio.run(recording())
        for journal in journals:
            journal.close()
        assert ids(path) == sorted(entry.id for entry in entries)
        assert asked(path, "SELECT * FROM gaps") == []
        assert_counts_are_those_of_the_rows(path)
