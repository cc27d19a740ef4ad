"""What the journal holds besides calls: how much traffic there was, and which clients reject the
bridge's certificate."""

from collections import deque
from dataclasses import dataclass, field
from datetime import date, datetime

from hubv1.journal.counts import OTHERS, Row
from hubv1.text import bounded

CLIENTS_A_DAY = 1_000
"""Addresses and hosts that one day names; anybody can knock from any number of addresses."""
_MOST_WAITING = 10_000


@dataclass(slots=True)
class Seen:
    """How much traffic there was, so that no legacy call and nothing seen are not the same."""

    flows: int = 0
    """All flows, legacy or not."""
    still_served: int = 0
    """v1 calls that Hub itself still answers."""
    rejected_tls: int = 0
    """TLS handshakes for a legacy host that the client broke off: it does not trust the CA."""
    refused_unrecorded: int = 0
    """Legacy calls that were refused because they could not be recorded."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """What is known of a client that rejects the certificate."""

    client_address: str
    server_address: str
    """The host that it asked for."""
    times: int
    last_at: datetime


@dataclass(slots=True)
class _Times:
    """How often since the last commit, and when."""

    first_at: datetime
    last_at: datetime
    times: int = 0

    def add(self, at: datetime) -> None:
        self.times += 1
        self.first_at = min(self.first_at, at)
        self.last_at = max(self.last_at, at)


@dataclass(slots=True)
class _Day:
    named: set[tuple[str, str]] = field(default_factory=set)
    waiting: dict[tuple[str, str], _Times] = field(default_factory=dict)


class Rejections:
    """Rejections that wait to be written. A bridge that starts anew names as many again."""

    def __init__(self) -> None:
        """None yet."""
        # The event loop's thread puts in, the one that writes takes out.
        self._incoming: deque[tuple[str, str, datetime]] = deque(maxlen=_MOST_WAITING)
        self._days: dict[date, _Day] = {}

    def note(self, client_address: str, server_address: str, at: datetime) -> None:
        """A client rejected the certificate at that time, UTC."""
        self._incoming.append((bounded(client_address), bounded(server_address), at))

    def rows(self) -> list[Row]:
        """What is to be written; it waits until `written` says that it was."""
        while self._incoming:
            self._take(*self._incoming.popleft())
        return [
            (day, *client, one.times, one.first_at, one.last_at)
            for day, found in self._days.items()
            for client, one in found.waiting.items()
        ]

    def written(self) -> None:
        """Whatever `rows` gave last is in the journal."""
        latest = max(self._days, default=None)
        for day in list(self._days):
            self._days[day].waiting.clear()
            if day != latest:
                del self._days[day]

    def _take(self, address: str, host: str, at: datetime) -> None:
        day = self._days.setdefault(at.date(), _Day())
        client = address, host
        if client not in day.named and len(day.named) >= CLIENTS_A_DAY:
            client = OTHERS, OTHERS
        else:
            day.named.add(client)
        day.waiting.setdefault(client, _Times(at, at)).add(at)
