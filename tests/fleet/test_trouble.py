"""A fleet in trouble: rows wait, the log says so once, and shipping resumes by itself."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from e2e.bridges import eventually
from fleet.asking import Fleet, of_journals
from fleet.conftest import StartShipping
from fleet.postgres import PASSWORD, USER, Server, a_server
from fleet.writing import some_calls, write
from hubv1.fleet import Shipper, postgres, shipper
from hubv1.fleet.postgres import FleetDatabase
from hubv1.journal import Location
from journal.asking import asked


@pytest.fixture
def waits(path: Path) -> Path:
    """A journal with calls that wait."""
    write(path, some_calls(40), flows=50)
    return path


@pytest.fixture
def broken(own_server: Server) -> Fleet:
    """A fleet on a server that the test may do anything to."""
    return Fleet(own_server, "broken")


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own, on which there is room for a small database."""
    folder = Path(tempfile.mkdtemp(prefix="hub-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=120m,mode=755", "none", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:  # a container may forbid it
        folder.rmdir()
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def in_trouble(shipping: Shipper, *words: str) -> None:
    eventually(lambda: all(word in shipping.status.trouble for word in words), f"trouble: {words}")


def arrives(path: Path, shipping: Shipper, fleet: Fleet) -> None:
    """Wait until all is shipped; each call is there once, and counted."""
    eventually(
        lambda: fleet.ids() == of_journals([path]) and not shipping.status.trouble, "shipped"
    )
    fleet.assert_counts_are_those_of_its_calls()


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "hub fleet" in record.message]


def test_a_server_that_is_away_from_the_start(
    waits: Path, broken: Fleet, ship: StartShipping, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    broken.server.stop()
    shipping = ship(waits, broken.url)
    in_trouble(shipping, "refused")
    assert shipping.status.waiting == 40
    assert shipping.status.shipped_at is None
    write(waits, some_calls(5, 2))
    eventually(lambda: shipping.status.waiting == 45, "seen what waits")
    broken.server.start()
    arrives(waits, shipping, broken)
    eventually(lambda: len(said(caplog)) == 2, "said that it is over")
    trouble, over = said(caplog)
    assert "nothing can be shipped" in trouble
    assert "40 rows wait" in trouble
    assert "all waiting rows have been shipped" in over
    assert PASSWORD not in caplog.text


def test_a_server_that_is_killed_in_the_middle_and_comes_back(
    path: Path, broken: Fleet, ship: StartShipping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipper, "MOST_ROWS", 20)
    write(path, some_calls(3_000))
    shipping = ship(path, broken.url)
    for number in range(3):
        least = 200 * (number + 1)
        eventually(lambda: len(broken.ids()) >= least, "in the middle")  # noqa: B023  # at once
        broken.server.kill()
        in_trouble(shipping, "")
        broken.server.start()
    assert len(broken.ids()) < 3_000
    arrives(path, shipping, broken)


def test_a_server_that_stands_still(
    waits: Path, broken: Fleet, ship: StartShipping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "SECONDS", 0.5)
    shipping = ship(waits, broken.url)
    arrives(waits, shipping, broken)
    broken.server.freeze()
    write(waits, some_calls(5, 2))
    in_trouble(shipping, "connection")
    broken.server.thaw()
    arrives(waits, shipping, broken)


def test_a_server_that_is_too_slow(waits: Path, broken: Fleet, ship: StartShipping) -> None:
    broken.server.ask(f"ALTER ROLE {USER} SET statement_timeout = '200ms'")
    shipping = ship(waits, broken.url)
    arrives(waits, shipping, broken)
    with closing(psycopg.connect(broken.server.own_url(broken.name))) as somebody:
        somebody.execute("LOCK TABLE calls")
        write(waits, some_calls(5, 2))
        in_trouble(shipping, "statement timeout")
    arrives(waits, shipping, broken)


def test_a_full_disk(waits: Path, small_disk: Path, ship: StartShipping) -> None:
    with a_server(parent=small_disk) as server:
        fleet = Fleet(server, "fleet")
        shipping = ship(waits, fleet.url)
        arrives(waits, shipping, fleet)
        filling = small_disk / "filling"
        with suppress(OSError), filling.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 65_536)
        write(waits, some_calls(2_000, 2, url_path="/v1/" + "x" * 200))
        in_trouble(shipping, "No space left on device")
        filling.unlink()
        arrives(waits, shipping, fleet)


def test_a_wrong_password(
    waits: Path, broken: Fleet, ship: StartShipping, caplog: pytest.LogCaptureFixture
) -> None:
    shipping = ship(waits, broken.server.url(broken.name, "wr0ng"))
    in_trouble(shipping, "password authentication failed")
    broken.server.ask(f"ALTER ROLE {USER} PASSWORD 'wr0ng'")
    arrives(waits, shipping, broken)
    assert "wr0ng" not in caplog.text


def test_a_schema_of_newer_bridges(waits: Path, fleet: Fleet, ship: StartShipping) -> None:
    shipping = ship(waits, fleet.url)
    arrives(waits, shipping, fleet)
    fleet.ask("UPDATE journal SET schema_version = 99")
    write(waits, some_calls(5, 2))
    in_trouble(shipping, "has schema 99, this bridge has 2")
    assert len(fleet.ids()) == 40
    fleet.ask("UPDATE journal SET schema_version = 2")
    arrives(waits, shipping, fleet)


def test_a_schema_that_no_release_had(waits: Path, fleet: Fleet, ship: StartShipping) -> None:
    with closing(FleetDatabase(Location(fleet.url))) as made:
        made.open()
    fleet.ask("UPDATE journal SET schema_version = 1")
    in_trouble(ship(waits, fleet.url), "has schema 1, this bridge has 2", "a new database")


def test_a_row_that_postgresql_cannot_hold_is_left_behind_alone(
    waits: Path, fleet: Fleet, ship: StartShipping, caplog: pytest.LogCaptureFixture
) -> None:
    [(odd,)] = asked(waits, "SELECT id FROM calls ORDER BY id LIMIT 1 OFFSET 17")
    asked(waits, f"UPDATE calls SET upstream_calls = 40000 WHERE id = '{odd}'")  # noqa: S608  # an id of our own
    with closing(FleetDatabase(Location(fleet.url))) as made:
        made.open()
    fleet.ask("ALTER TABLE calls ALTER COLUMN upstream_calls TYPE smallint")
    shipping = ship(waits, fleet.url)
    eventually(lambda: len(fleet.ids()) == 39 and shipping.status.waiting == 0, "shipped")
    assert odd not in fleet.ids()
    assert f"the call {odd} cannot be shipped" in caplog.text
    assert not shipping.status.trouble
    fleet.assert_counts_are_those_of_its_calls()


def test_a_count_that_postgresql_cannot_hold_is_told_and_tried_again_seldom(
    waits: Path, fleet: Fleet, ship: StartShipping
) -> None:
    shipping = ship(waits, fleet.url)
    arrives(waits, shipping, fleet)
    asked(waits, "UPDATE seen SET flows = 3000000000")
    in_trouble(shipping, "out of range")
    asked(waits, "UPDATE seen SET flows = 3000")
    arrives(waits, shipping, fleet)


def test_a_database_of_somebody_else_is_left_alone(
    waits: Path, fleet: Fleet, ship: StartShipping
) -> None:
    fleet.ask("CREATE TABLE calls (id integer)")
    shipping = ship(waits, fleet.url)
    in_trouble(shipping, "not a fleet of this bridge")
    assert fleet.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("calls",)]
    fleet.ask("DROP TABLE calls")
    arrives(waits, shipping, fleet)


def test_what_is_out_of_its_limits_in_a_journal_is_within_them_in_the_fleet(
    waits: Path, fleet: Fleet, ship: StartShipping
) -> None:
    [(odd,)] = asked(waits, "SELECT id FROM calls ORDER BY id LIMIT 1 OFFSET 17")
    asked(
        waits,
        "UPDATE calls SET upstream_calls = 3000000000, caller = 'a' || char(0) || 'b' "  # noqa: S608  # an id of our own
        f"WHERE id = '{odd}'",
    )
    moment = "2026-03-01 12:00:00.000000"
    asked(waits, f"INSERT INTO gaps VALUES ('g', '{moment}', '{moment}', 1, char(0), 'b')")  # noqa: S608  # a text of our own
    arrives(waits, ship(waits, fleet.url), fleet)
    shipped = f"SELECT upstream_calls, caller FROM calls WHERE id = '{odd}'"  # noqa: S608  # as above
    assert fleet.ask(shipped) == [(2**31 - 1, "a\\0b")]
    assert fleet.ask("SELECT reason FROM gaps") == [("\\0",)]
