"""The burn-down: calls a day by outcome, as stacked bars of a drawing that has no fixed width.

Under them hang, one for each day, how many callers called for the last time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, pairwise

from hubv1.outcome import Outcome
from hubv1.report.model import Day, Report

HEIGHT = 1000
"""Of the plot, in its own units; a bar and the room around it are one wide."""
FOOT = 200
"""Of what hangs under it."""

_GAP = 40
_MOST_NAMES = 3

_MOST_BARS = 130
_MOST_LABELS = 4
_SPANS = (1, 7, 28, 364)
"""Days in a bar: as few as give bars that one can see."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The calls of a span of days."""

    first: date
    last: date
    outcomes: Mapping[Outcome, int]
    left: Sequence[str]
    """Callers whose last call was then."""

    @property
    def left_shown(self) -> str:
        """The first of these by name, and how many more."""
        names = ", ".join(self.left[:_MOST_NAMES])
        more = len(self.left) - _MOST_NAMES
        return f"{names} and {more:,} more" if more > 0 else names

    @property
    def calls(self) -> int:
        """All of them."""
        return sum(self.outcomes.values())

    @property
    def name(self) -> str:
        """The day, or the first and the last."""
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws."""

    bars: Sequence[Bar]
    span: int
    paths: Mapping[Outcome, str]
    """All bars of an outcome as strokes of one path: a rectangle each would make a large file."""
    last_path: str
    """The same for last calls."""
    totals: Mapping[Outcome, int]
    ticks: Sequence[tuple[int, float]]
    """Calls, and how far from the top in percent."""
    labels: Sequence[tuple[date, float]]
    """Days, and how far from the left in percent."""


def chart_of(report: Report) -> Chart:
    """The chart from the first day with a call to the day of the report: nought is news too."""
    span, bars = bars_of(report, _MOST_BARS)
    top, step = _scale(max(bar.calls for bar in bars))
    totals = {outcome: calls for outcome, calls in report.totals.items() if calls}
    return Chart(
        bars=bars,
        span=span,
        paths=dict(_paths(bars, list(totals), top)),
        last_path=_last_path(bars),
        totals=totals,
        ticks=[(calls, 100 - 100 * calls / top) for calls in range(0, top + 1, step)],
        labels=list(_labels(bars)),
    )


def bars_of(report: Report, most: int) -> tuple[int, Sequence[Bar]]:
    """How many days are in a bar, and the bars: not more than `most`, up to ten years at least."""
    first = min(report.days[0].day, *(use.last_seen.date() for use in report.callers))
    last = max(report.days[-1].day, report.generated_at.date())
    days = (last - first).days + 1
    span = next((span for span in _SPANS if days <= span * most), _SPANS[-1])
    outcomes: list[dict[Outcome, int]] = [{} for _ in range(-(-days // span))]
    left: list[list[str]] = [[] for _ in outcomes]
    for day in report.days:
        _add(outcomes[(day.day - first).days // span], day)
    for use in report.callers:
        left[(use.last_seen.date() - first).days // span].append(use.caller)
    return span, [
        Bar(
            first + timedelta(days=at * span),
            min(last, first + timedelta(days=at * span + span - 1)),
            outcomes[at],
            left[at],
        )
        for at in range(len(outcomes))
    ]


def _add(outcomes: dict[Outcome, int], day: Day) -> None:
    for outcome, calls in day.outcomes.items():
        if calls:
            outcomes[outcome] = outcomes.get(outcome, 0) + calls


def _scale(most: int) -> tuple[int, int]:
    """The end of the axis and its step: at most five steps of 1, 2 or 5 times a power of ten."""
    steps = (factor * 10**power for power in count() for factor in (1, 2, 5))
    step = next(step for step in steps if step * 5 >= most)
    return max(1, -(-most // step)) * step, step


def _paths(
    bars: Sequence[Bar], outcomes: Sequence[Outcome], top: int
) -> Iterator[tuple[Outcome, str]]:
    floors = [0] * len(bars)
    for outcome in outcomes:
        path = []
        for at, bar in enumerate(bars):
            calls = bar.outcomes.get(outcome, 0)
            if not calls:
                continue
            low, high = (_y(height, top) for height in (floors[at], floors[at] + calls))
            floors[at] += calls
            # What was there at all is seen, if only as a hair.
            path.append(f"M{at} {low}V{min(high, low - 3)}")
        yield outcome, "".join(path)


def _last_path(bars: Sequence[Bar]) -> str:
    most = max(len(bar.left) for bar in bars)
    top = HEIGHT + _GAP
    ends = ((at, top + (FOOT - _GAP) * len(bar.left) / most) for at, bar in enumerate(bars))
    return "".join(f"M{at} {top}V{end:.0f}" for at, end in ends if end > top)


def _y(calls: int, top: int) -> int:
    return round(HEIGHT - HEIGHT * calls / top)


def _labels(bars: Sequence[Bar]) -> Iterator[tuple[date, float]]:
    """Some of the days, evenly, and none of them twice."""
    labels = min(_MOST_LABELS, len(bars))
    places = [round(at * len(bars) / labels) for at in range(labels)]
    for at, following in pairwise([*places, len(bars)]):
        if following > at:
            yield bars[at].first, 100 * (at + 0.5) / len(bars)
