"""The connection of the one who writes a journal, with the standard library's sqlite3."""

import json
import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import quote

from hubv1.journal import files, schema
from hubv1.journal.counts import Kind
from hubv1.journal.place import JournalError, Place
from hubv1.text import plainly

logger = logging.getLogger(__name__)

BUSY_SECONDS = 5.0
"""How long to wait for another process that writes to the same file."""
_OLDEST_SQLITE = (3, 37)
"""Has STRICT tables."""
_DISK = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PRIMARY = 0xFF
"""The low byte of SQLite's codes; the rest is detail."""
_HEADER_ID = slice(68, 72)
"""Where in a file its application_id is: https://sqlite.org/fileformat.html, 1.3.17."""
_TRACE = b"hub-v1-bridge-"
"""In each row."""
_SEARCHED = 4 << 20
_CHECKED = 64 << 20
"""Bytes of the largest file that is read as a whole before it is used: a fraction of a second."""
_LATEST = (
    "SELECT schema_version FROM journal",
    "SELECT * FROM calls ORDER BY rowid DESC LIMIT 1",
    "SELECT * FROM days ORDER BY day DESC LIMIT 1",
)
"""They lead through the beginning of the file and to what was written last."""
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
_KNOWN = "SELECT value FROM json_each(?) WHERE value IN (SELECT id FROM calls)"
_KINDS = "SELECT caller, server_address, route, repository, outcome FROM days WHERE day = ?"
_SIZES = (64, 8, 1)
"""Rows that one statement inserts: each step of SQLite gives the interpreter's lock away and waits
for it again."""
_ATTEMPTS = 3
_COMPLETING_SECONDS = 1
"""How long to wait for others before a file that is left has all that was committed."""
NO_FILE = (
    "hub_journal takes the path of an SQLite file; to write to a PostgreSQL database as well is "
    "what hub_fleet is for."
)
_NOTHING: frozenset[str] = frozenset()


def is_damage(error: BaseException) -> bool:
    """Whether SQLite said that the file is not what it was."""
    return _code(error) in _DAMAGE


def is_full(error: BaseException) -> bool:
    """Whether SQLite said that there is no room on the disk."""
    return _code(error) == sqlite3.SQLITE_FULL


def is_of_the_disk(error: BaseException) -> bool:
    """Whether SQLite said that the file cannot be read or written as it was."""
    return _code(error) in _DISK


def is_of_a_row(error: BaseException) -> bool:
    """Whether the trouble is with what is in a row, so that another row may be written."""
    return isinstance(
        error,
        sqlite3.IntegrityError
        | sqlite3.DataError
        | sqlite3.InterfaceError
        | sqlite3.ProgrammingError
        | OverflowError
        | ValueError
        | TypeError,
    )


def reason_of(error: BaseException) -> str:
    """What the database said, in one line and without what SQLAlchemy says about it."""
    return " ".join(plainly(getattr(error, "orig", None) or error).split())


def _code(error: BaseException) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return code & _PRIMARY if isinstance(code, int) else None


class Damaged(sqlite3.DatabaseError):
    """The journal's file is damaged."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


class Inserter:
    """An INSERT of as many rows as there are."""

    def __init__(self, table: str) -> None:
        """For rows with all columns of that table, in order."""
        text = schema.insert_texts()[table]
        places = text[text.index("(?") : text.index("?)") + 2]
        self._texts = [text.replace(places, ", ".join([places] * size), 1) for size in _SIZES]

    def run(self, cursor: sqlite3.Cursor, rows: Sequence[Sequence[object]]) -> None:
        """Insert the rows."""
        start = 0
        for size, text in zip(_SIZES, self._texts, strict=True):
            while len(rows) - start >= size:
                some = rows[start : start + size]
                cursor.execute(text, [stored(value) for row in some for value in row])
                start += size


class Connection:
    """A journal's file that is open for writing. For one thread at a time."""

    def __init__(self, place: Place, connection: sqlite3.Connection, watch: files.Watch) -> None:
        """Of a journal that is ready; `open_for_writing` makes one."""
        self.place = place
        self.watch = watch
        self._connection = connection
        self._cursor = connection.cursor()
        self._patience = -1.0

    @contextmanager
    def transaction(self, patience: float) -> Iterator[sqlite3.Cursor]:
        """A transaction that is committed at the end. `patience` is how many seconds to wait for
        another program that has the journal locked."""
        if patience != self._patience:
            self._cursor.execute(f"PRAGMA busy_timeout={round(patience * 1000)}")
            self._patience = patience
        self._cursor.execute("BEGIN IMMEDIATE")
        try:
            yield self._cursor
            self._cursor.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.rollback()
            raise

    @property
    def is_in_transaction(self) -> bool:
        """Whether what was done since its beginning can still be committed."""
        return self._connection.in_transaction

    def known(self, ids: Collection[str]) -> frozenset[str]:
        """Those of the ids that calls in the journal have."""
        return known(self._cursor, ids)

    def kinds_of(self, day: date) -> Iterator[Kind]:
        """What the journal counts of that day."""
        found = self._connection.execute(_KINDS, (stored(day),)).fetchall()
        return (Kind(*row) for row in found)

    def check(self, ids: Collection[str]) -> None:
        """See to it that the file is what it was; raises FileReplaced, FileDisturbed or what
        SQLite says of damage.

        Where somebody else has written to the file, the calls with these ids must be in it.
        """
        try:
            is_as_before = self.watch.check()
        except files.FileDisturbed:
            # Another program may have emptied the log, once all of it was in the file.
            if not (self.watch.is_log_empty and self._has_empty_log()):
                raise
            self.watch.accept_log()
            is_as_before = self.watch.check()
        if not is_as_before and self.is_sound(ids):
            self.watch.accept()

    def is_sound(self, ids: Collection[str]) -> bool:
        """Read what was written last as another program would, and the calls with these ids.

        Whoever writes has most of it in memory, and would go on. False where nothing could be
        read, since another program has the file locked, say; raises as `check`.
        """
        try:
            found = _read_back(self.watch.file, "mode=ro", ids)
        except sqlite3.Error as error:
            if is_damage(error):
                raise
            return False
        if len(found) < len(ids):
            raise files.FileDisturbed
        return True

    def checkpoint(self) -> bool:
        """Write what the log has into the file; returns whether that was all. Raises
        FileDisturbed where the log is not what it was."""
        if self.watch.has_hole_in_log():
            raise files.FileDisturbed
        busy, in_log, written = self._cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return not busy and in_log == written

    def make_room(self) -> None:
        """Empty the log, which may help where the disk is full."""
        with suppress(sqlite3.Error):
            self._cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _has_empty_log(self) -> bool:
        try:
            row = self._cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error:  # what should be there is not
            return False
        return bool(row[1] == 0)

    def close(self) -> None:
        """Close the file, and write what the log has into it."""
        self._close()
        self.watch.close()
        self.watch.held.close()

    def leave(self, trouble: Exception, ids: Collection[str]) -> files.Held | None:
        """Close a file that is not what it was; hold the lock. Returns the file where it has a name
        still, and the calls with these ids in it."""
        watch = self.watch
        is_there = files.identity(watch.file) == watch.identity
        is_complete = self._may_be_completed(trouble) and self._complete()
        if is_there and not is_complete:
            with files.out_of_the_way(watch.file):
                self._close()
        self._close()
        # Where a link leads elsewhere by now, others may go on with the file it led to.
        is_moved = isinstance(trouble, files.FileReplaced) and not is_there
        is_unfit = isinstance(trouble, files.FileDisturbed) and not trouble.is_log_kept
        if is_moved or is_unfit:
            watch.remove_companions()
        if isinstance(trouble, files.FileDisturbed) and files.is_empty(watch.file, watch.identity):
            # Others that have it open yet would keep it locked for a new journal.
            with suppress(OSError):
                files.remove(watch.file)
        watch.close()
        if is_complete and _has(watch.held, ids):
            return watch.held
        watch.held.close()
        return None

    def _close(self) -> None:
        # In Python 3.11 a cursor keeps its last statement, and SQLite the file open for that.
        with suppress(sqlite3.ProgrammingError):  # where all is closed already
            self._cursor.close()
        self._connection.close()

    def _may_be_completed(self, trouble: Exception) -> bool:
        if self.watch.has_hole_in_log():
            return False
        if isinstance(trouble, files.FileReplaced):
            return self.watch.is_log_whole() and self.watch.held.has_name is not False
        return isinstance(trouble, files.FileDisturbed) and trouble.is_log_good

    def _complete(self) -> bool:
        deadline = time.monotonic() + _COMPLETING_SECONDS
        try:
            self._cursor.execute(f"PRAGMA busy_timeout={_COMPLETING_SECONDS * 1000}")
            row = self._cursor.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
            # Another's checkpoint is the one thing that SQLite does not wait for.
            while row[0] and time.monotonic() < deadline:
                time.sleep(0.01)
                row = self._cursor.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        except sqlite3.Error:
            return False
        return bool(not row[0] and row[1] == row[2])


def _read_back(
    file: Path, how: str, ids: Collection[str], *, is_suspect: bool = False
) -> frozenset[str]:
    """Those of the ids that calls in the file have; raises sqlite3.Error where it is damaged."""
    uri = f"file:{quote(str(file))}?{how}"
    with closing(sqlite3.connect(uri, uri=True)) as reader:
        if is_suspect:
            _check_whole(reader, file, "quick_check")
        for statement in _LATEST:
            reader.execute(statement).fetchall()
        return known(reader, ids)


def _has(held: files.Held, ids: Collection[str]) -> bool:
    """Whether the calls with these ids are in a file that was moved away, itself alone."""
    path = held.path
    if path is None or not held.has_name or files.is_aside(path):
        return False
    try:
        return len(_read_back(path, "mode=ro&immutable=1", ids, is_suspect=True)) == len(ids)
    except (sqlite3.Error, OSError):
        return False


def known(cursor: sqlite3.Cursor | sqlite3.Connection, ids: Collection[str]) -> frozenset[str]:
    """Those of the ids that calls in the journal have."""
    if not ids:
        return _NOTHING
    found = cursor.execute(_KNOWN, (json.dumps([*ids]),)).fetchall()
    return frozenset(each for [each] in found)


def open_for_writing(
    place: Place,
    patience: float | None = None,
    say: Callable[[str], None] = logger.warning,
    mine: files.Identity | None = None,
) -> Connection:
    """Open the journal, made first where there is none.

    A damaged one is kept aside, and a new one begun; `say` hears of it. By default that is a
    warning, since an error in the log ends mitmproxy's start. `patience` is how many seconds to
    wait for another process, `BUSY_SECONDS` by default; `mine` is a file that was a journal,
    whatever it looks like now. Raises JournalError where the journal
    cannot be written or is none.
    """
    if place.file is None:
        raise JournalError(NO_FILE)
    with explained(place), files.locked(place.file.parent):
        for _ in range(_ATTEMPTS):
            files.make(place.file)
            found = files.identity(place.file)
            try:
                return _prepared(place, place.file, patience, is_suspect=found == mine)
            except sqlite3.Error as error:
                if files.identity(place.file) != found:
                    continue  # somebody has taken it away meanwhile
                if not (is_damage(error) and (found == mine or _has_traces(place.file))):
                    raise
                set_aside(place, found, reason_of(error), say)
        files.make(place.file)
        return _prepared(place, place.file, patience)


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """Raise JournalError for what happens meanwhile, with the name of the journal."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"The journal {place} cannot be used: {reason_of(error)}.") from error


def set_aside(
    place: Place, damaged: files.Identity | None, reason: str, say: Callable[[str], None]
) -> None:
    """Rename the damaged file at `place`, if it is still there, and say so; hold the lock."""
    aside = files.keep_aside(place.file, damaged) if place.file else None
    if aside is not None:
        say(
            f"The journal {place} is damaged ({reason}). It is kept as {aside}, and a new one is "
            f"begun; sqlite3 {aside} .recover may get back what was in it."
        )


def version_complaint(place: Place, version: int) -> str:
    """Why a journal with that schema cannot be used, as a sentence; empty where it can."""
    if version == schema.SCHEMA_VERSION:
        return ""
    if version > schema.SCHEMA_VERSION:
        return (
            f"The journal {place} has schema {version}, this bridge knows up to "
            f"{schema.SCHEMA_VERSION}: use the newer bridge that wrote it."
        )
    return (
        f"The journal {place} has schema {version}, which no release ever had: move it away, and "
        f"a new one is begun."
    )


def _prepared(
    place: Place, file: Path, patience: float | None, *, is_suspect: bool = False
) -> Connection:
    """The connection to a journal of this version; `is_suspect` if somebody may have written to
    it who should not have."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise JournalError(
            f"The journal needs SQLite 3.37 or newer, and Python's is {sqlite3.sqlite_version}."
        )
    # Before the file is opened: one that takes its place meanwhile is noticed after a commit.
    watch = files.Watch(place.path or file, file)
    connection = sqlite3.connect(
        file,
        timeout=BUSY_SECONDS if patience is None else patience,
        isolation_level=None,  # the driver would begin transactions by rules of its own
        check_same_thread=False,
    )
    try:
        _check_owner(connection, place)
        _check_whole(connection, file, "integrity_check" if is_suspect else "quick_check")
        [mode] = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        watch.has_log = mode == "wal"
        # A commit is on the disk when it returns, and who commits says when the log is emptied.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=0").fetchall()
        _create(connection)
        # A file that holds its tables itself can be told from somebody else's when it is damaged.
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    except BaseException:
        connection.close()
        watch.close()
        watch.held.close()
        raise
    return Connection(place, connection, watch)


def _check_owner(connection: sqlite3.Connection, place: Place) -> None:
    """Whose database it is comes first: nothing of somebody else's may be changed."""
    tables = {name for [name] in connection.execute(_TABLES)}
    if not tables:
        return
    if schema.journal.name not in tables:
        raise JournalError(f"{place} is a database, but not a journal of this bridge.")
    row = connection.execute("SELECT schema_version FROM journal").fetchone()
    if complaint := version_complaint(place, row[0] if row else 0):
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
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute(_TABLES).fetchone() is None:
            connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        for statement in schema.creating():
            connection.execute(statement)
        if connection.execute("SELECT 1 FROM journal").fetchone() is None:
            connection.execute("INSERT INTO journal VALUES (?)", (schema.SCHEMA_VERSION,))
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.rollback()
        raise


def _has_traces(path: Path) -> bool:
    """Whether the file is what is left of a journal, and no file of somebody else's."""
    try:
        with path.open("rb") as file:
            content = file.read(_SEARCHED)
    except OSError:
        return False
    if content[_HEADER_ID] == schema.APPLICATION_ID.to_bytes(4, "big"):
        return True
    is_text = b"\0" not in content  # a log or this very line, say
    return not is_text and _TRACE in content


def stored(value: object) -> object:
    """The value as SQLite holds it: times are texts."""
    if type(value) is datetime:
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return value.isoformat() if type(value) is date else value
