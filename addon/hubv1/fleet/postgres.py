"""A fleet's PostgreSQL database, in which each call counts once, however often it is sent."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.engine.interfaces import DBAPIConnection

from hubv1.fleet.outbox import Parcel
from hubv1.journal import CallRecord, JournalError, Location, new_id, schema
from hubv1.journal.counts import Cardinality, Kind, Rollup, Row, by_day, utc_now
from hubv1.journal.engines import server_engine, version_of
from hubv1.journal.location import POSTGRESQL
from hubv1.journal.retention import remove_old
from hubv1.text import bounded

_EXAMPLE = "a URL such as postgresql+psycopg://bridge@db.example/hub"
SECONDS = 60.0  # how long one transaction may take before its connection is cut
_MIGRATING_SECONDS = 3_600.0
_SCHEMA_LOCK = 0x6875_6276_31
"""The key of an advisory lock: shared while rows are written, exclusive while tables change."""
_LIMITS = {
    "statement_timeout": "30s",
    # Ends the locks of a bridge whose machine is gone.
    "idle_in_transaction_session_timeout": "60s",
}
"""Settings for a server that has no limits of its own."""
_ROWS_AT_ONCE = 1_000
_JOINING_SECONDS = 3_600.0
_TIDYING = "tidying"
_CALLS = schema.calls.columns
_NEW_CALLS = (
    insert(schema.calls)
    .from_select(
        _CALLS.keys(),
        sa.select(
            *(sa.func.unnest(sa.bindparam(each.name, type_=sa.ARRAY(each.type))) for each in _CALLS)
        ),
    )
    .on_conflict_do_nothing()
    .returning(schema.calls.c.id)
)
"""Takes a list for each column, which is faster than a parameter for each value."""
_ADD_HOURS = schema.adding(insert(schema.hours), schema.SUMS)
_ADD_DAYS = schema.adding(insert(schema.days), schema.SUMS)
_ADD_REJECTIONS = schema.adding(insert(schema.rejections), ("times",))
_RENEW_CALLERS = schema.renewing(insert(schema.callers))


shared = sa.MetaData()  # the tables of the fleet's database besides those of a journal

fleet = sa.Table("fleet", shared, *schema.keys(sa.Text, "id"))  # one row, with the id of this fleet

journals = sa.Table(
    "journals",
    shared,
    *schema.keys(sa.Text, "id"),
    *schema.filled(sa.Text, "bridge_id"),
    *schema.filled(schema.UtcDateTime, "joined_at", "shipped_at"),
    *schema.filled(sa.Integer, "waiting"),
)
"""The journals that are shipped here, each with its bridge, its first and its latest time, and the
number of rows that waited then."""

rejections_of_journals = sa.Table(
    "rejections_of_journals",
    shared,
    *schema.keys(sa.Text, "journal_id"),
    *schema.keys(schema.Day, "day"),
    *schema.keys(sa.Text, "client_address", "server_address"),
    *schema.filled(sa.Integer, "times"),
)
"""The part of `rejections` that came from each journal, to tell which of its rejections are new."""


def check_fleet_url(url: str) -> None:
    """Raise JournalError if `url` is not that of a fleet's database.

    No message shows the URL, whose mistake may be in the password.
    """
    try:
        location = Location(url)
    except JournalError:
        raise JournalError(
            f"hub_fleet takes {_EXAMPLE}; an @ in a password is written as %40 there, / as %2F, "
            "? as %3F and # as %23."
        ) from None
    if location.url.drivername != POSTGRESQL:
        raise JournalError(f"hub_fleet takes {_EXAMPLE}.")


class Busy(Exception):
    """Another bridge is shipping rows of the same journal."""


class FleetDatabase:
    """The fleet's database, connected to when needed. For one thread.

    If a method that writes rows raises Busy or an error of the database, the same rows may be sent
    again.
    """

    def __init__(
        self, location: Location, bridge_id: str = "", now: Callable[[], datetime] = utc_now
    ) -> None:
        """Make no connection yet; raises JournalError if the driver is not installed."""
        self._location = location
        self._bridge_id = bridge_id
        self._now = now
        self._connection: sa.Connection | None = None
        self._cardinality = Cardinality(self._kinds_of)
        self.engine = server_engine(location)
        sa.event.listen(self.engine, "connect", _set_limits)

    def open(self) -> str:
        """Create the fleet's tables unless they exist; returns the fleet's id.

        Raises JournalError if the database belongs to another program or to newer bridges, and
        SQLAlchemyError if it cannot be reached or written.
        """
        if not self.look():
            with self._transaction(_MIGRATING_SECONDS) as connection:
                self._make_ready(connection)
        with self._transaction() as connection:
            return str(connection.scalars(sa.select(fleet.c.id)).one())

    def look(self) -> bool:
        """Whether it is a fleet of this version, without a change; raises as `open` does."""
        with self._transaction() as connection:
            return self._is_ready(connection)

    @contextmanager
    def writing(self, seconds: float | None = None) -> Iterator[sa.Connection]:
        """A transaction in a fleet of this version; raises as `open` does."""
        with self._transaction(seconds) as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(_SCHEMA_LOCK)))
            version = connection.scalars(sa.select(schema.journal.c.schema_version)).one()
            if version != schema.SCHEMA_VERSION:
                raise self._unfit(version)
            yield connection

    def join(self, journal_id: str, hours: Iterator[Row], callers: Iterator[Row]) -> None:
        """Add the counts of deleted rows, unless this journal was joined before."""
        with self.writing(_JOINING_SECONDS) as connection:
            _lock(connection, journal_id)
            joined = insert(journals).on_conflict_do_nothing().returning(journals.c.id)
            if connection.execute(joined, self._row(journal_id, 0)).one_or_none() is None:
                return
            while some := list(islice(hours, _ROWS_AT_ONCE)):
                _run(connection, _ADD_HOURS, sorted(some))
                _run(connection, _ADD_DAYS, by_day(some))
            while some := list(islice(callers, _ROWS_AT_ONCE)):
                _run(connection, _RENEW_CALLERS, sorted(some))

    def bring(self, parcel: Parcel, waiting: int) -> None:
        """Write the rows that the fleet lacks; `waiting` rows then remain in the journal."""
        changed = parcel.changed
        with self.writing() as connection:
            _lock(connection, parcel.journal_id)
            self._connection = connection
            rollup = Rollup(_new(connection, parcel.entries), self._cardinality)
            _run(connection, _ADD_HOURS, rollup.hours())
            _run(connection, _ADD_DAYS, rollup.days())
            _run(connection, _RENEW_CALLERS, rollup.callers())
            _run(connection, insert(schema.gaps).on_conflict_do_nothing(), _bounded(parcel.gaps))
            for table in (schema.seen, schema.refusals):
                _run(connection, _as_it_is_now(table), changed.get(table, ()))
            rejections = _bounded(changed.get(schema.rejections, ()))
            _add_rejections(connection, parcel.journal_id, rejections)
            self._note(connection, parcel.journal_id, waiting)

    def tidy(self, days: int) -> bool:
        """Delete some old rows, those of calls after so many days; returns whether there may be
        more. One bridge at a time does this for all."""
        with self.writing() as connection:
            if not _is_free(connection, _TIDYING):
                return False
            cursor = connection.connection.cursor()

            def execute(statement: str, values: Sequence[object]) -> Any:  # noqa: ANN401  # DB-API 2.0 has no types
                cursor.execute(statement.replace("?", "%s"), [*map(_plain, values)])
                return cursor

            return remove_old(execute, self._now(), days)

    def close(self) -> None:
        """Close the connection, and forget what was read of the fleet's counts."""
        self._cardinality = Cardinality(self._kinds_of)
        self.engine.dispose()

    @contextmanager
    def _transaction(self, seconds: float | None = None) -> Iterator[sa.Connection]:
        """A transaction whose connection is cut if it takes longer, which raises the driver's error
        in it.

        The server's own limits and the system's keepalive do not help against a server that is
        alive but stands still.
        """
        with self.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            timer = threading.Timer(seconds or SECONDS, _cut, (driver.fileno(),))
            timer.daemon = True
            timer.start()
            try:
                with connection.begin():
                    yield connection
            finally:
                timer.cancel()

    def _is_ready(self, connection: sa.Connection) -> bool:
        version = version_of(connection)
        found = set(sa.inspect(connection).get_table_names())
        if version is None and found:
            raise JournalError(
                f"{self._location} is a database, but not a fleet of this bridge: give the fleet a "
                f"database of its own."
            )
        if version is not None and version != schema.SCHEMA_VERSION:
            raise self._unfit(version)
        return found.issuperset((*schema.metadata.tables, *shared.tables))

    def _make_ready(self, connection: sa.Connection) -> None:
        connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        if self._is_ready(connection):
            return  # another bridge was faster
        encoding = connection.scalars(sa.text("SHOW server_encoding")).one()
        if encoding != "UTF8":
            raise JournalError(f"{self._location} has the encoding {encoding}: a fleet needs UTF8.")
        schema.metadata.create_all(connection)
        shared.create_all(connection)
        present = sa.inspect(connection).get_view_names()
        for name in schema.VIEWS.keys() - present:
            connection.exec_driver_sql(schema.view(name, connection.dialect))
        first = {fleet.c.id: new_id(), schema.journal.c.schema_version: schema.SCHEMA_VERSION}
        for column, value in first.items():
            if connection.scalars(sa.select(column)).one_or_none() is None:
                connection.execute(insert(column.table).values({column: value}))

    def _unfit(self, version: int) -> JournalError:
        is_newer = version > schema.SCHEMA_VERSION
        return JournalError(
            f"{self._location} has schema {version}, this bridge has {schema.SCHEMA_VERSION}: "
            f"{'update the bridge' if is_newer else 'give the fleet a new database'}."
        )

    def _kinds_of(self, day: date) -> Iterator[Kind]:
        """The kinds of calls that the fleet counts on that day."""
        assert self._connection is not None  # noqa: S101  # called by `bring` alone
        columns = [schema.days.c[name] for name in Kind._fields]
        found = self._connection.execute(sa.select(*columns).where(schema.days.c.day == day))
        return (Kind(*row) for row in found)

    def _note(self, connection: sa.Connection, journal_id: str, waiting: int) -> None:
        statement = insert(journals)
        names = ("bridge_id", "shipped_at", "waiting")
        changed = {name: statement.excluded[name] for name in names}
        statement = statement.on_conflict_do_update(index_elements=[journals.c.id], set_=changed)
        connection.execute(statement, self._row(journal_id, waiting))

    def _row(self, journal_id: str, waiting: int) -> dict[str, object]:
        now = self._now()
        values = (journal_id, self._bridge_id, now, now, waiting)
        return dict(zip(journals.columns.keys(), values, strict=True))


def _add_rejections(connection: sa.Connection, journal_id: str, rows: Sequence[Row]) -> None:
    """Add the increase of these rows since they last came from this journal."""
    if not rows:
        return
    mine = rejections_of_journals.c
    key = mine.day, mine.client_address, mine.server_address
    is_known = mine.journal_id == journal_id, sa.tuple_(*key).in_([row[:3] for row in rows])
    found = connection.execute(sa.select(*key, mine.times).where(*is_known))
    known: dict[Row, int] = {tuple(there): times for *there, times in found}
    more = ((row, row[3] - known.get(row[:3], 0)) for row in rows)
    new = [(*row[:3], times, *row[4:]) for row, times in more if times > 0]
    _run(connection, _ADD_REJECTIONS, new)
    now = [(journal_id, *row[:4]) for row in rows]
    _run(connection, _as_it_is_now(rejections_of_journals), now)


def _new(connection: sa.Connection, entries: Sequence[CallRecord]) -> list[CallRecord]:
    """Insert the calls that the fleet lacks; returns those."""
    if not entries:
        return []
    columns = zip(*(entry.row() for entry in entries), strict=True)
    values = dict(zip(_CALLS.keys(), map(list, columns), strict=True))
    new = set(connection.scalars(_NEW_CALLS, values))
    return [entry for entry in entries if entry.id in new]


def _lock(connection: sa.Connection, journal_id: str) -> None:
    if not _is_free(connection, journal_id):
        raise Busy


def _is_free(connection: sa.Connection, name: str) -> bool:
    """Whether this transaction could take the lock of that name, which it then holds to its end."""
    lock = sa.func.pg_try_advisory_xact_lock(sa.func.hashtextextended(name, 0))
    return bool(connection.scalars(sa.select(lock)).one())


def _run(connection: sa.Connection, statement: Insert, rows: Sequence[Row]) -> None:
    if rows:
        names = statement.table.columns.keys()
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])


def _bounded(rows: Sequence[Row]) -> list[Row]:
    """The rows with texts that PostgreSQL can store, even if another program wrote them."""
    return [
        tuple(bounded(value) if isinstance(value, str) else value for value in row) for row in rows
    ]


def _plain(value: object) -> object:
    """A time without its zone, as the tables store it."""
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def _as_it_is_now(table: sa.Table) -> Insert:
    """Upserts rows of a table; a count never decreases."""
    statement = insert(table)
    columns: list[sa.Column[Any]] = [each for each in table.columns if not each.primary_key]
    values = {each.name: sa.func.greatest(each, statement.excluded[each.name]) for each in columns}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=values)


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
        connection.close()  # SQLAlchemy does not own it yet
        raise


def _cut(number: int) -> None:
    # A temporary socket object; the descriptor stays the driver's.
    with suppress(OSError), socket.socket(fileno=number) as one:
        try:
            one.shutdown(socket.SHUT_RDWR)
        finally:
            one.detach()
