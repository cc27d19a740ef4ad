"""The burn-down: calls a day by outcome, as stacked bars of a drawing that has no fixed width.

Under them hang, one for each day, how many callers called for the last time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count, pairwise

from hubv1.api.routes import Outcome
from hubv1.report.burn_down import Bar, bars_of
from hubv1.report.model import Report

HEIGHT = 1000
"""Of the plot, in its own units; a bar and the room around it are one wide."""
FOOT = 200
"""Of what hangs under it."""

_GAP = 40
_MOST_BARS = 130
_MOST_LABELS = 4


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws."""

    bars: Sequence[Bar]
    span: int
    paths: Mapping[Outcome, str]
    """All bars of an outcome as strokes of one path: a rectangle each would make a large file."""
    last_path: str
    """All bars of last calls as strokes of one path."""
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
