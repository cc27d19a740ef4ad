"""Where a journal is: a path or an SQLAlchemy URL, opened or explained."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from hubv1.journal import tables

FILE_NAME = "hub-journal.sqlite3"
"""Of the journal in mitmproxy's confdir."""

_BUSY_SECONDS = 5
"""How long to wait for another process that writes to the same file."""
_PRIVATE = 0o600


class JournalError(Exception):
    """A journal that cannot be used, and why, in one sentence."""


class Place:
    """A journal's place. Making one touches nothing."""

    def __init__(self, where: str) -> None:
        """`where` is a path or an SQLAlchemy URL."""
        self._url = _url(where)
        if self._url.get_backend_name() == "sqlite" and _is_in_memory(self._url):
            raise JournalError("A journal in memory would record nothing: name a file.")

    def __str__(self) -> str:
        """The place as it may be shown: a path, or a URL without its password."""
        shown = self._url.set(query={})  # a query may hold a password too
        return self._path or shown.render_as_string(hide_password=True)

    @property
    def _path(self) -> str:
        return (self._url.database or "") if self._url.get_backend_name() == "sqlite" else ""

    def open_for_writing(self) -> Engine:
        """The engine of the journal, made first where there is none.

        Raises JournalError where it cannot be written or has another form.
        """
        # Taking the write lock at once, and not halfway, is what makes busy_timeout work.
        return self._opened("BEGIN IMMEDIATE", self._make_and_check)

    def open_for_reading(self) -> Engine:
        """The engine of a journal that exists; raises JournalError where it does not."""
        if self._path and not Path(self._path).is_file():
            raise JournalError(
                f"There is no journal at {self}. Name one with --journal, or run the bridge first."
            )
        return self._opened("BEGIN", self._check)

    def _opened(self, begin: str, prepare: Callable[[Engine], None]) -> Engine:
        try:
            engine = create_engine(self._url, connect_args=self._connect_args())
            if self._path:
                event.listen(engine, "connect", _set_up_sqlite)
                event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
            try:
                prepare(engine)
            except Exception:
                engine.dispose()
                raise
        except (SQLAlchemyError, OSError, ImportError) as error:
            reason = getattr(error, "orig", None) or error
            raise JournalError(f"The journal {self} cannot be used: {reason}.") from error
        return engine

    def _connect_args(self) -> dict[str, Any]:
        return {"timeout": _BUSY_SECONDS} if self._path else {}

    def _make_and_check(self, engine: Engine) -> None:
        if self._path:
            _make_private_file(Path(self._path))
        # Whose database it is comes first: nothing of somebody else's may be changed.
        with engine.connect() as connection:
            if inspect(connection).get_table_names():
                self._check_owner(connection)
        if self._path:
            _use_write_ahead_log(engine)
        with engine.begin() as connection:
            tables.metadata.create_all(connection)
            if _version(connection) is None:
                connection.execute(
                    insert(tables.journal).values(schema_version=tables.SCHEMA_VERSION)
                )
        self._check(engine)

    def _check(self, engine: Engine) -> None:
        with engine.connect() as connection:
            self._check_owner(connection)
            version = _version(connection) or 0
        if version > tables.SCHEMA_VERSION:
            raise JournalError(
                f"The journal {self} has schema {version}, this bridge knows up to "
                f"{tables.SCHEMA_VERSION}: use the newer bridge that wrote it."
            )

    def _check_owner(self, connection: Connection) -> None:
        if not inspect(connection).has_table(tables.journal.name):
            raise JournalError(f"{self} is a database, but not a journal of this bridge.")


def _url(where: str) -> URL:
    if "://" not in where:
        return URL.create("sqlite", database=_expanded(where))
    try:
        return make_url(where)
    except ArgumentError as error:
        raise JournalError("The journal is neither a path nor an SQLAlchemy URL.") from error


def _is_in_memory(url: URL) -> bool:
    return url.database in (None, "", ":memory:") or url.query.get("mode") == "memory"


def _expanded(path: str) -> str:
    try:
        return str(Path(path).expanduser())
    except RuntimeError as error:
        raise JournalError(f"The journal {path} is in a home folder nobody knows.") from error


def _make_private_file(path: Path) -> None:
    """SQLite would make the file readable for all; its companions take over its mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE))


def _version(connection: Connection) -> int | None:
    return connection.execute(select(tables.journal.c.schema_version)).scalar()


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # Python's driver would begin transactions by rules of its own; here SQLAlchemy's do.
    connection.isolation_level = None
    try:
        # A commit is on the disk when it returns.
        connection.execute("PRAGMA synchronous=FULL")
    except sqlite3.Error:
        connection.close()  # nobody else knows of it yet
        raise


def _use_write_ahead_log(engine: Engine) -> None:
    """Readers never wait for the writer then. The file remembers it."""
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
