"""The rows of a journal that wait to be shipped: noted by triggers, then read and marked here.

The tables and triggers for that are created when the journal is shipped for the first time. The
triggers work for every writer, even a bridge without a fleet or an older one, so that the rest of
the journal needs no code for shipping.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

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
"""The parts of a row of `hours`, which has the hour, the kind, the sums and two times."""

local = sa.MetaData()

shipping = sa.Table(
    "shipping",
    local,
    *schema.filled(sa.Text, "journal_id", "fleet_id", "filled_to"),
    *schema.filled(sa.Boolean, "is_joined"),
)
"""One row: the journal; its fleet, empty before the first contact; the id up to which the fleet has
the calls from before shipping began; and whether it has the counts of rows deleted before that."""

FILLED = "~"  # the `filled_to` of a journal without earlier calls to ship; sorts after every id

unshipped = sa.Table("unshipped", local, *schema.keys(sa.Text, "id"), sqlite_with_rowid=False)
"""Ids of gaps, and of calls recorded since shipping began, that the fleet may not have."""


def _keys_of(table: sa.Table) -> sa.Table:
    columns = (sa.Column(each.name, each.type, primary_key=True) for each in table.primary_key)
    return sa.Table(f"unshipped_{table.name}", local, *columns, sqlite_with_rowid=False)


CHANGING = {table: _keys_of(table) for table in (schema.seen, schema.rejections, schema.refusals)}
"""Tables whose rows change, each with a table of the keys of rows that changed since shipped."""


def _noting(when: str, table: sa.Table, keys: sa.Table) -> str:
    """A trigger that notes the key of a row once; an upsert's trigger would ignore OR IGNORE."""
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
    # Limited like the counts, so that rows for a fleet that was given up do not fill the disk.
    yield (
        "keep_unshipped",
        """BEFORE DELETE ON calls WHEN OLD.started_at >= datetime('now', '-400 days') AND (
            OLD.id > (SELECT filled_to FROM shipping) OR OLD.id IN (SELECT id FROM unshipped)
        ) BEGIN SELECT RAISE(IGNORE); END""",
    )


TRIGGERS = dict(_triggers())
"""The triggers by name. If one failed, the call could not be recorded."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Rows of a journal that the fleet may not have, as they were when they were read."""

    journal_id: str
    entries: Sequence[CallRecord]
    gaps: Sequence[Row] = ()
    changed: Mapping[sa.Table, Sequence[Row]] = field(default_factory=dict)
    """Rows of the tables in CHANGING."""
    filled_to: str = ""
    """The new `filled_to` of the table `shipping` once the fleet has this parcel."""

    def __bool__(self) -> bool:
        """Whether the parcel has any rows."""
        return bool(self.entries or self.gaps or any(self.changed.values()))

    @property
    def ids(self) -> list[str]:
        """The ids of its calls and gaps."""
        return [*(entry.id for entry in self.entries), *(row[0] for row in self.gaps)]


class Outbox:
    """The rows of one journal that wait for one fleet. For one thread; every method raises
    SQLAlchemyError if the file cannot be read or written."""

    def __init__(self, file: Path) -> None:
        """`file` is a journal that exists."""
        self.journal_id = ""
        uri = files.sqlite_uri(file, "mode=rw")
        options: dict[str, Any] = {"timeout": _BUSY_SECONDS, "isolation_level": None, "uri": True}
        connect = partial(sqlite3.connect, uri, **options)
        self._engine = sa.create_engine("sqlite://", creator=connect, poolclass=NullPool)
        sa.event.listen(self._engine, "connect", _set_up)
        sa.event.listen(self._engine, "begin", _begin_as_told)

    def prepare(self) -> None:
        """Create tables and triggers, and let the whole journal wait if it was never shipped."""
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
        """Note the fleet; let the whole journal wait again if it was shipped to another before."""
        with self._writing() as connection:
            known = connection.scalars(sa.select(shipping.c.fleet_id)).one()
            if known == fleet_id:
                return
            connection.execute(sa.update(shipping).values(fleet_id=fleet_id))
            if known:
                connection.execute(sa.update(shipping).values(_UNFILLED))
                _note_all(connection)

    def join(self, bring: Callable[[str, Iterator[Row], Iterator[Row]], None]) -> None:
        """Call `bring` with the counts of deleted rows, from `hours` and `callers`, unless the
        fleet has them."""
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
        """Up to `size` of the calls that have waited longest, with gaps and changed rows."""
        gaps, ids = schema.gaps, schema.calls.c.id
        new_gaps = sa.select(gaps).join(unshipped, unshipped.c.id == gaps.c.id).limit(size)
        with self._reading() as connection:
            filled_to = connection.scalars(sa.select(shipping.c.filled_to)).one()
            calls = sa.select(schema.calls).order_by(ids).limit(size)
            if filled_to == FILLED:
                calls = calls.join(unshipped, unshipped.c.id == ids)
            else:
                calls = calls.where(ids > filled_to)
            entries = [entry_of(row) for row in connection.execute(calls)]
            return Parcel(
                self.journal_id,
                entries,
                [tuple(row) for row in connection.execute(new_gaps)],
                {table: _changed(connection, table, size) for table in CHANGING},
                FILLED if len(entries) < size else max(filled_to, entries[-1].id),
            )

    def mark(self, parcel: Parcel) -> None:
        """Mark a parcel as shipped; rows that have changed since it was read go on waiting."""
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
        """The number of calls and gaps that wait."""
        ids, count = schema.calls.c.id, sa.select(sa.func.count())
        is_old = ids > sa.select(shipping.c.filled_to).scalar_subquery()
        is_new = unshipped.c.id.not_in(sa.select(ids).where(is_old))
        with self._reading() as connection:
            old = connection.scalars(count.select_from(schema.calls).where(is_old)).one()
            return old + connection.scalars(count.select_from(unshipped).where(is_new)).one()

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
    """Let all rows wait except those of calls, which `filled_to` covers."""
    for table, keys in {schema.gaps: unshipped, **CHANGING}.items():
        missing = sa.insert(keys).prefix_with("OR IGNORE")
        present = sa.select(*table.primary_key)
        connection.execute(missing.from_select(keys.columns.keys(), present))


def _changed(connection: sa.Connection, table: sa.Table, size: int) -> list[Row]:
    """Up to `size` of the rows of a table that have changed since they were shipped."""
    keys = CHANGING[table]
    is_noted = (keys.c[column.name] == column for column in table.primary_key)
    rows = sa.select(table).join(keys, sa.and_(*is_noted)).order_by(*table.primary_key).limit(size)
    return [tuple(row) for row in connection.execute(rows)]


def _unchanged(table: sa.Table, row: Row) -> sa.Delete:
    """Deletes the noted key of a row, unless the row has changed again."""
    keys, values = CHANGING[table], dict(zip(table.columns.keys(), row, strict=True))
    is_key = (column == values[column.name] for column in keys.columns)
    is_same = (column == values[column.name] for column in table.columns)
    return sa.delete(keys).where(*is_key, sa.select(table).where(*is_same).exists())


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    try:
        # If a power failure undoes a mark, the rows are only shipped once more.
        connection.execute("PRAGMA synchronous=NORMAL")
        # Only the journal's writer empties the log, since it checks that the log is intact.
        connection.execute("PRAGMA wal_autocheckpoint=0").fetchall()
    except sqlite3.Error:
        connection.close()  # SQLAlchemy does not own it yet
        raise


def _begin_as_told(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _hours_gone(connection: sa.Connection) -> Iterator[Row]:
    """Rows of `hours` for counted calls whose own rows were deleted.

    Old rows are deleted first: so those of all hours before the oldest call that is left, and for
    its own hour the counts beyond the rows that are left.
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
