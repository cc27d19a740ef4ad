"""The journal of an older bridge is brought forward, or read as it is."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubv1.journal import Entry, Gap, Journal, Place, Seen, read
from hubv1.journal.tables import SCHEMA_VERSION
from hubv1.outcome import Outcome
from hubv1.report.build import build
from hubv1.report.model import Report
from journal.asking import asked, assert_counts_are_those_of_the_rows
from journal.old import of_version_1
from samples import make_entry

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENTRIES = [
    make_entry(
        started_at=NOON + timedelta(hours=7 * number, microseconds=number),
        caller=f"caller {number % 3}",
        repository=("debian", "")[number % 2],
        outcome=(Outcome.TRANSLATED, Outcome.FAILED)[number % 5 == 0],
    )
    for number in range(40)
]
AS_READ = [replace(entry, credentials="", user_name="", tags_listed=None) for entry in ENTRIES]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return of_version_1(tmp_path / "journal.sqlite3", ENTRIES)


def entries(path: Path) -> list[Entry]:
    with read(Place(str(path))) as history:
        return list(history.entries)


def report(path: Path) -> Report:
    with read(Place(str(path))) as history:
        return build([history], NOON)


def version(path: Path) -> int:
    [(number,)] = asked(path, "SELECT schema_version FROM journal")
    return int(number)


def test_all_that_was_in_it_is_still_there(old: Path) -> None:
    Journal(Place(str(old)), "bridge-2").close()
    assert version(old) == SCHEMA_VERSION
    assert entries(old) == AS_READ
    with read(Place(str(old))) as history:
        assert history.seen == Seen(7, 2, 1)
        assert history.gaps == (Gap(NOON, NOON + timedelta(minutes=1), 3, "full"),)


def test_what_was_written_before_is_counted_like_what_comes_after(old: Path) -> None:
    journal = Journal(Place(str(old)), "bridge-2")
    journal.record_unawaited(replace(ENTRIES[0], id="another"))
    journal.close()
    assert_counts_are_those_of_the_rows(old)
    assert asked(old, "SELECT count(*), sum(calls) FROM days")[0][1] == 41


def test_callers_are_as_their_last_call_showed_them(tmp_path: Path) -> None:
    calls = [
        make_entry(started_at=NOON + timedelta(hours=n), client_address=f"::{n}") for n in range(3)
    ]
    path = of_version_1(tmp_path / "journal", calls)
    Journal(Place(str(path)), "bridge-2").close()
    assert asked(path, "SELECT client_address, credentials FROM callers") == [("::2", "")]


def test_a_report_says_the_same_before_and_after(old: Path) -> None:
    before = report(old)
    assert version(old) == 1
    Journal(Place(str(old)), "bridge-2").close()
    assert report(old) == before


def test_reading_leaves_it_as_it_is(old: Path) -> None:
    before = old.read_bytes()
    assert entries(old) == AS_READ
    assert old.read_bytes() == before


def test_more_rows_than_are_counted_at_once_are_counted_all(tmp_path: Path) -> None:
    calls = [make_entry(started_at=NOON + timedelta(minutes=n)) for n in range(6_000)]
    path = of_version_1(tmp_path / "journal", calls)
    Journal(Place(str(path)), "bridge-2").close()
    assert_counts_are_those_of_the_rows(path)


def test_one_with_the_new_columns_already_is_brought_forward_too(old: Path) -> None:
    asked(old, "ALTER TABLE calls ADD COLUMN credentials VARCHAR NOT NULL DEFAULT 'basic'")
    Journal(Place(str(old)), "bridge-2").close()
    assert {entry.credentials for entry in entries(old)} == {"basic"}


def test_killed_in_the_middle_nothing_has_happened(tmp_path: Path) -> None:
    path = of_version_1(tmp_path / "journal", (make_entry() for _ in range(15_000)))
    code = "import sys; from hubv1.journal.opening import *; open_for_writing(Place(sys.argv[1]))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(4):
        with subprocess.Popen((sys.executable, "-c", code, str(path)), env=env) as process:
            wal = path.with_name("journal-wal")
            while not wal.exists() and process.poll() is None:
                time.sleep(0.01)
            time.sleep(random.uniform(0, 0.3))  # noqa: S311  # no secret
            process.send_signal(signal.SIGKILL)
        assert asked(path, "SELECT count(*) FROM calls") == [(15_000,)]
        tables = asked(path, "SELECT count(*) FROM sqlite_master WHERE name IN ('hours', 'days')")
        assert (version(path), tables) in ((1, [(0,)]), (SCHEMA_VERSION, [(2,)]))
    Journal(Place(str(path)), "bridge-2").close()
    assert_counts_are_those_of_the_rows(path)
