"""Counts of calls, by hour and by day, which outlive the rows they are made of: what calls are
counted by, where counting by name ends, and the rows to add to the tables."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from hubv1.api.record import CallRecord
from hubv1.api.routes import is_retiring

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
_NAMES = 5
"""How many a kind has."""
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


def kind_of(entry: CallRecord) -> Kind:
    """The kind of a call by its true names."""
    names = entry.caller, entry.server_address, entry.route, entry.full_repository
    return Kind(*names, entry.outcome.value)


def _names() -> set[str]:
    return {"", OTHERS}


def _admitted(names: set[str], name: str, most: int) -> str:
    """The name, or what stands for it where there are too many."""
    if name not in names:
        if len(names) >= most + len(_names()):
            return OTHERS
        names.add(name)
    return name


@dataclass(slots=True)
class _Day:
    callers: set[str] = field(default_factory=_names)
    hosts: set[str] = field(default_factory=_names)
    repositories: set[str] = field(default_factory=_names)
    kinds: set[int] = field(default_factory=set)
    """Hashes, which are a tenth of the size."""

    def admit(self, kind: Kind) -> Kind:
        """The kind, by names as long as there may be more of them."""
        caller = _admitted(self.callers, kind.caller, NAMES_A_DAY)
        host = _admitted(self.hosts, kind.server_address, HOSTS_A_DAY)
        repository = _admitted(self.repositories, kind.repository, NAMES_A_DAY)
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
        self._day = lru_cache(2 * _DAYS_KEPT)(self._loaded)

    def kind_of(self, entry: CallRecord) -> Kind:
        """The kind of a call, by names as long as its day may have more of them."""
        day = self._day(entry.started_at.date(), of_v2=is_retiring(entry.route))
        return day.admit(kind_of(entry))

    def _loaded(self, date: date, *, of_v2: bool) -> _Day:
        """v2 has limits of its own, so that calls to it take no names from v1."""
        day = _Day()
        for kind in self._load(date):
            if is_retiring(kind.route) == of_v2:
                day.admit(kind)
        return day


def hour_of(moment: datetime) -> datetime:
    """The beginning of its hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


Sums = dict[Row, list[Any]]
"""Numbers by a key, then the first time and the last."""


def add_to(
    sums: Sums, key: Row, numbers: Sequence[int], first_at: datetime, last: datetime
) -> None:
    """Add to the sums with that key."""
    known = sums.get(key)
    if known is None:
        sums[key] = [*numbers, first_at, last]
        return
    for place, number in enumerate(numbers):
        known[place] += number
    known[-2:] = min(known[-2], first_at), max(known[-1], last)


def by_day(hours: Iterable[Row]) -> list[Row]:
    """Rows of the table of days for some of the table of hours, in the order of their keys."""
    days: Sums = {}
    for hour, *row in hours:
        *numbers, first_at, last_at = row[_NAMES:]
        add_to(days, (hour.date(), *row[:_NAMES]), numbers, first_at, last_at)
    return _rows(days)


def _rows(sums: Sums) -> list[Row]:
    return sorted([(*key, *row) for key, row in sums.items()])


class Rollup:
    """Calls that are counted, and the rows to add to the tables for them.

    These come in the order of their keys: where several write at once, as to a server's database,
    nobody waits for one who waits for him.
    """

    def __init__(self, entries: Iterable[CallRecord], cardinality: Cardinality) -> None:
        """Counts these calls."""
        self._hours: Sums = {}
        self._callers: dict[str, tuple[CallRecord, datetime]] = {}
        """The last call of each, and when the first was."""
        for entry in entries:
            kind, at = cardinality.kind_of(entry), entry.started_at
            numbers = 1, int(entry.is_signed), int(entry.is_paged)
            add_to(self._hours, (hour_of(at), *kind), numbers, at, at)
            if kind.caller != OTHERS:
                last, first_at = self._callers.get(entry.caller, (entry, at))
                last = entry if at >= last.started_at else last
                self._callers[entry.caller] = last, min(at, first_at)

    def hours(self) -> list[Row]:
        """Rows of the table of hours."""
        return _rows(self._hours)

    def days(self) -> list[Row]:
        """Rows of the table of days."""
        return by_day(self.hours())

    def callers(self) -> list[Row]:
        """Rows of the table of callers."""
        rows = ((*_details(last), at, last.started_at) for last, at in self._callers.values())
        return sorted(rows)


_details = attrgetter("caller", "client_address", "user_agent_original", "user_name", "credentials")
