"""What the journal's tables take, and which journals a bridge reads and goes on with."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hubv1.journal import Journal, JournalError, Location, Seen, read, schema
from journal.asking import asked, assert_counts_are_those_of_the_rows, ids
from samples import make_entry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


def write(path: Path, number: int) -> None:
    journal = Journal(Location(str(path)), "bridge-1")
    journal.seen.flows = number
    for _ in range(number):
        journal.record_unawaited(make_entry())
    journal.close()


@pytest.fixture
def of_a_checkout(path: Path) -> Path:
    """A journal with two calls, as checkouts before the first release left it behind."""
    write(path, 2)
    with closing(sqlite3.connect(path.with_name("old"), isolation_level=None)) as old:
        for statement in schema.creating():
            if "refusals" not in statement:
                old.execute(statement.replace("STRICT", "").replace("ROWID,", "ROWID"))
        old.execute("ATTACH ? AS new", (str(path),))
        for name in schema.metadata.tables.keys() - {"refusals"}:
            old.execute(f"INSERT INTO main.{name} SELECT * FROM new.{name}")  # noqa: S608  # names of our own
        old.execute("PRAGMA journal_mode=WAL")
    return path.with_name("old").replace(path)


@pytest.mark.parametrize("table", schema.metadata.tables)
def test_every_table_keeps_to_the_types_of_its_columns(path: Path, table: str) -> None:
    write(path, 1)
    rows = asked(path, f"SELECT strict FROM pragma_table_list WHERE name = '{table}'")  # noqa: S608  # a name of ours
    assert rows == [(1,)]


def test_a_journal_of_a_checkout_before_the_first_release_is_gone_on_with(
    of_a_checkout: Path,
) -> None:
    with read(Location(str(of_a_checkout))) as history:
        assert len([*history.entries]) == 2
        assert history.seen == Seen(flows=2)
    write(of_a_checkout, 3)
    assert len(ids(of_a_checkout)) == 5
    assert_counts_are_those_of_the_rows(of_a_checkout)
    assert asked(of_a_checkout, "SELECT count(*) FROM refusals") == [(0,)]


def test_one_of_a_schema_that_no_release_had_is_left_alone_and_says_what_to_do(path: Path) -> None:
    write(path, 1)
    asked(path, "UPDATE journal SET schema_version = 1")
    with pytest.raises(JournalError, match=r"has schema 1.*move it away") as writing:
        write(path, 1)
    with pytest.raises(JournalError) as reading, read(Location(str(path))):
        pass
    assert str(reading.value) == str(writing.value)
    assert len(ids(path)) == 1
