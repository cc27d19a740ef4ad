"""One pass over the entries, counting what belongs together."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar

from hubv1.journal import Entry
from hubv1.outcome import CLEAN, Outcome, exit_code
from hubv1.routes import Verdict


@dataclass(slots=True)
class Use:
    """Calls that belong together."""

    first: Entry
    """The earliest of them."""
    last: Entry
    calls: int = 0
    this_hour: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    def add(self, entry: Entry, hour: datetime) -> None:
        """Count one more."""
        self.calls += 1
        self.this_hour += entry.started_at >= hour
        self.outcomes[entry.outcome] += 1
        # Several journals are read one after the other, so time may go back between entries.
        if entry.started_at < self.first.started_at:
            self.first = entry
        if entry.started_at >= self.last.started_at:
            self.last = entry


_Key = TypeVar("_Key")

FindingKey = tuple[str, str]
"""Route and `namespace/repository`."""


@dataclass(slots=True)
class Tally:
    """Everything that one pass finds out."""

    whole: dict[str, Use] = field(default_factory=dict)
    routes: dict[str, Use] = field(default_factory=dict)
    callers: dict[str, Use] = field(default_factory=dict)
    days: dict[date, Use] = field(default_factory=dict)
    findings: defaultdict[str, dict[FindingKey, Use]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    """By caller."""
    hosts: set[str] = field(default_factory=set)
    in_vain: int = 0
    """Calls that were answered on a route that is dead."""
    exit_code: int = CLEAN

    @property
    def all(self) -> Use | None:
        """All calls; None where there are none."""
        return self.whole.get("")


def tally(entries: Iterable[Entry], hour: datetime) -> Tally:
    """The counts of `entries`; `hour` is the beginning of the current one."""
    counts = Tally()
    for entry in entries:
        key = (entry.route, entry.full_repository)
        _count(counts.whole, "", entry, hour)
        _count(counts.routes, entry.route, entry, hour)
        _count(counts.callers, entry.caller, entry, hour)
        _count(counts.days, entry.started_at.date(), entry, hour)
        _count(counts.findings[entry.caller], key, entry, hour)
        counts.hosts.add(entry.server_address)
        counts.in_vain += entry.outcome is Outcome.TRANSLATED and entry.verdict is Verdict.DEAD
        counts.exit_code = max(counts.exit_code, exit_code(entry.outcome, entry.verdict))
    return counts


def _count(uses: dict[_Key, Use], key: _Key, entry: Entry, hour: datetime) -> None:
    use = uses.get(key)
    if use is None:
        use = uses[key] = Use(entry, entry)
    use.add(entry, hour)
