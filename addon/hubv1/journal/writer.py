"""The journal's writer: one thread that commits what waits, together, and then tells who waits."""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, update

from hubv1.journal import tables
from hubv1.journal.entry import Entry, new_id
from hubv1.journal.place import Place
from hubv1.journal.seen import Seen

COUNTING_SECONDS = 1
"""How often the counts of all traffic are written."""
_MOST_AT_ONCE = 500
_CLOSING_SECONDS = 10
"""How long a closing bridge waits for its last rows."""

_insert_call = insert(tables.calls)


class NotRecorded(Exception):
    """An entry could not be written."""

    def __init__(self, reason: str, *, first: bool) -> None:
        """`first` tells whether the entry before this one still could be."""
        super().__init__(reason)
        self.first = first


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    done: asyncio.Future[None] | None
    """None where nobody waits."""


@dataclass(slots=True)
class _Gap:
    """A time in which entries were lost; itself written as soon as that works again."""

    started_at: datetime
    ended_at: datetime
    calls: int
    reason: str


class Journal:
    """An open journal. All methods are for the thread of the event loop."""

    def __init__(self, place: Place, bridge_id: str) -> None:
        """Opens the journal and starts its thread; raises JournalError where it cannot."""
        self.place = place
        self.seen = Seen()
        """All traffic so far: counted by whoever owns the journal, written by the hour."""
        self._engine: Engine = place.open_for_writing()
        self._bridge_id = bridge_id
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="hub journal", daemon=True)
        # The rest belongs to the thread.
        self._connection: Connection | None = None
        self._written = Seen()
        self._counted_at = time.monotonic()
        self._gap: _Gap | None = None
        self._thread.start()

    async def record(self, entry: Entry) -> None:
        """Return once the entry is on disk; raises NotRecorded where it will not be."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put(_Waiting(entry, done))
        await done

    def record_unawaited(self, entry: Entry) -> None:
        """Write the entry too, for those who cannot wait; `close` does."""
        self._queue.put(_Waiting(entry, None))

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._queue.put(None)
        self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        closing = False
        while not closing:
            batch, closing = self._next_batch()
            error = self._committed(batch, closing=closing)
            _tell(batch, error)
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()

    def _next_batch(self) -> tuple[list[_Waiting], bool]:
        """Everything that waits, and whether the journal is to be closed after it."""
        batch: list[_Waiting] = []
        with contextlib.suppress(queue.Empty):
            waiting = self._queue.get(timeout=COUNTING_SECONDS)
            while waiting is not None:
                batch.append(waiting)
                if len(batch) == _MOST_AT_ONCE:
                    return batch, False
                waiting = self._queue.get_nowait()
            return batch, True
        return batch, False

    def _committed(self, batch: Sequence[_Waiting], *, closing: bool) -> NotRecorded | None:
        """Commit the batch; the reason where that is impossible, whatever it is."""
        try:
            self._commit([waiting.entry for waiting in batch], closing=closing)
        except Exception as error:  # noqa: BLE001  # whoever waits must hear of any failure
            self._forget_connection()
            return self._widen_gap(batch, str(getattr(error, "orig", None) or error))
        self._gap = None
        return None

    def _commit(self, entries: Sequence[Entry], *, closing: bool) -> None:
        now = time.monotonic()
        is_due = now - self._counted_at >= COUNTING_SECONDS or closing
        seen = replace(self.seen) if is_due else self._written
        if not entries and seen == self._written and self._gap is None:
            return
        if self._connection is None:
            self._connection = self._engine.connect()
        with self._connection.begin():
            if entries:
                self._connection.execute(_insert_call, [entry.row() for entry in entries])
            if seen != self._written:
                self._count(self._connection, seen)
            if self._gap is not None:
                row = {"id": new_id(), "bridge_id": self._bridge_id, **asdict(self._gap)}
                self._connection.execute(insert(tables.gaps).values(row))
        if is_due:
            self._written, self._counted_at = seen, now

    def _count(self, connection: Connection, seen: Seen) -> None:
        """Add what came since the last time to the hour's counts."""
        table = tables.seen
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        written = asdict(self._written)
        more = {name: number - written[name] for name, number in asdict(seen).items()}
        added = connection.execute(
            update(table)
            .where(table.c.hour == hour, table.c.bridge_id == self._bridge_id)
            .values({name: table.c[name] + number for name, number in more.items()})
        )
        if not added.rowcount:
            connection.execute(insert(table).values(hour=hour, bridge_id=self._bridge_id, **more))

    def _forget_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.invalidate()
                connection.close()

    def _widen_gap(self, batch: Sequence[_Waiting], reason: str) -> NotRecorded:
        first = self._gap is None or not self._gap.calls
        now = datetime.now(UTC)
        gap = self._gap = self._gap or _Gap(now, now, 0, reason)
        gap.ended_at = now
        gap.calls += len(batch)
        return NotRecorded(reason, first=first)


def _tell(batch: Sequence[_Waiting], error: NotRecorded | None) -> None:
    """Wake all who wait for the batch, in their own thread and with one call for all."""
    futures = [waiting.done for waiting in batch if waiting.done is not None]
    if futures:
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            futures[0].get_loop().call_soon_threadsafe(_settle, futures, error)


def _settle(futures: Sequence[asyncio.Future[None]], error: NotRecorded | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
            error = NotRecorded(str(error), first=False)
