"""One journal file while it is written: its connection, and whether it is still there."""

import contextlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine

from hubv1.journal import files, tables
from hubv1.journal.counts import Counts
from hubv1.journal.place import Place
from hubv1.journal.statements import Cursor, adding, appending


class Gone(Exception):
    """The file at the journal's place is no longer the one that is written."""


class Session:
    """For one thread; the engine is its own from then on."""

    def __init__(self, place: Place, engine: Engine) -> None:
        """Compiles what will be run."""
        dialect = engine.dialect
        self.dialect = dialect
        self.calls = appending(tables.calls, dialect)
        self.counts = Counts(dialect)
        self.seen = adding(tables.seen, ("flows", "still_served", "rejected_tls"), dialect)
        self.gaps = appending(tables.gaps, dialect)
        self.companions: frozenset[files.Identity] = frozenset()
        """Of the file, once there was a commit."""
        self._engine = engine
        self._file = place.file
        # Before the first connection: one to another file is noticed after its first commit.
        self.identity = files.identity(self._file) if self._file else None
        self._connection: Any = None
        self._cursor: Cursor = None
        self._patience = -1.0

    @contextlib.contextmanager
    def transaction(self, patience: float) -> Iterator[Cursor]:
        """A transaction that is committed at the end, in the file at the journal's place.

        Raises Gone where that is another file by then: what was committed went with the old one.
        """
        if self._connection is None:
            self._connection = self._engine.raw_connection()
            self._cursor = self._connection.cursor()
        if self._file is not None:
            self._begin(patience)
        yield self._cursor
        self._connection.commit()
        self.check()
        if self._file is not None and not self.companions:
            self.companions = frozenset(files.companion_identities(self._file))

    def check(self) -> None:
        """Raise Gone where the file was removed or replaced. Two calls to the system: cheap."""
        if self._file is not None and files.identity(self._file) != self.identity:
            raise Gone

    def disconnect(self) -> None:
        """Drop the connection with what was not committed; the next transaction makes one."""
        connection, cursor = self._connection, self._cursor
        self._connection, self._cursor, self._patience = None, None, -1.0
        if connection is not None:
            # SQLite keeps a closed connection, and the lock of its transaction, for as long as
            # anybody holds a cursor of it; an exception that is not collected yet does.
            for step in (
                cursor.close,
                connection.rollback,
                connection.invalidate,
                connection.close,
            ):
                with contextlib.suppress(Exception):
                    step()

    def close(self) -> None:
        """Disconnect for good."""
        self.disconnect()
        self._engine.dispose()

    def _begin(self, patience: float) -> None:
        if patience != self._patience:
            self._cursor.execute(f"PRAGMA busy_timeout={round(patience * 1000)}")
            self._patience = patience
        self._cursor.execute("BEGIN IMMEDIATE")
