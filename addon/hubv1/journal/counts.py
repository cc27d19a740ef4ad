"""Counts of calls by hour and by day, which outlive the rows of single calls."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from hubv1.api.record import CallRecord
from hubv1.api.routes import is_retiring

Row = tuple[Any, ...]  # values of a table's columns, in order

OTHERS = "(others)"  # stands for all names of a day beyond the limit

NAMES_A_DAY = 10_000
"""Callers, and as many repositories, that the counts of one day name. Clients can make up any
number of them, whose counts would fill the disk."""
HOSTS_A_DAY = 100
KINDS_A_DAY = 50_000  # rows of one day, since a client can combine known names at will
_DAYS_KEPT = 8  # days in memory at a time: recordings may bring old ones


class Kind(NamedTuple):
    """Calls that are counted together."""

    caller: str
    server_address: str
    route: str
    repository: str  # `namespace/repository`; empty if the calls name none
    outcome: str


def kind_of(entry: CallRecord) -> Kind:
    """The kind of a call, by its true names."""
    names = entry.caller, entry.server_address, entry.route, entry.full_repository
    return Kind(*names, entry.outcome.value)


def _names() -> set[str]:
    return {"", OTHERS}


def _admitted(names: set[str], name: str, most: int) -> str:
    """The name, or OTHERS if there are too many names."""
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
    kinds: set[int] = field(default_factory=set)  # hashes, a tenth of the size of the kinds

    def admit(self, kind: Kind) -> Kind:
        """The kind, with OTHERS in place of each name beyond the limits."""
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
    """Limits the names that calls are counted by, so that made-up names cannot fill the disk.

    The names that a day already has are read once, at its first call here. Each of several bridges
    on one journal has the limit to itself: it keeps counts small, not exact.
    """

    def __init__(self, load: Callable[[date], Iterable[Kind]]) -> None:
        """`load` returns the kinds that the journal counts on a day."""
        self._load = load
        self._day = lru_cache(2 * _DAYS_KEPT)(self._loaded)

    def kind_of(self, entry: CallRecord) -> Kind:
        """The kind that a call counts as, within the limits of its day."""
        day = self._day(entry.started_at.date(), of_v2=is_retiring(entry.route))
        return day.admit(kind_of(entry))

    def _loaded(self, date: date, *, of_v2: bool) -> _Day:
        """The names of a day; v1 and v2 each have limits of their own."""
        day = _Day()
        for kind in self._load(date):
            if is_retiring(kind.route) == of_v2:
                day.admit(kind)
        return day


def utc_now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def hour_of(moment: datetime) -> datetime:
    """The beginning of the hour of a moment."""
    return moment.replace(minute=0, second=0, microsecond=0)


Sums = dict[Row, list[Any]]  # for each key its sums, followed by the first time and the last


def add_to(
    sums: Sums, key: Row, numbers: Sequence[int], first_at: datetime, last: datetime
) -> None:
    """Add numbers to the sums with that key, and widen its times."""
    known = sums.get(key)
    if known is None:
        sums[key] = [*numbers, first_at, last]
        return
    for place, number in enumerate(numbers):
        known[place] += number
    known[-2:] = min(known[-2], first_at), max(known[-1], last)


def by_day(hours: Iterable[Row]) -> list[Row]:
    """Rows of the table `days` for rows of the table `hours`, in the order of their keys."""
    days: Sums = {}
    names = len(Kind._fields)
    for hour, *row in hours:
        *numbers, first_at, last_at = row[names:]
        add_to(days, (hour.date(), *row[:names]), numbers, first_at, last_at)
    return _rows(days)


def _rows(sums: Sums) -> list[Row]:
    return sorted([(*key, *row) for key, row in sums.items()])


class Rollup:
    """The counts of some calls, as rows to add to the tables.

    The rows are in the order of their keys, so that writers to a server's database cannot deadlock.
    """

    def __init__(self, entries: Iterable[CallRecord], cardinality: Cardinality) -> None:
        """Count the calls."""
        self._hours: Sums = {}
        self._callers: dict[str, tuple[CallRecord, datetime]] = {}
        """The last call of each caller, and the time of its first."""
        for entry in entries:
            kind, at = cardinality.kind_of(entry), entry.started_at
            numbers = 1, int(entry.is_signed), int(entry.is_paged)
            add_to(self._hours, (hour_of(at), *kind), numbers, at, at)
            if kind.caller != OTHERS:
                last, first_at = self._callers.get(entry.caller, (entry, at))
                last = entry if at >= last.started_at else last
                self._callers[entry.caller] = last, min(at, first_at)

    def hours(self) -> list[Row]:
        """Rows of the table `hours`."""
        return _rows(self._hours)

    def days(self) -> list[Row]:
        """Rows of the table `days`."""
        return by_day(self.hours())

    def callers(self) -> list[Row]:
        """Rows of the table `callers`."""
        rows = ((*_details(last), at, last.started_at) for last, at in self._callers.values())
        return sorted(rows)


_details = attrgetter("caller", "client_address", "user_agent_original", "user_name", "credentials")
