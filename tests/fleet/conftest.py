"""One PostgreSQL for all tests that leave it alive, and one of its own for each that does not."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from fleet.asking import Fleet
from fleet.postgres import Server, a_server
from hubv1.fleet import Shipper, shipper
from hubv1.journal import Location

StartShipping = Callable[..., Shipper]

_serial = count(1)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shipping does all it does, without the pauses."""
    monkeypatch.setattr(shipper, "IDLE_SECONDS", 0.02)
    monkeypatch.setattr(shipper, "FIRST_WAIT", 0.05)
    monkeypatch.setattr(shipper, "LONGEST_WAIT", 0.2)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with a_server() as server:
        yield server


@pytest.fixture
def fleet(postgres: Server) -> Fleet:
    """An empty database."""
    return Fleet(postgres, f"fleet_{next(_serial)}")


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that the test may do anything to."""
    with a_server() as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a journal."""
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def ship() -> Iterator[StartShipping]:
    """Starts to ship a journal; ends with the test."""
    with ExitStack() as stack:

        def start(path: Path, url: str, bridge_id: str = "bridge-1") -> Shipper:
            started = Shipper(path, Location(url), bridge_id)
            stack.callback(started.close)
            return started

        yield start
