"""What a bridge meets besides calls that are recorded, gathered until it is written: calls that
were lost or refused, and clients that reject the bridge's certificate."""

import logging
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from hubv1.api.record import new_id
from hubv1.journal.counts import OTHERS, Row, add_to, hour_of
from hubv1.journal.place import Place
from hubv1.text import bounded

logger = logging.getLogger(__name__)

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

    def written(self, rows: Mapping[str, Sequence[Row]]) -> None:
        """These are in the journal: all is well again."""
        if self._outage is not None and str(self._outage):
            logger.warning("The journal is written again; %s.", self._outage)
        self._outage = None
        self._gaps = [gap for gap in self._gaps if gap not in rows["gaps"]]
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
        self._waiting: dict[Row, Row] = {}

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
            add_to(self._waiting, key, (1, at, at))
        return [(*key, *row) for key, row in self._waiting.items()]

    def written(self) -> None:
        """Whatever `rows` gave last is in the journal."""
        self._waiting.clear()
        for day in sorted(self._named)[:-1]:
            del self._named[day]
