"""Ships a journal to its fleet, in a thread of its own."""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import DataError

from hubv1.fleet.outbox import Outbox, Parcel
from hubv1.fleet.postgres import Busy, FleetDatabase
from hubv1.journal import DAYS, JournalError, Location, files
from hubv1.journal import reason_of as reason_of_database
from hubv1.journal.counts import utc_now
from hubv1.text import bounded, number, printable

logger = logging.getLogger(__name__)

IDLE_SECONDS = 2.0  # between two looks for new rows
TIDYING_SECONDS = 60.0  # between two looks for old rows in the fleet
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before another attempt after the first failure, and after many."""
_CLOSING_SECONDS = 5.0
"""How long a closing bridge ships its last rows. The rest is shipped after its next start."""
MOST_ROWS = 1_000  # of one parcel, which is one transaction
_FEWEST_ROWS = 10  # of one parcel, if the fleet is too slow for more
_AGAIN_SECONDS = 60
"""How long no other reason is logged after one, since a server's restart causes several."""


@dataclass(frozen=True, slots=True)
class ShippingStatus:
    """The state of shipping after the last attempt."""

    waiting: int = 0  # rows that the fleet may not have yet
    shipped_at: datetime | None = None  # when the fleet was last reached, UTC; None if never
    trouble: str = ""  # why the last attempt failed; empty if it succeeded

    @property
    def sentence(self) -> str:
        """The status in one sentence, for the log and the doctor."""
        waiting = f"{number(self.waiting, 'row')} wait{'s' * (self.waiting == 1)} for the fleet"
        if self.trouble:
            return f"{waiting}, which cannot be reached: {self.trouble}"
        if self.shipped_at is None:
            return "nothing is known of the fleet yet"
        state = waiting if self.waiting else "the fleet has all"
        return f"{state}, last reached at {self.shipped_at:%Y-%m-%d %H:%M:%S} UTC"


class Shipper:
    """Ships one journal. All methods are for other threads than its own."""

    def __init__(
        self,
        journal: Path,
        fleet: Location,
        bridge_id: str,
        days: int = DAYS,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Start the thread; raises JournalError if the fleet's driver is not installed.

        The fleet keeps calls for the smallest number of `days` that any of its bridges has.
        """
        self.status = ShippingStatus()
        self._shipment = _Shipment(journal, FleetDatabase(fleet, bridge_id, now))
        self._location = fleet
        self._now = now
        self._days = days
        self._failures = 0
        self._reason, self._said_at = "", 0.0
        self._tidying_at = 0.0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub fleet", daemon=True)
        self._thread.start()

    def keep_for(self, days: int) -> None:
        """Keep calls in the fleet for `days` from now on."""
        self._days = days

    def close(self, *, is_end: bool = True) -> None:
        """End the thread after shipping what it can in a few seconds; wait for it if the process
        ends."""
        self._closing.set()
        if is_end:
            self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        pause = 0.0
        while not self._closing.wait(pause):
            pause = self._round()
        end = time.monotonic() + _CLOSING_SECONDS
        while not self._failures and time.monotonic() < end:
            if self._round() == IDLE_SECONDS:
                break
        self._shipment.close()

    def _round(self) -> float:
        """Ship one parcel; returns the seconds to wait before the next."""
        began, used, is_busy = time.monotonic(), time.thread_time(), False
        try:
            try:
                waiting = self._shipment.step()
            except Busy:  # another bridge ships the rows now
                waiting, is_busy = self._shipment.waiting(), True
            if not waiting and began >= self._tidying_at:
                has_more = self._shipment.tidy(self._days)
                self._tidying_at = began + (0.0 if has_more else TIDYING_SECONDS)
        except Exception as error:  # noqa: BLE001  # the thread has to go on
            return self._failed(reason_of(error, self._location))
        self._failures = 0
        self._tell(ShippingStatus(waiting, self._now()))
        # Even with a backlog, the threads of the calls get at least half of the time.
        return time.thread_time() - used if waiting and not is_busy else IDLE_SECONDS

    def _failed(self, reason: str) -> float:
        self._failures += 1
        self._shipment.step_back()
        waiting = self.status.waiting
        try:
            waiting = self._shipment.waiting()
        except Exception as error:  # noqa: BLE001  # as above
            reason = reason_of(error, self._location)
        self._tell(ShippingStatus(waiting, self.status.shipped_at, reason))
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self._failures - 1, 16))
        # At random, so that bridges that lost the fleet together do not all return at once.
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # no secret

    def _tell(self, status: ShippingStatus) -> None:
        """Set the status, and log what is new."""
        before, self.status = self.status, status
        if status.trouble:
            self._tell_trouble(status)
        elif self._reason and not status.waiting:
            self._reason = ""
            logger.info("hub fleet: all waiting rows have been shipped to %s", self._location)
        elif before.shipped_at is None and not self._reason:
            logger.info("hub fleet: the journal is shipped to %s", self._location)

    def _tell_trouble(self, status: ShippingStatus) -> None:
        now = time.monotonic()
        is_told = self._reason and now - self._said_at < _AGAIN_SECONDS
        if is_told or status.trouble == self._reason:
            return
        self._reason, self._said_at = status.trouble, now
        logger.warning(
            "hub fleet: nothing can be shipped to %s: %s. Calls are answered and recorded as "
            "before; %d rows wait in the journal until it works again.",
            self._location,
            status.trouble,
            status.waiting,
        )


class _Shipment:
    """Reads rows, sends them and marks them. For one thread; a method that raises may be tried
    again."""

    def __init__(self, file: Path, database: FleetDatabase) -> None:
        self._file = file
        self._database = database
        self._outbox: Outbox | None = None
        self._found: tuple[files.Identity | None, ...] = ()
        self._is_open = False
        self._rows = MOST_ROWS

    def waiting(self) -> int:
        """The number of rows that wait."""
        return self._opened().waiting()

    def step(self) -> int:
        """Ship one parcel, if there is one; returns the number of rows that still wait."""
        outbox = self._opened()
        if not self._is_open:
            outbox.address(self._database.open())
            outbox.join(self._database.join)
            self._is_open = True
        parcel = outbox.parcel(self._rows)
        left = outbox.waiting() - len(parcel.ids)
        try:
            if parcel:
                self._database.bring(parcel, left)
        except DataError as error:
            self._narrow_down(parcel, outbox, error)
            return outbox.waiting()
        outbox.mark(parcel)
        self._rows = min(MOST_ROWS, self._rows * 2)
        return left

    def tidy(self, days: int) -> bool:
        """Delete some old rows of the fleet; returns whether there may be more."""
        return self._is_open and self._database.tidy(days)

    def step_back(self) -> None:
        """Close the connection, and send fewer rows the next time."""
        self._is_open = False
        self._database.close()
        self._rows = max(_FEWEST_ROWS, self._rows // 2)

    def close(self) -> None:
        """Close both databases."""
        self._database.close()
        if self._outbox is not None:
            self._outbox.close()

    def _narrow_down(self, parcel: Parcel, outbox: Outbox, error: DataError) -> None:
        """Send fewer rows the next time, down to the one that the fleet's database cannot hold."""
        if not parcel.entries:
            raise error  # it is about another row than a call
        self._rows = max(1, len(parcel.entries) // 2)
        if len(parcel.entries) == 1:
            outbox.mark(Parcel(parcel.journal_id, parcel.entries, filled_to=parcel.filled_to))
            logger.warning(
                "hub fleet: the call %s cannot be shipped and stays only in the journal: %s",
                parcel.entries[0].id,
                reason_of_database(error),
            )

    def _opened(self) -> Outbox:
        """The outbox of the file to which the journal's path leads now."""
        found = self._files()
        if self._outbox is not None and found == self._found:
            return self._outbox
        if self._outbox is not None:
            self._outbox.close()
        self._outbox, self._is_open = None, False
        if found[0] is None:
            raise JournalError(f"there is no journal at {self._file}")
        outbox = Outbox(self._file)
        try:
            outbox.prepare()
        except BaseException:
            outbox.close()
            raise
        self._outbox, self._found = outbox, self._files()
        return outbox

    def _files(self) -> tuple[files.Identity | None, ...]:
        """The identities of the present files; marks in a log no longer in use would be lost."""
        file = self._file.resolve()
        return tuple(map(files.identity, (file, *files.companions(file))))


def reason_of(error: BaseException, location: Location) -> str:
    """The reason for an error, in one line and without the fleet's password."""
    text = " ".join(location.without_secrets(reason_of_database(error)).split())
    return bounded(printable(text)).rstrip(".")
