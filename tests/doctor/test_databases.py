"""Journals and fleets on a server: found, not made, by looking."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from doctor.setups import NO_NAMES, a_setup
from fleet.postgres import Server, a_server
from hubv1.doctor import CheckResult, CheckStatus
from hubv1.doctor.local_checks import fleet
from hubv1.fleet.outbox import Outbox
from hubv1.fleet.postgres import FleetDatabase
from hubv1.journal import Journal, Location
from samples import make_entry

_serial = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with a_server() as made:
        yield made


@pytest.fixture
def url(server: Server) -> str:
    """Of an empty database."""
    return server.database(f"check_{next(_serial)}")


def tables_of(server: Server, url: str) -> int:
    [(number,)] = server.ask(
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", url.rpartition("/")[2]
    )
    return int(number)


class TestAFleet:
    def of(self, url: str, folder: Path) -> CheckResult:
        return fleet(a_setup(folder, options=NO_NAMES | {"hub_fleet": url}))

    def test_that_is_not_set_is_not_looked_at(self, tmp_path: Path) -> None:
        assert fleet(a_setup(tmp_path)).status is CheckStatus.SKIPPED

    def test_that_is_empty_is_sound_and_stays_so(
        self, server: Server, url: str, tmp_path: Path
    ) -> None:
        found = self.of(url, tmp_path)
        assert found.status is CheckStatus.OK
        assert "Its tables will be made at the start" in found.sentence
        assert tables_of(server, url) == 0

    def test_that_is_in_use_is_sound_and_tells_how_many_rows_wait_for_it(
        self, url: str, tmp_path: Path
    ) -> None:
        database = FleetDatabase(Location(url))
        database.open()
        database.close()
        file = tmp_path / "hub-journal.sqlite3"
        written = Journal(Location(str(file)), "tests")
        try:
            outbox = Outbox(file)
            outbox.prepare()
            outbox.close()
            written.record_unawaited(make_entry())
        finally:
            written.close()
        found = self.of(url, tmp_path)
        assert found.status is CheckStatus.OK
        assert found.sentence.endswith("answers; still to be shipped: 1 row.")

    @pytest.mark.parametrize("port", ["1", "its own"])
    def test_that_cannot_be_reached_or_signed_in_to_is_wrong_without_its_password(
        self, server: Server, tmp_path: Path, port: str
    ) -> None:
        url = server.url("postgres", "falsch")
        url = url.replace(str(server.port), port) if port == "1" else url
        found = self.of(url, tmp_path)
        assert found.is_wrong
        assert "Waiting in the journal: 0 rows." in found.line
        assert "falsch" not in found.line

    def test_that_is_somebody_elses_is_wrong_and_stays_as_it_is(
        self, server: Server, url: str, tmp_path: Path
    ) -> None:
        server.ask("CREATE TABLE somebodys (id int)", url.rpartition("/")[2])
        assert "not a fleet of this bridge" in self.of(url, tmp_path).line
        assert tables_of(server, url) == 1
