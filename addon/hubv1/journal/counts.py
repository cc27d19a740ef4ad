"""Counts of calls, by hour and by day, which outlive the rows they are made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Dialect, bindparam, select

from hubv1.journal import tables
from hubv1.journal.entry import Entry
from hubv1.journal.kinds import OTHERS, Kind, Kinds
from hubv1.journal.statements import Cursor, Query, Row, adding, renewing


@dataclass(slots=True)
class _Sum:
    """How many calls, and when."""

    first_at: datetime
    last_at: datetime
    calls: int = 0
    signed: int = 0
    paged: int = 0

    def add(self, entry: Entry, at: datetime) -> None:
        self.calls += 1
        self.signed += entry.is_signed
        self.paged += entry.is_paged
        self._widen(at, at)

    def add_all(self, other: "_Sum") -> None:
        self.calls += other.calls
        self.signed += other.signed
        self.paged += other.paged
        self._widen(other.first_at, other.last_at)

    def row(self) -> Row:
        """In the order of the tables' columns."""
        return self.calls, self.signed, self.paged, self.first_at, self.last_at

    def _widen(self, first_at: datetime, last_at: datetime) -> None:
        self.first_at = min(self.first_at, first_at)
        self.last_at = max(self.last_at, last_at)


class Batch:
    """Calls that are counted, and the rows to add to the tables for them.

    These come in the order of their keys: where several write at once, as to a server's database,
    nobody waits for one who waits for him.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self._hours: dict[tuple[datetime, Kind], _Sum] = {}
        self._callers: dict[str, tuple[Entry, _Sum]] = {}

    def add(self, entry: Entry, at: datetime, kind: Kind) -> None:
        """Count one more call, which started `at` that time, UTC."""
        key = at.replace(minute=0, second=0, microsecond=0), kind
        known = self._hours.get(key)
        if known is None:
            known = self._hours[key] = _Sum(at, at)
        known.add(entry, at)
        if kind.caller != OTHERS:
            self._add_caller(entry, at)

    def _add_caller(self, entry: Entry, at: datetime) -> None:
        _, known = self._callers.get(entry.caller, (entry, None))
        if known is None:
            self._callers[entry.caller] = entry, _Sum(at, at)
            return
        is_latest = at >= known.last_at
        known.add(entry, at)
        if is_latest:
            self._callers[entry.caller] = entry, known

    def hours(self) -> list[Row]:
        """Rows of the table of hours."""
        return [(hour, *kind, *one.row()) for (hour, kind), one in sorted(self._hours.items())]

    def days(self) -> list[Row]:
        """Rows of the table of days."""
        days: dict[tuple[date, Kind], _Sum] = {}
        for (hour, kind), one in self._hours.items():
            day = days.setdefault((hour.date(), kind), _Sum(one.first_at, one.last_at))
            day.add_all(one)
        return [(day, *kind, *one.row()) for (day, kind), one in sorted(days.items())]

    def callers(self) -> list[Row]:
        """Rows of the table of callers."""
        return [
            (
                caller,
                entry.client_address,
                entry.user_agent_original,
                entry.user_name,
                entry.credentials,
                one.first_at,
                one.last_at,
            )
            for caller, (entry, one) in sorted(self._callers.items())
        ]


class Counts:
    """The tables of counts of one journal, for whoever has a cursor in a transaction."""

    def __init__(self, dialect: Dialect) -> None:
        """Compiles the statements."""
        self._add_hours = adding(tables.hours, tables.SUMS, dialect)
        self._add_days = adding(tables.days, tables.SUMS, dialect)
        self._renew_callers = renewing(tables.callers, dialect)
        days = tables.days.c
        columns = (days.caller, days.server_address, days.route, days.repository, days.outcome)
        of_day = select(*columns).where(days.day == bindparam("day", type_=days.day.type))
        self._kinds_of_day = Query(of_day, dialect)
        self._cursor: Cursor = None
        self._kinds = Kinds(self._known)

    def add(self, cursor: Cursor, entries: Iterable[Entry]) -> None:
        """Count these calls too."""
        self._cursor = cursor
        batch = Batch()
        for entry in entries:
            at = entry.started_at.astimezone(UTC)
            batch.add(entry, at, self._kinds.kind_of(entry, at))
        self._add_hours.run(cursor, batch.hours())
        self._add_days.run(cursor, batch.days())
        self._renew_callers.run(cursor, batch.callers())

    def _known(self, day: date) -> Iterable[Kind]:
        return (Kind(*row) for row in self._kinds_of_day.rows(self._cursor, day))
