"""Several processes, killed ones among them: what was acknowledged is there once, and counted."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path

import pytest

from hubv1.journal import Journal, Location
from journal.asking import asked, assert_counts_are_those_of_the_rows, ids

TESTS = Path(__file__).parents[1]
SECONDS = 60
AT_ONCE = 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


def started(path: Path, calls: int, *before: str, at_once: int = AT_ONCE) -> subprocess.Popen[str]:
    folders = os.pathsep.join((str(TESTS), str(TESTS.parent / "addon")))
    return subprocess.Popen(
        (*before, sys.executable, "-m", "journal.load", str(path), str(calls), str(at_once)),
        env={**os.environ, "PYTHONPATH": folders},
        stdout=subprocess.PIPE,
        encoding="ascii",
    )


def acknowledged(output: str) -> list[str]:
    """The ids that were written out whole."""
    return [line for line in output.split("\n")[:-1] if line]


def test_three_processes_on_one_file_lose_nothing_and_write_nothing_twice(path: Path) -> None:
    processes = [started(path, 200) for _ in range(3)]
    told = [acknowledged(process.communicate(timeout=SECONDS)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert [len(each) for each in told] == [200, 200, 200]
    assert ids(path) == sorted(chain.from_iterable(told))
    assert asked(path, "SELECT count(DISTINCT bridge_id) FROM calls") == [(3,)]
    assert asked(path, "SELECT count(*) FROM gaps") == [(0,)]
    assert_counts_are_those_of_the_rows(path)


def test_whoever_is_killed_leaves_every_acknowledged_call_behind_and_counted(path: Path) -> None:
    told: list[str] = []
    for number in range(5):
        process = started(path, 100_000)
        assert process.stdout
        first = process.stdout.readline()  # it is at work
        time.sleep(random.uniform(0.05, 0.4))  # noqa: S311  # no secret
        process.send_signal(signal.SIGKILL)
        told += acknowledged(first + process.stdout.read())
        process.stdout.close()
        assert process.wait(SECONDS) == -signal.SIGKILL
        there = ids(path)
        assert len(there) == len(set(there))
        assert set(told) <= set(there)
        # What was on disk before it could be told is all there is more.
        assert len(there) - len(told) <= AT_ONCE * (number + 1)
        assert_counts_are_those_of_the_rows(path)
    assert len(told) > 50
    Journal(Location(str(path)), "bridge-1").close()
    assert asked(path, "PRAGMA integrity_check") == [("ok",)]


def test_each_call_is_synced_to_the_disk_before_it_is_acknowledged(path: Path) -> None:
    if not shutil.which("strace"):
        missing = "strace is not installed"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    log = path.with_name("strace")
    calls = "trace=fsync,fdatasync,write,pwrite64"
    command = ("strace", "-f", "-y", "-s", "64", "-e", calls, "-o", str(log))
    process = started(path, 20, *command, at_once=1)
    told = acknowledged(process.communicate(timeout=SECONDS)[0])
    if "ptrace" in log.read_text()[:500]:  # a container may forbid it
        pytest.skip("strace may not trace here")
    assert len(told) == 20
    is_synced, syncs, last_id = True, 0, ""
    for line in log.read_text().splitlines():
        if re.search(r"pwrite64\(\d+<[^>]*-wal>", line):
            is_synced = False
        elif re.search(
            r"(fsync|fdatasync)\(\d+<[^>]*-wal>\) += 0|<\.\.\. f(data)?sync resumed>.* = 0", line
        ):
            is_synced = True
            syncs += 1
        elif found := re.search(r'write\(1<[^>]*>, "([0-9a-f-]{36})', line):
            last_id = found[1]
            assert is_synced, f"{last_id} was told before it was on the disk"
    assert last_id in told
    assert syncs >= 20
