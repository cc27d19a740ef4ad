"""The standing of a caller, by its recent calls, and whether it has moved away from v1."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Self

from hubv1 import journal
from hubv1.api.routes import Outcome, Verdict, route_named
from hubv1.journal import Count, DayCount
from hubv1.report.model import OUTCOMES, Need, Progress, Standing

QUIET_DAYS = 7
"""A caller without a call for so long is quiet."""
MOVED_AFTER = timedelta(days=journal.QUIET_DAYS)
MOVED_INTERVALS = 3
"""A caller has moved after so long without a call, and after so many of its median intervals."""
MOVED_WITH_FEW = timedelta(days=30)
FEW_CALLS = 3
"""A caller with fewer calls has no interval to go by, and has moved after that longer time."""

_PLACE_OF = {outcome: at for at, outcome in enumerate(OUTCOMES)}
_ENDED = {
    Outcome.PASSED: "went to routes that nothing replaces",
    Outcome.REFUSED: "{} refused",
    Outcome.FAILED: "failed",
    Outcome.GONE: "got 410, since v1 was ended for this caller",
}
"""The outcomes that are not bridged, in words; the braces are for `was` or `were`."""
_UNBRIDGED = tuple(_PLACE_OF[outcome] for outcome in _ENDED)


class Sums:
    """Sums over the counts of calls that belong together."""

    __slots__ = (
        *("calls", "ended", "first_at", "last", "paged", "signed", "this_hour", "unbridged_at"),
        "error",
    )

    def __init__(self, count: Count) -> None:
        """Begin with the calls of one count."""
        self.last = count
        """The count with the latest call."""
        self.first_at = count.first_at
        self.calls = self.this_hour = self.signed = self.paged = 0
        self.ended = [0] * len(OUTCOMES)
        """How many calls had each outcome, in the order of `OUTCOMES`."""
        self.unbridged_at: datetime | None = None
        """The time of the last call that was not bridged."""
        self.error = "", ""
        """Type and text of the last error among these."""
        self.add(count)

    def add(self, count: Count) -> None:
        """Add the calls of another count."""
        self.calls += count.calls
        self.this_hour += count.this_hour
        self.signed += count.signed
        self.paged += count.paged
        self.ended[_PLACE_OF[count.outcome]] += count.calls
        self.first_at = min(self.first_at, count.first_at)
        if count.outcome in _ENDED:
            if count.error_type and (
                not self.error[0] or count.last_at >= (self.unbridged_at or count.last_at)
            ):
                self.error = count.error_type, count.error
            self.unbridged_at = max(count.last_at, self.unbridged_at or count.last_at)
        if count.last_at >= self.last.last_at:
            self.last = count


@dataclass(frozen=True, slots=True)
class RecentCalls:
    """The calls that the standing of a caller is based on."""

    ended: Sequence[int]
    """How many calls had each outcome, in the order of `OUTCOMES`."""
    signed: int
    paged: int
    is_dead: bool
    """Whether one of them was to a dead route."""
    days: int = 0
    """On how many of its last days with calls they were made; 0 for all days."""

    @classmethod
    def of(cls, sums: Sums, verdict: Verdict) -> Self:
        """All calls of a caller, where the worst route has that verdict."""
        return cls(sums.ended, sums.signed, sums.paged, verdict is Verdict.DEAD)

    @property
    def calls(self) -> int:
        """Their number."""
        return sum(self.ended)

    @property
    def unbridged(self) -> int:
        """The number of calls that were not bridged."""
        return sum(self.ended[at] for at in _UNBRIDGED)

    @property
    def needs(self) -> tuple[Need, ...]:
        """The needs of their replacements."""
        needs = ((Need.CREDENTIALS, self.signed), (Need.PAGING, self.paged))
        return tuple(need for need, calls in needs if calls)


def recent_calls(by_day: Sequence[DayCount]) -> RecentCalls:
    """The calls of the last days on which the caller called."""
    days = sorted({each.day for each in by_day}, reverse=True)
    recent = [each for each in by_day if each.day >= days[: journal.RECENT_DAYS][-1]]
    ended = [0] * len(OUTCOMES)
    for each in recent:
        ended[_PLACE_OF[each.outcome]] += each.calls
    return RecentCalls(
        ended,
        sum(each.signed for each in recent),
        sum(each.paged for each in recent),
        any(route_named(each.route).verdict is Verdict.DEAD for each in recent),
        journal.RECENT_DAYS if len(days) >= journal.RECENT_DAYS else 0,
    )


def standing_of(recent: RecentCalls, last_at: datetime, now: datetime) -> tuple[Standing, str]:
    """The standing of a caller, and the reason in a few words."""
    if last_at <= now - timedelta(days=QUIET_DAYS):
        return Standing.QUIET, f"no call since {last_at.date()}"
    if recent.is_dead:
        return Standing.NOT_BRIDGED, "it calls routes that no bridge can revive"
    if recent.unbridged:
        lately = f" on its last {recent.days} days with calls" if recent.days else ""
        return Standing.NOT_BRIDGED, _shares(recent.ended, recent.calls) + lately
    if Need.CREDENTIALS in recent.needs:
        return Standing.NEEDS_CREDENTIALS, "it signs in, so its v2 calls need a token"
    if Need.PAGING in recent.needs:
        return Standing.NEEDS_PAGING, "its lists are longer than a page of v2"
    return Standing.READY, "one call to v2 replaces each of its calls"


def _shares(ended: Sequence[int], calls: int) -> str:
    """`3 of 21 calls failed, 1 was refused`."""
    counts = [(how, ended[_PLACE_OF[outcome]]) for outcome, how in _ENDED.items()]
    said = [
        (
            f"{n:,}" if n < calls or calls == 1 else f"all {n:,}",
            how.format("was" if n == 1 else "were"),
        )
        for how, n in counts
        if n
    ]
    (first, how), *more = said
    of_all = "" if first.startswith("all") else f" of {calls:,}"
    noun = "call" if calls == 1 else "calls"
    return ", ".join([f"{first}{of_all} {noun} {how}", *(f"{n} {how}" for n, how in more)])


def earlier_trouble(sums: Sums) -> str:
    """How many calls were not bridged, and when the last one was; empty for none."""
    if sums.unbridged_at is None:
        return ""
    return f"{_shares(sums.ended, sums.calls)}, last on {sums.unbridged_at.date()}"


def progress_of(sums: Sums, days: Collection[date], now: datetime) -> tuple[Progress, datetime]:
    """Whether a caller that called on these days has moved, and when it will have moved if it does
    not call again."""
    moves_at = sums.last.last_at + _quiet_time(sums, days)
    if now >= moves_at:
        return Progress.MOVED, moves_at
    return Progress.TOO_EARLY if sums.calls < FEW_CALLS else Progress.LEFT, moves_at


def _quiet_time(sums: Sums, days: Collection[date]) -> timedelta:
    if sums.calls < FEW_CALLS:
        return MOVED_WITH_FEW
    called = sorted(days)
    intervals = [(later - earlier).days for earlier, later in pairwise(called)]
    usual = timedelta(days=median(intervals) if intervals else 0)
    return max(MOVED_AFTER, MOVED_INTERVALS * usual)
