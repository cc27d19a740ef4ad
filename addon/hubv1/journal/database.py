"""The journal for the thread that writes it: what was committed stays, whatever others do.

What others do to the files of a journal is noticed after it was done. Until the calls of the last
commits are known to be in the file itself, and a while longer, they are therefore remembered: where
the file is lost or disturbed, those that are neither in it nor in the one that is there now are
written once more. Ids are unique, so that no call is there twice.
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
from typing import NamedTuple, TypeVar

from hubv1.api.record import CallRecord
from hubv1.journal import connection as opened
from hubv1.journal import files, schema
from hubv1.journal.connection import ROW_ERRORS, Connection, Sample, insert, is_damage, reason_of
from hubv1.journal.counts import Cardinality, Rollup, Row
from hubv1.journal.files import FileDisturbed, FileReplaced, Identity
from hubv1.journal.place import JournalError, Place
from hubv1.text import printable

logger = logging.getLogger(__name__)

NO_FILE = (
    "hub_journal takes the path of an SQLite file; to write to a PostgreSQL database as well is "
    "what hub_fleet is for."
)
_ASIDE_SECONDS = 60
"""Only one file is kept aside in this time: a disk that damages each would be filled by them."""
_ATTEMPTS = 3
"""How often a file that is disturbed again and again is begun anew for one batch."""
_SETTLED_COMMITS = 150
"""About a thousand pages of the log, after which SQLite would write them into the file itself."""
_SETTLED_CALLS = 2_000
_MOST_REMEMBERED = 4_000
"""Calls; where the log cannot be emptied since somebody reads on and on, ids stand for the rest."""
_MOST_IDS = 100_000
_SAMPLE = 100
"""Calls that are looked for in a file that somebody else has written to."""
_HEADER_ID = slice(68, 72)
"""Where in a file its application_id is: https://sqlite.org/fileformat.html, 1.3.17."""
_TRACE = b"hub-v1-bridge-"
"""In each row."""
_SEARCHED = 4 << 20

Remembered = dict[str, CallRecord | Row | None]
"""Calls and rows of gaps by their ids; None for a call of which nothing else is remembered."""
_T = TypeVar("_T")


class Batch(NamedTuple):
    """What is written together."""

    calls: Sequence[CallRecord]
    others: Mapping[str, Sequence[Row]]
    """Rows of other tables, by their names."""


class Database:
    """An open journal. All methods but the first are for one thread."""

    def __init__(
        self, place: Place, bridge_id: str, lose: Callable[[int, str], None] = lambda *_: None
    ) -> None:
        """Opens the journal for that bridge; raises JournalError where it cannot.

        `lose` hears of calls that were recorded and are lost by another's hand after all.
        """
        self._place = place
        self._bridge_id = bridge_id
        self._lose = lose
        self._aside_not_before = 0.0
        self._recent: Remembered = {}
        """Since the log was last emptied."""
        self._settled: Remembered = {}
        """Of the time before: they are in the file, but who copies it may have been faster."""
        self._missing: Remembered = {}
        """What may be in no file; written again with the next commit that is possible."""
        self._commits = self._calls = 0
        """Since the log was last to be emptied."""
        self._connection: Connection | None = None
        self._use(open_for_writing(place))

    def commit(self, batch: Batch, patience: float) -> Mapping[str, str]:
        """Write the batch, or raise and write nothing. Returns why those calls could not be
        written, by their ids, whose rows no journal takes.

        `patience` is how many seconds to wait for another program that has locked the journal.
        """
        self._do(lambda connection: connection.check(self._sample), patience)
        unfit = self._do(lambda connection: self._write(connection, batch), patience)
        written: Remembered = {gap[0]: gap for gap in batch.others.get("gaps", ())}
        written.update((each.id, each) for each in batch.calls)
        for id_ in unfit:
            written.pop(id_, None)
        self._recent |= written
        self._commits += 1
        self._calls += len(batch.calls)
        try:
            self._do(lambda connection: connection.check(self._sample), patience)
        except Exception:
            for id_ in written:  # whoever waits hears that they are not recorded
                self._recent.pop(id_, None)
                self._missing.pop(id_, None)
            raise
        return unfit

    def remove(self, work: Callable[[sqlite3.Cursor], bool], patience: float) -> bool:
        """Do `work`, which tells whether it took rows away, in a transaction; or raise and do
        nothing. Returns what it tells."""

        def transaction(connection: Connection) -> bool:
            with connection.transaction() as cursor:
                is_less = work(cursor)
            if is_less:  # what was taken away need not be there any more
                for remembered in (self._settled, self._recent):
                    for id_ in remembered.keys() - connection.known(remembered):
                        del remembered[id_]
            return is_less

        return self._do(transaction, patience)

    def look(self) -> None:
        """See to it that the journal is there and sound, also while nobody calls."""
        self._do(lambda connection: connection.examine(self._sample))

    def settle(self, *, is_due: bool = False) -> None:
        """Empty the log into the file, if that `is_due` by the time or by what is in it."""
        is_long = self._calls >= _SETTLED_CALLS or self._commits >= _SETTLED_COMMITS
        if self._recent and (is_due or is_long):
            self._commits = self._calls = 0
            self._do(self._settle)

    def keep_aside_at_once(self) -> None:
        """Set a damaged file aside however soon after another: there is no next time."""
        self._aside_not_before = 0.0

    def close(self) -> None:
        """Empty the log and close what is open."""
        try:
            self.look()
            self.settle(is_due=True)
        except Exception as error:  # noqa: BLE001  # there is no next time
            calls = sum(isinstance(each, CallRecord) for each in self._missing.values())
            if calls:
                logger.error(
                    "%d calls were lost with the journal %s, and are nowhere else: %s",
                    *(calls, self._place, reason_of(error)),
                )
        if self._connection is not None:
            self._connection.close()

    def _do(self, work: Callable[[Connection], _T], patience: float | None = None) -> _T:
        """Work on the file that is there now, once it has what is in no other, and again where that
        fails for what others did to it."""
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

    # What is done to a file

    def _settle(self, connection: Connection) -> None:
        if connection.empty_log(self._recent):
            self._settled, self._recent = self._recent, {}
            return
        # Somebody reads on and on: no more is remembered than is bearable.
        old = list(self._recent)[:-_MOST_REMEMBERED]
        for id_ in old:
            if isinstance(self._recent[id_], CallRecord):
                self._recent[id_] = None
        for id_ in old[:-_MOST_IDS]:
            del self._recent[id_]

    def _write_again(self, connection: Connection) -> None:
        """Write what is in no file any more."""
        known = connection.known(self._missing)
        missing = {id_: each for id_, each in self._missing.items() if id_ not in known}
        calls = [each for each in missing.values() if isinstance(each, CallRecord)]
        gaps = [each for each in missing.values() if isinstance(each, tuple)]
        unfit = self._write(connection, Batch(calls, {"gaps": gaps}))
        self._recent |= {
            id_: each for id_, each in self._missing.items() if each and id_ not in unfit
        }
        self._missing = {}
        if calls:
            logger.info(
                "%d calls that were in no file any more are in the journal %s again.",
                *(len(calls) - len(unfit), self._place),
            )
        if lost := len(unfit) + len(missing) - len(calls) - len(gaps):
            self._lose(lost, "lost with the file that the journal was")

    def _write(self, connection: Connection, batch: Batch) -> Mapping[str, str]:
        try:
            with connection.transaction() as cursor:
                self._insert(cursor, self._new(connection, batch.calls))
                for table, rows in batch.others.items():
                    insert(cursor, table, rows)
        except ROW_ERRORS:
            return self._write_singly(connection, batch)
        return {}

    def _write_singly(self, connection: Connection, batch: Batch) -> Mapping[str, str]:
        """Write what can be written, row by row; some of it may be there from an earlier try."""
        known = connection.known([each.id for each in batch.calls])
        works = [
            (each.id, partial(self._insert, calls=[each]))
            for each in batch.calls
            if each.id not in known
        ]
        for table, rows in batch.others.items():
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
        """Insert these calls, and count them."""
        if calls:
            rollup = Rollup(calls, self._cardinality)
            insert(cursor, "calls", [each.row() for each in calls])
            insert(cursor, "hours", rollup.hours())
            insert(cursor, "days", rollup.days())
            insert(cursor, "callers", rollup.callers())

    def _new(self, connection: Connection, calls: Sequence[CallRecord]) -> Sequence[CallRecord]:
        """Those that are not there yet: a recording may be read twice, and those of other bridges
        may be of calls that are in this very journal."""
        by_id = {each.id: each for each in calls}
        anothers = [each.id for each in calls if each.bridge_id != self._bridge_id]
        for known in connection.known(anothers):
            del by_id[known]
        return list(by_id.values())

    # What others do to it

    def _open(self, patience: float | None = None, mine: Identity | None = None) -> Connection:
        return self._use(open_for_writing(self._place, patience, mine))

    def _use(self, connection: Connection) -> Connection:
        self._connection = connection
        self._cardinality = Cardinality(connection.kinds_of)
        return connection

    def _mend(self, connection: Connection, error: Exception) -> None:
        """Open the journal anew where that helps against the error, and raise it where not."""
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
            # Until this is done, others cannot tell that the file is in use again.
            with suppress(JournalError):
                self._open(mine=connection.identity)

    def _log(self, connection: Connection, trouble: Exception) -> None:
        """Say what is wrong with the file, and set a damaged one aside."""
        if isinstance(trouble, FileReplaced):
            logger.error(
                "The journal %s was removed or replaced while it was written. Calls are written to "
                "the file that is there now.",
                self._place,
            )
        elif isinstance(trouble, FileDisturbed):
            logger.warning(
                "The journal %s was cut short or overwritten while it was written, or what belongs "
                "to it removed. It is checked and opened anew.",
                self._place,
            )
        else:
            self._aside_not_before = time.monotonic() + _ASIDE_SECONDS
            _keep_aside(self._place, connection.file, connection.identity, reason_of(trouble))

    def _sample(self) -> list[str]:
        newest = (islice(reversed(each), _SAMPLE) for each in (self._settled, self._recent))
        return [*chain.from_iterable(newest)]


def _trouble(connection: Connection, sample: Sample) -> Exception | None:
    """What is wrong with the file; None where nothing is."""
    try:
        connection.examine(sample)
    except (FileReplaced, FileDisturbed, sqlite3.Error) as found:
        return found
    return None


def open_for_writing(
    place: Place, patience: float | None = None, mine: Identity | None = None
) -> Connection:
    """Open the journal, made first where there is none. A damaged one is kept aside, and a new one
    begun.

    `patience` is how many seconds to wait for another process, `BUSY_SECONDS` by default; `mine` is
    a file that was a journal, whatever it looks like now. Raises JournalError where the journal
    cannot be written or is none.
    """
    if place.file is None:
        raise JournalError(NO_FILE)
    try:
        with files.locked(place.file.parent):
            return _open(place, place.file, patience, mine)
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"The journal {place} cannot be used: {reason_of(error)}.") from error


def _open(place: Place, file: Path, patience: float | None, mine: Identity | None) -> Connection:
    for _ in range(_ATTEMPTS):
        files.make(file)
        found = files.identity(file)
        try:
            return Connection(place, file, patience, is_suspect=found == mine)
        except sqlite3.Error as error:
            if files.identity(file) != found:
                continue  # somebody has taken it away meanwhile
            if not (is_damage(error) and (found == mine or _has_traces(file))):
                raise
            # An error in the log would end mitmproxy's start.
            level = logging.ERROR if mine else logging.WARNING
            _keep_aside(place, file, found, reason_of(error), level)
    files.make(file)
    return Connection(place, file, patience)


def _keep_aside(
    place: Place, file: Path, damaged: Identity | None, reason: str, level: int = logging.ERROR
) -> None:
    """Rename the damaged file and its companions, unless another bridge has done so already; hold
    the lock."""
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
        *(place, reason, aside, aside),
    )


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
