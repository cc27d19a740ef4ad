"""The fleet's database: opened, and made or brought forward where it is not of this version."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, event, func, insert, inspect, select, text
from sqlalchemy.engine.interfaces import DBAPIConnection

from hubv1.fleet.tables import fleet, shared
from hubv1.journal import JournalError, Place, new_id, tables
from hubv1.journal.migrations import bring_forward, version_of
from hubv1.journal.server import server_engine, watched

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


class Database:
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
                watched(connection.connection, _MIGRATING_SECONDS),
            ):
                self._make_ready(connection)
        with self.engine.begin() as connection, watched(connection.connection, SECONDS):
            return str(connection.scalars(select(fleet.c.id)).one())

    def look(self) -> bool:
        """Whether it is a fleet of this version by now, changing nothing; raises as `open` does."""
        with self.engine.begin() as connection, watched(connection.connection, SECONDS):
            return self._is_ready(connection)

    @contextmanager
    def writing(self, seconds: float | None = None) -> Iterator[Connection]:
        """A transaction in a fleet of this version; raises as `open` does."""
        with self.engine.begin() as connection, watched(connection.connection, seconds or SECONDS):
            connection.execute(select(func.pg_advisory_xact_lock_shared(_SCHEMA_LOCK)))
            version = connection.scalars(select(tables.journal.c.schema_version)).one()
            if version != tables.SCHEMA_VERSION:
                raise self._unfit(version)
            yield connection

    def close(self) -> None:
        """Drop the connection."""
        self.engine.dispose()

    def _is_ready(self, connection: Connection) -> bool:
        version = version_of(connection)
        if version is None and inspect(connection).get_table_names():
            raise JournalError(
                f"{self._place} is a database, but not a fleet of this bridge: give the fleet a "
                f"database of its own."
            )
        if version is not None and version > tables.SCHEMA_VERSION:
            raise self._unfit(version)
        return version == tables.SCHEMA_VERSION and inspect(connection).has_table(fleet.name)

    def _make_ready(self, connection: Connection) -> None:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        if self._is_ready(connection):
            return  # another bridge was faster
        encoding = connection.scalars(text("SHOW server_encoding")).one()
        if encoding != "UTF8":
            raise JournalError(f"{self._place} has the encoding {encoding}: a fleet needs UTF8.")
        bring_forward(connection)
        shared.create_all(connection)
        if connection.scalars(select(fleet.c.id)).one_or_none() is None:
            connection.execute(insert(fleet).values(id=new_id()))

    def _unfit(self, version: int) -> JournalError:
        return JournalError(
            f"{self._place} has schema {version}, this bridge has {tables.SCHEMA_VERSION}: update "
            f"the bridge."
        )


def _engine(place: Place) -> Engine:
    try:
        engine = server_engine(place)
    except ImportError as error:
        raise JournalError(
            "A fleet needs the Python package psycopg, which mitmproxy's Python does not have: "
            "pip install 'psycopg[binary]'."
        ) from error
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
