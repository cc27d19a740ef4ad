"""The counts of calls whose rows had gone before the journal was first shipped."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, select

from hubv1.journal import tables
from hubv1.journal.entry import Entry
from hubv1.journal.kinds import Kind, kind_of
from hubv1.journal.rows import entry_of
from hubv1.journal.statements import Row

_ROWS_AT_ONCE = 1_000
_HOUR = timedelta(hours=1)
_KEY = 1 + len(Kind._fields)
"""A row of `hours` begins with the hour and the kind; then come the sums and two times."""
_SUMS = slice(_KEY, _KEY + len(tables.SUMS))


def hours_gone(connection: Connection) -> Iterator[tuple[Any, ...]]:
    """Rows of `hours` for the calls that are counted and no longer there.

    Old rows go first, so those of all hours before the oldest one left; of that one's own hour
    what is counted beyond the rows.
    """
    first = connection.scalars(select(func.min(tables.calls.c.started_at))).one()
    hours = select(tables.hours).order_by(tables.hours.c.hour)
    if first is None:
        yield from _rows(connection, hours)
        return
    hour = first.replace(minute=0, second=0, microsecond=0)
    yield from _rows(connection, hours.where(tables.hours.c.hour < hour))
    at = tables.calls.c.started_at
    left = connection.execute(select(tables.calls).where(at >= hour, at < hour + _HOUR))
    sums = _sums(entry_of(row) for row in left)
    for row in _rows(connection, hours.where(tables.hours.c.hour == hour)):
        there = sums.get(Kind(*row[1:_KEY]), [0] * len(tables.SUMS))
        gone = [max(0, had - has) for had, has in zip(row[_SUMS], there, strict=True)]
        if gone[0]:
            yield (*row[: _SUMS.start], *gone, *row[_SUMS.stop :])


def callers(connection: Connection) -> Iterator[tuple[Any, ...]]:
    """All rows of `callers`."""
    return _rows(connection, select(tables.callers))


def by_day(hours: Iterable[Row]) -> list[tuple[Any, ...]]:
    """Rows of `days` for some of `hours`."""
    days: dict[tuple[date, Kind], Row] = {}
    for hour, *rest in hours:
        key = hour.astimezone(UTC).date(), Kind(*rest[: _KEY - 1])
        values = rest[_KEY - 1 :]
        days[key] = _together(days[key], values) if key in days else values
    return sorted((day, *kind, *values) for (day, kind), values in days.items())


def _together(one: Row, other: Row) -> Row:
    """The sums and times of two rows as one."""
    *sums, first_at, last_at = one
    *more, first, last = other
    added = (a + b for a, b in zip(sums, more, strict=True))
    return (*added, min(first_at, first), max(last_at, last))


def _sums(entries: Iterable[Entry]) -> dict[Kind, list[int]]:
    sums: dict[Kind, list[int]] = {}
    for entry in entries:
        known = sums.setdefault(kind_of(entry), [0] * len(tables.SUMS))
        one = (1, entry.is_signed, entry.is_paged)
        known[:] = [a + b for a, b in zip(known, one, strict=True)]
    return sums


def _rows(connection: Connection, statement: Select[Any]) -> Iterator[tuple[Any, ...]]:
    rows = connection.execute(statement, execution_options={"yield_per": _ROWS_AT_ONCE})
    return map(tuple, rows)
