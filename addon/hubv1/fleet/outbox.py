"""What of a journal waits to be shipped: noted by triggers, read and marked beside the bridge that
writes it.

The tables and triggers for that are made when the journal is shipped for the first time. Whoever
writes to it, a bridge without a fleet or an older one, is covered by the triggers, so that the rest
of the journal knows nothing of all this.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from hubv1.journal import CallRecord, files, new_id, schema
from hubv1.journal.counts import Cardinality, Kind, Rollup, Row
from hubv1.journal.reader import entry_of

_BUSY_SECONDS = 5
_MARKED_AT_ONCE = 500
_ROWS_AT_ONCE = 1_000
_HOUR = timedelta(hours=1)
_KIND = slice(1, 1 + len(Kind._fields))
_SUMS = slice(_KIND.stop, _KIND.stop + len(schema.SUMS))
"""A row of `hours` begins with the hour and the kind; then come the sums and two times."""

local = sa.MetaData()

shipping = sa.Table(
    "shipping",
    local,
    *schema.filled(sa.Text, "journal_id", "fleet_id", "filled_to"),
    *schema.filled(sa.Boolean, "is_joined"),
)
"""One row: which journal is shipped to which fleet, empty before it was ever reached; up to which
id the fleet has the calls that were there before; and whether it has the counts of the rows that
had gone by then."""

FILLED = "~"
"""Is `filled_to` once no call is left from before: it sorts after every id."""

unshipped = sa.Table("unshipped", local, *schema.keys(sa.Text, "id"), sqlite_with_rowid=False)
"""Ids of the gaps, and of the calls recorded since shipping began, that the fleet does not have,
as far as is known here."""


def _keys_of(table: sa.Table) -> sa.Table:
    columns = (sa.Column(each.name, each.type, primary_key=True) for each in table.primary_key)
    return sa.Table(f"unshipped_{table.name}", local, *columns, sqlite_with_rowid=False)


CHANGING = {table: _keys_of(table) for table in (schema.seen, schema.rejections, schema.refusals)}
"""Tables whose rows change, and the keys of those rows that have since they were shipped."""


def _noting(when: str, table: sa.Table, keys: sa.Table) -> str:
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

    journal_id: str
    entries: Sequence[CallRecord]
    gaps: Sequence[Row] = ()
    changed: Mapping[sa.Table, Sequence[Row]] = field(default_factory=dict)
    """Rows of each of the tables whose rows change."""
    filled_to: str = ""
    """Up to which id the fleet has the calls from before shipping began, once it has these."""

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
        self.journal_id = ""
        uri = f"file:{quote(os.fsencode(file))}?mode=rw"
        given = partial(sqlite3.connect, timeout=_BUSY_SECONDS, isolation_level=None, uri=True)
        self._engine = sa.create_engine("sqlite://", creator=lambda: given(uri), poolclass=NullPool)
        sa.event.listen(self._engine, "connect", _set_up)
        sa.event.listen(self._engine, "begin", _begin_as_told)

    def prepare(self) -> None:
        """Have all that is there wait, unless it does or did."""
        with self._writing() as connection:
            local.create_all(connection)
            for name, what in TRIGGERS.items():
                connection.exec_driver_sql(f"CREATE TRIGGER IF NOT EXISTS {name} {what}")
            known = connection.scalars(sa.select(shipping.c.journal_id)).one_or_none()
            self.journal_id = known or new_id()
            if known is None:
                first = {"journal_id": self.journal_id, "fleet_id": ""}
                connection.execute(sa.insert(shipping).values(first | _UNFILLED))
                _note_all(connection)

    def address(self, fleet_id: str) -> None:
        """Have all that is there wait for that fleet, unless it was for no other before."""
        with self._writing() as connection:
            known = connection.scalars(sa.select(shipping.c.fleet_id)).one()
            if known == fleet_id:
                return
            connection.execute(sa.update(shipping).values(fleet_id=fleet_id))
            if known:
                connection.execute(sa.update(shipping).values(_UNFILLED))
                _note_all(connection)

    def join(self, bring: Callable[[str, Iterator[Row], Iterator[Row]], None]) -> None:
        """Have `bring` take the counts of rows that have gone, those of `hours` and of `callers`,
        unless the fleet has them."""
        with self._reading() as connection:
            if connection.scalars(sa.select(shipping.c.is_joined)).one():
                return
        with self._engine.connect() as connection:
            bring(
                self.journal_id,
                _hours_gone(connection),
                _rows(connection, sa.select(schema.callers)),
            )
        with self._writing() as connection:
            connection.execute(sa.update(shipping).values(is_joined=True))

    def parcel(self, size: int) -> Parcel:
        """Up to `size` of what has waited longest, and what was seen since."""
        gaps, ids = schema.gaps, schema.calls.c.id
        holes = sa.select(gaps).join(unshipped, unshipped.c.id == gaps.c.id).limit(size)
        with self._reading() as connection:
            filled_to = connection.scalars(sa.select(shipping.c.filled_to)).one()
            some = sa.select(schema.calls).order_by(ids).limit(size)
            if filled_to == FILLED:
                some = some.join(unshipped, unshipped.c.id == ids)
            else:
                some = some.where(ids > filled_to)
            entries = [entry_of(row) for row in connection.execute(some)]
            return Parcel(
                self.journal_id,
                entries,
                [tuple(row) for row in connection.execute(holes)],
                {table: _changed(connection, table, size) for table in CHANGING},
                FILLED if len(entries) < size else max(filled_to, entries[-1].id),
            )

    def mark(self, parcel: Parcel) -> None:
        """The fleet has it; what has changed since it was read waits on."""
        ids = parcel.ids
        with self._writing() as connection:
            for start in range(0, len(ids), _MARKED_AT_ONCE):
                some = ids[start : start + _MARKED_AT_ONCE]
                connection.execute(sa.delete(unshipped).where(unshipped.c.id.in_(some)))
            for table, rows in parcel.changed.items():
                for row in rows:
                    connection.execute(_unchanged(table, row))
            is_behind = shipping.c.filled_to < parcel.filled_to
            connection.execute(
                sa.update(shipping).where(is_behind).values(filled_to=parcel.filled_to)
            )

    def waiting(self) -> int:
        """How many rows there are in all."""
        ids, noted = schema.calls.c.id, sa.select(unshipped.c.id)
        is_old = ids > sa.select(shipping.c.filled_to).scalar_subquery(), ids.not_in(noted)
        with self._reading() as connection:
            new = connection.scalars(sa.select(sa.func.count()).select_from(unshipped)).one()
            return new + connection.scalars(sa.select(sa.func.count(ids)).where(*is_old)).one()

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with files.connected, self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        engine = self._engine.execution_options(begin="BEGIN IMMEDIATE")
        with files.connected, engine.begin() as connection:
            yield connection


_UNFILLED = {"filled_to": "", "is_joined": False}


def _note_all(connection: sa.Connection) -> None:
    """Have everything wait but the calls, which may be many."""
    for table, keys in {schema.gaps: unshipped, **CHANGING}.items():
        missing = sa.insert(keys).prefix_with("OR IGNORE")
        present = sa.select(*table.primary_key)
        connection.execute(missing.from_select(keys.columns.keys(), present))


def _changed(connection: sa.Connection, table: sa.Table, size: int) -> list[Row]:
    """Some of the rows that have changed since they were shipped."""
    keys = CHANGING[table]
    is_named = (keys.c[column.name] == column for column in table.primary_key)
    some = sa.select(table).join(keys, sa.and_(*is_named)).order_by(*table.primary_key).limit(size)
    return [tuple(row) for row in connection.execute(some)]


def _unchanged(table: sa.Table, row: Row) -> sa.Delete:
    """Deletes the key of the row, if it is still the same."""
    keys, values = CHANGING[table], dict(zip(table.columns.keys(), row, strict=True))
    is_key = (column == values[column.name] for column in keys.columns)
    is_same = (column == values[column.name] for column in table.columns)
    return sa.delete(keys).where(*is_key, sa.select(table).where(*is_same).exists())


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    try:
        # A mark that a power failure takes back only has rows shipped once more.
        connection.execute("PRAGMA synchronous=NORMAL")
        # The log is emptied by the bridge alone, which knows that it is the right one.
        connection.execute("PRAGMA wal_autocheckpoint=0").fetchall()
    except sqlite3.Error:
        connection.close()  # nobody else knows of it yet
        raise


def _begin_as_told(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _hours_gone(connection: sa.Connection) -> Iterator[Row]:
    """Rows of `hours` for the calls that are counted and no longer there.

    Old rows go first, so those of all hours before the oldest one left; of that one's own hour
    what is counted beyond the rows.
    """
    at, hour_of = schema.calls.c.started_at, schema.hours.c.hour
    hours = sa.select(schema.hours).order_by(hour_of)
    first = connection.scalars(sa.select(sa.func.min(at))).one()
    if first is None:
        yield from _rows(connection, hours)
        return
    hour = first.replace(minute=0, second=0, microsecond=0)
    yield from _rows(connection, hours.where(hour_of < hour))
    left = connection.execute(sa.select(schema.calls).where(at >= hour, at < hour + _HOUR))
    rollup = Rollup([entry_of(row) for row in left], Cardinality(lambda _day: ()))
    there = {row[_KIND]: row[_SUMS] for row in map(tuple, rollup.hours())}
    for row in _rows(connection, hours.where(hour_of == hour)):
        has = there.get(row[_KIND], (0,) * len(schema.SUMS))
        gone = [max(0, counted - kept) for counted, kept in zip(row[_SUMS], has, strict=True)]
        if gone[0]:
            yield (*row[: _SUMS.start], *gone, *row[_SUMS.stop :])


def _rows(connection: sa.Connection, statement: sa.Select[Any]) -> Iterator[Row]:
    rows = connection.execute(statement, execution_options={"yield_per": _ROWS_AT_ONCE})
    return map(tuple, rows)
