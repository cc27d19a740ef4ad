"""What others do to the files of a journal, under load: each call that was answered is in the old
file, in the new one, or in a gap."""

import asyncio
import gzip
import logging
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import pytest

from hubv1.journal import Journal, Location, NotRecorded, read
from journal.asking import asked, assert_counts_are_those_of_the_rows, ids
from journal.test_processes import acknowledged, started
from samples import make_entry

AT_ONCE = 10
ROUNDS = 3


@dataclass
class Files:
    """A journal's files, and what somebody kept of it."""

    path: Path
    kept: list[Path] = field(default_factory=list)
    """Files that are whole by themselves: nobody looks for a log beside them."""

    def beside(self, ending: str) -> Path:
        return self.path.with_name(f"{self.path.name}{ending}")

    def keep_a_copy(self) -> None:
        self.kept.append(Path(shutil.copy(self.path, self.beside(f".{len(self.kept)}"))))

    def ids_kept(self) -> set[str]:
        return {id_ for each in self.kept for id_ in ids_alone(each)}


def ids_alone(path: Path) -> list[str]:
    """Those in the file itself."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'calls'").fetchone():
            return []  # kept when it had just been begun
        return [id_ for [id_] in connection.execute("SELECT id FROM calls")]


def move(files: Files) -> None:
    """As log rotation does, which knows of no log beside a log."""
    files.kept.append(files.path.rename(files.beside(f".{len(files.kept)}")))


def move_and_compress(files: Files) -> None:
    moved = files.path.rename(files.beside(".moved"))
    packed = files.beside(f".{len(files.kept)}.gz")
    packed.write_bytes(gzip.compress(moved.read_bytes()))
    moved.unlink()
    files.kept.append(files.beside(f".{len(files.kept)}"))
    files.kept[-1].write_bytes(gzip.decompress(packed.read_bytes()))


def move_the_folder(files: Files) -> None:
    folder = files.path.parent
    moved = folder.rename(folder.with_name(f"moved-{len(files.kept)}"))
    folder.mkdir()
    files.kept.append(moved / files.path.name)


def point_the_link_elsewhere(files: Files) -> None:
    files.kept.append(files.path.resolve())
    new = files.beside(".link")
    new.symlink_to(f"target-{len(files.kept)}")
    new.replace(files.path)


def remove(files: Files) -> None:
    files.keep_a_copy()
    files.path.unlink()


def remove_all(files: Files) -> None:
    files.keep_a_copy()
    for each in (files.path, files.beside("-wal"), files.beside("-shm")):
        each.unlink(missing_ok=True)


def empty(files: Files) -> None:
    """As `copytruncate` does."""
    files.keep_a_copy()
    os.truncate(files.path, 0)


def cut(files: Files) -> None:
    files.keep_a_copy()
    os.truncate(files.path, files.path.stat().st_size // 2)


def overwrite(files: Files) -> Iterator[None]:
    """With an older copy of its own, which takes a while."""
    files.keep_a_copy()
    os.truncate(files.path, 0)
    yield
    shutil.copyfile(files.kept[0], files.path)


def replace(files: Files) -> None:
    files.keep_a_copy()
    Path(shutil.copy(files.kept[0], files.beside(".new"))).replace(files.path)


def remove_the_log(files: Files) -> None:
    files.beside("-wal").unlink(missing_ok=True)


def remove_the_index(files: Files) -> None:
    files.beside("-shm").unlink(missing_ok=True)


def empty_the_log(files: Files) -> None:
    os.truncate(files.beside("-wal"), 0)


def cut_the_log(files: Files) -> None:
    os.truncate(files.beside("-wal"), files.beside("-wal").stat().st_size // 2)


def use_it_as_intended(files: Files) -> None:
    """By other programs that write to it too."""
    asked(files.path, "VACUUM")
    asked(files.path, "PRAGMA wal_checkpoint(TRUNCATE)")


Act = Callable[[Files], Iterator[None] | None]
MOVING = (move, move_the_folder, point_the_link_elsewhere)
REMOVING = (move_and_compress, remove, remove_all, replace)
CUTTING = (empty, cut, overwrite, empty_the_log, cut_the_log, remove_the_log, remove_the_index)


def name_of(act: Act) -> str:
    return act.__name__.replace("_", " ")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    folder = tmp_path / "folder"
    folder.mkdir()
    return Files(folder / "journal.sqlite3")


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]


class Load:
    """Calls that come one after the other, many at once."""

    def __init__(self, path: Path) -> None:
        self.journal = Journal(Location(str(path)), "bridge-1")
        self.told: list[str] = []
        self.lost = 0
        self._ended = asyncio.Event()
        self._told = asyncio.Condition()

    async def calls(self, number: int) -> None:
        """Wait until so many more were answered."""
        wanted = len(self.told) + number
        async with self._told:
            await self._told.wait_for(lambda: len(self.told) >= wanted)

    async def _one_by_one(self) -> None:
        while not self._ended.is_set():
            entry = make_entry(bridge_id="bridge-1")
            try:
                await self.journal.record(entry)
                self.told.append(entry.id)
                async with self._told:
                    self._told.notify_all()
            except NotRecorded:
                self.lost += 1
                await asyncio.sleep(0.01)

    async def meanwhile(self, acts: Callable[[], Iterator[None]]) -> None:
        """Act between some calls and some more."""
        tasks = [asyncio.create_task(self._one_by_one()) for _ in range(AT_ONCE)]
        await self.calls(50)
        for _ in acts():
            await self.calls(100)
        self._ended.set()
        await asyncio.gather(*tasks)


def under_load(files: Files, act: Act) -> Load:
    """Act some times while calls are recorded, and close the journal."""
    load = Load(files.path)

    def acting() -> Iterator[None]:
        for _ in range(ROUNDS):
            with suppress(FileNotFoundError):  # nobody has called since the last time
                yield from act(files) or ()
            yield

    asyncio.run(load.meanwhile(acting))
    load.journal.close()
    return load


def assert_nothing_is_lost(files: Files, load: Load) -> None:
    gaps = asked(files.path, "SELECT coalesce(sum(calls), 0) FROM gaps")[0][0]
    assert set(load.told) <= {*ids(files.path), *files.ids_kept()}
    assert gaps == load.lost
    assert asked(files.path, "PRAGMA integrity_check") == [("ok",)]
    assert_counts_are_those_of_the_rows(files.path)


@pytest.mark.parametrize("act", [*MOVING, *REMOVING, *CUTTING], ids=name_of)
def test_no_call_is_lost_and_the_log_says_what_happened(
    files: Files, caplog: pytest.LogCaptureFixture, act: Act
) -> None:
    if act is point_the_link_elsewhere:
        files.path.symlink_to("target-0")
    assert_nothing_is_lost(files, under_load(files, act))
    if act is not overwrite:  # the older copy is the same, where the log was not emptied meanwhile
        assert any(str(files.path) in each for each in said(caplog))


@pytest.mark.parametrize("act", [move, empty, remove, remove_the_log], ids=name_of)
def test_no_call_is_lost_where_two_bridges_share_the_file(files: Files, act: Act) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(started(files.path, 1_000)) for _ in range(2)]
        told = [*map(first_of, processes)]
        for _ in range(ROUNDS):
            with suppress(FileNotFoundError):  # nobody has called since the last time
                act(files)
            told.extend(map(first_of, processes))
        told += chain.from_iterable(map(rest_of, processes))
    assert [each.returncode for each in processes] == [0, 0]
    assert len(told) >= 2_000
    assert set(told) - {"lost"} <= {*ids(files.path), *files.ids_kept()}
    gaps = asked(files.path, "SELECT coalesce(sum(calls), 0) FROM gaps")
    assert gaps == [(told.count("lost"),)]
    assert asked(files.path, "PRAGMA integrity_check") == [("ok",)]
    assert_counts_are_those_of_the_rows(files.path)


def first_of(process: subprocess.Popen[str]) -> str:
    """The next id that it tells."""
    assert process.stdout
    return process.stdout.readline().strip()


def rest_of(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout
    return acknowledged(process.stdout.read())


def test_what_other_programs_may_do_is_no_reason_for_a_word(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    assert_nothing_is_lost(files, under_load(files, use_it_as_intended))
    assert not list(files.path.parent.glob("*.damaged-*"))
    assert said(caplog) == []


@pytest.mark.parametrize("act", MOVING, ids=name_of)
def test_a_file_that_was_moved_away_is_whole_and_no_call_is_in_two_files(
    files: Files, act: Act
) -> None:
    if act is point_the_link_elsewhere:
        files.path.symlink_to("target-0")
    load = under_load(files, act)
    found = [*ids(files.path), *(id_ for each in files.kept for id_ in ids_alone(each))]
    assert len(found) == len(set(found)) == len(load.told)
    for each in files.kept:
        assert_counts_are_those_of_the_rows(each)


def test_calls_go_to_where_the_link_leads_now(files: Files) -> None:
    files.path.symlink_to("target-0")
    journal = Journal(Location(str(files.path)), "bridge-1")

    async def recording() -> None:
        await journal.record(make_entry())
        for _ in range(3):
            point_the_link_elsewhere(files)
            entry = make_entry()
            await journal.record(entry)
            assert entry.id in ids(files.path)

    asyncio.run(recording())
    journal.close()
    assert [len(ids_alone(each)) for each in (*files.kept, files.path.resolve())] == [1, 1, 1, 1]


def test_what_is_in_no_file_for_a_while_is_written_once_there_is_one(files: Files) -> None:
    journal = Journal(Location(str(files.path)), "bridge-1")
    folder = files.path.parent
    entries = [make_entry() for _ in range(3)]

    async def recording() -> None:
        for entry in entries:
            await journal.record(entry)
        shutil.rmtree(folder)
        with pytest.raises(NotRecorded, match="No such file"):
            await journal.record(make_entry())
        folder.mkdir()

    asyncio.run(recording())
    journal.close()
    assert ids(files.path) == sorted(entry.id for entry in entries)
    with read(Location(str(files.path))) as history:
        assert [gap.calls for gap in history.gaps] == [1]


def test_calls_that_are_lost_for_good_are_counted_in_the_log(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(Location(str(files.path)), "bridge-1")

    async def recording() -> None:
        for _ in range(3):
            await journal.record(make_entry())
        shutil.rmtree(files.path.parent)

    asyncio.run(recording())
    journal.close()
    assert any("3 calls were lost with the journal" in each for each in said(caplog))


def test_a_gap_that_was_written_is_not_lost_with_the_file(files: Files) -> None:
    journal = Journal(Location(str(files.path)), "bridge-1")
    trigger = "BEFORE INSERT ON calls WHEN NEW.tag = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END"

    async def recording() -> None:
        asked(files.path, f"CREATE TRIGGER refuse {trigger}")
        with pytest.raises(NotRecorded):
            await journal.record(make_entry(tag="bad"))
        files.path.unlink()
        await journal.record(make_entry())

    asyncio.run(recording())
    journal.close()
    assert asked(files.path, "SELECT calls, reason FROM gaps") == [(1, "no")]


@pytest.mark.parametrize("act", [empty, cut, remove, move], ids=name_of)
def test_it_is_noticed_at_the_end_as_well(files: Files, act: Act) -> None:
    journal = Journal(Location(str(files.path)), "bridge-1")
    entries = [make_entry() for _ in range(30)]

    async def recording() -> None:
        await asyncio.gather(*map(journal.record, entries))
        act(files)

    asyncio.run(recording())
    journal.close()
    assert {entry.id for entry in entries} <= {*ids(files.path), *files.ids_kept()}


def test_a_bridge_that_is_killed_while_it_leaves_a_file_has_lost_nothing(files: Files) -> None:
    journal = Journal(Location(str(files.path)), "bridge-1")
    asyncio.run(journal.record(make_entry()))
    journal.close()
    files.path.rename(files.beside(".closing"))  # as it is for a moment
    journal = Journal(Location(str(files.path)), "bridge-1")
    asyncio.run(journal.record(make_entry()))
    journal.close()
    assert len(ids(files.path)) == 2


def test_a_reader_that_reads_on_and_on_is_no_trouble(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubv1.journal.database._SETTLED_CALLS", 20)
    monkeypatch.setattr("hubv1.journal.database._MOST_REMEMBERED", 30)
    journal = Journal(Location(str(files.path)), "bridge-1")
    entries = [make_entry() for _ in range(200)]

    async def recording() -> None:
        await journal.record(entries[0])
        with closing(sqlite3.connect(files.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM calls").fetchone()
            for entry in entries[1:]:
                await journal.record(entry)
            files.path.unlink()
        await journal.record(make_entry())

    asyncio.run(recording())
    journal.close()
    there = {*ids(files.path)}
    lost = [entry for entry in entries if entry.id not in there]
    gaps = asked(files.path, "SELECT coalesce(sum(calls), 0) FROM gaps")
    # What was too much to remember is counted.
    assert gaps == [(len(lost),)]
    assert 0 < len(lost) < 200
