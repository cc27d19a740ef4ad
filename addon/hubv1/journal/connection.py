"""A journal's file that is open for writing, by the standard library's sqlite3.

After each commit, the state of the journal's files shows whether another program has changed them.
"""

import json
import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hubv1.journal import files, schema
from hubv1.journal.counts import Kind
from hubv1.journal.files import FileDisturbed, FileReplaced, identity
from hubv1.journal.location import JournalError, Location
from hubv1.text import plainly

logger = logging.getLogger(__name__)

BUSY_SECONDS = 5.0  # how long to wait for another process that writes to the same file
ROW_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    ValueError,
    TypeError,
)
"""Errors about the values of a single row, so that other rows may still be written."""
_OLDEST_SQLITE = (3, 37)  # the first with STRICT tables
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PRIMARY = 0xFF  # the low byte of an error code of SQLite; the others are detail
_LOG_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
"""The first bytes of a write-ahead log: https://sqlite.org/fileformat.html, 4.1."""
_LOG_HEADER_SIZE = 32
_CHECKED = 64 << 20
"""Bytes of the largest file that is checked in full before its use, in a fraction of a second."""
_LATEST = (
    "SELECT schema_version FROM journal",
    "SELECT * FROM calls ORDER BY rowid DESC LIMIT 1",
    "SELECT * FROM days ORDER BY day DESC LIMIT 1",
)
"""Queries that read the beginning of the file and its latest rows."""
_ALONE = "mode=ro&immutable=1"  # reads the file without its log
_CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)"
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
_KNOWN = (
    "SELECT value FROM json_each(?) "
    "WHERE value IN (SELECT id FROM calls) OR value IN (SELECT id FROM gaps)"
)
_KINDS = "SELECT caller, server_address, route, repository, outcome FROM days WHERE day = ?"
_SIZES = (64, 8, 1)
"""Rows in one INSERT: each statement releases the interpreter's lock and waits for it again."""
_READING_SECONDS = 0.2
"""How long to wait for a lock before reading the file back, which is tried again later."""

Sample = Callable[[], Collection[str]]  # returns ids of calls and gaps that must be in the file


def is_damage(error: BaseException) -> bool:
    """Whether the error says that the file is damaged."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & _PRIMARY in _DAMAGE


def reason_of(error: BaseException) -> str:
    """The database's own message, in one line and without SQLAlchemy's additions."""
    return " ".join(plainly(getattr(error, "orig", None) or error).split())


class Damaged(sqlite3.DatabaseError):
    """The journal's file is damaged."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


class _State(NamedTuple):
    """What stat tells about a file."""

    identity: files.Identity
    size: int
    changed_at: int


class Connection:
    """A journal's file that is open for writing, for one thread at a time."""

    def __init__(
        self,
        location: Location,
        file: Path,
        patience: float | None = None,
        *,
        is_suspect: bool = False,
    ) -> None:
        """Open the `file` that the location leads to now, and create its missing tables.

        `is_suspect` demands a thorough check, since another program may have overwritten parts of
        the file. Raises JournalError if it is no journal of this version, and sqlite3.Error.
        """
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise JournalError(
                f"The journal needs SQLite 3.37 or newer; Python's is {sqlite3.sqlite_version}."
            )
        self.file = file
        self.patience = BUSY_SECONDS if patience is None else patience
        """Seconds to wait for another program that has the journal locked."""
        self._waits = self.patience
        self._path = str(location.path)
        # Read before the file is opened, so that a commit notices a file that took its place.
        self.identity = identity(self._path)
        self._connection = sqlite3.connect(
            file,
            timeout=self.patience,
            isolation_level=None,  # the driver would begin transactions by rules of its own
            check_same_thread=False,
        )
        self._cursor = self._connection.cursor()
        self._held = files.hold(file)
        self._state: _State | None = None
        self._names = [str(each) for each in files.companions(file)]
        self._companions: tuple[files.Identity | None, ...] = ()
        self._log: int | None = None
        self._log_header, self._log_size = b"", 0
        try:
            self._prepare(location, is_suspect=is_suspect)
        except BaseException:
            self.close()
            raise

    def _prepare(self, location: Location, *, is_suspect: bool) -> None:
        connection = self._connection
        # The owner is checked first: nothing in another program's file may be changed.
        _check_owner(connection, location)
        _check_whole(connection, self.file, "integrity_check" if is_suspect else "quick_check")
        [mode] = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        # Some file systems have no shared memory for a log; commits go to the file itself then.
        self._has_log = mode == "wal"
        # A commit is on disk when it returns; `empty_log` alone moves the log into the file.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=0").fetchall()
        _create(connection)
        # Once the tables are in the file itself, it can be recognised even when it is damaged.
        connection.execute(_CHECKPOINT).fetchall()
        self._companions = tuple(map(identity, self._names))
        self._log = files.open_if_there(self._names[0], os.O_RDONLY)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Cursor]:
        """A transaction, committed when the context ends without an exception."""
        if self._waits != self.patience:
            self._cursor.execute(f"PRAGMA busy_timeout={round(self.patience * 1000)}")
            self._waits = self.patience
        self._cursor.execute("BEGIN IMMEDIATE")
        try:
            yield self._cursor
            self._cursor.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.rollback()
            raise

    def known(self, ids: Collection[str]) -> frozenset[str]:
        """Those of the ids that are in the journal, of calls or gaps."""
        return _known(self._cursor, ids)

    def kinds_of(self, day: date) -> Iterator[Kind]:
        """The kinds of calls that the journal counts on that day."""
        found = self._connection.execute(_KINDS, (stored(day),)).fetchall()
        return (Kind(*row) for row in found)

    def check(self, sample: Sample) -> None:
        """Check that the file and its log are intact; raises FileReplaced, FileDisturbed or
        SQLite's error about damage.

        If another program has written to the file, which may be another bridge, the calls of the
        sample must still be in it.
        """
        now = self._state_now()
        if not self._has_log:
            return
        found = tuple(map(identity, self._names))
        self._state = self._state or now
        is_log_good = None not in found and found == self._companions and self._is_log_whole()
        if now.size < self._state.size or not is_log_good:
            raise FileDisturbed(is_log_kept=is_log_good and now.size > 0)
        if now != self._state and self.is_sound(sample()):
            self._state = self._state_now()

    def is_sound(self, ids: Collection[str]) -> bool:
        """Read the latest rows and those with these ids from the file, over a new connection.

        The writer's own connection has most pages in memory and would not notice damage. Returns
        False if nothing could be read, perhaps because of a lock; raises as `check` does.
        """
        try:
            found = _read_back(self.file, "mode=ro", ids)
        except sqlite3.Error as error:
            if is_damage(error):
                raise
            return False
        if len(found) < len(ids):
            raise FileDisturbed
        return True

    def examine(self, sample: Sample) -> None:
        """Check the file more thoroughly and read it back; raises as `check` does."""
        self.check(sample)
        if self._has_hole_in_log():
            raise FileDisturbed
        self.is_sound(sample())

    def empty_log(self, ids: Collection[str]) -> bool:
        """Move the log into the file; returns whether the whole log and the rows with these ids are
        in it now. Raises as `check` does."""
        # The lock keeps other bridges from beginning a new log, which would not fit the file.
        with files.locked(self.file.parent):
            self.check(lambda: ids)
            if self._has_hole_in_log():
                raise FileDisturbed
            busy, in_log, written = self._cursor.execute(_CHECKPOINT).fetchone()
        if busy or in_log != written or not self.is_sound(ids):
            return False
        self._state = self._state_now()
        return True

    def leave(self, trouble: Exception, ids: Collection[str]) -> frozenset[str]:
        """Close a file that was replaced or disturbed; the caller holds the lock. Returns those of
        the ids that are in a file that was renamed, or that a link no longer leads to."""
        is_there = identity(self.file) == self.identity
        is_replaced = isinstance(trouble, FileReplaced)
        is_good = is_replaced and self._is_log_whole() and not self._has_hole_in_log()
        if is_there and not is_good:
            with files.out_of_the_way(self.file):
                self._close()
        self._close()
        # Other programs may still use a file that a link no longer leads to.
        is_log_kept = isinstance(trouble, FileDisturbed) and trouble.is_log_kept
        if not (is_log_kept or (is_there and is_replaced)):
            self._remove_what_is_left()
        path = files.path_of(self._held) if is_replaced else None
        self.close()
        return _ids_alone(path, ids) if path else frozenset()

    def _remove_what_is_left(self) -> None:
        for name, known in zip(self._names, self._companions, strict=False):
            if known is not None and identity(name) == known:
                Path(name).unlink(missing_ok=True)
        # Programs that still have an empty file open would keep it locked for a new journal.
        with suppress(OSError):
            if identity(self.file) == self.identity and not self.file.stat().st_size:
                self.file.unlink()

    def close(self) -> None:
        """Close the file; SQLite moves the log into it."""
        self._close()
        if self._held is not None:
            os.close(self._held)
        self._held = None

    def _close(self) -> None:
        # In Python 3.11 a cursor keeps its last statement, for which SQLite keeps the file open.
        with suppress(sqlite3.ProgrammingError):  # of a connection that is closed already
            self._cursor.close()
        self._connection.close()
        if self._log is not None:
            os.close(self._log)
        self._log = None

    def _state_now(self) -> _State:
        try:
            found = os.stat(self._path)  # noqa: PTH116  # after each commit, and this is the fastest
        except OSError:
            raise FileReplaced from None
        now = _State((found.st_dev, found.st_ino), found.st_size, found.st_mtime_ns)
        if now.identity != self.identity:
            raise FileReplaced
        return now

    def _is_log_whole(self) -> bool:
        """Whether the log has everything that was written to it. SQLite restarts it now and then
        with another header; a log with the same header only grows."""
        if self._log is None:
            return True
        header, size = os.pread(self._log, _LOG_HEADER_SIZE, 0), os.fstat(self._log).st_size
        is_same = header == self._log_header
        is_whole = size >= self._log_size if is_same else header.startswith(_LOG_MAGIC)
        if not size and not is_whole:
            # Another program may have emptied it after moving all of it into the file.
            with suppress(sqlite3.Error):
                _, in_log, _ = self._cursor.execute(_CHECKPOINT).fetchone()
                is_whole = in_log == 0
        if is_whole:
            self._log_header, self._log_size = header, size
        return is_whole

    def _has_hole_in_log(self) -> bool:
        """Whether the log was cut and has grown again, which leaves a hole of zeros that would be
        moved into the file. Not every file system reports holes, and some do so late."""
        if self._log is None:
            return False
        size = os.fstat(self._log).st_size
        with suppress(OSError):
            return size > 0 and os.lseek(self._log, 0, os.SEEK_HOLE) < size
        return False


def _read_back(file: Path, how: str, ids: Collection[str]) -> frozenset[str]:
    """Those of the ids that are in the file; raises sqlite3.Error if it is damaged."""
    uri = files.sqlite_uri(file, how)
    with closing(sqlite3.connect(uri, uri=True, timeout=_READING_SECONDS)) as reader:
        for statement in _LATEST:
            reader.execute(statement).fetchall()
        return _known(reader, ids)


def _ids_alone(path: Path, ids: Collection[str]) -> frozenset[str]:
    """Those of the ids that are in a file that was moved away, without its log."""
    try:
        return frozenset() if files.ASIDE in path.name else _read_back(path, _ALONE, ids)
    except sqlite3.Error:
        return frozenset()


def _known(cursor: sqlite3.Cursor | sqlite3.Connection, ids: Collection[str]) -> frozenset[str]:
    found = cursor.execute(_KNOWN, (json.dumps([*ids]),)).fetchall() if ids else ()
    return frozenset(each for [each] in found)


def insert(cursor: sqlite3.Cursor, table: str, rows: Sequence[Sequence[object]]) -> None:
    """Insert rows with all columns of the table, in order."""
    start = 0
    for size in _SIZES:
        while len(rows) - start >= size:
            some = rows[start : start + size]
            values = [stored(value) for row in some for value in row]
            cursor.execute(_insert_text(table, size), values)
            start += size


@cache
def _insert_text(table: str, size: int) -> str:
    text = schema.insert_texts()[table]
    locations = text[text.index("(?") : text.index("?)") + 2]
    return text.replace(locations, ", ".join([locations] * size), 1)


def stored(value: object) -> object:
    """The value as SQLite stores it: times and dates are texts."""
    if type(value) is datetime:
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return value.isoformat() if type(value) is date else value


def version_complaint(location: Location, version: int | None) -> str:
    """Why a journal with that schema version cannot be used, in a sentence; empty if it can."""
    if version == schema.SCHEMA_VERSION:
        return ""
    if version is None:
        return f"{location} is a database, but not a journal of this bridge."
    has = f"The journal {location} has schema {version}"
    if version > schema.SCHEMA_VERSION:
        return (
            f"{has}, this bridge knows up to {schema.SCHEMA_VERSION}: use the newer bridge that "
            "wrote it."
        )
    return f"{has}, which no release ever had: move it away, and a new one is begun."


def _check_owner(connection: sqlite3.Connection, location: Location) -> None:
    tables = {name for [name] in connection.execute(_TABLES)}
    version = None
    if schema.journal.name in tables:
        [version] = connection.execute("SELECT max(schema_version) FROM journal").fetchone()
        version = version or 0
    if tables and (complaint := version_complaint(location, version)):
        raise JournalError(complaint)


def _check_whole(connection: sqlite3.Connection, file: Path, check: str) -> None:
    """Raise SQLite's error if the file is damaged.

    A file that is too large to check shows damage only when a damaged page is read.
    """
    if file.stat().st_size > _CHECKED:
        return
    [found] = connection.execute(f"PRAGMA {check}(1)").fetchone()
    if found != "ok":
        raise Damaged(found)


def _create(connection: sqlite3.Connection) -> None:
    """Create all missing tables and views in one transaction, so that none is half made."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute(_TABLES).fetchone() is None:
            connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        for statement in schema.creating():
            connection.execute(statement)
        if connection.execute("SELECT 1 FROM journal").fetchone() is None:
            connection.execute("INSERT INTO journal VALUES (?)", (schema.SCHEMA_VERSION,))
