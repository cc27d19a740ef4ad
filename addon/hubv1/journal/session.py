"""One journal file while it is written: its connection, and whether it is still there."""

import contextlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine, bindparam, select

from hubv1.journal import tables
from hubv1.journal.counts import Counts
from hubv1.journal.files import Identity
from hubv1.journal.place import Place
from hubv1.journal.server import watched
from hubv1.journal.statements import Cursor, Query, adding, appending
from hubv1.journal.watch import Watch

SERVER_SECONDS = 5.0
"""How long a transaction on a server may take before its connection is cut: a call waits for it."""


class Cut(Exception):
    """The server has ended the connection, and with it what was not committed."""


class Session:
    """For one thread; the engine is its own from then on."""

    def __init__(self, place: Place, engine: Engine) -> None:
        """Compiles what will be run."""
        dialect = engine.dialect
        self.dialect = dialect
        self.calls = appending(tables.calls, dialect)
        ids = tables.calls.c.id
        self.known = Query(select(ids).where(ids == bindparam("id", type_=ids.type)), dialect)
        self.counts = Counts(dialect)
        self.seen = adding(tables.seen, ("flows", "still_served", "rejected_tls"), dialect)
        self.rejections = adding(tables.rejections, ("times",), dialect)
        self.gaps = appending(tables.gaps, dialect)
        self._engine = engine
        # Before the first connection: one to another file is noticed after its first commit.
        self._watch = Watch(place.file) if place.file else None
        self._connection: Any = None
        self._cursor: Cursor = None
        self._patience = -1.0

    @contextlib.contextmanager
    def transaction(self, patience: float) -> Iterator[Cursor]:
        """A transaction that is committed at the end, in the file at the journal's place.

        Raises Gone where that is another file by then: what was committed went with the old one.
        Raises Disturbed where the file is not what it was, before anything is done, and Cut where
        a server is not there any more, before anything is committed.
        """
        if self._connection is None:
            self._connection = self._engine.raw_connection()
            self._cursor = self._connection.cursor()
        with self._in_file(self._watch, patience) if self._watch else self._on_server():
            yield self._cursor

    @property
    def identity(self) -> Identity | None:
        """Of the file; None for a server's database."""
        return self._watch.identity if self._watch else None

    @property
    def companions(self) -> frozenset[Identity]:
        """Of the file, once there was a commit."""
        return self._watch.companions if self._watch else frozenset()

    def look(self) -> None:
        """Raise Gone, Disturbed or what SQLite says of damage."""
        if self._watch is not None:
            self._watch.look()
            self._watch.read_back()

    def disconnect(self) -> None:
        """Drop the connection with what was not committed; the next transaction makes one."""
        connection, cursor = self._connection, self._cursor
        self._connection, self._cursor, self._patience = None, None, -1.0
        if self._watch is not None:
            self._watch.forget()
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

    @contextlib.contextmanager
    def _in_file(self, watch: Watch, patience: float) -> Iterator[None]:
        watch.look()
        self._begin(patience)
        yield
        self._connection.commit()
        watch.note()

    @contextlib.contextmanager
    def _on_server(self) -> Iterator[None]:
        with watched(self._connection, SERVER_SECONDS):
            try:
                yield
            except Exception as error:
                if self.dialect.is_disconnect(error, self._connection, self._cursor):  # type: ignore[arg-type]  # the driver's own
                    raise Cut(" ".join(str(error).split())) from error
                raise
            self._connection.commit()

    def _begin(self, patience: float) -> None:
        if patience != self._patience:
            self._cursor.execute(f"PRAGMA busy_timeout={round(patience * 1000)}")
            self._patience = patience
        self._cursor.execute("BEGIN IMMEDIATE")
