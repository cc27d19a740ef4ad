"""The journal's writer: one thread that commits what waits, together, and then tells who waits."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from datetime import UTC, datetime

from hubv1.journal import opening
from hubv1.journal.entry import Entry
from hubv1.journal.losses import Losses, NotRecorded
from hubv1.journal.place import Place
from hubv1.journal.pruning import Pruning
from hubv1.journal.rejections import Rejections
from hubv1.journal.seen import Seen
from hubv1.journal.statements import Row
from hubv1.journal.store import Store
from hubv1.journal.waiting import Queue, Waiting, next_batch, tell

COUNTING_SECONDS = 1
"""How often the counts of all traffic are written, and the file is looked after at least."""
_CLOSING_SECONDS = 10
"""How long a closing bridge waits for its last rows."""
_IMPATIENCE = 0.05
"""Seconds to wait for a lock when the last wait was in vain: while a program keeps the journal
locked, the first calls wait the whole time and those after them hardly."""
DAYS = 90
"""How long rows are kept."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Journal:
    """An open journal. All methods are for the thread of the event loop."""

    def __init__(
        self,
        place: Place,
        bridge_id: str,
        days: int = DAYS,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Opens the journal and starts its thread; raises JournalError where it cannot.

        Rows older than `days` go by and by; their counts stay for longer.
        """
        self.place = place
        self.seen = Seen()
        """All traffic so far: counted by whoever owns the journal, written by the hour."""
        self._rejections = Rejections()
        self._store = Store(place, bridge_id)
        self._bridge_id = bridge_id
        self._now = now
        self._queue = Queue()
        self._thread = threading.Thread(target=self._run, name="hub journal", daemon=True)
        self._pruning = Pruning(days)
        # The rest belongs to the thread.
        self._written = Seen()
        self._counted_at = time.monotonic()
        self._losses = Losses(bridge_id)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many entries wait to be written."""
        return self._queue.qsize()

    async def record(self, entry: Entry) -> None:
        """Return once the entry is on disk; raises NotRecorded where it will not be."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put(Waiting(entry, done))
        await done

    def record_unawaited(self, entry: Entry) -> None:
        """Write the entry too, for those who cannot wait; `close` does."""
        self._queue.put(Waiting(entry, None))

    def note_rejection(self, client_address: str, server_address: str) -> None:
        """A client that asked for that host rejected the bridge's certificate."""
        self._rejections.note(client_address, server_address, self._now())
        self.seen.rejected_tls += 1

    def keep_for(self, days: int) -> None:
        """Rows older than that go from now on; those that went before do not come back."""
        self._pruning.keep_for(days)

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._queue.put(None)
        self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            batch, is_last = next_batch(
                self._queue, min(COUNTING_SECONDS, max(0.01, self._pruning.seconds))
            )
            is_due = time.monotonic() - self._counted_at >= COUNTING_SECONDS
            tell(batch, self._committed(batch, with_counts=is_due or is_last))
            if is_due and not (is_last or self._losses):
                self._look()
            if not (is_last or self._losses or self._pruning.seconds) and self._queue.empty():
                self._pruning.step(self._store, self._now())
        self._losses.say_what_is_lost(self.place)
        self._store.close()

    def _committed(self, batch: Sequence[Waiting], *, with_counts: bool) -> NotRecorded | None:
        """Commit the batch; the reason where that is impossible, whatever it is."""
        try:
            self._commit([waiting.entry for waiting in batch], with_counts=with_counts)
        except Exception as error:  # noqa: BLE001  # whoever waits must hear of any failure
            return self._losses.add(len(batch), opening.reason_of(error), self._now())
        return None

    def _commit(self, entries: Sequence[Entry], *, with_counts: bool) -> None:
        seen = replace(self.seen) if with_counts else self._written
        if entries or self._losses or seen != self._written:
            patience = _IMPATIENCE if self._losses else opening.BUSY_SECONDS
            gap = self._losses.row() if self._losses else None
            rejected = self._rejections.rows() if with_counts else ()
            self._store.commit(entries, self._seen_row(seen), rejected, gap, patience)
            if with_counts:
                self._rejections.written()
            self._losses.end()
        if with_counts:
            self._written, self._counted_at = seen, time.monotonic()

    def _look(self) -> None:
        """After the calls, so that what it finds is no trouble of theirs."""
        try:
            self._store.look(opening.BUSY_SECONDS)
        except Exception as error:  # noqa: BLE001  # the next commit meets it again
            self._losses.add(0, opening.reason_of(error), self._now())

    def _seen_row(self, seen: Seen) -> Row | None:
        """What came since the last time, for the hour's counts."""
        if seen == self._written:
            return None
        hour = self._now().replace(minute=0, second=0, microsecond=0)
        pairs = zip(astuple(seen), astuple(self._written), strict=True)
        return [hour, self._bridge_id, *(new - old for new, old in pairs)]
