"""The journal for the thread that writes it: commits, begun anew where the file is lost."""

import logging
import time
from collections.abc import Callable, Sequence

from hubv1.journal import opening
from hubv1.journal.damage import is_damage
from hubv1.journal.entry import Entry
from hubv1.journal.files import Identity
from hubv1.journal.place import JournalError, Place
from hubv1.journal.session import Gone, Session
from hubv1.journal.statements import Cursor, Row

logger = logging.getLogger(__name__)

REOPENING_SECONDS = 1
"""How long a journal that could not be opened is left alone."""
_ASIDE_SECONDS = 60
"""Only one file is kept aside in this time: a disk that damages each would be filled by them."""

Work = Callable[[Session, Cursor], None]
"""What is done in a transaction."""


class Store:
    """An open journal. All methods but the first are for one thread."""

    def __init__(self, place: Place) -> None:
        """Opens the journal; raises JournalError where it cannot."""
        self._place = place
        self._session: Session | None = Session(place, opening.open_for_writing(place))
        self._stale: frozenset[Identity] = frozenset()
        self._refusal = JournalError("")
        self._not_before = self._aside_not_before = 0.0

    def commit(
        self, entries: Sequence[Entry], seen: Row | None, gap: Row | None, patience: float
    ) -> None:
        """Write all of it, or raise and write nothing. `patience` is how many seconds to wait
        for another program that has locked the journal."""

        def write(session: Session, cursor: Cursor) -> None:
            if entries:
                session.calls.run(cursor, [entry.row() for entry in entries])
                session.counts.add(cursor, entries)
            if seen is not None:
                session.seen.run(cursor, [seen])
            if gap is not None:
                session.gaps.run(cursor, [gap])

        self.run(write, patience)

    def look(self, patience: float) -> None:
        """Begin a new journal where the file is gone, also while nobody calls."""
        session = self._opened(patience)
        try:
            session.check()
        except Gone:
            self._begin_anew(session, patience)

    def run(self, work: Work, patience: float) -> None:
        """Do `work` in a transaction; once more in a new journal where the file is lost."""
        session = self._opened(patience)
        try:
            _run(session, work, patience)
        except Exception as error:
            if isinstance(error, Gone):
                self._begin_anew(session, patience)
            elif is_damage(error) and time.monotonic() >= self._aside_not_before:
                self._aside_not_before = time.monotonic() + _ASIDE_SECONDS
                session.close()
                reason = opening.reason_of(error)
                opening.set_aside(self._place, session.identity, reason, logger.error)
                self._reopen(session, patience)
            else:
                raise
            _run(self._opened(patience), work, patience)

    def close(self) -> None:
        """Close what is open."""
        if self._session is not None:
            self._session.close()

    def _begin_anew(self, old: Session, patience: float) -> None:
        logger.error(
            "The journal %s was removed or replaced while it was written. Calls are written to "
            "the file that is there now.",
            self._place,
        )
        self._reopen(old, patience)

    def _reopen(self, old: Session, patience: float) -> None:
        old.close()
        self._session, self._stale = None, old.companions
        self._not_before = 0.0
        self._opened(patience)

    def _opened(self, patience: float) -> Session:
        if self._session is None:
            if time.monotonic() < self._not_before:
                raise self._refusal
            try:
                engine = opening.open_for_writing(self._place, self._stale, logger.error, patience)
            except JournalError as refusal:
                self._refusal = refusal
                self._not_before = time.monotonic() + REOPENING_SECONDS
                raise
            self._session = Session(self._place, engine)
        return self._session


def _run(session: Session, work: Work, patience: float) -> None:
    try:
        with session.transaction(patience) as cursor:
            work(session, cursor)
    except BaseException:
        session.disconnect()
        raise
