"""The journal for the thread that writes it: commits, begun anew where the file is lost."""

import logging
import time
from collections.abc import Callable, Sequence

from hubv1.journal import opening
from hubv1.journal.damage import is_damage, is_full
from hubv1.journal.entry import Entry
from hubv1.journal.files import Identity
from hubv1.journal.place import JournalError, Place
from hubv1.journal.session import Cut, Session
from hubv1.journal.statements import Cursor, Row
from hubv1.journal.watch import Disturbed, Gone

logger = logging.getLogger(__name__)

REOPENING_SECONDS = 1
"""How long a journal that could not be opened is left alone."""
_ASIDE_SECONDS = 60
"""Only one file is kept aside in this time: a disk that damages each would be filled by them."""

_GONE = (
    "The journal %s was removed or replaced while it was written. Calls are written to the file "
    "that is there now."
)
_DISTURBED = (
    "The journal %s was cut short while it was written, or what belongs to it removed. It is "
    "checked and opened anew."
)

Work = Callable[[Session, Cursor], None]
"""What is done in a transaction."""


class Store:
    """An open journal. All methods but the first are for one thread."""

    def __init__(self, place: Place, bridge_id: str) -> None:
        """Opens the journal for that bridge; raises JournalError where it cannot."""
        self._place = place
        self._bridge_id = bridge_id
        self._session: Session | None = Session(place, opening.open_for_writing(place))
        self._stale: frozenset[Identity] = frozenset()
        self._refusal = JournalError("")
        self._not_before = self._aside_not_before = 0.0

    def commit(
        self,
        entries: Sequence[Entry],
        seen: Row | None,
        rejections: Sequence[Row],
        gap: Row | None,
        patience: float,
    ) -> None:
        """Write all of it, or raise and write nothing. `patience` is how many seconds to wait
        for another program that has locked the journal."""

        def write(session: Session, cursor: Cursor) -> None:
            new = self._new(session, cursor, entries)
            if new:
                session.calls.run(cursor, [entry.row() for entry in new])
                session.counts.add(cursor, new)
            if seen is not None:
                session.seen.run(cursor, [seen])
            session.rejections.run(cursor, rejections)
            if gap is not None:
                session.gaps.run(cursor, [gap])

        self.run(write, patience)

    def _new(self, session: Session, cursor: Cursor, entries: Sequence[Entry]) -> list[Entry]:
        """Those that are not there yet: a recording may be read twice, and those of other bridges
        may be of calls that are in this very journal."""
        new: dict[str, Entry] = {}
        for entry in entries:
            is_own = entry.bridge_id == self._bridge_id
            if is_own or not (entry.id in new or session.known.rows(cursor, entry.id)):
                new[entry.id] = entry
        return list(new.values())

    def look(self, patience: float) -> None:
        """See to it that the journal is there and sound, also while nobody calls."""
        session = self._opened(patience)
        try:
            session.look()
        except Exception as error:  # noqa: BLE001  # it is raised again where it is another one
            self._mend(session, error, patience)

    def run(self, work: Work, patience: float) -> None:
        """Do `work` in a transaction; once more where the file was lost or disturbed, or a server
        was started anew since the last one."""
        session = self._opened(patience)
        try:
            _run(session, work, patience)
        except Exception as error:  # noqa: BLE001  # it is raised again where it is another one
            # On a full disk, closing the connection has emptied the log, which may make room.
            if not (is_full(error) or isinstance(error, Cut)):
                self._mend(session, error, patience)
            _run(self._opened(patience), work, patience)

    def close(self) -> None:
        """Close what is open."""
        if self._session is not None:
            self._session.close()

    def _mend(self, old: Session, error: Exception, patience: float) -> None:
        """Open the journal anew where that helps against the error, and raise it where not."""
        is_damaged = is_damage(error) and time.monotonic() >= self._aside_not_before
        if not (is_damaged or isinstance(error, Gone | Disturbed)):
            raise error
        # Where the file is still there, this writes what its log has into it.
        old.close()
        if is_damaged:
            self._aside_not_before = time.monotonic() + _ASIDE_SECONDS
            opening.set_aside(self._place, old.identity, opening.reason_of(error), logger.error)
        elif isinstance(error, Gone):
            logger.error(_GONE, self._place)
        else:
            logger.warning(_DISTURBED, self._place)
        self._session, self._not_before = None, 0.0
        self._stale = frozenset() if isinstance(error, Disturbed) else old.companions
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
