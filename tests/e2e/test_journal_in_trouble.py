"""Trouble with the journal's disk and files, met by a real bridge."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from e2e.bridges import Mitmdump, eventually, query
from e2e.clients import ask, tool
from e2e.conftest import StartBridge
from journal.asking import asked, assert_counts_are_those_of_the_rows
from standin import Standin

MEGABYTES = 2
RECORDED = "SELECT count(*) n FROM calls"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small one of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={MEGABYTES}m"
    made = subprocess.run((tool("mount"), "-t", "tmpfs", "-o", size, "t", folder), check=False)
    if made.returncode:
        pytest.skip("nothing may be mounted here")
    yield folder
    subprocess.run((tool("umount"), folder), check=True)


def filled(disk: Path) -> Path:
    """The file that takes up what is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4_096))
    return filler


def as_anybody() -> Sequence[str]:
    """What a bridge is to be started under: root may write everywhere unless it gives that up."""
    if os.geteuid() != 0:
        return ()
    return (tool("setpriv"), "--bounding-set=-dac_override,-dac_read_search")


def status(bridge: Mitmdump, name: str) -> int:
    return ask(bridge, f"http://index.docker.io/v1/repositories/bench/{name}/tags/latest").status


@pytest.mark.parametrize(("required", "expected"), [("false", 200), ("true", 503)])
def test_a_full_disk_is_said_shown_and_got_over(
    start_bridge: StartBridge, hub: Standin, disk: Path, required: str, expected: int
) -> None:
    options = ("--set", f"hub_journal_required={required}")
    journal = disk / "journal.sqlite3"
    with start_bridge(*options, hub_url=hub.url, journal=str(journal)) as bridge:
        assert status(bridge, "before") == 200
        filler = filled(disk)
        # The log has some room that it used before.
        during = [status(bridge, f"during-{number}") for number in range(40)]
        [recorded] = query(journal, RECORDED)
        lost = 41 - recorded["n"]
        assert lost >= 15
        assert during.count(expected) >= lost
        filler.unlink()
        assert status(bridge, "after") == 200
    assert bridge.log.count("but not recorded until the journal") == 1
    gaps = asked(journal, "SELECT calls, reason FROM gaps")
    refused = asked(journal, "SELECT sum(calls) FROM refusals")
    if required == "true":
        assert f"The journal can be written again; {lost} calls were refused." in bridge.log
        assert (gaps, refused) == ([], [(lost,)])
    else:
        assert f"The journal can be written again; {lost} calls are not in it." in bridge.log
        assert (gaps, refused) == ([(lost, "database or disk is full")], [(None,)])
    assert asked(journal, "PRAGMA integrity_check") == [("ok",)]
    assert_counts_are_those_of_the_rows(journal)


def test_a_start_with_a_full_disk_is_refused_in_one_sentence(
    start_bridge: StartBridge, disk: Path
) -> None:
    filled(disk)
    started = start_bridge(journal=str(disk / "journal.sqlite3"))
    with pytest.raises(AssertionError, match="cannot be used: database or disk is full"), started:
        pass


def test_a_folder_that_becomes_read_only_takes_calls_as_long_as_its_files_stay(
    start_bridge: StartBridge, hub: Standin, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    journal = folder / "journal.sqlite3"
    with start_bridge(hub_url=hub.url, journal=str(journal), under=as_anybody()) as bridge:
        assert status(bridge, "before") == 200
        folder.chmod(0o500)
        assert status(bridge, "during") == 200
        assert query(journal, RECORDED) == [{"n": 2}]
        folder.chmod(0o700)
        for each in folder.glob("journal.sqlite3-*"):
            each.unlink()
        folder.chmod(0o500)
        assert status(bridge, "lost") == 200
        folder.chmod(0o700)
        eventually(lambda: query(journal, "SELECT * FROM gaps") != [], "the gap is written")
        assert status(bridge, "after") == 200
    rows = asked(journal, "SELECT repository FROM calls ORDER BY rowid")
    assert rows == [("before",), ("during",), ("after",)]
    assert asked(journal, "SELECT calls FROM gaps") == [(1,)]
    assert_counts_are_those_of_the_rows(journal)


def test_a_file_that_is_overwritten_is_kept_aside_and_calls_go_on(
    start_bridge: StartBridge, hub: Standin
) -> None:
    with start_bridge(hub_url=hub.url) as bridge:
        assert status(bridge, "before") == 200
        for each in (bridge.journal, bridge.journal.with_name("journal.sqlite3-wal")):
            with each.open("r+b") as file:
                file.write(os.urandom(each.stat().st_size))
        eventually(lambda: "is damaged" in bridge.log, "it is noticed")
        assert status(bridge, "after") == 200
    assert [row["repository"] for row in bridge.rows()] == ["before", "after"]
    assert len(list(bridge.confdir.glob("journal.sqlite3.damaged-*Z"))) == 1
    assert_counts_are_those_of_the_rows(bridge.journal)
