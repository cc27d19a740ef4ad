"""How large the counts of a journal grow, and where that ends.

A row of counts stands for a caller, host, route, repository and outcome in an hour, or a day. So
the file grows with how many of these there are and not with their calls, and stops growing once
the oldest counts go as fast as new ones come. A tenth is played through by the journal's own
code: counts are kept for a tenth of the days that they are kept for, and then replaced once.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from bench.plan import Plan
from hubv1.journal import COUNTS_DAYS, CallRecord, Journal, Location
from hubv1.journal.connection import Connection, insert, stored
from hubv1.journal.counts import Cardinality, Rollup
from hubv1.journal.database import open_for_writing
from hubv1.journal.retention import remove_old
from journal.asking import asked
from samples import make_entry

A_SECOND = 100
"""Calls, which the sums of the counts take without growing."""
TENTH = COUNTS_DAYS // 10
STEPS = 8
_DAYS_A_STEP = 2 * TENTH // STEPS
_START = datetime(2026, 1, 1, tzinfo=UTC)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def growth(plan: Plan, folder: Path) -> Iterator[str]:
    """For `scripts/bench`."""
    kinds = plan.kinds
    yield (
        f"{A_SECOND} calls a second, {kinds:,} kinds of them each hour (caller, host, route, "
        f"repository, outcome), counts kept for {TENTH} days in place of {COUNTS_DAYS}:"
    )
    path = folder / "growth.sqlite3"
    for days, size in _played(path, kinds):
        yield f"  {size / 1e6:8.1f} MB after {days} days"
    row = _bytes_of_a_row(path, "hours", "days")
    a_day = 25 * kinds * row / 1e6
    yield (
        f"  on paper: {row:.0f} bytes a row, {kinds:,} rows for each of 24 hours and for the day "
        f"are {a_day:.1f} MB a day: {TENTH * a_day:,.0f} MB after {TENTH} days, "
        f"{365 * a_day / 1e3:,.2f} GB after a year, and no more than "
        f"{COUNTS_DAYS * a_day / 1e3:,.2f} GB after {COUNTS_DAYS} days"
    )
    call = _bytes_of_a_call(folder / "calls.sqlite3")
    calls_a_day = A_SECOND * 86_400 * call / 1e9
    yield f"  single calls: {call:.0f} bytes each, {calls_a_day:.1f} GB for each day they are kept"


def _played(path: Path, kinds: int) -> Iterator[tuple[int, int]]:
    """Days gone by and the size of the file, after each step."""
    connection = open_for_writing(Location(str(path)))
    entries = [
        make_entry(caller=f"curl/8.1 at 10.0.0.{number}", repository=f"tool-{number}")
        for number in range(kinds)
    ]
    with patch("hubv1.journal.retention.COUNTS_DAYS", TENTH):
        for day in range(1, STEPS * _DAYS_A_STEP + 1):
            _play_a_day(connection, entries, _START + day * _DAY)
            if day % _DAYS_A_STEP == 0:
                yield day, path.stat().st_size
    connection.close()


def _play_a_day(connection: Connection, entries: Sequence[CallRecord], day: datetime) -> None:
    """Count a call of each kind in each hour, and take away what is old by then."""
    cardinality = Cardinality(connection.kinds_of)
    for hour in (day + number * _HOUR for number in range(24)):
        rollup = Rollup([replace(entry, started_at=hour) for entry in entries], cardinality)
        with connection.transaction() as cursor:
            insert(cursor, "hours", rollup.hours())
            insert(cursor, "days", rollup.days())
            insert(cursor, "callers", rollup.callers())
            insert(cursor, "seen", [(hour, "bench", 1, 0, 0)])
        connection.empty_log(())
    while _has_more(connection, day + _DAY):
        connection.empty_log(())


def _has_more(connection: Connection, now: datetime) -> bool:
    with connection.transaction() as cursor:

        def execute(statement: str, values: Sequence[object]) -> sqlite3.Cursor:
            return cursor.execute(statement, [*map(stored, values)])

        return remove_old(execute, now, COUNTS_DAYS)


def _bytes_of_a_call(path: Path, calls: int = 10_000) -> float:
    """Of a single one, which is of the same kind as all others."""
    journal = Journal(Location(str(path)), "bench")
    for _ in range(calls):
        journal.record_unawaited(make_entry(started_at=_START))
    journal.close()
    return _bytes_of_a_row(path, "calls")


def _bytes_of_a_row(path: Path, *tables: str) -> float:
    """With all that belongs to it: pages that are half full, and indexes."""
    counts = " + ".join(f"(SELECT count(*) FROM {table})" for table in tables)  # noqa: S608  # names of our own
    [(rows,)] = asked(path, f"SELECT {counts}")
    [(free,)], [(size,)] = asked(path, "PRAGMA freelist_count"), asked(path, "PRAGMA page_size")
    return float((path.stat().st_size - free * size) / rows)
