"""Calls that could not be recorded: those answered are a gap, those refused are counted.

Both are written as soon as that works again.
"""

import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from hubv1.api.record import new_id
from hubv1.journal.counts import Row
from hubv1.journal.place import Place
from hubv1.text import bounded

logger = logging.getLogger(__name__)

_CALLS = 3
"""Where in a row of `gaps` the number of calls is."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which calls were answered that have no row."""

    started_at: datetime
    ended_at: datetime
    calls: int
    reason: str


class NotRecorded(Exception):
    """An entry could not be written."""

    def __init__(self, reason: str, *, first: bool) -> None:
        """`first` tells whether this is the first of several that cannot be written."""
        super().__init__(reason)
        self.first = first


@dataclass(slots=True)
class _Outage:
    """A time in which nothing can be written."""

    since: datetime
    until: datetime
    reason: str
    lost: int = 0
    refused: int = 0


class Losses:
    """Calls that were lost or refused, and the rows that say so. For one thread."""

    def __init__(self, bridge_id: str) -> None:
        """All is well so far."""
        self.lost = 0
        """Calls that were answered and have no row, all in all."""
        self.refused = 0
        """Calls that were refused, all in all."""
        self.is_outage = False
        """Whether the last attempt to write failed."""
        self.is_to_write = False
        """Whether there are rows to write, or to find out whether the outage has ended."""
        self._bridge_id = bridge_id
        self._outage: _Outage | None = None
        self._gaps: list[Row] = []
        self._refused_at: Counter[datetime] = Counter()
        """By the hour."""

    def add_outage(self, lost: int, refused: int, reason: str, now: datetime) -> NotRecorded:
        """Nothing can be written: so many more; returns what to tell those who wait."""
        outage = self._outage or _Outage(now, now, bounded(reason))
        is_first = not (outage.lost or outage.refused)
        outage.until = now
        outage.lost += lost
        outage.refused += refused
        self._outage = outage
        self.is_outage = self.is_to_write = True
        self._add(lost, refused, now)
        return NotRecorded(reason, first=is_first)

    def add_apart(self, lost: int, refused: int, reason: str, now: datetime) -> None:
        """So many are lost while others are written: for what is in them, or by another's hand."""
        if lost:
            self._gaps.append((new_id(), now, now, lost, bounded(reason), self._bridge_id))
        self._add(lost, refused, now)

    def _add(self, lost: int, refused: int, now: datetime) -> None:
        self.lost += lost
        self.refused += refused
        self.is_to_write = self.is_to_write or bool(lost or refused)
        if refused:
            self._refused_at[now.replace(minute=0, second=0, microsecond=0)] += refused

    def gaps(self) -> list[Row]:
        """Rows for the table of gaps."""
        one = self._outage
        if one is None or not one.lost:
            return list(self._gaps)
        last = (new_id(), one.since, one.until, one.lost, one.reason, self._bridge_id)
        return [*self._gaps, last]

    def refusals(self) -> list[Row]:
        """Rows for the table of refusals."""
        return [(hour, self._bridge_id, calls) for hour, calls in self._refused_at.items()]

    def written(self, gaps: Collection[Row]) -> None:
        """These gaps are in the journal, and so are all refusals: all is well again."""
        if self._outage is not None and (self._outage.lost or self._outage.refused):
            logger.warning("The journal is written again; %s.", _told(self._outage))
        self._outage = None
        self._gaps = [gap for gap in self._gaps if gap not in gaps]
        self._refused_at.clear()
        self.is_outage, self.is_to_write = False, bool(self._gaps)

    def say_what_is_lost(self, place: Place) -> None:
        """The last word, where the process ends before the rows could be written."""
        outage = self._outage
        if outage is None:
            return
        since = f"{outage.since:%Y-%m-%d %H:%M:%S} UTC"
        lost = outage.lost + sum(int(str(row[_CALLS])) for row in self._gaps)
        if lost:
            logger.error(
                "%d calls since %s are not in the journal %s, and nowhere else: %s",
                *(lost, since, place, outage.reason),
            )
        if outage.refused:
            logger.error(
                "%d calls since %s were refused, which the journal %s does not say: %s",
                *(outage.refused, since, place, outage.reason),
            )


def _told(outage: _Outage) -> str:
    told = [f"{outage.lost} calls are not in it"] if outage.lost else []
    if outage.refused:
        told.append(f"{outage.refused} calls were refused")
    return ", ".join(told)
