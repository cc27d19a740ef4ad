"""What of a journal waits to be shipped: noted by triggers, read and marked beside the bridge that
writes it.

The tables and triggers for that are made when the journal is shipped for the first time. Whoever
writes to it, a bridge without a fleet or an older one, is covered by the triggers, so that the rest
of the journal knows nothing of all this.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Delete,
    Insert,
    MetaData,
    Select,
    Table,
    Text,
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

from hubv1.journal import CallRecord, files, new_id, schema
from hubv1.journal.counts import Cardinality, Kind, Rollup, Row
from hubv1.journal.reader import entry_of

_BUSY_SECONDS = 5
_MARKED_AT_ONCE = 500
_FILLED_AT_ONCE = 5_000
"""Some milliseconds of work, for which a call may have to wait."""
_ROWS_AT_ONCE = 1_000
_HOUR = timedelta(hours=1)
_KIND = slice(1, 1 + len(Kind._fields))
_SUMS = slice(_KIND.stop, _KIND.stop + len(schema.SUMS))
"""A row of `hours` begins with the hour and the kind; then come the sums and two times."""

local = MetaData()

shipping = Table(
    "shipping",
    local,
    Column("journal_id", Text, nullable=False),
    Column("fleet_id", Text, nullable=False),
    Column("filled_to", Text, nullable=False),
    Column("is_joined", Boolean, nullable=False),
)
"""One row: which journal is shipped to which fleet, empty before it was ever reached; up to which
id the rows that were there before wait in `unshipped`; and whether the fleet has the counts of the
rows that had gone by then."""

FILLED = "~"
"""Is `filled_to` once there is no row left from before: it sorts after every id."""

unshipped = Table(
    "unshipped",
    local,
    Column("id", Text, primary_key=True),
    sqlite_with_rowid=False,
)
"""Ids of the calls and gaps that the fleet does not have, as far as is known here."""


def _keys_of(table: Table) -> Table:
    columns = (Column(each.name, each.type, primary_key=True) for each in table.primary_key)
    return Table(f"unshipped_{table.name}", local, *columns, sqlite_with_rowid=False)


CHANGING = {table: _keys_of(table) for table in (schema.seen, schema.rejections, schema.refusals)}
"""Tables whose rows change, and the keys of those rows that have since they were shipped."""


def _noting(when: str, table: Table, keys: Table) -> str:
    """Notes the key of a row, unless it is: OR IGNORE does not hold in a trigger of an upsert."""
    names = keys.columns.keys()
    new = ", ".join(f"NEW.{name}" for name in names)
    is_known = " AND ".join(f"{name} = NEW.{name}" for name in names)
    known = f"SELECT 1 FROM {keys.name} WHERE {is_known}"  # noqa: S608  # names of our own
    noting = f"INSERT INTO {keys.name} SELECT {new} WHERE NOT EXISTS ({known});"  # as above
    return f"AFTER {when} ON {table.name} BEGIN {noting} END"


def _triggers() -> Iterator[tuple[str, str]]:
    for table in (schema.calls, schema.gaps):
        name = table.name.removesuffix("s")
        yield f"ship_{name}", _noting("INSERT", table, unshipped)
        forgetting = "DELETE FROM unshipped WHERE id = OLD.id;"
        yield f"forget_{name}", f"AFTER DELETE ON {table.name} BEGIN {forgetting} END"
    for table, keys in CHANGING.items():
        name = table.name.removesuffix("s")
        yield f"ship_{name}", _noting("INSERT", table, keys)
        yield f"ship_{name}_again", _noting("UPDATE", table, keys)
    # No longer than counts, so that a fleet which is given up does not fill the disk.
    yield (
        "keep_unshipped",
        """BEFORE DELETE ON calls WHEN OLD.started_at >= datetime('now', '-400 days') AND (
            OLD.id > (SELECT filled_to FROM shipping) OR OLD.id IN (SELECT id FROM unshipped)
        ) BEGIN SELECT RAISE(IGNORE); END""",
    )


TRIGGERS = dict(_triggers())
"""What SQLite is to do by itself, by name. None of it may fail, or the call would not be recorded.
"""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Rows of a journal that the fleet may not have yet, as they were when they were read."""

    entries: Sequence[CallRecord]
    gaps: Sequence[Row] = ()
    changed: Mapping[Table, Sequence[Row]] = field(default_factory=dict)
    """Rows of each of the tables whose rows change."""

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.entries or self.gaps or any(self.changed.values()))

    @property
    def ids(self) -> list[str]:
        """Those of calls and gaps."""
        return [*(entry.id for entry in self.entries), *(row[0] for row in self.gaps)]


class Outbox:
    """The rows of one journal that wait for one fleet. All methods are for one thread, and raise
    SQLAlchemyError where the file cannot be read or marked."""

    def __init__(self, file: Path) -> None:
        """For a journal that is there."""
        uri = f"file:{quote(str(file))}?mode=rw"
        connect = partial(sqlite3.connect, uri, _BUSY_SECONDS, isolation_level=None, uri=True)
        self._engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
        event.listen(self._engine, "connect", _set_up)
        event.listen(self._engine, "begin", _begin_as_told)

    def prepare(self) -> str:
        """Have all that is there wait, unless it does or did; returns the journal's id."""
        with self._writing() as connection:
            local.create_all(connection)
            for name, what in TRIGGERS.items():
                connection.exec_driver_sql(f"CREATE TRIGGER IF NOT EXISTS {name} {what}")
            journal_id = connection.scalars(select(shipping.c.journal_id)).one_or_none()
            if journal_id is None:
                journal_id = new_id()
                first = {"journal_id": journal_id, "fleet_id": ""}
                connection.execute(insert(shipping).values(first | _UNFILLED))
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
                connection.execute(update(shipping).values(_UNFILLED))
                _fill_in_rest(connection)
        self._fill_in()

    def join(self, bring: Callable[[Iterator[Row], Iterator[Row]], None]) -> None:
        """Have `bring` take the counts of rows that have gone, those of `hours` and of `callers`,
        unless the fleet has them."""
        with self._reading() as connection:
            if connection.scalars(select(shipping.c.is_joined)).one():
                return
        with self._engine.connect() as connection:
            bring(_hours_gone(connection), _rows(connection, select(schema.callers)))
        with self._writing() as connection:
            connection.execute(update(shipping).values(is_joined=True))

    def parcel(self, size: int) -> Parcel:
        """Up to `size` of what has waited longest, and what was seen since."""
        calls, gaps = schema.calls, schema.gaps
        some = select(calls).join(unshipped, unshipped.c.id == calls.c.id).order_by(unshipped.c.id)
        holes = select(gaps).join(unshipped, unshipped.c.id == gaps.c.id)
        with self._reading() as connection:
            return Parcel(
                [entry_of(row) for row in connection.execute(some.limit(size))],
                [tuple(row) for row in connection.execute(holes.limit(size))],
                {table: _changed(connection, table, size) for table in CHANGING},
            )

    def mark(self, parcel: Parcel) -> None:
        """The fleet has it; what has changed since it was read waits on."""
        ids = parcel.ids
        with self._writing() as connection:
            for start in range(0, len(ids), _MARKED_AT_ONCE):
                some = ids[start : start + _MARKED_AT_ONCE]
                connection.execute(delete(unshipped).where(unshipped.c.id.in_(some)))
            for table, rows in parcel.changed.items():
                for row in rows:
                    connection.execute(_unchanged(table, row))

    def waiting(self) -> int:
        """How many rows there are in all."""
        with self._reading() as connection:
            return connection.scalars(select(func.count()).select_from(unshipped)).one()

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with files.connected(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        engine = self._engine.execution_options(begin="BEGIN IMMEDIATE")
        with files.connected(), engine.begin() as connection:
            yield connection

    def _fill_in(self) -> None:
        began = time.monotonic()
        while not self._is_filled():
            # Whoever records a call waits for the file in the meantime, and gets it now.
            time.sleep(time.monotonic() - began)
            began = time.monotonic()

    def _is_filled(self) -> bool:
        """Fill in some more of the calls from before; returns whether that were all."""
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


_UNFILLED = {"filled_to": "", "is_joined": False}


def _fill_in_rest(connection: Connection) -> None:
    """All but the calls, which may be many."""
    for table, keys in {schema.gaps: unshipped, **CHANGING}.items():
        present = select(*table.primary_key)
        connection.execute(_missing(keys).from_select(keys.columns.keys(), present))


def _missing(table: Table) -> Insert:
    """Inserts those rows that are not there yet."""
    return insert(table).prefix_with("OR IGNORE")


def _changed(connection: Connection, table: Table, size: int) -> list[Row]:
    """Some of the rows that have changed since they were shipped."""
    keys = CHANGING[table]
    is_named = (keys.c[column.name] == column for column in table.primary_key)
    some = select(table).join(keys, and_(*is_named)).order_by(*table.primary_key).limit(size)
    return [tuple(row) for row in connection.execute(some)]


def _unchanged(table: Table, row: Row) -> Delete:
    """Deletes the key of the row, if it is still the same."""
    keys, values = CHANGING[table], dict(zip(table.columns.keys(), row, strict=True))
    is_key = (column == values[column.name] for column in keys.columns)
    is_same = (column == values[column.name] for column in table.columns)
    return delete(keys).where(*is_key, select(table).where(*is_same).exists())


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    try:
        # A mark that a power failure takes back only has rows shipped once more.
        connection.execute("PRAGMA synchronous=NORMAL")
        # The log is emptied by the bridge alone, which knows that it is the right one.
        connection.execute("PRAGMA wal_autocheckpoint=0").fetchall()
    except sqlite3.Error:
        connection.close()  # nobody else knows of it yet
        raise


def _begin_as_told(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _hours_gone(connection: Connection) -> Iterator[Row]:
    """Rows of `hours` for the calls that are counted and no longer there.

    Old rows go first, so those of all hours before the oldest one left; of that one's own hour
    what is counted beyond the rows.
    """
    at, hour_of = schema.calls.c.started_at, schema.hours.c.hour
    hours = select(schema.hours).order_by(hour_of)
    first = connection.scalars(select(func.min(at))).one()
    if first is None:
        yield from _rows(connection, hours)
        return
    hour = first.replace(minute=0, second=0, microsecond=0)
    yield from _rows(connection, hours.where(hour_of < hour))
    left = connection.execute(select(schema.calls).where(at >= hour, at < hour + _HOUR))
    rollup = Rollup([entry_of(row) for row in left], Cardinality(lambda _day: ()))
    there = {row[_KIND]: row[_SUMS] for row in map(tuple, rollup.hours())}
    for row in _rows(connection, hours.where(hour_of == hour)):
        has = there.get(row[_KIND], (0,) * len(schema.SUMS))
        gone = [max(0, counted - kept) for counted, kept in zip(row[_SUMS], has, strict=True)]
        if gone[0]:
            yield (*row[: _SUMS.start], *gone, *row[_SUMS.stop :])


def _rows(connection: Connection, statement: Select[Any]) -> Iterator[Row]:
    rows = connection.execute(statement, execution_options={"yield_per": _ROWS_AT_ONCE})
    return map(tuple, rows)
