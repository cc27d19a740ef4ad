"""What is in a journal, asked with SQL as another program would."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

_KEY = "caller, server_address, route, repository, outcome"
_PATIENCE = 30
"""Seconds to wait for the bridge on a busy machine."""
_SUMS = "calls, signed, paged"
_SUMS_OF_CALLS = (
    "count(*), sum(credentials IN ('basic', 'bearer')), sum(coalesce(tags_listed, 0) > 100)"
)
_OF_CALLS = (
    "caller, server_address, route, "
    "CASE repository WHEN '' THEN '' ELSE namespace || '/' || repository END, outcome"
)


def asked(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE)) as connection:
        return list(connection.execute(statement))


def ids(path: Path) -> list[str]:
    return [row[0] for row in asked(path, "SELECT id FROM calls ORDER BY id")]


def counted(path: Path, table: str, period: str) -> list[tuple[Any, ...]]:
    """The counts of a table, in order."""
    columns = f"{period}, {_KEY}, {_SUMS}, first_at, last_at"
    return asked(path, f"SELECT {columns} FROM {table} ORDER BY {period}, {_KEY}")  # noqa: S608  # names of our own


def recounted(path: Path, digits: int, rest: str) -> list[tuple[Any, ...]]:
    """What the counts must be, by the rows; the period is the beginning of their time."""
    return asked(
        path,
        f"SELECT substr(started_at, 1, {digits}) || '{rest}' AS period, {_OF_CALLS}, "  # noqa: S608  # as above
        f"{_SUMS_OF_CALLS}, min(started_at), max(started_at) FROM calls GROUP BY 1, 2, 3, 4, 5, 6 "
        "ORDER BY 1, 2, 3, 4, 5, 6",
    )


def assert_counts_are_those_of_the_rows(path: Path) -> None:
    assert counted(path, "hours", "hour") == recounted(path, 13, ":00:00.000000")
    assert counted(path, "days", "day") == recounted(path, 10, "")
