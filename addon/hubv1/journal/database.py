"""The journal for the thread that writes it: what was committed stays, whatever others do.

What others do to the files of a journal is noticed after it was done. Until the calls of the last
commits are known to be in the file itself, and a while longer, they are therefore remembered: where
the file is lost or disturbed, those that are neither in it nor in the one that is there now are
written once more. Ids are unique, so that no call is there twice.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

from hubv1.api.record import CallRecord
from hubv1.journal import connection as opening
from hubv1.journal import files, schema
from hubv1.journal.connection import (
    Connection,
    Inserter,
    is_damage,
    is_full,
    is_of_a_row,
    reason_of,
)
from hubv1.journal.counts import Cardinality, Rollup, Row
from hubv1.journal.place import JournalError, Place
from hubv1.text import printable

logger = logging.getLogger(__name__)

REOPENING_SECONDS = 1
"""How long a journal that could not be opened is left alone."""
_ASIDE_SECONDS = 60
"""Only one file is kept aside in this time: a disk that damages each would be filled by them."""
_DISK_ERRORS = 10
"""After so many in a row the file is opened anew, in case that helps."""
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
_CONNECTED_SECONDS = 2.0
"""How long to wait for others in this process that have the file open."""
_LEFT_SECONDS = 60.0
"""How long a file that was moved away may be removed, by whoever compresses it say, and its last
calls are written to the new one."""
_GONE = (
    "The journal %s was removed or replaced while it was written. Calls are written to the file "
    "that is there now."
)
_DISTURBED = (
    "The journal %s was cut short or overwritten while it was written, or what belongs to it "
    "removed. It is checked and opened anew."
)

Work = Callable[[sqlite3.Cursor], None]
"""What is done in a transaction."""


@dataclass(frozen=True, slots=True)
class Notes:
    """What is written beside calls: rows of the tables of these names."""

    seen: Sequence[Row] = ()
    rejections: Sequence[Row] = ()
    refusals: Sequence[Row] = ()
    gaps: Sequence[Row] = ()

    def tables(self) -> Iterable[tuple[str, Sequence[Row]]]:
        """The rows by their table."""
        return (
            ("seen", self.seen),
            ("rejections", self.rejections),
            ("refusals", self.refusals),
            ("gaps", self.gaps),
        )


NOTHING = Notes()


@dataclass(slots=True)
class _Remembered:
    """What was committed and may yet be lost with the file."""

    calls: list[CallRecord] = field(default_factory=list)
    gaps: list[Row] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    """Of more calls, of which nothing else is remembered."""

    def __bool__(self) -> bool:
        return bool(self.calls or self.gaps or self.ids)

    def add(self, other: "_Remembered") -> None:
        self.calls += other.calls
        self.gaps += other.gaps
        self.ids += other.ids

    def all_ids(self) -> list[str]:
        return [*(entry.id for entry in self.calls), *self.ids]

    def drop(self, entries: Iterable[CallRecord]) -> None:
        ids = {entry.id for entry in entries}
        self.calls = [entry for entry in self.calls if entry.id not in ids]

    def forget(self) -> None:
        """Keep no more than is bearable."""
        old, self.calls = self.calls[:-_MOST_REMEMBERED], self.calls[-_MOST_REMEMBERED:]
        self.ids = [*self.ids, *(entry.id for entry in old)][-_MOST_IDS:]


@dataclass(frozen=True, slots=True)
class _Left:
    """A file that was moved away and had everything in it then."""

    held: files.Held
    content: _Remembered
    until: float


class _RolledBack(Exception):
    """A row took the whole transaction with it."""


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
        self._inserters = {name: Inserter(name) for name in schema.insert_texts()}
        self._refusal = JournalError("")
        self._not_before = self._aside_not_before = 0.0
        self._recent = _Remembered()
        """Since the log was last emptied."""
        self._settled = _Remembered()
        """Of the time before: they are in the file, but who copies it may have been faster."""
        self._missing = _Remembered()
        """What may be in no file; written again with the next commit that is possible."""
        self._left: list[_Left] = []
        self._commits = self._disk_errors = 0
        self._connection: Connection | None = None
        self._use(opening.open_for_writing(place))

    def commit(
        self, entries: Sequence[CallRecord], notes: Notes, patience: float
    ) -> Mapping[str, str]:
        """Write all of it, or raise and write nothing. Returns why those calls could not be
        written, by their ids, whose rows no journal takes.

        `patience` is how many seconds to wait for another program that has locked the journal.
        """
        self._check(patience)
        connection = self._opened(patience)
        try:
            unfit = self._write(connection, entries, notes, patience)
        except Exception as error:  # noqa: BLE001  # it is raised again where nothing helps
            self._mend(connection, error, patience)
            unfit = self._write(self._opened(patience), entries, notes, patience)
        self._disk_errors = 0
        written = [entry for entry in entries if entry.id not in unfit] if unfit else entries
        self._recent.add(_Remembered([*written], [*notes.gaps]))
        self._commits += 1
        try:
            self._check(patience)
        except Exception:
            for each in (self._recent, self._missing):
                each.drop(written)  # whoever waits hears that they are not recorded
            raise
        return unfit

    def run(self, work: Work, patience: float) -> None:
        """Do `work` in a transaction, or raise and do nothing."""
        connection = self._opened(patience)
        try:
            with connection.transaction(patience) as cursor:
                work(cursor)
        except Exception as error:
            self._mend(connection, error, patience)
            raise

    def look(self, patience: float) -> None:
        """See to it that the journal is there and sound, also while nobody calls."""
        self._look_after_left()
        connection = self._opened(patience)
        try:
            connection.check(self._some_ids())
            connection.is_sound(())
        except Exception as error:  # noqa: BLE001  # it is raised again where nothing helps
            self._mend(connection, error, patience)
        self._opened(patience)

    def settle(self, patience: float, *, is_due: bool = False) -> None:
        """Empty the log into the file, if that `is_due` by the time or by what is in it."""
        is_long = len(self._recent.calls) >= _SETTLED_CALLS or self._commits >= _SETTLED_COMMITS
        connection = self._connection
        if connection is None or not (self._recent and (is_due or is_long)):
            return
        self._commits = 0
        try:
            self._settle(connection)
        except Exception as error:  # noqa: BLE001  # it is raised again where nothing helps
            self._mend(connection, error, patience)
            self._opened(patience)

    def try_at_once(self) -> None:
        """Leave a journal that could not be opened alone no longer, and set a damaged one aside
        however soon after another: there is no next time."""
        self._not_before = self._aside_not_before = 0.0

    def close(self) -> None:
        """Empty the log and close what is open."""
        try:
            self.look(opening.BUSY_SECONDS)
            self.settle(opening.BUSY_SECONDS, is_due=True)
        except Exception as error:  # noqa: BLE001  # there is no next time
            if self._missing.calls:
                logger.error(
                    "%d calls were lost with the journal %s, and are nowhere else: %s",
                    *(len(self._missing.calls), self._place, reason_of(error)),
                )
        if self._connection is not None:
            self._connection.close()
        for left in self._left:
            left.held.close()

    # Writing

    def _write(
        self, connection: Connection, entries: Sequence[CallRecord], notes: Notes, patience: float
    ) -> Mapping[str, str]:
        try:
            with connection.transaction(patience) as cursor:
                self._insert(cursor, entries)
                for table, rows in notes.tables():
                    self._inserters[table].run(cursor, rows)
        except Exception as error:
            if not is_of_a_row(error):
                raise
            return self._write_singly(connection, entries, notes, patience)
        return {}

    def _write_singly(
        self, connection: Connection, entries: Sequence[CallRecord], notes: Notes, patience: float
    ) -> Mapping[str, str]:
        """Write what can be written, row by row."""
        unfit: dict[str, str] = {}
        while True:
            try:
                with connection.transaction(patience) as cursor:
                    for key, work in self._singles(cursor, entries, notes):
                        if key not in unfit:
                            _try(connection, cursor, key, work, unfit)
            except _RolledBack:
                continue
            return unfit

    def _singles(
        self, cursor: sqlite3.Cursor, entries: Sequence[CallRecord], notes: Notes
    ) -> Iterator[tuple[str, Callable[[], None]]]:
        """What is written in one step each, with a name for it."""
        for entry in entries:
            yield entry.id, partial(self._insert, cursor, [entry])
        for table, rows in notes.tables():
            for number, row in enumerate(rows):
                yield f"{table} {number}", partial(self._inserters[table].run, cursor, [row])

    def _insert(self, cursor: sqlite3.Cursor, entries: Sequence[CallRecord]) -> None:
        """Insert those calls that are not there yet, and count them."""
        new = self._new(cursor, entries)
        if not new:
            return
        self._inserters["calls"].run(cursor, [entry.row() for entry in new])
        rollup = Rollup(new, self._cardinality)
        self._inserters["hours"].run(cursor, rollup.hours())
        self._inserters["days"].run(cursor, rollup.days())
        self._inserters["callers"].run(cursor, rollup.callers())

    def _new(self, cursor: sqlite3.Cursor, entries: Sequence[CallRecord]) -> Sequence[CallRecord]:
        """Those that are not there yet: a recording may be read twice, and those of other bridges
        may be of calls that are in this very journal."""
        by_id = {entry.id: entry for entry in entries}
        anothers = [entry.id for entry in entries if entry.bridge_id != self._bridge_id]
        for known in opening.known(cursor, anothers):
            del by_id[known]
        return list(by_id.values())

    # The file, and what others do to it

    def _opened(self, patience: float) -> Connection:
        """The connection to the file that is there now, which has all that was committed."""
        for attempt in range(_ATTEMPTS):
            connection = self._connection or self._open(patience)
            if not self._missing:
                return connection
            try:
                self._write_again(connection, patience)
            except Exception as error:
                if attempt == _ATTEMPTS - 1:
                    raise
                self._mend(connection, error, patience)
            else:
                self._check(patience)
        raise files.FileDisturbed

    def _open(self, patience: float, mine: files.Identity | None = None) -> Connection:
        if time.monotonic() < self._not_before:
            raise self._refusal
        try:
            connection = opening.open_for_writing(self._place, patience, logger.error, mine)
        except JournalError as refusal:
            self._refusal = refusal
            self._not_before = time.monotonic() + REOPENING_SECONDS
            raise
        return self._use(connection)

    def _use(self, connection: Connection) -> Connection:
        self._connection = connection
        self._cardinality = Cardinality(connection.kinds_of)
        return connection

    def _write_again(self, connection: Connection, patience: float) -> None:
        """Write what is in no file any more."""
        missing = self._missing
        known = connection.known(missing.all_ids())
        calls = [entry for entry in missing.calls if entry.id not in known]
        unfit = self._write(connection, calls, Notes(gaps=missing.gaps), patience)
        self._missing = _Remembered()
        self._recent.add(_Remembered(missing.calls, missing.gaps))
        if calls:
            logger.info(
                "%d calls that were in no file any more are in the journal %s again.",
                *(len(calls) - len(unfit), self._place),
            )
        lost = len(unfit) + len(missing.ids) - len(known.intersection(missing.ids))
        if lost:
            self._lose(lost, "lost with the file that the journal was")

    def _check(self, patience: float) -> None:
        """Look for what others did to the file, and make it good; raises where that fails."""
        connection = self._connection
        if connection is not None:
            try:
                connection.check(self._some_ids())
            except Exception as error:  # noqa: BLE001  # it is raised again where nothing helps
                self._mend(connection, error, patience)
        if self._missing:
            self._opened(patience)

    def _mend(self, connection: Connection, error: Exception, patience: float) -> None:
        """Open the journal anew where that helps against the error, and raise it where not."""
        if is_full(error):
            connection.make_room()
            return
        trouble = self._trouble(connection, error)
        if trouble is None or self._connection is not connection:
            raise error
        folder = connection.watch.file.parent
        with files.connected(_CONNECTED_SECONDS), files.locked(folder):
            trouble = self._trouble_now(connection, trouble)
            if trouble is not None:
                self._leave(connection, trouble)
                # Until this is done, others cannot tell that the file is in use again.
                with suppress(JournalError):
                    self._open(patience, connection.watch.identity)

    def _trouble(self, connection: Connection, error: Exception) -> Exception | None:
        """What is wrong with the file, if that is why there is an error."""
        if isinstance(error, files.FileReplaced | files.FileDisturbed):
            return error
        try:
            connection.check(self._some_ids())
        except (files.FileReplaced, files.FileDisturbed) as found:
            return found  # what SQLite says may come of it
        except sqlite3.Error as found:
            error = found
        if connection.watch.has_hole_in_log():
            return files.FileDisturbed()
        if is_damage(error):
            return error if time.monotonic() >= self._aside_not_before else None
        self._disk_errors += opening.is_of_the_disk(error)
        return error if self._disk_errors >= _DISK_ERRORS else None

    def _trouble_now(self, connection: Connection, trouble: Exception) -> Exception | None:
        """What is wrong once nobody else is about to mend it; None where all is well."""
        if not isinstance(trouble, files.FileReplaced | files.FileDisturbed):
            return trouble
        ids = [entry.id for entry in (*self._recent.calls, *self._settled.calls)]
        if connection.watch.has_hole_in_log():
            return files.FileDisturbed()
        try:
            connection.check(ids)
            connection.is_sound(ids)
        except (files.FileReplaced, files.FileDisturbed) as found:
            return found
        except sqlite3.Error as error:
            return error
        return None

    def _leave(self, connection: Connection, trouble: Exception) -> None:
        """Close the file, and remember what may be in none by now; hold the lock."""
        if is_damage(trouble):
            self._aside_not_before = time.monotonic() + _ASIDE_SECONDS
            identity, reason = connection.watch.identity, reason_of(trouble)
            opening.set_aside(self._place, identity, reason, logger.error)
        elif isinstance(trouble, files.FileReplaced):
            logger.error(_GONE, self._place)
        elif isinstance(trouble, files.FileDisturbed):
            logger.warning(_DISTURBED, self._place)
        content = self._settled
        content.add(self._recent)
        self._settled, self._recent = _Remembered(), _Remembered()
        held = connection.leave(trouble, content.all_ids())
        self._connection, self._not_before, self._disk_errors = None, 0.0, 0
        if held is None:
            self._missing.add(content)
        else:
            self._left.append(_Left(held, content, time.monotonic() + _LEFT_SECONDS))

    def _look_after_left(self) -> None:
        """Files that were moved away may be removed since, before anybody had read their end."""
        for left in list(self._left):
            if left.held.has_name and time.monotonic() < left.until:
                continue
            if not left.held.has_name:
                self._missing.add(left.content)
            left.held.close()
            self._left.remove(left)

    def _settle(self, connection: Connection) -> None:
        ids = [entry.id for entry in self._recent.calls]
        # Nobody begins another log meanwhile: this one would not fit the file any more.
        with files.locked(connection.watch.file.parent):
            connection.check(self._some_ids())
            is_all = connection.checkpoint()
        if is_all and connection.is_sound(ids):
            connection.watch.accept()
            self._settled, self._recent = self._recent, _Remembered()
        else:
            self._recent.forget()  # somebody reads on and on

    def _some_ids(self) -> list[str]:
        calls = (self._settled.calls[-_SAMPLE:], self._recent.calls[-_SAMPLE:])
        return [entry.id for entry in chain.from_iterable(calls)]


def _try(
    connection: Connection,
    cursor: sqlite3.Cursor,
    key: str,
    work: Callable[[], None],
    unfit: dict[str, str],
) -> None:
    """Do the work, or nothing of it where it fails for what is in its row."""
    cursor.execute("SAVEPOINT one")
    try:
        work()
    except Exception as error:
        if not is_of_a_row(error):
            raise
        unfit[key] = reason_of(error)
        logger.error("A row for the journal cannot be written: %s", printable(reason_of(error)))
        if not connection.is_in_transaction:
            raise _RolledBack from error
        cursor.execute("ROLLBACK TO one")
    cursor.execute("RELEASE one")
