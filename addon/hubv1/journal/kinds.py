"""What calls are counted by, and where counting by name ends."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from hubv1.journal.entry import Entry

OTHERS = "(others)"
"""Stands for all names of a day beyond the limit."""

NAMES_A_DAY = 10_000
"""Callers, and as many repositories, that one day's counts name. User agents and repositories are
whatever a client makes up: without a limit a flood of them would fill the disk with counts."""
HOSTS_A_DAY = 100
KINDS_A_DAY = 50_000
"""As many different rows has one day: names that are all known can still be paired at will."""
_DAYS_KEPT = 8
"""Recordings bring old days; more than a few at a time they hardly mix."""


class Kind(NamedTuple):
    """Calls that are counted together."""

    caller: str
    server_address: str
    route: str
    repository: str
    """`namespace/repository`, empty where the calls name none."""
    outcome: str


class _Names:
    """The names of one day, as many as it may have."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._names = {"", OTHERS}

    def admit(self, name: str) -> str:
        """The name, or what stands for it where there are too many."""
        if name in self._names:
            return name
        if len(self._names) >= self._most + 2:
            return OTHERS
        self._names.add(name)
        return name


@dataclass(slots=True)
class _Day:
    callers: _Names = field(default_factory=lambda: _Names(NAMES_A_DAY))
    hosts: _Names = field(default_factory=lambda: _Names(HOSTS_A_DAY))
    repositories: _Names = field(default_factory=lambda: _Names(NAMES_A_DAY))
    kinds: set[int] = field(default_factory=set)
    """Hashes, which are a tenth of the size."""

    def admit(self, kind: Kind) -> Kind:
        caller = self.callers.admit(kind.caller)
        host = self.hosts.admit(kind.server_address)
        repository = self.repositories.admit(kind.repository)
        kind = Kind(caller, host, kind.route, repository, kind.outcome)
        key = hash(kind)
        if key not in self.kinds:
            if len(self.kinds) >= KINDS_A_DAY:
                return kind._replace(caller=OTHERS, repository=OTHERS)
            self.kinds.add(key)
        return kind


class Kinds:
    """Tells of each call which kind it counts as.

    What a day has already is asked once, at its first call here. Several bridges on one journal
    each admit as many names as the limit says: it is there to keep counts small, not exact.
    """

    def __init__(self, load: Callable[[date], Iterable[Kind]]) -> None:
        """`load` gives the kinds that the journal has of a day."""
        self._load = load
        self._days: dict[date, _Day] = {}

    def kind_of(self, entry: Entry, started_at: datetime) -> Kind:
        """The kind of a call that started then, UTC."""
        kind = kind_of(entry)
        return self._day(started_at.date()).admit(kind)

    def _day(self, date: date) -> _Day:
        day = self._days.get(date)
        if day is None:
            day = _Day()
            for kind in self._load(date):
                day.admit(kind)
            while len(self._days) >= _DAYS_KEPT:
                del self._days[next(iter(self._days))]
            self._days[date] = day
        return day


def kind_of(entry: Entry) -> Kind:
    """The kind of a call by its true names."""
    return Kind(
        entry.caller,
        entry.server_address,
        entry.route,
        entry.full_repository,
        entry.outcome.value,
    )
