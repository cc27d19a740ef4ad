"""Where a journal is: opened privately, or explained in one sentence."""

import asyncio
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hubv1.journal import Journal, JournalError, Location, read
from hubv1.journal.database import open_for_writing
from hubv1.journal.schema import SCHEMA_VERSION
from samples import make_entry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def made(path: Path) -> Path:
    Journal(Location(str(path)), "bridge-1").close()
    return path


@pytest.fixture
def open_umask() -> Iterator[None]:
    old = os.umask(0)
    yield
    os.umask(old)


def complaint_of_writing(where: Path | str) -> str:
    with pytest.raises(JournalError) as refused:
        open_for_writing(Location(str(where)))
    return str(refused.value)


def complaint_of_reading(where: Path | str) -> str:
    with pytest.raises(JournalError) as refused, read(Location(str(where))):
        pass
    return str(refused.value)


def test_naming_a_place_touches_nothing(path: Path) -> None:
    assert str(Location(str(path))) == str(path)
    assert not path.exists()


@pytest.mark.usefixtures("open_umask")
def test_a_journal_and_its_companions_are_for_their_owner_alone(path: Path) -> None:
    journal = Journal(Location(str(path)), "bridge-1")
    asyncio.run(journal.record(make_entry()))
    modes = [stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()]
    journal.close()
    assert modes == [0o600] * 3


def test_a_home_folder_may_be_short(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(path.parent))
    Journal(Location("~/journal.sqlite3"), "bridge-1").close()
    assert path.is_file()


def test_a_url_is_as_good_as_a_path(path: Path) -> None:
    Journal(Location(f"sqlite:///{path}"), "bridge-1").close()
    with read(Location(str(path))) as history:
        assert list(history.entries) == []


def test_a_journal_is_opened_again_as_it_is(made: Path) -> None:
    Journal(Location(str(made)), "bridge-2").close()
    with closing(sqlite3.connect(made)) as connection:
        assert list(connection.execute("SELECT schema_version FROM journal")) == [(SCHEMA_VERSION,)]


def test_every_commit_waits_for_the_disk_and_no_reader_for_the_writer(path: Path) -> None:
    connection = open_for_writing(Location(str(path)))
    with connection.transaction() as cursor:
        assert cursor.execute("PRAGMA synchronous").fetchone() == (2,)
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_the_journal_of_a_newer_bridge_is_left_alone(made: Path) -> None:
    with closing(sqlite3.connect(made)) as connection, connection:
        connection.execute("UPDATE journal SET schema_version = ?", (SCHEMA_VERSION + 1,))
    for said in (complaint_of_writing(made), complaint_of_reading(made)):
        assert f"has schema {SCHEMA_VERSION + 1}" in said
        assert "use the newer bridge" in said


@pytest.mark.parametrize("content", [b"not a database, but long enough to be one" * 30, b"x" * 5])
def test_a_file_that_is_no_database_is_refused_and_kept(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for said in (complaint_of_writing(path), complaint_of_reading(path)):
        assert str(path) in said
        assert "not a database" in said
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = complaint_of_writing(tmp_path / "no-such" / "journal.sqlite3")
    assert str(tmp_path / "no-such") in said
    assert "No such file" in said


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    assert str(tmp_path) in complaint_of_writing(tmp_path)
    assert "no journal at" in complaint_of_reading(tmp_path)


def test_reading_makes_no_journal(path: Path) -> None:
    assert "There is no journal at" in complaint_of_reading(path)
    assert not path.exists()


def test_another_programs_database_is_no_journal_to_read(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE books (title)")
    assert "not a journal of this bridge" in complaint_of_reading(path)


@pytest.mark.parametrize(
    "url", ["nosuch://user:hunter2@127.0.0.1/db", "postgresql+nosuch://user:hunter2@127.0.0.1/db"]
)
def test_a_password_in_a_url_is_shown_nowhere(url: str) -> None:
    assert "hunter2" not in str(Location(url))
    said = complaint_of_reading(url)
    assert "cannot be used" in said
    assert "hunter2" not in said + complaint_of_writing(url)


def test_what_is_neither_path_nor_url_is_refused_without_repeating_it() -> None:
    with pytest.raises(JournalError, match="neither a path nor") as refused:
        Location("!!://user:hunter2@host")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "where",
    [":memory:", "sqlite://", "sqlite:///:memory:", "sqlite:///file:m?mode=memory&uri=true"],
)
def test_a_journal_in_memory_is_none(where: str) -> None:
    with pytest.raises(JournalError, match="name a file"):
        Location(where)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_url_may_begin_as_others_write_it(scheme: str) -> None:
    assert Location(f"{scheme}://bridge@db.example/hub").url.drivername == "postgresql+psycopg"


@pytest.mark.parametrize("scheme", ["http", "mysql", "postgresql+asyncpg"])
def test_a_url_of_another_kind_is_told_how_one_begins(scheme: str) -> None:
    said = complaint_of_reading(f"{scheme}://db.example/hub")
    assert "cannot be used: the URL of a database begins with postgresql+psycopg://." in said


def test_a_password_in_the_query_of_a_url_is_not_shown() -> None:
    assert "hunter2" not in str(Location("postgresql://u@h/db?password=hunter2"))


@pytest.mark.parametrize("between", ["@", "/hunter2@", "?", "#", "@hunter2/"])
def test_a_password_with_an_at_sign_in_it_is_explained_without_showing_any_of_it(
    between: str,
) -> None:
    with pytest.raises(JournalError, match="write it as %40") as refused:
        Location(f"postgresql://bridge:hush{between}hunter2@db.example/hub")
    assert "hush" not in str(refused.value)
    assert "hunter2" not in str(refused.value)
