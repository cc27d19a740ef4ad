"""The burn-down chart: how many callers are left, and how many calls they make, over time.

It has figures for spans of days, bars of characters, and SVG paths of no fixed width. Beside the
calls are the callers that have not moved, and those that have.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import count

from hubv1.api.routes import Outcome
from hubv1.report.model import Progress, Report
from hubv1.report.progress import callers_by_day
from hubv1.report.prose import listed

WIDTH = 12
"""The width of a bar of callers in characters."""
HEIGHT = 1000
"""The height of the drawing in its own units; a bar with the space around it has width 1."""
_MOST_NAMES = 3
_MOST_LINES = 15
MOST_BARS = 130
"""The most bars of a drawing, where they are thinner than characters."""
_SPANS = (1, 7, 28, 364)
"""Days in a bar: the first number is taken with which there are few enough bars."""

_FILLS: Mapping[Outcome, str] = {
    Outcome.TRANSLATED: "\N{FULL BLOCK}",
    Outcome.REDIRECTED: "\N{DARK SHADE}",
    Outcome.OBSERVED: "\N{LIGHT SHADE}",
    Outcome.GONE: "-",
    Outcome.PASSED: "=",
    Outcome.REFUSED: "!",
    Outcome.FAILED: "x",
}
"""The character for each outcome, so that bars are readable without colours; full for answered."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The calls of a span of days."""

    first: date
    last: date
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    moved: list[str] = field(default_factory=list)
    """Callers that have moved, and made their last call within these days."""
    callers: int = 0
    """Callers that had called by the last day, and not moved yet."""

    @property
    def moved_shown(self) -> str:
        """The names of the first callers that have moved, and how many more there are."""
        return listed(self.moved, _MOST_NAMES)

    @property
    def calls(self) -> int:
        """Their number."""
        return self.outcomes.total()


@dataclass(frozen=True, slots=True)
class BurnDown:
    """The calls from the first day with a call to the day of the report."""

    span: int
    """Days in a bar."""
    bars: Sequence[Bar]
    totals: Mapping[Outcome, int]
    """Calls by outcome; outcomes without a call are left out."""

    @property
    def title(self) -> str:
        """What the bars show."""
        if self.span == 1:
            return "Callers left, and calls a day"
        return f"Callers left, and calls in {self.span} days, from the one that is named"

    @property
    def legend(self) -> Sequence[tuple[Outcome, str]]:
        """Each outcome with its character."""
        return [(outcome, _FILLS[outcome]) for outcome in self.totals]

    @property
    def call_paths(self) -> Mapping[Outcome, str]:
        """A path for each outcome, with a stroke for each bar: rectangles would need more space."""
        top, _ = _axis(bar.calls for bar in self.bars)
        paths = dict.fromkeys(self.totals, "")
        for at, bar in enumerate(self.bars):
            floor = 0
            for outcome in self.totals:
                if calls := bar.outcomes[outcome]:
                    paths[outcome] += _stroke(at, floor, floor + calls, top)
                    floor += calls
        return paths

    @property
    def caller_path(self) -> str:
        """The path for the bars of callers."""
        top, _ = _axis(bar.callers for bar in self.bars)
        return "".join(
            _stroke(at, 0, bar.callers, top) for at, bar in enumerate(self.bars) if bar.callers
        )

    @property
    def call_ticks(self) -> Sequence[tuple[int, float]]:
        """The ticks of the axis of calls, with their distance from the top in percent."""
        return _ticks(bar.calls for bar in self.bars)

    @property
    def caller_ticks(self) -> Sequence[tuple[int, float]]:
        """The ticks of the axis of callers, likewise."""
        return _ticks(bar.callers for bar in self.bars)

    def callers_drawn(self, bar: Bar, width: int) -> str:
        """The callers of a bar in at most `width` characters."""
        most = max(bar.callers for bar in self.bars)
        return "\N{FULL BLOCK}" * -(-bar.callers * width // max(1, most))

    def drawn(self, width: int) -> Iterator[tuple[Bar, Sequence[tuple[Outcome, str]]]]:
        """Each bar in at most `width` characters, with a piece for each outcome."""
        top = max(bar.calls for bar in self.bars)
        # An outcome gets at least one character, which may be more than its share.
        room = max(1, width - len(self.totals) + 1)
        for bar in self.bars:
            calls = [(outcome, fill, bar.outcomes[outcome]) for outcome, fill in _FILLS.items()]
            yield bar, [(what, fill * max(1, n * room // top)) for what, fill, n in calls if n]

    def lines(self, width: int) -> Iterator[str]:
        """The chart as plain text."""
        yield "  ".join(f"{fill} {outcome}" for outcome, fill in self.legend)
        figures = max(len(f"{bar.calls:,}") for bar in self.bars)
        callers = max(len(f"{bar.callers:,}") for bar in self.bars)
        drawn = [(bar, "".join(piece for _, piece in pieces)) for bar, pieces in self.drawn(width)]
        longest = max(len(line) for _, line in drawn)
        for bar, line in drawn:
            left = f"{bar.callers:>{callers},} {self.callers_drawn(bar, WIDTH):<{WIDTH}}"
            calls = f"{bar.first} {left} {bar.calls:>{figures},} {line:<{longest}}"
            yield f"{calls}  {bar.moved_shown}".rstrip()


def _axis(figures: Iterable[int]) -> tuple[int, int]:
    """The end and the step of an axis for these figures, with at most five steps of 1, 2 or 5 times
    a power of ten."""
    most = max(figures)
    steps = (factor * 10**power for power in count() for factor in (1, 2, 5))
    step = next(step for step in steps if step * 5 >= most)
    return max(1, -(-most // step)) * step, step


def _ticks(figures: Iterable[int]) -> Sequence[tuple[int, float]]:
    top, step = _axis(figures)
    return [(figure, 100 - 100 * figure / top) for figure in range(0, top + 1, step)]


def _stroke(at: int, floor: int, figure: int, top: int) -> str:
    """A vertical stroke from one figure to another, as part of a path."""
    low, high = (round(HEIGHT - HEIGHT * each / top) for each in (floor, figure))
    # Even the smallest figure is visible as a hairline.
    return f"M{at} {low}V{min(high, low - 3)}"


def burn_down(report: Report, most: int = _MOST_LINES) -> BurnDown:
    """The chart of a report with calls, with at most `most` bars for ten years and less."""
    first = min(report.days[0].day, min(use.last_seen for use in report.callers).date())
    last = max(report.days[-1].day, report.generated_at.date())
    days = (last - first).days + 1
    span = next((span for span in _SPANS if days <= span * most), _SPANS[-1])
    starts = [first + timedelta(days=ago) for ago in range(0, days, span)]
    bars = [Bar(start, min(last, start + timedelta(days=span - 1))) for start in starts]
    for day in report.days:
        calls = {outcome: n for outcome, n in day.outcomes.items() if n}
        bars[(day.day - first).days // span].outcomes.update(calls)
    for use in report.callers:
        if use.progress is Progress.MOVED:
            bars[(use.last_seen.date() - first).days // span].moved.append(use.caller)
    left = dict(callers_by_day(report))
    bars = [replace(bar, callers=left.get(bar.last, 0)) for bar in bars]
    return BurnDown(span, bars, {outcome: n for outcome, n in report.totals.items() if n})
