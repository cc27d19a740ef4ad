"""The command as a process: what it cannot read is named, and never taken for clean."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from report.made import write_journal
from report.processes import complaint, report
from samples import make_entry

RED = "\x1b[31m"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return write_journal(tmp_path / "journal.sqlite3", make_entry())


def test_a_journal_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = complaint(report("--journal", tmp_path / "no-such"))
    assert f"There is no journal at {tmp_path / 'no-such'}" in said


def test_a_journal_that_is_not_there_may_have_any_name(tmp_path: Path) -> None:
    said = complaint(report("--journal", tmp_path / os.fsdecode(b"\xff")))
    assert f"There is no journal at {tmp_path}/\\udcff" in said


def test_a_journal_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / f"odd {RED}"
    path.write_text("not a database at all" * 100)
    said = complaint(report("--journal", path))
    assert "not a database" in said
    assert RED not in said


def test_a_damaged_journal_is_no_shorter_journal(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "journal", *(make_entry() for _ in range(500)))
    content = bytearray(path.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 200] = b"\xff" * 200
    path.write_bytes(content)
    assert "malformed" in complaint(report("--journal", path))


def test_the_journal_of_a_newer_bridge_is_refused(journal: Path) -> None:
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE journal SET schema_version = 99")
    assert "has schema 99" in complaint(report("--journal", journal))


def test_one_unreadable_journal_among_others_is_a_failure(journal: Path, tmp_path: Path) -> None:
    complaint(report("--journal", journal, "--journal", tmp_path / "no-such"))


@pytest.mark.parametrize("junk", [b"junk", b"5:hello,", b'{"log": {"entries": [1]}}'])
def test_a_recording_that_is_none_is_named(journal: Path, tmp_path: Path, junk: bytes) -> None:
    (tmp_path / "junk").write_bytes(junk)
    said = complaint(report("--journal", journal, tmp_path / "junk"))
    assert f"The recording {tmp_path / 'junk'} cannot be read" in said


def test_a_password_is_not_repeated() -> None:
    said = complaint(report("--journal", "nosuch://user:geheim@127.0.0.1/db"))
    assert "geheim" not in said
