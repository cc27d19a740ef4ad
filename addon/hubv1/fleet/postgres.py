"""A fleet's PostgreSQL database: opened and made, and written to so that each call counts once,
however often it is sent."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

from sqlalchemy import (
    ARRAY,
    Column,
    Connection,
    Engine,
    PoolProxiedConnection,
    Table,
    bindparam,
    event,
    func,
    inspect,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.engine.interfaces import DBAPIConnection

from hubv1.fleet.fleet_schema import fleet, journals, rejections_of_journals, shared
from hubv1.fleet.outbox import Parcel
from hubv1.journal import CallRecord, JournalError, Place, new_id, schema
from hubv1.journal.counts import Cardinality, Kind, Rollup, Row, by_day
from hubv1.journal.place import POSTGRESQL
from hubv1.journal.reader import server_engine, version_of
from hubv1.journal.retention import remove_old
from hubv1.text import bounded

_EXAMPLE = "a URL such as postgresql+psycopg://bridge@db.example/hub"
SECONDS = 60.0
"""How long one transaction may take before its connection is cut."""
_MIGRATING_SECONDS = 3_600.0
_SCHEMA_LOCK = 0x6875_6276_31
"""Key of an advisory lock: shared while rows are written, exclusive while tables are changed."""
_LIMITS = {
    "statement_timeout": "30s",
    # A bridge whose machine is gone holds its locks no longer than this.
    "idle_in_transaction_session_timeout": "60s",
}
"""For a server that has no limit of its own."""
_ROWS_AT_ONCE = 1_000
_JOINING_SECONDS = 3_600.0
_TIDYING = "tidying"
_CALLS = schema.calls.columns
_NEW_CALLS = (
    insert(schema.calls)
    .from_select(
        _CALLS.keys(),
        select(*(func.unnest(bindparam(each.name, type_=ARRAY(each.type))) for each in _CALLS)),
    )
    .on_conflict_do_nothing()
    .returning(schema.calls.c.id)
)
"""Takes a list for each column: a parameter for each value of a thousand rows would be slow."""
_ADD_HOURS = schema.adding(insert(schema.hours), schema.SUMS)
_ADD_DAYS = schema.adding(insert(schema.days), schema.SUMS)
_ADD_REJECTIONS = schema.adding(insert(schema.rejections), ("times",))
_RENEW_CALLERS = schema.renewing(insert(schema.callers))


def check_fleet_url(url: str) -> None:
    """Raise JournalError where `url` is not that of a fleet's database.

    No sentence shows the URL: what is wrong with it may be in its password.
    """
    try:
        place = Place(url)
    except JournalError:
        raise JournalError(
            f"hub_fleet takes {_EXAMPLE}; an @ in a password is written as %40 there, / as %2F, "
            "? as %3F and # as %23."
        ) from None
    if place.url.drivername != POSTGRESQL:
        raise JournalError(f"hub_fleet takes {_EXAMPLE}.")


class FleetDatabase:
    """A connection to the fleet, made when it is needed. For one thread."""

    def __init__(self, place: Place) -> None:
        """Touches nothing yet; raises JournalError where there is no driver for it."""
        self._place = place
        self.engine = _engine(place)

    def open(self) -> str:
        """Make sure that it is a fleet of this version; returns its id.

        Raises JournalError where it belongs to somebody else or to newer bridges, SQLAlchemyError
        where it cannot be reached or written.
        """
        if not self.look():
            with (
                self.engine.begin() as connection,
                limited(connection.connection, _MIGRATING_SECONDS),
            ):
                self._make_ready(connection)
        with self.engine.begin() as connection, limited(connection.connection, SECONDS):
            return str(connection.scalars(select(fleet.c.id)).one())

    def look(self) -> bool:
        """Whether it is a fleet of this version by now, changing nothing; raises as `open` does."""
        with self.engine.begin() as connection, limited(connection.connection, SECONDS):
            return self._is_ready(connection)

    @contextmanager
    def writing(self, seconds: float | None = None) -> Iterator[Connection]:
        """A transaction in a fleet of this version; raises as `open` does."""
        with self.engine.begin() as connection, limited(connection.connection, seconds or SECONDS):
            connection.execute(select(func.pg_advisory_xact_lock_shared(_SCHEMA_LOCK)))
            version = connection.scalars(select(schema.journal.c.schema_version)).one()
            if version != schema.SCHEMA_VERSION:
                raise self._unfit(version)
            yield connection

    def close(self) -> None:
        """Drop the connection."""
        self.engine.dispose()

    def _is_ready(self, connection: Connection) -> bool:
        version = version_of(connection)
        found = set(inspect(connection).get_table_names())
        if version is None and found:
            raise JournalError(
                f"{self._place} is a database, but not a fleet of this bridge: give the fleet a "
                f"database of its own."
            )
        if version is not None and version != schema.SCHEMA_VERSION:
            raise self._unfit(version)
        return found.issuperset((*schema.metadata.tables, *shared.tables))

    def _make_ready(self, connection: Connection) -> None:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        if self._is_ready(connection):
            return  # another bridge was faster
        encoding = connection.scalars(text("SHOW server_encoding")).one()
        if encoding != "UTF8":
            raise JournalError(f"{self._place} has the encoding {encoding}: a fleet needs UTF8.")
        _create(connection)
        if connection.scalars(select(fleet.c.id)).one_or_none() is None:
            connection.execute(insert(fleet).values(id=new_id()))

    def _unfit(self, version: int) -> JournalError:
        is_newer = version > schema.SCHEMA_VERSION
        return JournalError(
            f"{self._place} has schema {version}, this bridge has {schema.SCHEMA_VERSION}: "
            f"{'update the bridge' if is_newer else 'give the fleet a new database'}."
        )


class Busy(Exception):
    """Another bridge is bringing rows of the same journal."""


class FleetWriter:
    """Brings the rows of one journal to the fleet. For one thread.

    Its methods raise Busy, or what the database raises; then nothing was written, or at least
    nothing is known of it, and the same may be brought again.
    """

    def __init__(
        self, database: FleetDatabase, journal_id: str, bridge_id: str, now: Callable[[], datetime]
    ) -> None:
        """For a fleet that is open."""
        self._database = database
        self._journal_id = journal_id
        self._bridge_id = bridge_id
        self._now = now
        self._connection: Connection | None = None
        self._cardinality = Cardinality(self._kinds_of)

    def join(self, hours: Iterator[tuple[Any, ...]], callers: Iterator[tuple[Any, ...]]) -> None:
        """Add counts whose rows are gone, unless the fleet has them of this journal."""
        with self._database.writing(_JOINING_SECONDS) as connection:
            if not self._is_new(connection):
                return
            while some := list(islice(hours, _ROWS_AT_ONCE)):
                _run(connection, _ADD_HOURS, sorted(some))
                _run(connection, _ADD_DAYS, by_day(some))
            while some := list(islice(callers, _ROWS_AT_ONCE)):
                _run(connection, _RENEW_CALLERS, sorted(some))

    def bring(self, parcel: Parcel, waiting: int) -> None:
        """Write what of the parcel is not there yet; `waiting` rows are in the journal after it."""
        with self._database.writing() as connection:
            self._lock(connection)
            self._count(connection, self._new(connection, parcel))
            _run(connection, insert(schema.gaps).on_conflict_do_nothing(), _bounded(parcel.gaps))
            _run(connection, _as_it_is_now(schema.seen), parcel.seen)
            _run(connection, _as_it_is_now(schema.refusals), parcel.refusals)
            self._add_rejections(connection, _bounded(parcel.rejections))
            self._note(connection, waiting)

    def tidy(self, days: int) -> bool:
        """Take some of what is old away, calls after so many days; returns whether there may be
        more. One bridge at a time does that for all."""
        with self._database.writing() as connection:
            if not _is_free(connection, _TIDYING):
                return False
            cursor = connection.connection.cursor()

            def execute(statement: str, values: Sequence[object]) -> Any:  # noqa: ANN401  # DB-API 2.0 has no types
                cursor.execute(statement.replace("?", "%s"), [*map(_plain, values)])
                return cursor

            return remove_old(execute, self._now(), days)

    def _lock(self, connection: Connection) -> None:
        if not _is_free(connection, self._journal_id):
            raise Busy

    def _is_new(self, connection: Connection) -> bool:
        """Whether the journal was not known so far; it is from now on."""
        self._lock(connection)
        row = self._row(0)
        joined = insert(journals).on_conflict_do_nothing().returning(journals.c.id)
        return connection.execute(joined, row).one_or_none() is not None

    def _new(self, connection: Connection, parcel: Parcel) -> list[CallRecord]:
        """Insert the calls; returns those that were not there."""
        if not parcel.entries:
            return []
        columns = zip(*(entry.row() for entry in parcel.entries), strict=True)
        values = dict(zip(_CALLS.keys(), map(list, columns), strict=True))
        new = set(connection.scalars(_NEW_CALLS, values))
        return [entry for entry in parcel.entries if entry.id in new]

    def _count(self, connection: Connection, entries: Sequence[CallRecord]) -> None:
        self._connection = connection
        rollup = Rollup(entries, self._cardinality)
        _run(connection, _ADD_HOURS, rollup.hours())
        _run(connection, _ADD_DAYS, rollup.days())
        _run(connection, _RENEW_CALLERS, rollup.callers())

    def _kinds_of(self, day: date) -> Iterator[Kind]:
        """What the fleet counts of that day."""
        assert self._connection is not None  # noqa: S101  # only `_count` leads here
        columns = [schema.days.c[name] for name in Kind._fields]
        found = self._connection.execute(select(*columns).where(schema.days.c.day == day))
        return (Kind(*row) for row in found)

    def _add_rejections(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Add what these are more than they were when they last came from this journal."""
        mine = rejections_of_journals.c
        key = mine.day, mine.client_address, mine.server_address
        is_known = mine.journal_id == self._journal_id, tuple_(*key).in_([row[:3] for row in rows])
        found = connection.execute(select(*key, mine.times).where(*is_known)) if rows else ()
        known: dict[Row, int] = {tuple(there): times for *there, times in found}
        more = ((row, row[3] - known.get(row[:3], 0)) for row in rows)
        new = [(*row[:3], times, *row[4:]) for row, times in more if times > 0]
        _run(connection, _ADD_REJECTIONS, new)
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


def _bounded(rows: Sequence[Row]) -> list[Row]:
    """The rows with texts that PostgreSQL takes, whoever wrote them."""
    return [
        tuple(bounded(value) if isinstance(value, str) else value for value in row) for row in rows
    ]


def _plain(value: object) -> object:
    """A moment as the tables have it, without a zone."""
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def _as_it_is_now(table: Table) -> Insert:
    """Rows that take the place of the one with the same key; counts never become less."""
    statement = insert(table)
    columns: list[Column[Any]] = [each for each in table.columns if not each.primary_key]
    values = {each.name: func.greatest(each, statement.excluded[each.name]) for each in columns}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=values)


def _engine(place: Place) -> Engine:
    engine = server_engine(place)
    event.listen(engine, "connect", _set_limits)
    return engine


def _set_limits(connection: DBAPIConnection, _record: object) -> None:
    try:
        cursor = connection.cursor()
        for name, value in _LIMITS.items():
            cursor.execute(
                "SELECT set_config(%s, %s, false) WHERE current_setting(%s) = '0'",
                (name, value, name),
            )
        cursor.close()
        connection.commit()
    except BaseException:
        connection.close()  # nobody else knows of it yet
        raise


def _create(connection: Connection) -> None:
    """Make what is missing."""
    schema.metadata.create_all(connection)
    shared.create_all(connection)
    present = inspect(connection).get_view_names()
    for name in schema.VIEWS:
        if name not in present:
            connection.exec_driver_sql(schema.view(name, connection.dialect))
    if connection.scalars(select(schema.journal.c.schema_version)).one_or_none() is None:
        connection.execute(insert(schema.journal).values(schema_version=schema.SCHEMA_VERSION))


@contextmanager
def limited(connection: PoolProxiedConnection, seconds: float) -> Iterator[None]:
    """Cut the connection where the context lasts longer; whoever waits for it gets the driver's
    error then.

    The server has limits of its own, and the system notices a machine that is gone. Neither helps
    where the server is there and stands still.
    """
    driver: Any = connection.driver_connection
    timer = threading.Timer(seconds, _cut, (driver.fileno(),))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(number: int) -> None:
    # A socket object of our own for a moment: the descriptor stays the driver's.
    with suppress(OSError), socket.socket(fileno=number) as one:
        try:
            one.shutdown(socket.SHUT_RDWR)
        finally:
            one.detach()
