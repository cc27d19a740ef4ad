"""The journal's writer: one thread that commits what waits, together, and then tells who waits.

What else a bridge meets is gathered until it is written too: calls that were lost or refused, and
clients that reject the bridge's certificate.
"""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

from hubv1.api.record import CallRecord, new_id
from hubv1.api.routes import is_retiring
from hubv1.journal import connection
from hubv1.journal.connection import reason_of
from hubv1.journal.counts import OTHERS, Row, Sums, add_to, hour_of
from hubv1.journal.database import Batch, Database
from hubv1.journal.history import Seen
from hubv1.journal.place import Place
from hubv1.journal.retention import Retention
from hubv1.text import bounded

logger = logging.getLogger(__name__)

COUNTING_SECONDS = 1
"""How often the counts of all traffic are written, and the file is looked after at least."""
_SETTLING_SECONDS = 10
"""After so long without a call the log is emptied."""
_CLOSING_SECONDS = 10
"""How long a closing bridge waits for its last rows."""
_IMPATIENCE = 0.05
"""Seconds to wait for a lock when the last wait was in vain: while a program keeps the journal
locked, the first calls wait the whole time and those after them hardly."""
_MOST_AT_ONCE = 500
DAYS = 90
"""How long rows are kept."""
CLIENTS_A_DAY = 1_000
"""Addresses and hosts that one day names; anybody can knock from any number of addresses."""
_MOST_WAITING = 10_000
_CALLS = 3
"""Where in a row of `gaps` the number of calls is."""


class NotRecorded(Exception):
    """A call could not be recorded."""

    def __init__(self, reason: str, *, first: bool) -> None:
        """`first` tells whether this is the first of several that cannot be recorded."""
        super().__init__(reason)
        self.first = first


class Losses:
    """Calls that were answered and have no row, which is a gap, and calls that were refused as
    they could not be recorded. For one thread."""

    def __init__(self, bridge_id: str) -> None:
        """All is well so far."""
        self.lost = 0
        """Calls that were answered and have no row, all in all."""
        self.refused = 0
        self._bridge_id = bridge_id
        self._outage: _Outage | None = None
        self._gaps: list[Row] = []
        self._refused_at: Counter[datetime] = Counter()
        """By the hour."""

    @property
    def is_outage(self) -> bool:
        """Whether the last attempt to write failed."""
        return self._outage is not None

    @property
    def is_to_write(self) -> bool:
        """Whether there are rows to write, or to find out whether the outage has ended."""
        return bool(self._outage or self._gaps or self._refused_at)

    def add_outage(self, lost: int, refused: int, reason: str, now: datetime) -> bool:
        """Nothing can be written: so many more; returns whether these are the first."""
        outage = self._outage = self._outage or _Outage(now, now, bounded(reason))
        is_first = not (outage.lost or outage.refused)
        outage.until = now
        outage.lost += lost
        outage.refused += refused
        self._add(lost, refused, now)
        return is_first

    def add_apart(self, lost: int, refused: int, reason: str, now: datetime) -> None:
        """So many are lost while others are written: for what is in them, or by another's hand."""
        if lost:
            self._gaps.append((new_id(), now, now, lost, bounded(reason), self._bridge_id))
        self._add(lost, refused, now)

    def _add(self, lost: int, refused: int, now: datetime) -> None:
        self.lost += lost
        self.refused += refused
        if refused:
            self._refused_at[hour_of(now)] += refused

    def rows(self) -> dict[str, list[Row]]:
        """What is to be written; it waits until `written` says that it was."""
        gaps, one = list(self._gaps), self._outage
        if one is not None and one.lost:
            gaps.append((new_id(), one.since, one.until, one.lost, one.reason, self._bridge_id))
        refusals = [(hour, self._bridge_id, calls) for hour, calls in self._refused_at.items()]
        return {"gaps": gaps, "refusals": refusals}

    def written(self, gaps: Sequence[Row]) -> None:
        """These gaps are in the journal, and so are all refusals: all is well again."""
        if self._outage is not None and str(self._outage):
            logger.warning("The journal is written again; %s.", self._outage)
        self._outage = None
        self._gaps = [gap for gap in self._gaps if gap not in gaps]
        self._refused_at.clear()

    def say_what_is_lost(self, place: Place) -> None:
        """The last word, where the process ends before the rows could be written."""
        outage = self._outage
        if outage is None:
            return
        since = f"{outage.since:%Y-%m-%d %H:%M:%S} UTC"
        if lost := outage.lost + sum(row[_CALLS] for row in self._gaps):
            logger.error(
                "%d calls since %s are not in the journal %s, and nowhere else: %s",
                *(lost, since, place, outage.reason),
            )
        if outage.refused:
            logger.error(
                "%d calls since %s were refused, which the journal %s does not say: %s",
                *(outage.refused, since, place, outage.reason),
            )


@dataclass(slots=True)
class _Outage:
    """A time in which nothing can be written."""

    since: datetime
    until: datetime
    reason: str
    lost: int = 0
    refused: int = 0

    def __str__(self) -> str:
        told = [f"{self.lost} calls are not in it"] if self.lost else []
        if self.refused:
            told.append(f"{self.refused} calls were refused")
        return ", ".join(told)


class Rejections:
    """Clients that reject the certificate. A bridge that starts anew names as many again."""

    def __init__(self) -> None:
        """None yet."""
        # The event loop's thread puts in, the one that writes takes out.
        self._incoming: deque[tuple[str, str, datetime]] = deque(maxlen=_MOST_WAITING)
        self._named: dict[date, set[Row]] = {}
        self._waiting: Sums = {}

    def note(self, client_address: str, server_address: str, at: datetime) -> None:
        """A client rejected the certificate at that time, UTC."""
        self._incoming.append((bounded(client_address), bounded(server_address), at))

    def rows(self) -> list[Row]:
        """What is to be written; it waits until `written` says that it was."""
        while self._incoming:
            address, host, at = self._incoming.popleft()
            key: Row = at.date(), address, host
            named = self._named.setdefault(at.date(), set())
            if key not in named and len(named) >= CLIENTS_A_DAY:
                key = at.date(), OTHERS, OTHERS
            named.add(key)
            add_to(self._waiting, key, (1,), at, at)
        return [(*key, *row) for key, row in self._waiting.items()]

    def written(self) -> None:
        """Whatever `rows` gave last is in the journal."""
        self._waiting.clear()
        for day in sorted(self._named)[:-1]:
            del self._named[day]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _Waiting(NamedTuple):
    """A call to be written."""

    entry: CallRecord
    done: asyncio.Future[None] | None
    """None where nobody waits."""
    is_required: bool
    """Whether the call is refused where it cannot be recorded."""

    @property
    def is_lost_unwritten(self) -> bool:
        """Whether it is a loss where it cannot be recorded: what is counted apart from v1 leaves
        no gap in what is known of v1."""
        return not (self.is_required or is_retiring(self.entry.route))


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
        self._losses = Losses(bridge_id)
        self._rejections = Rejections()
        self._database = Database(place, bridge_id, self._lose)
        self._bridge_id = bridge_id
        self._now = now
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        """None is the last in it."""
        self._thread = threading.Thread(target=self._run, name="hub journal", daemon=True)
        self._retention = Retention(days, now())
        # The rest belongs to the thread.
        self._written = _traffic(self.seen)
        self._counted_at = self._called_at = time.monotonic()
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many entries wait to be written."""
        return self._queue.qsize()

    @property
    def lost(self) -> int:
        """How many calls were answered so far that have no row."""
        return self._losses.lost

    async def record(self, entry: CallRecord, *, is_required: bool = False) -> None:
        """Return once the entry is on disk; raises NotRecorded where it will not be.

        `is_required` tells that the call is refused then; else it is answered, and lost.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put(_Waiting(entry, done, is_required))
        await done

    def record_unawaited(self, entry: CallRecord) -> None:
        """Write the entry too, for those who cannot wait; `close` does."""
        self._queue.put(_Waiting(entry, None, is_required=False))

    def note_rejection(self, client_address: str, server_address: str) -> None:
        """A client that asked for that host rejected the bridge's certificate."""
        self._rejections.note(client_address, server_address, self._now())
        self.seen.rejected_tls += 1

    def keep_for(self, days: int) -> None:
        """Rows older than that go from now on; those that went before do not come back."""
        self._retention.keep_for(days)

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._queue.put(None)
        self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            seconds = min(COUNTING_SECONDS, max(0.01, self._retention.seconds))
            batch, is_last = self._next_batch(seconds)
            is_due = time.monotonic() - self._counted_at >= COUNTING_SECONDS
            if is_last:
                self._database.keep_aside_at_once()
            self._record(batch, with_counts=is_due or is_last)
            if batch:
                self._called_at = time.monotonic()
            if not (is_last or self._losses.is_outage):
                self._tend(is_due=is_due)
        self._database.close()
        self._losses.say_what_is_lost(self.place)

    def _next_batch(self, seconds: float) -> tuple[list[_Waiting], bool]:
        """Everything that waits within that time, and whether it is the last."""
        batch: list[_Waiting] = []
        with contextlib.suppress(queue.Empty):
            one = self._queue.get(timeout=seconds)
            while one is not None:
                batch.append(one)
                if len(batch) == _MOST_AT_ONCE:
                    return batch, False
                one = self._queue.get_nowait()
            return batch, True
        return batch, False

    def _record(self, batch: Sequence[_Waiting], *, with_counts: bool) -> None:
        """Commit the batch, and tell who waits for it."""
        is_first = False
        try:
            reasons = self._commit([each.entry for each in batch], with_counts=with_counts)
        except Exception as error:  # noqa: BLE001  # whoever waits must hear of any failure
            reason = reason_of(error)
            reasons = {each.entry.id: reason for each in batch}
            refused = sum(each.is_required for each in batch)
            lost = sum(each.is_lost_unwritten for each in batch)
            is_first = self._losses.add_outage(lost, refused, reason, self._now())
        else:
            if reasons:
                self._add_unfit(batch, reasons)
        self.seen.refused_unrecorded = self._losses.refused
        _tell(batch, reasons, is_first=is_first)

    def _add_unfit(self, batch: Sequence[_Waiting], reasons: Mapping[str, str]) -> None:
        """Count the calls that cannot be recorded while others are, before anybody hears of it."""
        unfit = [each for each in batch if each.entry.id in reasons]
        whys = Counter(
            (reasons[each.entry.id], each.is_required)
            for each in unfit
            if each.is_required or each.is_lost_unwritten
        )
        for (reason, is_required), calls in whys.items():
            lost, refused = (0, calls) if is_required else (calls, 0)
            self._losses.add_apart(lost, refused, reason, self._now())
        self._guard(lambda: self._commit([], with_counts=False))

    def _commit(self, entries: Sequence[CallRecord], *, with_counts: bool) -> Mapping[str, str]:
        """Write these calls, and whatever else is to be written. Returns, by their ids, why some
        of them cannot be recorded."""
        losses, traffic = self._losses, self._written
        others = losses.rows() if losses.is_to_write else {}
        if with_counts:
            traffic = _traffic(self.seen)
            more = [new - old for new, old in zip(traffic, self._written, strict=True)]
            if any(more):
                others["seen"] = [(hour_of(self._now()), self._bridge_id, *more)]
            others["rejections"] = self._rejections.rows()
        unfit: Mapping[str, str] = {}
        if entries or losses.is_outage or any(others.values()):
            patience = _IMPATIENCE if losses.is_outage else connection.BUSY_SECONDS
            unfit = self._database.commit(Batch(entries, others), patience)
            if losses.is_to_write:
                losses.written(others.get("gaps", ()))
        if with_counts:
            self._rejections.written()
            self._written, self._counted_at = traffic, time.monotonic()
        return unfit

    def _tend(self, *, is_due: bool) -> None:
        """See to the file, after the calls: what is found is no trouble of theirs."""
        if is_due:
            self._guard(self._database.look)
        is_idle = time.monotonic() - self._called_at >= _SETTLING_SECONDS
        self._guard(lambda: self._database.settle(is_due=is_idle))
        if not self._retention.seconds and self._queue.empty():
            self._retention.step(self._database, self._now())

    def _guard(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  # the next commit meets it again
            self._losses.add_outage(0, 0, reason_of(error), self._now())

    def _lose(self, calls: int, reason: str) -> None:
        """Calls that were recorded are lost by another's hand."""
        logger.error("%d calls are not in the journal %s any more: %s", calls, self.place, reason)
        self._losses.add_apart(calls, 0, reason, self._now())


def _traffic(seen: Seen) -> tuple[int, ...]:
    """What the table `seen` has of it."""
    return seen.flows, seen.still_served, seen.rejected_tls


def _tell(batch: Sequence[_Waiting], reasons: Mapping[str, str], *, is_first: bool) -> None:
    """Wake all who wait for the batch, in their own thread and with one call for all."""
    waiting = [(each.done, reasons.get(each.entry.id)) for each in batch if each.done is not None]
    if waiting:
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            waiting[0][0].get_loop().call_soon_threadsafe(_finish, waiting, is_first)


def _finish(waiting: Sequence[tuple[asyncio.Future[None], str | None]], is_first: bool) -> None:  # noqa: FBT001  # call_soon_threadsafe takes no keywords
    for future, reason in waiting:
        if future.done():
            continue
        if reason is None:
            future.set_result(None)
        else:
            future.set_exception(NotRecorded(reason, first=is_first))
            is_first = False
