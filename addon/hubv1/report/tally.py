"""One pass over the counts, adding up what belongs together."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar

from hubv1.journal import Count, Summary
from hubv1.outcome import CLEAN, Outcome, exit_code
from hubv1.routes import Verdict


@dataclass(slots=True)
class Use:
    """Calls that belong together."""

    last: Count
    """Those among which the latest was."""
    first_at: datetime
    calls: int = 0
    this_hour: int = 0
    signed: int = 0
    paged: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    @property
    def last_at(self) -> datetime:
        """When the latest was."""
        return self.last.last_at

    def add(self, count: Count) -> None:
        """So many more."""
        self.calls += count.calls
        self.this_hour += count.this_hour
        self.signed += count.signed
        self.paged += count.paged
        self.outcomes[count.outcome] += count.calls
        self.first_at = min(self.first_at, count.first_at)
        if count.last_at >= self.last.last_at:
            self.last = count


_Key = TypeVar("_Key")

FindingKey = tuple[str, str]
"""Route and `namespace/repository`."""


@dataclass(slots=True)
class Tally:
    """Everything that one pass finds out."""

    whole: dict[str, Use] = field(default_factory=dict)
    routes: dict[str, Use] = field(default_factory=dict)
    callers: dict[str, Use] = field(default_factory=dict)
    days: defaultdict[date, Counter[Outcome]] = field(default_factory=lambda: defaultdict(Counter))
    findings: defaultdict[str, dict[FindingKey, Use]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    """By caller."""
    accepted: dict[str, Use] = field(default_factory=dict)
    """By caller; nothing else counts them."""
    hosts: set[str] = field(default_factory=set)
    in_vain: int = 0
    """Calls that were answered on a route that is dead."""
    exit_code: int = CLEAN

    @property
    def all(self) -> Use | None:
        """All calls; None where there are none."""
        return self.whole.get("")


def tally(summaries: Iterable[Summary]) -> Tally:
    """What these summaries make together."""
    tally = Tally()
    for summary in summaries:
        for count in summary.counts:
            _add(tally, count)
        for count in summary.accepted:
            _count(tally.accepted, count.caller, count)
        for (day, outcome), calls in summary.days.items():
            tally.days[day][outcome] += calls
    return tally


def _add(tally: Tally, count: Count) -> None:
    _count(tally.whole, "", count)
    _count(tally.routes, count.route, count)
    _count(tally.callers, count.caller, count)
    _count(tally.findings[count.caller], (count.route, count.repository), count)
    tally.hosts.add(count.server_address)
    if count.outcome is Outcome.TRANSLATED and count.verdict is Verdict.DEAD:
        tally.in_vain += count.calls
    tally.exit_code = max(tally.exit_code, exit_code(count.outcome, count.verdict))


def _count(uses: dict[_Key, Use], key: _Key, count: Count) -> None:
    use = uses.get(key)
    if use is None:
        use = uses[key] = Use(count, count.first_at)
    use.add(count)
