"""The thread that ships a journal, in the background and for as long as it takes."""

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from hubv1.fleet.carrier import Carrier
from hubv1.fleet.database import Database
from hubv1.fleet.delivery import Busy
from hubv1.fleet.standing import Standing
from hubv1.fleet.telling import Telling, reason_of
from hubv1.journal import DAYS, Place

logger = logging.getLogger(__name__)

IDLE_SECONDS = 2.0
"""How often to look for new rows."""
TIDYING_SECONDS = 60.0
"""How often to look for what has become old in the fleet."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before another attempt after the first failure, and after many."""
_CLOSING_SECONDS = 5.0
"""How long a closing bridge ships its last rows. What is left is shipped after its next start."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Shipping:
    """A journal that is being shipped. All methods are for other threads than its own."""

    def __init__(
        self,
        journal: Path,
        fleet: Place,
        bridge_id: str,
        days: int = DAYS,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Starts the thread; raises JournalError where there is no driver for the fleet.

        Calls are kept there for `days`, by whichever of its bridges keeps them for the least.
        """
        self.standing = Standing()
        """As it is known."""
        self._carrier = Carrier(journal, Database(fleet), bridge_id, now)
        self._telling = Telling(fleet)
        self._place = fleet
        self._now = now
        self._days = days
        self._failures = 0
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
        self._carrier.close()

    def _round(self) -> float:
        """Ship one parcel; returns the seconds to wait before the next."""
        began = time.monotonic()
        try:
            waiting, pause = self._step()
            if not waiting and began >= self._tidying_at:
                has_more = self._carrier.tidy(self._days)
                self._tidying_at = began + (0.0 if has_more else TIDYING_SECONDS)
        except Exception as error:  # noqa: BLE001  # the thread must live, whatever it is
            return self._failed(reason_of(error, self._place))
        self._failures = 0
        self.standing = Standing(waiting, self._now())
        self._telling.tell(self.standing)
        return pause

    def _step(self) -> tuple[int, float]:
        """How many rows wait after one parcel, and for how long that is good enough."""
        used = time.thread_time()
        try:
            waiting = self._carrier.step()
        except Busy:  # the fleet is there, and another bridge brings the rows
            return self._carrier.waiting(), IDLE_SECONDS
        # While there is a backlog, half of the time at least is left to the calls' own thread.
        return waiting, time.thread_time() - used if waiting else IDLE_SECONDS

    def _failed(self, reason: str) -> float:
        self._failures += 1
        self._carrier.step_back()
        waiting = self.standing.waiting
        try:
            waiting = self._carrier.waiting()
        except Exception as error:  # noqa: BLE001  # as above
            reason = reason_of(error, self._place)
        self.standing = Standing(waiting, self.standing.shipped_at, reason)
        self._telling.tell(self.standing)
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self._failures - 1, 16))
        # Many bridges that lost the fleet at the same time do not come back at the same time.
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # no secret
