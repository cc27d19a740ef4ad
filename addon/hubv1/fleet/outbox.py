"""What of a journal waits to be shipped: read and marked beside the bridge that writes it."""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    Connection,
    Delete,
    Insert,
    Select,
    Table,
    and_,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.pool import NullPool

from hubv1.fleet.fleet_schema import CHANGING, FILLED, TRIGGERS, local, shipping, unshipped
from hubv1.journal import CallRecord, files, new_id, schema
from hubv1.journal.counts import Kind, Row, kind_of
from hubv1.journal.reader import entry_of

_BUSY_SECONDS = 5
_MARKED_AT_ONCE = 500
_FILLED_AT_ONCE = 5_000
"""Some milliseconds of work, for which a call may have to wait."""
_ROWS_AT_ONCE = 1_000
_HOUR = timedelta(hours=1)
_KEY = 1 + len(Kind._fields)
"""A row of `hours` begins with the hour and the kind; then come the sums and two times."""
_SUMS = slice(_KEY, _KEY + len(schema.SUMS))


@dataclass(frozen=True, slots=True)
class Parcel:
    """Rows of a journal that the fleet may not have yet."""

    entries: Sequence[CallRecord]
    gaps: Sequence[Row] = ()
    seen: Sequence[Row] = ()
    rejections: Sequence[Row] = ()
    refusals: Sequence[Row] = ()
    """Whole rows of the tables of these names, as they were when they were read."""

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.entries or self.gaps or any(self.changing))

    @property
    def ids(self) -> list[str]:
        """Those of calls and gaps."""
        return [*(entry.id for entry in self.entries), *(row[0] for row in self.gaps)]

    @property
    def changing(self) -> tuple[Sequence[Row], ...]:
        """Rows of the tables whose rows change, in the order in which these are named."""
        return self.seen, self.rejections, self.refusals


class Outbox:
    """The rows of one journal that wait for one fleet. All methods are for one thread, and raise
    SQLAlchemyError where the file cannot be read or marked."""

    def __init__(self, file: Path) -> None:
        """For a journal that is there."""
        uri = f"file:{quote(str(file))}?mode=rw"
        self._engine = create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(
                uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None
            ),
            poolclass=NullPool,
        )
        # A mark that a power failure takes back only has rows shipped once more.
        event.listen(self._engine, "connect", _set_up)
        event.listen(self._engine, "begin", _begin_as_told)

    def prepare(self) -> str:
        """Have all that is there wait, unless it does or did; returns the journal's id."""
        with self._writing() as connection:
            local.create_all(connection)
            for name, what in TRIGGERS.items():
                connection.exec_driver_sql(f"CREATE TRIGGER IF NOT EXISTS {name} {what}")
            known = connection.execute(select(shipping)).one_or_none()
            journal_id = known.journal_id if known else new_id()
            if known is None:
                connection.execute(insert(shipping).values(_first_row(journal_id)))
                _fill_in_rest(connection)
        self._fill_in()
        return str(journal_id)

    def address(self, fleet_id: str) -> None:
        """Have all that is there wait for that fleet, unless it was for no other before."""
        with self._writing() as connection:
            known = connection.scalars(select(shipping.c.fleet_id)).one()
            if known == fleet_id:
                return
            connection.execute(update(shipping).values(fleet_id=fleet_id))
            if known:
                connection.execute(update(shipping).values(filled_to="", is_joined=False))
                _fill_in_rest(connection)
        self._fill_in()

    def parcel(self, size: int) -> Parcel:
        """Up to `size` of what has waited longest, and what was seen since."""
        with self._reading() as connection:
            calls, gaps = schema.calls, schema.gaps
            some = (
                select(calls)
                .join(unshipped, unshipped.c.id == calls.c.id)
                .order_by(unshipped.c.id)
                .limit(size)
            )
            holes = select(gaps).join(unshipped, unshipped.c.id == gaps.c.id).limit(size)
            return Parcel(
                [entry_of(row) for row in connection.execute(some)],
                [tuple(row) for row in connection.execute(holes)],
                *(_changed(connection, table, keys, size) for table, keys in CHANGING),
            )

    def mark(self, parcel: Parcel) -> None:
        """The fleet has it; what has changed since it was read waits on."""
        with self._writing() as connection:
            for some in _by(_MARKED_AT_ONCE, parcel.ids):
                connection.execute(delete(unshipped).where(unshipped.c.id.in_(some)))
            for (table, keys), rows in zip(CHANGING, parcel.changing, strict=True):
                for row in rows:
                    connection.execute(_unchanged(table, keys, row))

    def waiting(self) -> int:
        """How many rows there are in all."""
        with self._reading() as connection:
            return connection.scalars(select(func.count()).select_from(unshipped)).one()

    def is_joined(self) -> bool:
        """Whether the fleet has the counts of rows that had gone before."""
        with self._reading() as connection:
            return bool(connection.scalars(select(shipping.c.is_joined)).one())

    def mark_joined(self) -> None:
        """Note that the fleet has the counts of rows that had gone before."""
        with self._writing() as connection:
            connection.execute(update(shipping).values(is_joined=True))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees the journal as it is now."""
        with self._engine.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with files.connected, self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        engine = self._engine.execution_options(begin="BEGIN IMMEDIATE")
        with files.connected, engine.begin() as connection:
            yield connection

    def _fill_in(self) -> None:
        began = time.monotonic()
        while not self._is_filled():
            # Whoever records a call waits for the file in the meantime, and gets it now.
            time.sleep(time.monotonic() - began)
            began = time.monotonic()

    def _is_filled(self) -> bool:
        """Fill in some more of the rows from before; returns whether that were all."""
        with self._writing() as connection:
            filled_to = connection.scalars(select(shipping.c.filled_to)).one()
            ids = schema.calls.c.id
            some = select(ids).where(ids > filled_to).order_by(ids).limit(_FILLED_AT_ONCE)
            found = connection.scalars(some).all()
            if found:
                connection.execute(_missing(unshipped), [{"id": each} for each in found])
            is_last = len(found) < _FILLED_AT_ONCE
            last = FILLED if is_last else found[-1]
            connection.execute(update(shipping).values(filled_to=last))
            return is_last


def _first_row(journal_id: str) -> dict[str, object]:
    return {"journal_id": journal_id, "fleet_id": "", "filled_to": "", "is_joined": False}


def _fill_in_rest(connection: Connection) -> None:
    """All but the calls, which may be many."""
    connection.execute(_missing(unshipped).from_select(["id"], select(schema.gaps.c.id)))
    for table, keys in CHANGING:
        present = select(*table.primary_key)
        connection.execute(_missing(keys).from_select(keys.columns.keys(), present))


def _changed(connection: Connection, table: Table, keys: Table, size: int) -> list[Row]:
    """Some of the rows that `keys` names."""
    is_named = (keys.c[column.name] == column for column in table.primary_key)
    some = select(table).join(keys, and_(*is_named)).order_by(*table.primary_key).limit(size)
    return [tuple(row) for row in connection.execute(some)]


def _unchanged(table: Table, keys: Table, row: Row) -> Delete:
    """Deletes the key of the row, if it is still the same."""
    values = dict(zip(table.columns.keys(), row, strict=True))
    is_key = (column == values[column.name] for column in keys.columns)
    is_same = (column == values[column.name] for column in table.columns)
    return delete(keys).where(*is_key, select(table).where(*is_same).exists())


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    try:
        connection.execute("PRAGMA synchronous=NORMAL")
        # The log is emptied by the bridge alone, which knows that it is the right one.
        connection.execute("PRAGMA wal_autocheckpoint=0").fetchall()
    except sqlite3.Error:
        connection.close()  # nobody else knows of it yet
        raise


def _begin_as_told(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _missing(table: Table) -> Insert:
    """Inserts those rows that are not there yet."""
    return insert(table).prefix_with("OR IGNORE")


def _by(number: int, ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + number] for start in range(0, len(ids), number))


def hours_gone(connection: Connection) -> Iterator[tuple[Any, ...]]:
    """Rows of `hours` for the calls that are counted and no longer there.

    Old rows go first, so those of all hours before the oldest one left; of that one's own hour
    what is counted beyond the rows.
    """
    first = connection.scalars(select(func.min(schema.calls.c.started_at))).one()
    hours = select(schema.hours).order_by(schema.hours.c.hour)
    if first is None:
        yield from _rows(connection, hours)
        return
    hour = first.replace(minute=0, second=0, microsecond=0)
    yield from _rows(connection, hours.where(schema.hours.c.hour < hour))
    at = schema.calls.c.started_at
    left = connection.execute(select(schema.calls).where(at >= hour, at < hour + _HOUR))
    sums = _sums(entry_of(row) for row in left)
    for row in _rows(connection, hours.where(schema.hours.c.hour == hour)):
        there = sums.get(Kind(*row[1:_KEY]), [0] * len(schema.SUMS))
        gone = [max(0, had - has) for had, has in zip(row[_SUMS], there, strict=True)]
        if gone[0]:
            yield (*row[: _SUMS.start], *gone, *row[_SUMS.stop :])


def callers(connection: Connection) -> Iterator[tuple[Any, ...]]:
    """All rows of `callers`."""
    return _rows(connection, select(schema.callers))


def _sums(entries: Iterable[CallRecord]) -> dict[Kind, list[int]]:
    sums: dict[Kind, list[int]] = {}
    for entry in entries:
        known = sums.setdefault(kind_of(entry), [0] * len(schema.SUMS))
        one = (1, entry.is_signed, entry.is_paged)
        known[:] = [a + b for a, b in zip(known, one, strict=True)]
    return sums


def _rows(connection: Connection, statement: Select[Any]) -> Iterator[tuple[Any, ...]]:
    rows = connection.execute(statement, execution_options={"yield_per": _ROWS_AT_ONCE})
    return map(tuple, rows)
