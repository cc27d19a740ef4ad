"""Opening a journal: its engine, or one sentence that says why not."""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import SQLAlchemyError

from hubv1.journal import damage, files, tables
from hubv1.journal.migrations import bring_forward, version_of
from hubv1.journal.place import JournalError, Place
from hubv1.journal.server import server_engine
from hubv1.texts import plainly

logger = logging.getLogger(__name__)

BUSY_SECONDS = 5.0
"""How long to wait for another process that writes to the same file."""


def open_for_writing(
    place: Place,
    stale: frozenset[files.Identity] = frozenset(),
    say: Callable[[str], None] = logger.warning,
    patience: float | None = None,
) -> Engine:
    """The engine of the journal, made first where there is none.

    A damaged one is kept aside, and a new one begun; `say` hears of it. By default that is a
    warning, since an error in the log ends mitmproxy's start. `stale` are companions that belong
    to a file that was here before; `patience` is how many seconds to wait for another process,
    `BUSY_SECONDS` by default. Raises JournalError where the journal cannot be written or is none.
    """
    with _explained(place):
        file = place.file
        if file is None:
            return _prepared(place, patience)
        files.make(file, stale)
        found = files.identity(file)
        try:
            return _prepared(place, patience)
        except (SQLAlchemyError, sqlite3.Error) as error:
            if not (damage.is_damage(error) and damage.has_traces(file)):
                raise
            set_aside(place, found, reason_of(error), say)
        files.make(file)
        return _prepared(place, patience)


def open_for_reading(place: Place) -> Engine:
    """The engine of a journal that exists; raises JournalError where it does not."""
    file = place.file
    if file is not None and not file.is_file():
        raise JournalError(
            f"There is no journal at {place}. Name one with --journal, or run the bridge first."
        )
    with _explained(place):
        try:
            return _checked(_engine(place, "BEGIN"), place)
        except SQLAlchemyError as error:
            if file is None or not _is_read_only(error):
                raise
        _refuse_if_in_parts(place, file)
        return _checked(_unchanging_engine(file), place)


def set_aside(
    place: Place, damaged: files.Identity | None, reason: str, say: Callable[[str], None]
) -> None:
    """Rename the damaged file at `place`, if it is still there, and say so."""
    file = place.file
    aside = files.keep_aside(file, damaged) if file else None
    if aside is not None:
        say(
            f"The journal {place} is damaged ({reason}). It is kept as {aside}, and a new one is "
            f"begun; sqlite3 {aside} .recover may get back what was in it."
        )


def reason_of(error: BaseException) -> str:
    """What the database said, in one line and without what SQLAlchemy says about it."""
    return " ".join(plainly(getattr(error, "orig", None) or error).split())


@contextmanager
def _explained(place: Place) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
        said = place.without_secrets(reason_of(error))
        raise JournalError(f"The journal {place} cannot be used: {said}.") from error


def _engine(place: Place, begin: str, patience: float | None = None) -> Engine:
    if place.file is None:
        return server_engine(place)
    timeout = BUSY_SECONDS if patience is None else patience
    engine = create_engine(place.url, connect_args={"timeout": timeout})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _unchanging_engine(file: Path) -> Engine:
    """For a file on a read-only medium: SQLite would make companions beside it otherwise, even
    to read."""
    uri = f"file:{quote(str(file))}?mode=ro&immutable=1"
    return create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True))


def _is_read_only(error: SQLAlchemyError) -> bool:
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def _refuse_if_in_parts(place: Place, file: Path) -> None:
    """The latest rows may still be in the companion, which is read with write access only."""
    log = files.companions(file)[0]
    if log.exists() and log.stat().st_size:
        raise JournalError(
            f"The journal {place} cannot be read where nothing can be written, since its last "
            f"rows are in {log}: copy both files to a folder of your own and read them there."
        )


def _prepared(place: Place, patience: float | None) -> Engine:
    """The engine of a journal of this version, with the write lock taken at the beginning of each
    transaction: taken halfway, SQLite would not wait for it."""
    engine = _engine(place, "BEGIN IMMEDIATE", patience)
    try:
        # Whose database it is comes first: nothing of somebody else's may be changed.
        with engine.connect() as connection:
            if inspect(connection).get_table_names():
                _check_owner(connection, place)
                _check_version(connection, place)
        if place.file is not None:
            _use_write_ahead_log(engine, place.file)
        with engine.begin() as connection:
            bring_forward(connection)
        if place.file is not None:
            _empty_log(engine)
    except BaseException:
        engine.dispose()
        raise
    return _checked(engine, place)


def _checked(engine: Engine, place: Place) -> Engine:
    try:
        with engine.connect() as connection:
            _check_owner(connection, place)
            _check_version(connection, place)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _check_owner(connection: Connection, place: Place) -> None:
    if not inspect(connection).has_table(tables.journal.name):
        raise JournalError(f"{place} is a database, but not a journal of this bridge.")


def _check_version(connection: Connection, place: Place) -> None:
    version = version_of(connection) or 0
    if version > tables.SCHEMA_VERSION:
        raise JournalError(
            f"The journal {place} has schema {version}, this bridge knows up to "
            f"{tables.SCHEMA_VERSION}: use the newer bridge that wrote it."
        )


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # Python's driver would begin transactions by rules of its own; here ours hold.
    connection.isolation_level = None
    try:
        # A commit is on the disk when it returns.
        connection.execute("PRAGMA synchronous=FULL")
    except sqlite3.Error:
        connection.close()  # nobody else knows of it yet
        raise


def _empty_log(engine: Engine) -> None:
    """Write the log into the file, as far as others let: one that holds its tables itself can be
    told from somebody else's when it is damaged."""
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    finally:
        connection.close()


def _use_write_ahead_log(engine: Engine, file: Path) -> None:
    """Readers never wait for the writer then. The file remembers it."""
    connection = engine.raw_connection()
    try:
        damage.check(connection.cursor(), file)
        connection.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
