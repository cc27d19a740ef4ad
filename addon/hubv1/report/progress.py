"""How far the migration is: callers that have moved, day by day, and when the last may have."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from hubv1.report.model import Progress, Report, Team
from hubv1.report.standing import FEW_CALLS, MOVED_AFTER, MOVED_INTERVALS, MOVED_WITH_FEW
from hubv1.text import number

WHEN_MOVED = (
    f"A caller has moved once it has been quiet for {MOVED_AFTER.days} days and for "
    f"{MOVED_INTERVALS} of its usual intervals; with fewer than {FEW_CALLS} calls, for "
    f"{MOVED_WITH_FEW.days} days."
)
"""What that means, for those who read it for the first time."""

_FEWEST_CALLERS = 5
_FEWEST_DAYS = 14
"""Below either no end is guessed."""
_MOST_DAYS = 3_650
_DAY = timedelta(days=1)


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


@dataclass(frozen=True, slots=True)
class ProgressCounts:
    """How many callers there were, and what has become of them."""

    callers: int
    moved: int
    left: int
    too_early: int
    """Those whose calls are too few to tell."""


def progress_counts(report: Report) -> ProgressCounts:
    """The counts of a report; callers that it counts together are left."""
    return _counts((use.progress for use in report.callers), report.caller_count)


def progress_of_teams(report: Report) -> Iterator[tuple[Team, ProgressCounts]]:
    """The teams, if owners are known, each with its counts."""
    known = {use.caller: use.progress for use in report.callers}
    for team in report.teams:
        yield team, _counts((known[name] for name in team.callers), len(team.callers))


def _counts(each: Iterable[Progress], callers: int) -> ProgressCounts:
    counts = Counter(each)
    moved, too_early = counts[Progress.MOVED], counts[Progress.TOO_EARLY]
    return ProgressCounts(callers, moved, callers - moved - too_early, too_early)


def callers_by_day(report: Report) -> Iterator[tuple[date, int]]:
    """Each day from the first call to that of the report, and the callers that had called by then
    and not moved yet. A caller that has moved counts to the day of its last call."""
    if not report.callers:
        return
    changes: Counter[date] = Counter()
    for use in report.callers:
        changes[use.first_seen.date()] += 1
        if use.progress is Progress.MOVED:
            changes[use.last_seen.date() + _DAY] -= 1
    day, last = min(changes), max(report.generated_at.date(), *changes)
    callers = 0
    while day <= last:
        callers += changes[day]
        yield day, callers
        day += _DAY


def expected_end(report: Report) -> date | None:
    """The day on which the last caller has moved if they go on as until now.

    None if nobody has moved, if nobody is left, or if there is too little to go by.
    """
    counts, first = progress_counts(report), report.window.first
    today = report.generated_at.date()
    if first is None or counts.callers < _FEWEST_CALLERS:
        return None
    days, left = (today - first.date()).days, counts.callers - counts.moved
    if days < _FEWEST_DAYS or not counts.moved or not left:
        return None
    more = -(-left * days // counts.moved)
    return today + timedelta(days=more) if more <= _MOST_DAYS else None


def progress_headline(report: Report) -> str:
    """`3 of 12 callers have moved.`, of a report that has callers."""
    counts = progress_counts(report)
    if counts.callers == 1:
        return (
            "The only caller has moved." if counts.moved else "The only caller has not moved yet."
        )
    if counts.moved == counts.callers:
        return f"All {counts.callers:,} callers have moved."
    if not counts.moved:
        return f"None of {counts.callers:,} callers has moved yet."
    return f"{counts.moved:,} of {counts.callers:,} callers {_have(counts.moved)} moved."


def progress_in_words(report: Report) -> str:
    """`3 of 12 callers have moved, 8 are left, and of 1 it is too early to tell.`."""
    counts = progress_counts(report)
    of_all = f"{counts.moved:,} of {number(counts.callers, 'caller')}"
    said = f"{of_all} {_have(1 if counts.callers == 1 else counts.moved)} moved"
    said += f", {counts.left:,} {'is' if counts.left == 1 else 'are'} left"
    if counts.too_early:
        said += f", and of {counts.too_early:,} it is too early to tell"
    end = expected_end(report)
    return f"{said}. At this rate the last will have moved by {end}." if end else f"{said}."
