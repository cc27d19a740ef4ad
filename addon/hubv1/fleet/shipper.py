"""Ships a journal to its fleet, in a thread of its own and for as long as it takes."""

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
from hubv1.fleet.postgres import Busy, FleetDatabase, utc_now
from hubv1.journal import DAYS, JournalError, Place, files
from hubv1.journal import reason_of as said
from hubv1.text import bounded, number, printable

logger = logging.getLogger(__name__)

IDLE_SECONDS = 2.0
"""How often to look for new rows."""
TIDYING_SECONDS = 60.0
"""How often to look for what has become old in the fleet."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before another attempt after the first failure, and after many."""
_CLOSING_SECONDS = 5.0
"""How long a closing bridge ships its last rows. What is left is shipped after its next start."""
MOST_ROWS = 1_000
"""In one parcel, which is one transaction."""
_FEWEST_ROWS = 10
"""To which a parcel shrinks where the fleet is too slow for more."""
_AGAIN_SECONDS = 60
"""How long a reason is good for several that follow each other, as at a server's restart."""


@dataclass(frozen=True, slots=True)
class ShippingStatus:
    """How shipping stood after the last attempt."""

    waiting: int = 0
    """Rows that the fleet does not have yet, as far as is known."""
    shipped_at: datetime | None = None
    """When the fleet was last found, UTC; None where it was not since the start."""
    trouble: str = ""
    """Why the last attempt failed; empty where it did not."""

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
    """A journal that is being shipped. All methods are for other threads than its own."""

    def __init__(
        self,
        journal: Path,
        fleet: Place,
        bridge_id: str,
        days: int = DAYS,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Starts the thread; raises JournalError where there is no driver for the fleet.

        Calls are kept there for `days`, by whichever of its bridges keeps them for the least.
        """
        self.status = ShippingStatus()
        """How shipping stands."""
        self._shipment = _Shipment(journal, FleetDatabase(fleet, bridge_id, now))
        self._place = fleet
        self._now = now
        self._days = days
        self._failures = 0
        self._reason, self._said_at = "", 0.0
        self._tidying_at = 0.0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub fleet", daemon=True)
        self._thread.start()

    def keep_for(self, days: int) -> None:
        """Calls are kept in the fleet for `days` from now on."""
        self._days = days

    def close(self, *, is_end: bool = True) -> None:
        """Ship what waits, if that is quickly done, and end the thread; at the end of the process
        wait for it."""
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
            except Busy:  # the fleet is there, and another bridge brings the rows
                waiting, is_busy = self._shipment.waiting(), True
            if not waiting and began >= self._tidying_at:
                has_more = self._shipment.tidy(self._days)
                self._tidying_at = began + (0.0 if has_more else TIDYING_SECONDS)
        except Exception as error:  # noqa: BLE001  # the thread must live, whatever it is
            return self._failed(reason_of(error, self._place))
        self._failures = 0
        self._tell(ShippingStatus(waiting, self._now()))
        # While there is a backlog, half of the time at least is left to the calls' own thread.
        return time.thread_time() - used if waiting and not is_busy else IDLE_SECONDS

    def _failed(self, reason: str) -> float:
        self._failures += 1
        self._shipment.step_back()
        waiting = self.status.waiting
        try:
            waiting = self._shipment.waiting()
        except Exception as error:  # noqa: BLE001  # as above
            reason = reason_of(error, self._place)
        self._tell(ShippingStatus(waiting, self.status.shipped_at, reason))
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self._failures - 1, 16))
        # Many bridges that lost the fleet at the same time do not come back at the same time.
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # no secret

    def _tell(self, status: ShippingStatus) -> None:
        """Make the status known, and in the log what is new of it."""
        before, self.status = self.status, status
        if status.trouble:
            self._tell_trouble(status)
        elif self._reason and not status.waiting:
            self._reason = ""
            logger.info("hub fleet: every row that waited is in %s now", self._place)
        elif before.shipped_at is None and not self._reason:
            logger.info("hub fleet: the journal is shipped to %s", self._place)

    def _tell_trouble(self, status: ShippingStatus) -> None:
        now = time.monotonic()
        is_told = self._reason and now - self._said_at < _AGAIN_SECONDS
        if is_told or status.trouble == self._reason:
            return
        self._reason, self._said_at = status.trouble, now
        logger.warning(
            "hub fleet: nothing can be shipped to %s: %s. Calls are answered and recorded as "
            "before; %d rows wait in the journal until it works again.",
            self._place,
            status.trouble,
            status.waiting,
        )


class _Shipment:
    """Reads, brings and marks. For one thread; what raises may be tried again."""

    def __init__(self, file: Path, database: FleetDatabase) -> None:
        self._file = file
        self._database = database
        self._outbox: Outbox | None = None
        self._found: tuple[files.Identity | None, ...] = ()
        self._is_open = False
        self._rows = MOST_ROWS

    def waiting(self) -> int:
        """How many rows wait."""
        return self._opened().waiting()

    def step(self) -> int:
        """Bring one parcel, if there is one; returns how many rows still wait."""
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
        """Take some old rows of the fleet away; returns whether there may be more."""
        return self._is_open and self._database.tidy(days)

    def step_back(self) -> None:
        """Drop the connection, and take less the next time."""
        self._is_open = False
        self._database.close()
        self._rows = max(_FEWEST_ROWS, self._rows // 2)

    def close(self) -> None:
        """Let go of both ends."""
        self._database.close()
        if self._outbox is not None:
            self._outbox.close()

    def _narrow_down(self, parcel: Parcel, outbox: Outbox, error: DataError) -> None:
        """Try fewer rows at once, down to the one that the fleet's database cannot hold."""
        if not parcel.entries:
            raise error  # whatever it is about, fewer calls are no help
        self._rows = max(1, len(parcel.entries) // 2)
        if len(parcel.entries) == 1:
            outbox.mark(Parcel(parcel.journal_id, parcel.entries, filled_to=parcel.filled_to))
            logger.warning(
                "hub fleet: the call %s cannot be shipped and stays in the journal alone: %s",
                parcel.entries[0].id,
                said(error),
            )

    def _opened(self) -> Outbox:
        """The outbox of the file that is at the journal's place now."""
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
        """What is there now. Marks in a log that the bridge no longer uses would be lost."""
        file = self._file.resolve()
        return tuple(map(files.identity, (file, *files.companions(file))))


def reason_of(error: BaseException, place: Place) -> str:
    """What went wrong, in one line and without the fleet's password."""
    text = " ".join(place.without_secrets(said(error)).split())
    return bounded(printable(text)).rstrip(".")
