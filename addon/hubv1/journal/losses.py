"""Calls that could not be recorded: who waits hears of it, and the journal of how many."""

import logging
from datetime import datetime

from hubv1.journal.entry import new_id
from hubv1.journal.place import Place
from hubv1.journal.statements import Row

logger = logging.getLogger(__name__)


class NotRecorded(Exception):
    """An entry could not be written."""

    def __init__(self, reason: str, *, first: bool) -> None:
        """`first` tells whether the entry before this one still could be."""
        super().__init__(reason)
        self.first = first


class Losses:
    """A time in which entries are lost; itself written as soon as that works again."""

    def __init__(self, bridge_id: str) -> None:
        """All is well so far."""
        self._bridge_id = bridge_id
        self._since: datetime | None = None
        self._until: datetime | None = None
        self._calls = 0
        self._reason = ""

    def __bool__(self) -> bool:
        """Whether the last attempt failed."""
        return self._since is not None

    def add(self, calls: int, reason: str, now: datetime) -> NotRecorded:
        """So many more, at once; returns what to tell those who wait."""
        is_first = not self._calls
        if self._since is None:
            self._since, self._reason = now, reason
        self._until = now
        self._calls += calls
        return NotRecorded(reason, first=is_first)

    def row(self) -> Row:
        """For the table of gaps."""
        times = self._since, self._until
        return [new_id(), *times, self._calls, self._reason, self._bridge_id]

    def end(self) -> None:
        """All is well again, and the row is written."""
        if self._calls:
            logger.warning("The journal is written again; %d calls are not in it.", self._calls)
        self._since, self._calls = None, 0

    def say_what_is_lost(self, place: Place) -> None:
        """The last word, where the process ends before the row could be written."""
        if self._calls:
            logger.error(
                "%d calls since %s are not in the journal %s, and nowhere else: %s",
                self._calls,
                f"{self._since:%Y-%m-%d %H:%M:%S} UTC",
                place,
                self._reason,
            )
