"""A journal reaches the fleet: each call once, with its counts."""

import re
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select

from e2e.bridges import ROOT, eventually
from fleet.asking import Fleet, all_shipped, of_journals
from fleet.conftest import StartShipping
from fleet.postgres import Server
from fleet.writing import NOON, some_calls, write
from hubv1.fleet import shipper
from hubv1.journal import Journal, Location, schema
from hubv1.journal.connection import stored
from hubv1.journal.engines import open_for_reading
from hubv1.journal.retention import remove_old
from journal.asking import asked
from samples import make_entry


def reject(path: Path) -> None:
    """A client rejects the bridge's certificate, once."""
    journal = Journal(Location(str(path)), "bridge-1", now=lambda: NOON)
    journal.note_rejection("10.0.0.7", "index.docker.io")
    journal.close()


def rows(location: Location, table: Table) -> list[tuple[Any, ...]]:
    """All rows of a table, in whichever database."""
    engine = open_for_reading(location)
    try:
        with engine.connect() as connection:
            return sorted(tuple(row) for row in connection.execute(select(table)))
    finally:
        engine.dispose()


def test_every_table_of_the_journal_is_in_the_fleet_as_it_is(
    path: Path, fleet: Fleet, ship: StartShipping
) -> None:
    write(path, some_calls(50), flows=70)
    moment = "2026-03-01 12:00:00.000000"
    asked(path, f"INSERT INTO gaps VALUES ('g', '{moment}', '{moment}', 3, 'full', 'b')")  # noqa: S608  # a text of our own
    asked(path, f"INSERT INTO refusals VALUES ('{moment}', 'b', 3)")  # noqa: S608  # as above
    reject(path)
    ship(path, fleet.url)
    all_shipped(path, fleet)
    for table in schema.metadata.sorted_tables:
        local = rows(Location(str(path)), table)
        assert rows(Location(fleet.url), table) == local != [], table.name
    fleet.assert_counts_are_those_of_its_calls()


def test_what_is_written_meanwhile_follows(path: Path, fleet: Fleet, ship: StartShipping) -> None:
    write(path, some_calls(3), flows=3)
    ship(path, fleet.url)
    for number in range(1, 6):
        write(path, some_calls(10, number), flows=20)
    all_shipped(path, fleet)
    assert fleet.ids() == of_journals([path])
    assert len(fleet.ids()) == 53
    assert fleet.value("SELECT sum(flows) FROM seen") == 103
    fleet.assert_counts_are_those_of_its_calls()


def test_rows_that_are_shipped_again_count_once(
    path: Path, fleet: Fleet, ship: StartShipping
) -> None:
    write(path, some_calls(50), flows=70)
    ship(path, fleet.url)
    all_shipped(path, fleet)
    asked(path, "INSERT INTO unshipped SELECT id FROM calls")
    asked(path, "INSERT INTO unshipped_seen SELECT hour, bridge_id FROM seen")
    all_shipped(path, fleet)
    assert fleet.ids() == of_journals([path])
    assert fleet.value("SELECT sum(flows) FROM seen") == 70
    fleet.assert_counts_are_those_of_its_calls()


def test_three_bridges_on_one_file_ship_each_call_once(
    path: Path, fleet: Fleet, ship: StartShipping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipper, "MOST_ROWS", 20)
    write(path, some_calls(300))
    shippings = [ship(path, fleet.url, f"bridge-{number}") for number in range(3)]
    write(path, some_calls(300, 2))
    all_shipped(path, fleet)
    eventually(
        lambda: all(each.status.shipped_at and not each.status.waiting for each in shippings),
        "known to all of them",
    )
    assert fleet.ids() == of_journals([path])
    assert fleet.value("SELECT count(*) FROM journals") == 1
    fleet.assert_counts_are_those_of_its_calls()


def test_several_journals_come_together(
    tmp_path: Path, fleet: Fleet, ship: StartShipping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipper, "MOST_ROWS", 50)
    paths = [tmp_path / f"{number}.sqlite3" for number in range(3)]
    for number, path in enumerate(paths):
        write(path, some_calls(400, number), flows=500, bridge_id=f"bridge-{number}")
        ship(path, fleet.url, f"bridge-{number}")
    for path in paths:
        all_shipped(path, fleet)
    assert fleet.ids() == of_journals(paths)
    assert len(fleet.ids()) == 1_200
    assert fleet.value("SELECT sum(flows) FROM seen") == 1_500
    assert fleet.value("SELECT count(*) FROM journals WHERE waiting = 0") == 3
    fleet.assert_counts_are_those_of_its_calls()


def test_rejections_of_several_journals_are_added_up_once(
    tmp_path: Path, fleet: Fleet, ship: StartShipping
) -> None:
    paths = [tmp_path / f"{number}.sqlite3" for number in range(2)]
    for path in paths:
        write(path, [])
        reject(path)
        ship(path, fleet.url)
        all_shipped(path, fleet)
    reject(paths[0])
    all_shipped(paths[0], fleet)
    asked(paths[0], "UPDATE rejections SET times = times")
    all_shipped(paths[0], fleet)
    assert fleet.ask("SELECT client_address, times FROM rejections") == [("10.0.0.7", 3)]


def test_what_keeps_the_marks_is_dropped_as_documented(
    path: Path, tmp_path: Path, fleet: Fleet, ship: StartShipping
) -> None:
    write(tmp_path / "plain.sqlite3", [])
    write(path, some_calls(3))
    ship(path, fleet.url).close()
    page = (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8")
    [statements] = re.findall(r"DROP TRIGGER .*?(?=\")", page, re.DOTALL)
    for statement in statements.split(";")[:-1]:
        asked(path, statement)
    names = "SELECT name FROM sqlite_master ORDER BY name"
    assert asked(path, names) == asked(tmp_path / "plain.sqlite3", names)
    write(path, some_calls(1))
    assert len(of_journals([path])) == 4


def test_the_same_rows_in_two_files_count_once(
    path: Path, tmp_path: Path, fleet: Fleet, ship: StartShipping
) -> None:
    write(path, some_calls(20), flows=20)
    copy = Path(shutil.copy(path, tmp_path / "copy.sqlite3"))
    for each in (path, copy):
        ship(each, fleet.url)
        all_shipped(each, fleet)
    assert len(fleet.ids()) == 20
    assert fleet.value("SELECT sum(flows) FROM seen") == 20
    fleet.assert_counts_are_those_of_its_calls()


def test_counts_of_rows_that_have_gone_are_shipped_once_too(
    path: Path, fleet: Fleet, ship: StartShipping
) -> None:
    write(path, some_calls(200))
    # Some of an hour and all before it, as pruning would.
    asked(
        path, "DELETE FROM calls WHERE id IN (SELECT id FROM calls ORDER BY started_at LIMIT 120)"
    )
    first = ship(path, fleet.url)
    all_shipped(path, fleet)
    first.close()
    asked(path, "UPDATE shipping SET is_joined = 0")  # as if killed before it was marked
    ship(path, fleet.url)
    write(path, [])
    eventually(lambda: asked(path, "SELECT is_joined FROM shipping") == [(1,)], "joined once more")
    assert len(fleet.ids()) == 80
    for table in (schema.hours, schema.days, schema.callers):
        assert rows(Location(fleet.url), table) == rows(Location(str(path)), table), table.name


def test_a_long_journal_is_shipped_from_its_beginning_while_calls_come(
    path: Path, fleet: Fleet, ship: StartShipping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipper, "MOST_ROWS", 60)
    write(path, some_calls(400))
    ship(path, fleet.url)
    write(path, some_calls(400, 2))
    eventually(lambda: fleet.calls() == 800, "all there")
    all_shipped(path, fleet)
    fleet.assert_counts_are_those_of_its_calls()


def test_a_new_fleet_gets_everything_and_counts_it_once(
    path: Path, fleet: Fleet, postgres: Server, ship: StartShipping
) -> None:
    write(path, some_calls(30), flows=40)
    first = ship(path, fleet.url)
    all_shipped(path, fleet)
    first.close()
    other = Fleet(postgres, f"{fleet.name}_other")
    ship(path, other.url)
    eventually(lambda: other.ids() == fleet.ids(), "all there as well")
    all_shipped(path, other)
    assert other.value("SELECT sum(flows) FROM seen") == 40
    other.assert_counts_are_those_of_its_calls()


def test_a_journal_that_is_removed_is_followed_by_the_new_one(
    path: Path, fleet: Fleet, ship: StartShipping
) -> None:
    write(path, some_calls(10))
    ship(path, fleet.url)
    all_shipped(path, fleet)
    for each in path.parent.glob("journal.sqlite3*"):
        each.unlink()
    write(path, some_calls(10))
    all_shipped(path, fleet)
    assert len(fleet.ids()) == 20
    assert fleet.value("SELECT count(*) FROM journals") == 2


def test_rows_go_only_once_they_are_shipped(
    path: Path, own_server: Server, ship: StartShipping
) -> None:
    old = [make_entry(started_at=NOON + timedelta(minutes=n)) for n in range(10)]
    write(path, [*old, make_entry(started_at=NOON + timedelta(days=100))])
    fleet = Fleet(own_server, "fleet")
    own_server.stop()
    shipping = ship(path, fleet.url)
    eventually(lambda: shipping.status.waiting == 11, "known what waits")

    assert left_after_pruning(path) == 11
    own_server.start()
    all_shipped(path, fleet)
    assert left_after_pruning(path) == 1
    assert fleet.value("SELECT sum(calls) FROM days") == 11
    assert list(chain.from_iterable(asked(path, "SELECT sum(calls) FROM days"))) == [11]


def left_after_pruning(path: Path) -> int:
    """How many calls are left once all that is old by then has gone."""
    with closing(sqlite3.connect(path, timeout=30)) as connection, connection:

        def execute(statement: str, values: Sequence[object]) -> sqlite3.Cursor:
            return connection.execute(statement, [*map(stored, values)])

        remove_old(execute, NOON + timedelta(days=120), 90)
    return len(asked(path, "SELECT id FROM calls"))
