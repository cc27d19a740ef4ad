"""Rows on their way into the fleet: each call counts once, however often it is sent."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ARRAY, Column, Connection, Table, bindparam, func, select, tuple_
from sqlalchemy.dialects.postgresql import Insert, insert

from hubv1.fleet.database import Database
from hubv1.fleet.history import by_day
from hubv1.fleet.parcel import Parcel
from hubv1.fleet.tables import journals, rejections_of_journals
from hubv1.journal import Entry, tables
from hubv1.journal.counts import Counts
from hubv1.journal.pruning import Pruner
from hubv1.journal.statements import Row, adding, renewing

_ROWS_AT_ONCE = 1_000
_JOINING_SECONDS = 3_600.0
_TIDYING = "tidying"
_CALLS = tables.calls.columns
_NEW_CALLS = (
    insert(tables.calls)
    .from_select(
        _CALLS.keys(),
        select(*(func.unnest(bindparam(each.name, type_=ARRAY(each.type))) for each in _CALLS)),
    )
    .on_conflict_do_nothing()
    .returning(tables.calls.c.id)
)
"""Takes a list for each column: a parameter for each value of a thousand rows would be slow."""


class Busy(Exception):
    """Another bridge is bringing rows of the same journal."""


class Delivery:
    """Brings the rows of one journal to the fleet. For one thread.

    Its methods raise Busy, or what the database raises; then nothing was written, or at least
    nothing is known of it, and the same may be brought again.
    """

    def __init__(
        self, database: Database, journal_id: str, bridge_id: str, now: Callable[[], datetime]
    ) -> None:
        """For a fleet that is open."""
        self._database = database
        self._journal_id = journal_id
        self._bridge_id = bridge_id
        self._now = now
        self._counts = Counts(database.engine.dialect)
        self._add_rejected = adding(tables.rejections, ("times",), database.engine.dialect)
        self._pruner = Pruner(database.engine.dialect)

    def join(self, hours: Iterator[tuple[Any, ...]], callers: Iterator[tuple[Any, ...]]) -> None:
        """Add counts whose rows are gone, unless the fleet has them of this journal."""
        dialect = self._database.engine.dialect
        add_hours = adding(tables.hours, tables.SUMS, dialect)
        add_days = adding(tables.days, tables.SUMS, dialect)
        renew_callers = renewing(tables.callers, dialect)
        with self._database.writing(_JOINING_SECONDS) as connection:
            if not self._is_new(connection):
                return
            cursor = _cursor(connection)
            while some := list(islice(hours, _ROWS_AT_ONCE)):
                add_hours.run(cursor, sorted(some))
                add_days.run(cursor, by_day(some))
            while some := list(islice(callers, _ROWS_AT_ONCE)):
                renew_callers.run(cursor, sorted(some))

    def bring(self, parcel: Parcel, waiting: int) -> None:
        """Write what of the parcel is not there yet; `waiting` rows are in the journal after it."""
        with self._database.writing() as connection:
            self._lock(connection)
            entries = self._new(connection, parcel)
            self._counts.add(_cursor(connection), entries)
            _run(connection, insert(tables.gaps).on_conflict_do_nothing(), parcel.gaps)
            _run(connection, _as_it_is_now(tables.seen), parcel.seen)
            self._add_rejections(connection, parcel.rejections)
            self._note(connection, waiting)

    def tidy(self, days: int) -> bool:
        """Take some of what is old away, calls after so many days; returns whether there may be
        more. One bridge at a time does that for all."""
        with self._database.writing() as connection:
            if not _is_free(connection, _TIDYING):
                return False
            return self._pruner.step(_cursor(connection), self._now(), days)

    def _lock(self, connection: Connection) -> None:
        if not _is_free(connection, self._journal_id):
            raise Busy

    def _is_new(self, connection: Connection) -> bool:
        """Whether the journal was not known so far; it is from now on."""
        self._lock(connection)
        row = self._row(0)
        joined = insert(journals).on_conflict_do_nothing().returning(journals.c.id)
        return connection.execute(joined, row).one_or_none() is not None

    def _new(self, connection: Connection, parcel: Parcel) -> list[Entry]:
        """Insert the calls; returns those that were not there."""
        if not parcel.entries:
            return []
        columns = zip(*(entry.row() for entry in parcel.entries), strict=True)
        values = dict(zip(_CALLS.keys(), map(list, columns), strict=True))
        new = set(connection.scalars(_NEW_CALLS, values))
        return [entry for entry in parcel.entries if entry.id in new]

    def _add_rejections(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Add what these are more than they were when they last came from this journal."""
        mine = rejections_of_journals.c
        key = mine.day, mine.client_address, mine.server_address
        is_known = mine.journal_id == self._journal_id, tuple_(*key).in_([row[:3] for row in rows])
        found = connection.execute(select(*key, mine.times).where(*is_known)) if rows else ()
        known: dict[Row, int] = {tuple(there): times for *there, times in found}
        more = ((row, row[3] - known.get(row[:3], 0)) for row in rows)
        new = [(*row[:3], times, *row[4:]) for row, times in more if times > 0]
        self._add_rejected.run(_cursor(connection), new)
        now = [(self._journal_id, *row[:4]) for row in rows]
        _run(connection, _as_it_is_now(rejections_of_journals), now)

    def _note(self, connection: Connection, waiting: int) -> None:
        statement = insert(journals)
        new = statement.excluded
        changed = {"bridge_id": new.bridge_id, "shipped_at": new.shipped_at, "waiting": new.waiting}
        statement = statement.on_conflict_do_update(index_elements=[journals.c.id], set_=changed)
        connection.execute(statement, self._row(waiting))

    def _row(self, waiting: int) -> dict[str, object]:
        now = self._now()
        return {
            "id": self._journal_id,
            "bridge_id": self._bridge_id,
            "joined_at": now,
            "shipped_at": now,
            "waiting": waiting,
        }


def _is_free(connection: Connection, name: str) -> bool:
    """Whether nobody else holds the lock of that name; until its end this transaction does."""
    lock = func.pg_try_advisory_xact_lock(func.hashtextextended(name, 0))
    return bool(connection.scalars(select(lock)).one())


def _run(connection: Connection, statement: Insert, rows: Sequence[Row]) -> None:
    if rows:
        names = statement.table.columns.keys()
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])


def _cursor(connection: Connection) -> Any:  # noqa: ANN401  # DB-API 2.0 has no types
    return connection.connection.cursor()


def _as_it_is_now(table: Table) -> Insert:
    """Rows that take the place of the one with the same key; counts never become less."""
    statement = insert(table)
    columns: list[Column[Any]] = [each for each in table.columns if not each.primary_key]
    values = {each.name: func.greatest(each, statement.excluded[each.name]) for each in columns}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=values)
