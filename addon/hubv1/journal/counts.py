"""Counts of calls, by hour and by day, which outlive the rows they are made of: what calls are
counted by, where counting by name ends, and the rows to add to the tables."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from hubv1.api.record import CallRecord

Row = tuple[Any, ...]
"""Values of a table's columns, in order."""

OTHERS = "(others)"
"""Stands for all names of a day beyond the limit."""

NAMES_A_DAY = 10_000
"""Callers, and as many repositories, that one day's counts name. User agents and repositories are
whatever a client makes up: without a limit a flood of them would fill the disk with counts."""
HOSTS_A_DAY = 100
KINDS_A_DAY = 50_000
"""Rows that one day may have: a client can pair names that are all known at will."""
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


class Cardinality:
    """Tells of each call which kind it counts as, so that made-up names cannot fill the disk.

    What a day has already is asked once, at its first call here. Several bridges on one journal
    each admit as many names as the limit says: it is there to keep counts small, not exact.
    """

    def __init__(self, load: Callable[[date], Iterable[Kind]]) -> None:
        """`load` gives the kinds that the journal has of a day."""
        self._load = load
        self._days: dict[date, _Day] = {}

    def kind_of(self, entry: CallRecord) -> Kind:
        """The kind of a call, by names as long as its day may have more of them."""
        return self._day(entry.started_at.date()).admit(kind_of(entry))

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


def kind_of(entry: CallRecord) -> Kind:
    """The kind of a call by its true names."""
    return Kind(
        entry.caller,
        entry.server_address,
        entry.route,
        entry.full_repository,
        entry.outcome.value,
    )


@dataclass(slots=True)
class _Sum:
    """How many calls, and when."""

    first_at: datetime
    last_at: datetime
    calls: int = 0
    signed: int = 0
    paged: int = 0

    def add(self, entry: CallRecord) -> None:
        self.calls += 1
        self.signed += entry.is_signed
        self.paged += entry.is_paged
        self._widen(entry.started_at, entry.started_at)

    def add_all(self, other: "_Sum") -> None:
        self.calls += other.calls
        self.signed += other.signed
        self.paged += other.paged
        self._widen(other.first_at, other.last_at)

    def row(self) -> Row:
        """In the order of the tables' columns."""
        return self.calls, self.signed, self.paged, self.first_at, self.last_at

    def _widen(self, first_at: datetime, last_at: datetime) -> None:
        self.first_at = min(self.first_at, first_at)
        self.last_at = max(self.last_at, last_at)


class Rollup:
    """Calls that are counted, and the rows to add to the tables for them.

    These come in the order of their keys: where several write at once, as to a server's database,
    nobody waits for one who waits for him.
    """

    def __init__(self, entries: Iterable[CallRecord], cardinality: Cardinality) -> None:
        """Counts these calls."""
        self._hours: dict[tuple[datetime, Kind], _Sum] = {}
        self._callers: dict[str, tuple[CallRecord, _Sum]] = {}
        for entry in entries:
            self._add(entry, cardinality.kind_of(entry))

    def _add(self, entry: CallRecord, kind: Kind) -> None:
        at = entry.started_at
        key = at.replace(minute=0, second=0, microsecond=0), kind
        known = self._hours.get(key)
        if known is None:
            known = self._hours[key] = _Sum(at, at)
        known.add(entry)
        if kind.caller != OTHERS:
            self._add_caller(entry)

    def _add_caller(self, entry: CallRecord) -> None:
        at = entry.started_at
        _, known = self._callers.get(entry.caller, (entry, None))
        if known is None:
            self._callers[entry.caller] = entry, _Sum(at, at)
            return
        is_latest = at >= known.last_at
        known.add(entry)
        if is_latest:
            self._callers[entry.caller] = entry, known

    def hours(self) -> list[Row]:
        """Rows of the table of hours."""
        return [(hour, *kind, *one.row()) for (hour, kind), one in sorted(self._hours.items())]

    def days(self) -> list[Row]:
        """Rows of the table of days."""
        days: dict[tuple[date, Kind], _Sum] = {}
        for (hour, kind), one in self._hours.items():
            day = days.setdefault((hour.date(), kind), _Sum(one.first_at, one.last_at))
            day.add_all(one)
        return [(day, *kind, *one.row()) for (day, kind), one in sorted(days.items())]

    def callers(self) -> list[Row]:
        """Rows of the table of callers."""
        return [
            (
                caller,
                entry.client_address,
                entry.user_agent_original,
                entry.user_name,
                entry.credentials,
                one.first_at,
                one.last_at,
            )
            for caller, (entry, one) in sorted(self._callers.items())
        ]
