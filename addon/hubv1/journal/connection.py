"""A journal's file that is open for writing, with the standard library's sqlite3.

What others do to its files is noticed by what the system says of them, after each commit.
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
from urllib.parse import quote

from hubv1.journal import files, schema
from hubv1.journal.counts import Kind
from hubv1.journal.files import FileDisturbed, FileReplaced, identity
from hubv1.journal.place import JournalError, Place
from hubv1.text import plainly

logger = logging.getLogger(__name__)

BUSY_SECONDS = 5.0
"""How long to wait for another process that writes to the same file."""
ROW_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    ValueError,
    TypeError,
)
"""They come of what is in a row, so that another row may be written."""
_OLDEST_SQLITE = (3, 37)
"""Has STRICT tables."""
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PRIMARY = 0xFF
"""The low byte of SQLite's codes; the rest is detail."""
_LOG_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
"""How a log begins: https://sqlite.org/fileformat.html, 4.1."""
_LOG_HEADER_SIZE = 32
_CHECKED = 64 << 20
"""Bytes of the largest file that is read as a whole before it is used: a fraction of a second."""
_LATEST = (
    "SELECT schema_version FROM journal",
    "SELECT * FROM calls ORDER BY rowid DESC LIMIT 1",
    "SELECT * FROM days ORDER BY day DESC LIMIT 1",
)
"""They lead through the beginning of the file and to what was written last."""
_ALONE = "mode=ro&immutable=1"
_CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)"
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
_KNOWN = (
    "SELECT value FROM json_each(?) "
    "WHERE value IN (SELECT id FROM calls) OR value IN (SELECT id FROM gaps)"
)
_KINDS = "SELECT caller, server_address, route, repository, outcome FROM days WHERE day = ?"
_SIZES = (64, 8, 1)
"""Rows that one statement inserts: each step of SQLite gives the interpreter's lock away and waits
for it again."""
_READING_SECONDS = 0.2
"""How long to wait for others before a file is read back; there is a next time."""

Sample = Callable[[], Collection[str]]
"""Gives ids of calls and gaps that must be in a file."""


def is_damage(error: BaseException) -> bool:
    """Whether SQLite said that the file is not what it was."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & _PRIMARY in _DAMAGE


def reason_of(error: BaseException) -> str:
    """What the database said, in one line and without what SQLAlchemy says about it."""
    return " ".join(plainly(getattr(error, "orig", None) or error).split())


class Damaged(sqlite3.DatabaseError):
    """The journal's file is damaged."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


class _State(NamedTuple):
    """What the system says of a file."""

    identity: files.Identity
    size: int
    changed_at: int


class Connection:
    """A journal's file that is open for writing. For one thread at a time."""

    def __init__(
        self, place: Place, file: Path, patience: float | None = None, *, is_suspect: bool = False
    ) -> None:
        """Open the `file` that the place leads to now, and make what is missing in it.

        `is_suspect` tells that somebody may have written to it who should not have. Raises
        JournalError where it is none of this version, and sqlite3.Error.
        """
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise JournalError(
                f"The journal needs SQLite 3.37 or newer; Python's is {sqlite3.sqlite_version}."
            )
        self.file = file
        self.patience = BUSY_SECONDS if patience is None else patience
        """Seconds to wait for another program that has the journal locked."""
        self._waits = self.patience
        self._path = str(place.path)
        # Before it is opened: a file that takes its place meanwhile is noticed after a commit.
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
            self._prepare(place, is_suspect=is_suspect)
        except BaseException:
            self.close()
            raise

    def _prepare(self, place: Place, *, is_suspect: bool) -> None:
        connection = self._connection
        # Whose it is comes first: nothing of somebody else's may be changed.
        _check_owner(connection, place)
        _check_whole(connection, self.file, "integrity_check" if is_suspect else "quick_check")
        [mode] = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        # Some file systems cannot have a log; then whoever commits writes to the file itself.
        self._has_log = mode == "wal"
        # A commit is on the disk when it returns, and who commits says when the log is emptied.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=0").fetchall()
        _create(connection)
        # A file that holds its tables itself can be told from somebody else's when it is damaged.
        connection.execute(_CHECKPOINT).fetchall()
        self._companions = tuple(map(identity, self._names))
        self._log = files.open_if_there(self._names[0], os.O_RDONLY)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Cursor]:
        """A transaction that is committed at the end."""
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
        """Those of the ids that calls and gaps in the journal have."""
        return _known(self._cursor, ids)

    def kinds_of(self, day: date) -> Iterator[Kind]:
        """What the journal counts of that day."""
        found = self._connection.execute(_KINDS, (stored(day),)).fetchall()
        return (Kind(*row) for row in found)

    def check(self, sample: Sample) -> None:
        """See to it that the file is what it was; raises FileReplaced, FileDisturbed or what
        SQLite says of damage.

        Where somebody else has written to the file, another bridge perhaps, the calls of the
        sample must be in it.
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
        """Read what was written last as another program would, and what has these ids.

        Whoever writes has most of it in memory, and would go on. False where nothing could be
        read, since another program has the file locked, say; raises as `check`.
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
        """Check the file more thoroughly, and read it too; raises as `check`."""
        self.check(sample)
        if self._has_hole_in_log():
            raise FileDisturbed
        self.is_sound(sample())

    def empty_log(self, ids: Collection[str]) -> bool:
        """Write what the log has into the file; returns whether all of it is there, and what has
        these ids. Raises as `check`."""
        # Nobody begins another log meanwhile: this one would not fit the file any more.
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
        """Close a file that is not what it was; hold the lock. Returns those of the ids that are
        in the file itself, where it has another name by now or a link leads elsewhere."""
        is_there = identity(self.file) == self.identity
        is_replaced = isinstance(trouble, FileReplaced)
        is_good = is_replaced and self._is_log_whole() and not self._has_hole_in_log()
        if is_there and not is_good:
            with files.out_of_the_way(self.file):
                self._close()
        self._close()
        # Where a link leads elsewhere, others may go on with the file that it led to.
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
        # Others that have an empty file open yet would keep it locked for a new journal.
        with suppress(OSError):
            if identity(self.file) == self.identity and not self.file.stat().st_size:
                self.file.unlink()

    def close(self) -> None:
        """Close the file, and write what the log has into it."""
        self._close()
        if self._held is not None:
            os.close(self._held)
        self._held = None

    def _close(self) -> None:
        # In Python 3.11 a cursor keeps its last statement, and SQLite the file open for that.
        with suppress(sqlite3.ProgrammingError):  # where all is closed already
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
        """Whether the log has what was written to it. SQLite begins it anew now and then, with
        another header; one with the same header only grows."""
        if self._log is None:
            return True
        header, size = os.pread(self._log, _LOG_HEADER_SIZE, 0), os.fstat(self._log).st_size
        is_same = header == self._log_header
        is_whole = size >= self._log_size if is_same else header.startswith(_LOG_MAGIC)
        if not size and not is_whole:
            # Another program may have emptied it, once all of it was in the file.
            with suppress(sqlite3.Error):
                _, in_log, _ = self._cursor.execute(_CHECKPOINT).fetchone()
                is_whole = in_log == 0
        if is_whole:
            self._log_header, self._log_size = header, size
        return is_whole

    def _has_hole_in_log(self) -> bool:
        """Whether the log was cut and has grown again since: it has zeros in between, which would
        be written into the file. Not every file system tells, and some take their time."""
        if self._log is None:
            return False
        size = os.fstat(self._log).st_size
        with suppress(OSError):
            return size > 0 and os.lseek(self._log, 0, os.SEEK_HOLE) < size
        return False


def _read_back(file: Path, how: str, ids: Collection[str]) -> frozenset[str]:
    """Those of the ids that are in the file; raises sqlite3.Error where it is damaged."""
    uri = f"file:{quote(os.fsencode(file))}?{how}"
    with closing(sqlite3.connect(uri, uri=True, timeout=_READING_SECONDS)) as reader:
        for statement in _LATEST:
            reader.execute(statement).fetchall()
        return _known(reader, ids)


def _ids_alone(path: Path, ids: Collection[str]) -> frozenset[str]:
    """Those of the ids that are in a file that was moved away, itself alone."""
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
    places = text[text.index("(?") : text.index("?)") + 2]
    return text.replace(places, ", ".join([places] * size), 1)


def stored(value: object) -> object:
    """The value as SQLite holds it: times are texts."""
    if type(value) is datetime:
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return value.isoformat() if type(value) is date else value


def version_complaint(place: Place, version: int | None) -> str:
    """Why a journal with that schema cannot be used, as a sentence; empty where it can."""
    if version == schema.SCHEMA_VERSION:
        return ""
    if version is None:
        return f"{place} is a database, but not a journal of this bridge."
    has = f"The journal {place} has schema {version}"
    if version > schema.SCHEMA_VERSION:
        return (
            f"{has}, this bridge knows up to {schema.SCHEMA_VERSION}: use the newer bridge that "
            "wrote it."
        )
    return f"{has}, which no release ever had: move it away, and a new one is begun."


def _check_owner(connection: sqlite3.Connection, place: Place) -> None:
    tables = {name for [name] in connection.execute(_TABLES)}
    version = None
    if schema.journal.name in tables:
        [version] = connection.execute("SELECT max(schema_version) FROM journal").fetchone()
        version = version or 0
    if tables and (complaint := version_complaint(place, version)):
        raise JournalError(complaint)


def _check_whole(connection: sqlite3.Connection, file: Path, check: str) -> None:
    """Raise what SQLite raises of damage, where the whole file can be read at once.

    A larger one is used as it is: its damage shows when the page is met.
    """
    if file.stat().st_size > _CHECKED:
        return
    [found] = connection.execute(f"PRAGMA {check}(1)").fetchone()
    if found != "ok":
        raise Damaged(found)


def _create(connection: sqlite3.Connection) -> None:
    """Make what is missing, in one transaction: cut off in the middle, nothing has happened."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute(_TABLES).fetchone() is None:
            connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        for statement in schema.creating():
            connection.execute(statement)
        if connection.execute("SELECT 1 FROM journal").fetchone() is None:
            connection.execute("INSERT INTO journal VALUES (?)", (schema.SCHEMA_VERSION,))
