"""What is in a fleet's database, asked with SQL as another program would."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from e2e.bridges import eventually
from fleet.postgres import Server
from hubv1.fleet.outbox import FILLED
from journal.asking import asked

_KEY = "caller, server_address, route, repository, outcome"
_OF_CALLS = (
    "caller, server_address, route, "
    "CASE repository WHEN '' THEN '' ELSE namespace || '/' || repository END AS repository, outcome"
)
_SUMS = (
    "count(*), count(*) FILTER (WHERE credentials IN ('basic', 'bearer')), "
    "count(*) FILTER (WHERE tags_listed > 100), min(started_at), max(started_at)"
)
_COUNTED = "calls, signed, paged, first_at, last_at"


class Fleet:
    """A fleet's database."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.url = server.database(name)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        return self.server.ask(statement, self.name)

    def value(self, statement: str) -> Any:
        [(value,)] = self.ask(statement)
        return value

    def has_tables(self) -> bool:
        return bool(self.value("SELECT count(*) FROM pg_tables WHERE tablename = 'journals'"))

    def ids(self) -> list[str]:
        """Those of all calls."""
        if not self.has_tables():
            return []
        return [row[0] for row in self.ask('SELECT id FROM calls ORDER BY id COLLATE "C"')]

    def calls(self) -> int:
        """How many there are."""
        return int(self.value("SELECT count(*) FROM calls")) if self.has_tables() else 0

    def assert_counts_are_those_of_its_calls(self) -> None:
        for table, period in (("hours", "hour"), ("days", "day")):
            counted = self.ask(
                f"SELECT {period}, {_KEY}, {_COUNTED} FROM {table} ORDER BY 1, 2, 3, 4, 5, 6"  # noqa: S608  # names of our own
            )
            assert counted == self.ask(
                f"SELECT date_trunc('{period}', started_at){'::date' * (period == 'day')}, "  # noqa: S608  # as above
                f"{_OF_CALLS}, {_SUMS} FROM calls GROUP BY 1, 2, 3, 4, 5, 6 "
                "ORDER BY 1, 2, 3, 4, 5, 6"
            )


def waiting(path: Path) -> int:
    """How many calls and gaps of a journal its fleet does not have, by the journal's marks."""
    [(number,)] = asked(path, "SELECT count(*) FROM unshipped")
    return int(number)


def of_journals(paths: Sequence[Path]) -> list[str]:
    """The ids of all calls in these journals."""
    found = (asked(path, "SELECT id FROM calls") for path in paths)
    return sorted({row[0] for rows in found for row in rows})


def all_shipped(path: Path, fleet: Fleet) -> None:
    """Wait until the journal has nothing that the fleet has not."""
    eventually(lambda: fleet.has_tables() and _is_empty(path), "all shipped")


def _is_empty(path: Path) -> bool:
    if not asked(path, "SELECT 1 FROM sqlite_master WHERE name = 'shipping'"):
        return False
    # Before that, rows from before shipping may not even wait yet.
    is_ready = asked(path, "SELECT filled_to FROM shipping") == [(FILLED,)]
    seen = asked(path, "SELECT count(*) FROM unshipped_seen")
    return is_ready and waiting(path) == 0 and seen == [(0,)]
