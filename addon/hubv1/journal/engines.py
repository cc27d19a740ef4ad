"""SQLAlchemy's engines for reading a journal's file, and for a fleet's database."""

import sqlite3
from contextlib import ExitStack
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from hubv1.journal import files, schema
from hubv1.journal.connection import BUSY_SECONDS, reason_of, version_complaint
from hubv1.journal.location import POSTGRESQL, JournalError, Location

_NO_DRIVER = (
    "A fleet needs the Python package psycopg, which is not installed: install hub-v1-bridge with "
    "its extra, 'hub-v1-bridge[fleet]', or 'psycopg[binary]' beside mitmproxy."
)
_OF_SERVER = {
    "connect_timeout": "10",
    # The system ends a connection to a machine that is gone.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "hub-v1-bridge",
}
"""Parameters for libpq, unless the URL sets them."""


def open_for_reading(location: Location) -> sa.Engine:
    """An engine for a journal that exists; raises JournalError if it does not."""
    file = location.file
    if file is not None and not file.is_file():
        raise JournalError(
            f"There is no journal at {location}. Name one with --journal, or run the bridge first."
        )
    try:
        if file is None:
            return _checked(server_engine(location), location)
        try:
            return _checked(_file_engine(location), location)
        except SQLAlchemyError as error:
            code = getattr(getattr(error, "orig", None), "sqlite_errorcode", 0)
            if code & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
        return _checked(_read_only_engine(location, file), location)
    except (SQLAlchemyError, OSError) as error:
        said = location.without_secrets(reason_of(error))
        raise JournalError(f"The journal {location} cannot be used: {said}.") from error


def server_engine(location: Location) -> sa.Engine:
    """An engine for a database on a server, for one thread; raises JournalError if its driver is
    not installed."""
    url = location.url
    if url.drivername != POSTGRESQL:
        raise JournalError(
            f"The journal {location} cannot be used: the URL of a database begins with {POSTGRESQL}://."
        )
    given = {name: value for name, value in _OF_SERVER.items() if name not in url.query}
    try:
        return sa.create_engine(url, connect_args=given, pool_size=1, max_overflow=0)
    except ImportError as error:
        raise JournalError(_NO_DRIVER) from error


def _file_engine(location: Location) -> sa.Engine:
    # One explicit transaction, since Python's driver would begin several: all reads see one state.
    given = {"timeout": BUSY_SECONDS, "isolation_level": None}
    engine = sa.create_engine(location.url, connect_args=given)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _read_only_engine(location: Location, file: Path) -> sa.Engine:
    """An engine for a read-only medium, where SQLite cannot create the companions that it needs
    even for reading. Without them it cannot read a log, which may have the latest rows."""
    log = files.companions(file)[0]
    if log.exists() and log.stat().st_size:
        raise JournalError(
            f"The journal {location} cannot be read in a read-only folder, since its last rows are "
            f"in {log}: copy both files to a folder of your own and read them there."
        )
    uri = files.sqlite_uri(file, "mode=ro&immutable=1")
    return sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True))


def _checked(engine: sa.Engine, location: Location) -> sa.Engine:
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        with engine.connect() as connection:
            complaint = version_complaint(location, version_of(connection))
        if complaint:
            raise JournalError(complaint)
        stack.pop_all()
    return engine


def version_of(connection: sa.Connection) -> int | None:
    """The schema version of the journal; None if there is no journal."""
    if not sa.inspect(connection).has_table(schema.journal.name):
        return None
    return connection.scalars(sa.select(schema.journal.c.schema_version)).one_or_none() or 0
