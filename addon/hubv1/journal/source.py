"""One of several journals: what is in it, to tell what it shares with others."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from hubv1.journal import tables
from hubv1.journal.place import Place
from hubv1.journal.reader import explained, is_current

_ROWS_AT_ONCE = 10_000

Times = tuple[datetime, datetime] | None
"""When the first and the last of some calls were; None where there is none."""


@dataclass(frozen=True, slots=True)
class Source:
    """A journal that is read with others."""

    place: Place
    connection: Connection
    bridges: frozenset[str]
    """Ids of those that wrote to it."""
    calls: int
    """All that it counts."""
    counted: Times
    kept: Times
    """Of those whose rows are still there."""

    def may_share(self, other: "Source") -> bool:
        """Whether both may hold the same calls."""
        if not self.counted or not other.counted or self.bridges.isdisjoint(other.bridges):
            return False
        return self.counted[0] <= other.counted[1] and other.counted[0] <= self.counted[1]

    def ids(self, *which: ColumnElement[bool]) -> Iterator[str]:
        """Those of its rows, or of some of them; raises JournalError."""
        statement = select(tables.calls.c.id).where(*which)
        with explained(self.place):
            yield from self.connection.scalars(
                statement, execution_options={"yield_per": _ROWS_AT_ONCE}
            )

    def ids_within(self, times: Times) -> Iterator[str]:
        """Those of its rows of that time."""
        at = tables.calls.c.started_at
        return self.ids(at >= times[0], at <= times[1]) if times else iter(())

    def ids_counted_by(self, other: "Source") -> Iterator[str]:
        """Those of its rows that the other has counted, and has no rows of by now."""
        if other.counted is None:
            return iter(())
        calls, (begin, end) = tables.calls.c, other.counted
        gone = calls.started_at < other.kept[0] if other.kept else calls.started_at <= end
        return self.ids(calls.bridge_id.in_(sorted(other.bridges)), calls.started_at >= begin, gone)


def source_of(place: Place, connection: Connection) -> Source:
    """What is in the journal; raises JournalError."""
    calls, days = tables.calls.c, tables.days.c
    with explained(place):
        bridges = frozenset(connection.scalars(select(tables.seen.c.bridge_id).distinct()))
        number, kept = _found(connection, func.count(), calls.started_at, calls.started_at)
        counted = kept
        if is_current(connection):
            number, counted = _found(connection, func.sum(days.calls), days.first_at, days.last_at)
    return Source(place, connection, bridges, number, counted, kept)


def _found(connection: Connection, number: Any, first: Any, last: Any) -> tuple[int, Times]:  # noqa: ANN401  # expressions
    row = connection.execute(select(number, func.min(first), func.max(last))).one()
    return int(row[0] or 0), (row[1], row[2]) if row[1] else None
