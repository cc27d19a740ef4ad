"""The journal's writer: a thread that commits all waiting calls together, and wakes their waiters.

It also writes counts of lost and refused calls, of clients that reject the bridge's certificate,
and of all traffic.
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
from datetime import date, datetime
from typing import NamedTuple

from hubv1.api.record import CallRecord, new_id
from hubv1.api.routes import is_retiring
from hubv1.journal import connection
from hubv1.journal.connection import reason_of
from hubv1.journal.counts import OTHERS, Row, Sums, add_to, hour_of, utc_now
from hubv1.journal.database import Database
from hubv1.journal.history import Seen
from hubv1.journal.location import Location
from hubv1.journal.retention import Retention
from hubv1.text import bounded

logger = logging.getLogger(__name__)

COUNTING_SECONDS = 1
"""How often the counts of all traffic are written and the file is checked, at least."""
_SETTLING_SECONDS = 10  # the time without a call after which the log is emptied
_CLOSING_SECONDS = 10  # how long a closing bridge waits for its last rows
_IMPATIENCE = 0.05
"""Seconds to wait for a lock after a wait in vain: while another program keeps the journal locked,
only the first calls wait for long."""
_MOST_AT_ONCE = 500
DAYS = 90  # how long rows are kept
CLIENTS_A_DAY = 1_000
"""Pairs of address and host that one day names; anybody can connect from many addresses."""
_MOST_WAITING = 10_000
_CALLS = 3  # the column of a row of `gaps` that has the number of calls


class NotRecorded(Exception):
    """A call could not be recorded."""

    def __init__(self, reason: str, *, first: bool) -> None:
        """`first` is true for the first of several calls that cannot be recorded."""
        super().__init__(reason)
        self.first = first


class Losses:
    """The calls that were answered without a row, which leaves a gap, and those that were refused
    because they could not be recorded. For one thread."""

    def __init__(self, bridge_id: str) -> None:
        """Begin without losses."""
        self.lost = 0  # all calls that were answered without a row
        self.refused = 0
        self._bridge_id = bridge_id
        self._outage: _Outage | None = None
        self._gaps: list[Row] = []
        self._refused_at: Counter[datetime] = Counter()  # by the hour

    @property
    def is_outage(self) -> bool:
        """Whether the last attempt to write failed."""
        return self._outage is not None

    @property
    def is_to_write(self) -> bool:
        """Whether there are rows to write, or an attempt must show if the outage has ended."""
        return bool(self._outage or self._gaps or self._refused_at)

    def add_outage(self, lost: int, refused: int, reason: str, now: datetime) -> bool:
        """Count calls while nothing can be written; returns whether these are the first."""
        outage = self._outage = self._outage or _Outage(now, now, bounded(reason))
        is_first = not (outage.lost or outage.refused)
        outage.until = now
        outage.lost += lost
        outage.refused += refused
        self._add(lost, refused, now)
        return is_first

    def add_apart(self, lost: int, refused: int, reason: str, now: datetime) -> None:
        """Count calls that cannot be recorded while others can, or that another program deleted."""
        if lost:
            self._gaps.append((new_id(), now, now, lost, bounded(reason), self._bridge_id))
        self._add(lost, refused, now)

    def _add(self, lost: int, refused: int, now: datetime) -> None:
        self.lost += lost
        self.refused += refused
        if refused:
            self._refused_at[hour_of(now)] += refused

    def rows(self) -> dict[str, list[Row]]:
        """The rows to write, which wait until `written` is called."""
        gaps, now = list(self._gaps), self._outage
        if now is not None and now.lost:
            gaps.append((new_id(), now.since, now.until, now.lost, now.reason, self._bridge_id))
        refusals = [(hour, self._bridge_id, calls) for hour, calls in self._refused_at.items()]
        return {"gaps": gaps, "refusals": refusals}

    def written(self, gaps: Sequence[Row]) -> None:
        """Note that these gaps and all refusals are in the journal, so that the outage is over."""
        if self._outage is not None and str(self._outage):
            logger.warning("The journal can be written again; %s.", self._outage)
        self._outage = None
        self._gaps = [gap for gap in self._gaps if gap not in gaps]
        self._refused_at.clear()

    def log_what_is_lost(self, location: Location) -> None:
        """Log what is lost for good when the process ends during an outage."""
        outage = self._outage
        if outage is None:
            return
        lost = outage.lost + sum(row[_CALLS] for row in self._gaps)
        for calls, ending in ((lost, "answered"), (outage.refused, "refused")):
            if calls:
                logger.error(
                    "%d calls since %s UTC were %s and are recorded nowhere, since the journal %s "
                    "could not be written: %s",
                    *(calls, f"{outage.since:%Y-%m-%d %H:%M:%S}", ending, location, outage.reason),
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
    """The clients that reject the certificate, up to a number of names for each day and start of
    the bridge."""

    def __init__(self) -> None:
        """Begin without rejections."""
        # Filled by the event loop's thread and emptied by the writer's.
        self._incoming: deque[tuple[str, str, datetime]] = deque(maxlen=_MOST_WAITING)
        self._named: dict[date, set[Row]] = {}
        self._waiting: Sums = {}

    def note(self, client_address: str, server_address: str, at: datetime) -> None:
        """Note that a client rejected the certificate at that time, UTC."""
        self._incoming.append((bounded(client_address), bounded(server_address), at))

    def rows(self) -> list[Row]:
        """The rows to write, which wait until `written` is called."""
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
        """Note that the last `rows` are in the journal."""
        self._waiting.clear()
        for day in sorted(self._named)[:-1]:
            del self._named[day]


class _Waiting(NamedTuple):
    """A call to be written."""

    entry: CallRecord
    done: asyncio.Future[None] | None  # None if nobody waits
    is_required: bool  # whether the call is refused if it cannot be recorded

    @property
    def is_lost_unwritten(self) -> bool:
        """Whether the call leaves a gap if it cannot be recorded, as a v1 call that is answered
        does."""
        return not (self.is_required or is_retiring(self.entry.route))


class Journal:
    """An open journal, for the thread of the event loop."""

    def __init__(
        self,
        location: Location,
        bridge_id: str,
        days: int = DAYS,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Open the journal and start its thread; raises JournalError if that is impossible.

        Rows older than `days` are deleted bit by bit; their counts stay longer.
        """
        self.location = location
        self.seen = Seen()  # all traffic so far, counted by the addon
        self._losses = Losses(bridge_id)
        self._rejections = Rejections()
        self._database = Database(location, bridge_id, self._lose)
        self._bridge_id = bridge_id
        self._now = now
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()  # ends with None
        self._thread = threading.Thread(target=self._run, name="hub journal", daemon=True)
        self._retention = Retention(days, now())
        # Used by the thread alone.
        self._written = _traffic(self.seen)
        self._counted_at = self._called_at = time.monotonic()
        self._thread.start()

    @property
    def waiting(self) -> int:
        """The number of entries that wait to be written."""
        return self._queue.qsize()

    @property
    def lost(self) -> int:
        """The number of calls that were answered without a row."""
        return self._losses.lost

    async def record(self, entry: CallRecord, *, is_required: bool = False) -> None:
        """Wait until the entry is on disk; raises NotRecorded if it will not be.

        `is_required` says that the caller then refuses the call; otherwise it counts as lost.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put(_Waiting(entry, done, is_required))
        await done

    def record_unawaited(self, entry: CallRecord) -> None:
        """Have the entry written, at the latest by `close`, without waiting for that."""
        self._queue.put(_Waiting(entry, None, is_required=False))

    def note_rejection(self, client_address: str, server_address: str) -> None:
        """Note that a client that asked for that host rejected the bridge's certificate."""
        self._rejections.note(client_address, server_address, self._now())
        self.seen.rejected_tls += 1

    def keep_for(self, days: int) -> None:
        """Delete rows older than that from now on."""
        self._retention.keep_for(days)

    def close(self) -> None:
        """Write everything that waits, and end the thread; log it if time runs out."""
        self._queue.put(None)
        self._thread.join(_CLOSING_SECONDS)
        if self._thread.is_alive():
            logger.error(
                "The journal %s was still being written after %g s: the last calls may be missing.",
                *(self.location, _CLOSING_SECONDS),
            )

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
        self._losses.log_what_is_lost(self.location)

    def _next_batch(self, seconds: float) -> tuple[list[_Waiting], bool]:
        """The entries that wait or arrive within that time, and whether they are the last."""
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
        """Commit the batch, and wake its waiters."""
        is_first = False
        try:
            reasons = self._commit([each.entry for each in batch], with_counts=with_counts)
        except Exception as error:  # noqa: BLE001  # waiters must hear of any failure
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
        """Count the calls that alone cannot be recorded, before their waiters hear of it."""
        unfit = [each for each in batch if each.entry.id in reasons]
        losses = Counter(
            (reasons[each.entry.id], each.is_required)
            for each in unfit
            if each.is_required or each.is_lost_unwritten
        )
        for (reason, is_required), calls in losses.items():
            lost, refused = (0, calls) if is_required else (calls, 0)
            self._losses.add_apart(lost, refused, reason, self._now())
        self._guard(lambda: self._commit([], with_counts=False))

    def _commit(self, entries: Sequence[CallRecord], *, with_counts: bool) -> Mapping[str, str]:
        """Write the calls and all waiting counts. Returns the reasons, by the ids of calls, why
        some of them cannot be recorded."""
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
            unfit = self._database.commit(entries, others, patience)
            if losses.is_to_write:
                losses.written(others.get("gaps", ()))
        if with_counts:
            self._rejections.written()
            self._written, self._counted_at = traffic, time.monotonic()
        return unfit

    def _tend(self, *, is_due: bool) -> None:
        """Check the file, empty its log and delete old rows, after the calls are written."""
        if is_due:
            self._guard(self._database.look)
        is_idle = time.monotonic() - self._called_at >= _SETTLING_SECONDS
        self._guard(lambda: self._database.settle(is_due=is_idle))
        if not self._retention.seconds and self._queue.empty():
            self._retention.step(self._database, self._now())

    def _guard(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  # the next commit reports it
            self._losses.add_outage(0, 0, reason_of(error), self._now())

    def _lose(self, calls: int, reason: str) -> None:
        """Count recorded calls that another program has deleted."""
        logger.error(
            "%d calls are not in the journal %s any more: %s", calls, self.location, reason
        )
        self._losses.add_apart(calls, 0, reason, self._now())


def _traffic(seen: Seen) -> tuple[int, ...]:
    """The figures of the table `seen`."""
    return seen.flows, seen.still_served, seen.rejected_tls


def _tell(batch: Sequence[_Waiting], reasons: Mapping[str, str], *, is_first: bool) -> None:
    """Wake all waiters of the batch, with one call into the event loop's thread."""
    waiting = [(each.done, reasons.get(each.entry.id)) for each in batch if each.done is not None]
    if waiting:
        # Nobody waits any more in a loop that is closed.
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
