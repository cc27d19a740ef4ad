"""A journal where nothing can be written is read, or it is said why not."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from hubv1.journal import Journal, Location
from report.processes import complaint, report
from report.test_command_surroundings import held_to_file_modes, read_only
from samples import make_entry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "medium"
    folder.mkdir()
    journal = Journal(Location(str(folder / "journal.sqlite3")), "bridge-1")
    journal.record_unawaited(make_entry())
    journal.close()
    return folder / "journal.sqlite3"


def said_of(path: Path) -> subprocess.CompletedProcess[str]:
    with read_only(path.parent):
        return report("--journal", path, before=held_to_file_modes())


def test_one_that_was_closed_is_read(path: Path) -> None:
    done = said_of(path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_one_with_an_empty_log_is_read(path: Path) -> None:
    path.with_name(f"{path.name}-wal").touch()
    done = said_of(path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["a?b#c%20d.sqlite3", os.fsdecode(b"\xff.sqlite3")])
def test_an_odd_name_is_no_trouble(path: Path, name: str) -> None:
    odd = path.rename(path.with_name(name))
    assert said_of(odd).returncode == 0


def test_one_whose_last_rows_are_in_its_log_says_what_to_do(path: Path, tmp_path: Path) -> None:
    left = tmp_path / "left"
    left.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO seen VALUES ('2026-03-01', 'b', 1, 0, 0)")
        connection.commit()
        for ending in ("", "-wal"):
            shutil.copy(f"{path}{ending}", left)
    said = complaint(said_of(left / path.name))
    assert f"{left / path.name}-wal" in said
    assert "copy both files" in said
    assert report("--journal", left / path.name).returncode == 0
