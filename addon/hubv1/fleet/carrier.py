"""One journal on its way to the fleet, parcel by parcel."""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import DataError

from hubv1.fleet.database import Database
from hubv1.fleet.delivery import Delivery
from hubv1.fleet.history import callers, hours_gone
from hubv1.fleet.outbox import Outbox
from hubv1.fleet.parcel import Parcel
from hubv1.journal import JournalError, files
from hubv1.journal.opening import reason_of

logger = logging.getLogger(__name__)

MOST_ROWS = 1_000
"""In one parcel, which is one transaction."""
_FEWEST_ROWS = 10
"""To which a parcel shrinks where the fleet is too slow for more."""


class Carrier:
    """Reads, brings and marks. For one thread; what raises may be tried again."""

    def __init__(
        self, file: Path, database: Database, bridge_id: str, now: Callable[[], datetime]
    ) -> None:
        """Touches nothing yet."""
        self._file = file
        self._database = database
        self._bridge_id = bridge_id
        self._now = now
        self._outbox: Outbox | None = None
        self._identity: files.Identity | None = None
        self._journal_id = ""
        self._delivery: Delivery | None = None
        self._rows = MOST_ROWS

    def waiting(self) -> int:
        """How many rows wait."""
        return self._opened().waiting()

    def step(self) -> int:
        """Bring one parcel, if there is one; returns how many rows still wait."""
        outbox = self._opened()
        delivery = self._delivery or self._connected(outbox)
        parcel = outbox.parcel(self._rows)
        left = outbox.waiting() - len(parcel.ids)
        try:
            if parcel:
                delivery.bring(parcel, left)
        except DataError as error:
            self._narrow_down(parcel, outbox, error)
            return outbox.waiting()
        outbox.mark(parcel)
        self._rows = min(MOST_ROWS, self._rows * 2)
        return left

    def tidy(self, days: int) -> bool:
        """Take some old rows of the fleet away; returns whether there may be more."""
        return self._delivery is not None and self._delivery.tidy(days)

    def step_back(self) -> None:
        """Drop the connection, and take less the next time."""
        self._delivery = None
        self._database.close()
        self._rows = max(_FEWEST_ROWS, self._rows // 2)

    def _narrow_down(self, parcel: Parcel, outbox: Outbox, error: DataError) -> None:
        """Try fewer rows at once, down to the one that the fleet's database cannot hold."""
        if not parcel.entries:
            raise error  # whatever it is about, fewer calls are no help
        self._rows = max(1, len(parcel.entries) // 2)
        if len(parcel.entries) > 1:
            return
        outbox.mark(Parcel(parcel.entries, (), (), ()))
        for entry in parcel.entries:
            logger.warning(
                "hub fleet: the call %s cannot be shipped and stays in the journal alone: %s",
                entry.id,
                reason_of(error),
            )

    def close(self) -> None:
        """Let go of both ends."""
        self._database.close()
        if self._outbox is not None:
            self._outbox.close()

    def _opened(self) -> Outbox:
        """The outbox of the file that is at the journal's place now."""
        identity = files.identity(self._file)
        if self._outbox is not None and identity == self._identity:
            return self._outbox
        if self._outbox is not None:
            self._outbox.close()
        self._outbox = self._delivery = None
        if identity is None:
            raise JournalError(f"there is no journal at {self._file}")
        outbox = Outbox(self._file)
        try:
            self._journal_id = outbox.prepare()
        except BaseException:
            outbox.close()
            raise
        self._outbox, self._identity = outbox, identity
        return outbox

    def _connected(self, outbox: Outbox) -> Delivery:
        outbox.address(self._database.open())
        delivery = Delivery(self._database, self._journal_id, self._bridge_id, self._now)
        if not outbox.is_joined():
            with outbox.reading() as connection:
                delivery.join(hours_gone(connection), callers(connection))
            outbox.mark_joined()
        self._delivery = delivery
        return delivery
