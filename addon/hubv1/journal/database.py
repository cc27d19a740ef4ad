"""The journal for the thread that writes it: no committed call gets lost, whatever other programs
do to the files.

Their changes are noticed only afterwards. So the latest calls stay in memory until they are known
to be in the file itself, and a while longer: if the file is lost or disturbed, those that are
missing from the file now in its place are written once more. Their ids keep any from being there
twice.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from hubv1.api.record import CallRecord
from hubv1.journal import connection as opened
from hubv1.journal import files, schema
from hubv1.journal.connection import ROW_ERRORS, Connection, Sample, insert, is_damage, reason_of
from hubv1.journal.counts import Cardinality, Rollup, Row
from hubv1.journal.files import FileDisturbed, FileReplaced, Identity
from hubv1.journal.location import JournalError, Location
from hubv1.text import printable

logger = logging.getLogger(__name__)

NO_FILE = (
    "hub_journal takes the path of an SQLite file; to write to a PostgreSQL database as well is "
    "what hub_fleet is for."
)
_ASIDE_SECONDS = 60
"""At most one file is kept aside in this time, lest a disk that damages each file gets full."""
_ATTEMPTS = 3  # how often to try a batch on a file that is disturbed again and again
_SETTLED_COMMITS = 150
"""About a thousand pages of the log, after which SQLite by itself would empty it."""
_SETTLED_CALLS = 2_000
_MOST_REMEMBERED = 4_000
"""Calls in memory while a reader keeps the log from being emptied; of older ones only the ids."""
_MOST_IDS = 100_000
_SAMPLE = 100  # calls to look for in a file to which another program has written
_HEADER_ID = slice(68, 72)
"""Bytes of a file with its application_id: https://sqlite.org/fileformat.html, 1.3.17."""
_TRACE = b"hub-v1-bridge-"  # is in each row
_SEARCHED = 4 << 20

Remembered = dict[str, CallRecord | Row | None]
"""Calls and rows of gaps by their ids; None for a call of which only the id is remembered."""
Tables = Mapping[str, Sequence[Row]]  # rows by the name of their table
_T = TypeVar("_T")


class Database:
    """An open journal. After its construction it is for one thread."""

    def __init__(
        self, location: Location, bridge_id: str, lose: Callable[[int, str], None] = lambda *_: None
    ) -> None:
        """Open the journal for that bridge; raises JournalError if that is impossible.

        `lose` is called with the number of recorded calls that got lost after all, and the reason.
        """
        self._location = location
        self._bridge_id = bridge_id
        self._lose = lose
        self._aside_not_before = 0.0
        self._recent: Remembered = {}  # written since the log was last emptied
        self._settled: Remembered = {}
        """Written before that: they are in the file, but perhaps not in a copy that replaces it."""
        self._missing: Remembered = {}  # perhaps in no file; written again before the next commit
        self._commits = self._calls = 0  # since the last attempt to empty the log
        self._connection: Connection | None = None
        self._use(open_for_writing(location))

    def commit(
        self, calls: Sequence[CallRecord], others: Tables, patience: float
    ) -> Mapping[str, str]:
        """Write calls and rows of other tables, or raise and write nothing. Returns the reasons,
        by the ids of calls, why some of them cannot be written.

        `patience` is how many seconds to wait for another program that has locked the journal.
        """
        self._do(lambda connection: connection.check(self._sample), patience)
        unfit = self._do(lambda connection: self._write(connection, calls, others), patience)
        written: Remembered = {gap[0]: gap for gap in others.get("gaps", ())}
        written.update((each.id, each) for each in calls)
        for id_ in unfit:
            written.pop(id_, None)
        self._recent |= written
        self._commits += 1
        self._calls += len(calls)
        try:
            self._do(lambda connection: connection.check(self._sample), patience)
        except Exception:
            for id_ in written:  # their callers are told that they are not recorded
                self._recent.pop(id_, None)
                self._missing.pop(id_, None)
            raise
        return unfit

    def remove(self, work: Callable[[sqlite3.Cursor], bool], patience: float) -> bool:
        """Do `work` in one transaction; it returns whether it deleted rows, and so does this."""

        def transaction(connection: Connection) -> bool:
            with connection.transaction() as cursor:
                is_less = work(cursor)
            if is_less:  # deleted rows are not missed
                for remembered in (self._settled, self._recent):
                    for id_ in remembered.keys() - connection.known(remembered):
                        del remembered[id_]
            return is_less

        return self._do(transaction, patience)

    def look(self) -> None:
        """Check that the journal is there and sound."""
        self._do(lambda connection: connection.examine(self._sample))

    def settle(self, *, is_due: bool = False) -> None:
        """Move the log into the file if that `is_due`, or if the log is long."""
        is_long = self._calls >= _SETTLED_CALLS or self._commits >= _SETTLED_COMMITS
        if self._recent and (is_due or is_long):
            self._commits = self._calls = 0
            self._do(self._settle)

    def keep_aside_at_once(self) -> None:
        """Keep a damaged file aside even soon after another one, since the bridge ends."""
        self._aside_not_before = 0.0

    def close(self) -> None:
        """Empty the log and close the file."""
        try:
            self.look()
            self.settle(is_due=True)
        except Exception as error:  # noqa: BLE001  # there is no later attempt
            calls = sum(isinstance(each, CallRecord) for each in self._missing.values())
            if calls:
                logger.error(
                    "%d calls were lost with the journal %s, and are nowhere else: %s",
                    *(calls, self._location, reason_of(error)),
                )
        if self._connection is not None:
            self._connection.close()

    def _do(self, work: Callable[[Connection], _T], patience: float | None = None) -> _T:
        """Work on the current file, after writing what is missing from it; try again if another
        program has disturbed or replaced it."""
        attempts = 0
        while True:
            connection = self._connection or self._open(patience)
            connection.patience = opened.BUSY_SECONDS if patience is None else patience
            try:
                if self._missing:
                    self._write_again(connection)
                return work(connection)
            except Exception as error:
                attempts += 1
                if attempts == _ATTEMPTS:
                    raise
                self._mend(connection, error)

    # Writing

    def _settle(self, connection: Connection) -> None:
        if connection.empty_log(self._recent):
            self._settled, self._recent = self._recent, {}
            return
        # A reader keeps the log from being emptied, so memory must be bounded.
        old = list(self._recent)[:-_MOST_REMEMBERED]
        for id_ in old:
            if isinstance(self._recent[id_], CallRecord):
                self._recent[id_] = None
        for id_ in old[:-_MOST_IDS]:
            del self._recent[id_]

    def _write_again(self, connection: Connection) -> None:
        """Write the calls and gaps that the current file lacks."""
        known = connection.known(self._missing)
        missing = {id_: each for id_, each in self._missing.items() if id_ not in known}
        calls = [each for each in missing.values() if isinstance(each, CallRecord)]
        gaps = [each for each in missing.values() if isinstance(each, tuple)]
        unfit = self._write(connection, calls, {"gaps": gaps})
        self._recent |= {
            id_: each for id_, each in self._missing.items() if each and id_ not in unfit
        }
        self._missing = {}
        if calls:
            logger.info(
                "%d calls were missing from the journal %s and have been written again.",
                *(len(calls) - len(unfit), self._location),
            )
        if lost := len(unfit) + len(missing) - len(calls) - len(gaps):
            self._lose(lost, "lost with the file that the journal was")

    def _write(
        self, connection: Connection, calls: Sequence[CallRecord], others: Tables
    ) -> Mapping[str, str]:
        try:
            with connection.transaction() as cursor:
                self._insert(cursor, self._new(connection, calls))
                for table, rows in others.items():
                    insert(cursor, table, rows)
        except ROW_ERRORS:
            return self._write_singly(connection, calls, others)
        return {}

    def _write_singly(
        self, connection: Connection, calls: Sequence[CallRecord], others: Tables
    ) -> Mapping[str, str]:
        """Write row by row whatever can be written; an earlier attempt may have written some."""
        known = connection.known([each.id for each in calls])
        works = [
            (each.id, partial(self._insert, calls=[each])) for each in calls if each.id not in known
        ]
        for table, rows in others.items():
            works += [(row[0], partial(insert, table=table, rows=[row])) for row in rows]
        unfit: dict[str, str] = {}
        for key, work in works:
            try:
                with connection.transaction() as cursor:
                    work(cursor)
            except ROW_ERRORS as error:
                unfit[key] = reason_of(error)
                logger.error("A row for the journal cannot be written: %s", printable(unfit[key]))
        return unfit

    def _insert(self, cursor: sqlite3.Cursor, calls: Sequence[CallRecord]) -> None:
        """Insert and count the calls."""
        if calls:
            rollup = Rollup(calls, self._cardinality)
            insert(cursor, "calls", [each.row() for each in calls])
            insert(cursor, "hours", rollup.hours())
            insert(cursor, "days", rollup.days())
            insert(cursor, "callers", rollup.callers())

    def _new(self, connection: Connection, calls: Sequence[CallRecord]) -> Sequence[CallRecord]:
        """The calls that are not in the journal yet; recordings and saved flows may repeat some."""
        by_id = {each.id: each for each in calls}
        foreign = [each.id for each in calls if each.bridge_id != self._bridge_id]
        for known in connection.known(foreign):
            del by_id[known]
        return list(by_id.values())

    # Recovering from the actions of other programs

    def _open(self, patience: float | None = None, mine: Identity | None = None) -> Connection:
        return self._use(open_for_writing(self._location, patience, mine))

    def _use(self, connection: Connection) -> Connection:
        self._connection = connection
        self._cardinality = Cardinality(connection.kinds_of)
        return connection

    def _mend(self, connection: Connection, error: Exception) -> None:
        """Reopen the journal if that helps against the error, else raise the error."""
        trouble = _trouble(connection, self._sample) or error
        is_damaged = is_damage(trouble) and time.monotonic() >= self._aside_not_before
        if not (is_damaged or isinstance(trouble, FileReplaced | FileDisturbed)):
            raise error
        content = self._settled | self._recent
        with files.connected, files.locked(connection.file.parent):
            found = _trouble(connection, lambda: content) or (trouble if is_damaged else None)
            if found is None:
                return  # another bridge has mended it
            self._log(connection, found)
            there = connection.leave(found, content)
            self._missing |= {id_: each for id_, each in content.items() if id_ not in there}
            self._settled, self._recent, self._connection = {}, {}, None
            # Reopened under the lock, so that other bridges see that the file is in use again.
            with suppress(JournalError):
                self._open(mine=connection.identity)

    def _log(self, connection: Connection, trouble: Exception) -> None:
        """Log what is wrong with the file, and keep a damaged one aside."""
        if isinstance(trouble, FileReplaced):
            logger.error(
                "The journal %s was removed or replaced while it was in use. Calls now go to the "
                "file at its path.",
                self._location,
            )
        elif isinstance(trouble, FileDisturbed):
            logger.warning(
                "The journal %s was cut short or overwritten while it was in use, or one of its "
                "companions removed. It is checked and reopened.",
                self._location,
            )
        else:
            self._aside_not_before = time.monotonic() + _ASIDE_SECONDS
            _keep_aside(self._location, connection.file, connection.identity, reason_of(trouble))

    def _sample(self) -> list[str]:
        newest = (islice(reversed(each), _SAMPLE) for each in (self._settled, self._recent))
        return [*chain.from_iterable(newest)]


def _trouble(connection: Connection, sample: Sample) -> Exception | None:
    """What is wrong with the file; None if it is intact."""
    try:
        connection.examine(sample)
    except (FileReplaced, FileDisturbed, sqlite3.Error) as found:
        return found
    return None


def open_for_writing(
    location: Location, patience: float | None = None, mine: Identity | None = None
) -> Connection:
    """Open the journal, or make one. A damaged journal is kept aside and a new one begun.

    `patience` is how many seconds to wait for another process, `BUSY_SECONDS` by default; `mine` is
    a file that was a journal, whatever it looks like now. Raises JournalError if the file cannot be
    written, or is no journal.
    """
    if location.file is None:
        raise JournalError(NO_FILE)
    try:
        with files.locked(location.file.parent):
            return _open(location, location.file, patience, mine)
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"The journal {location} cannot be used: {reason_of(error)}.") from error


def _open(
    location: Location, file: Path, patience: float | None, mine: Identity | None
) -> Connection:
    for _ in range(_ATTEMPTS):
        files.make(file)
        found = files.identity(file)
        try:
            return Connection(location, file, patience, is_suspect=found == mine)
        except sqlite3.Error as error:
            if files.identity(file) != found:
                continue  # another program has taken it away
            if not (is_damage(error) and (found == mine or _has_traces(file))):
                raise
            # An error in the log would end mitmproxy's start.
            level = logging.ERROR if mine else logging.WARNING
            _keep_aside(location, file, found, reason_of(error), level)
    files.make(file)
    return Connection(location, file, patience)


def _keep_aside(
    location: Location,
    file: Path,
    damaged: Identity | None,
    reason: str,
    level: int = logging.ERROR,
) -> None:
    """Rename the damaged file and its companions, unless another bridge has done so; the caller
    holds the lock."""
    if damaged is None or files.identity(file) != damaged:
        return
    now = datetime.now(UTC)
    aside = file.with_name(f"{file.name}{files.ASIDE}{now:%Y%m%dT%H%M%SZ}")
    if aside.exists():
        aside = file.with_name(f"{file.name}{files.ASIDE}{now:%Y%m%dT%H%M%S.%fZ}")
    for old, new in zip(files.companions(file), files.companions(aside), strict=True):
        with suppress(FileNotFoundError):
            old.rename(new)
    file.rename(aside)
    logger.log(
        level,
        "The journal %s is damaged (%s). It is kept as %s, and a new one is begun; "
        "sqlite3 %s .recover may get back what was in it.",
        *(location, reason, aside, aside),
    )


def _has_traces(path: Path) -> bool:
    """Whether the damaged file was once a journal, rather than another program's file."""
    try:
        with path.open("rb") as file:
            content = file.read(_SEARCHED)
    except OSError:
        return False
    if content[_HEADER_ID] == schema.APPLICATION_ID.to_bytes(4, "big"):
        return True
    is_text = b"\0" not in content  # perhaps a log that mentions the bridge
    return not is_text and _TRACE in content
