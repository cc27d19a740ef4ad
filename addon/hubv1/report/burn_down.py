"""The burn-down: how many calls there were, day by day, until there are none.

In figures, span by span, and as bars of characters; `page.chart` draws the same figures.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from hubv1.api.routes import Outcome
from hubv1.report.model import Report

_MOST_NAMES = 3
_SPANS = (1, 7, 28, 364)
"""Days in a bar: as few as give bars that one can see."""

_FILLS: Mapping[Outcome, str] = {
    Outcome.TRANSLATED: "\N{FULL BLOCK}",
    Outcome.REDIRECTED: "\N{DARK SHADE}",
    Outcome.OBSERVED: "\N{LIGHT SHADE}",
    Outcome.GONE: "-",
    Outcome.PASSED: "=",
    Outcome.REFUSED: "!",
    Outcome.FAILED: "x",
}
"""What a bar is made of, so that it can be read without colours: full where calls were answered."""

_MOST_LINES = 15


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
class Line:
    """A bar in characters."""

    bar: Bar
    pieces: Sequence[tuple[Outcome, str]]
    """One piece for each outcome."""


@dataclass(frozen=True, slots=True)
class BurnDown:
    """The whole drawing, from the first day with a call to the day of the report."""

    title: str
    legend: Sequence[tuple[Outcome, str]]
    lines: Sequence[Line]


def bars_of(report: Report, most: int) -> tuple[int, Sequence[Bar]]:
    """How many days are in a bar, and the bars: not more than `most`, up to ten years at least."""
    first = min(report.days[0].day, min(use.last_seen for use in report.callers).date())
    last = max(report.days[-1].day, report.generated_at.date())
    days = (last - first).days + 1
    span = next((span for span in _SPANS if days <= span * most), _SPANS[-1])
    outcomes: list[dict[Outcome, int]] = [{} for _ in range(-(-days // span))]
    left: list[list[str]] = [[] for _ in outcomes]
    for day in report.days:
        sums = outcomes[(day.day - first).days // span]
        for outcome, calls in day.outcomes.items():
            if calls:
                sums[outcome] = sums.get(outcome, 0) + calls
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


def burn_down(report: Report, width: int) -> BurnDown:
    """The calls of a report that has some, as bars of at most `width` characters."""
    span, bars = bars_of(report, _MOST_LINES)
    outcomes = [outcome for outcome, calls in report.totals.items() if calls]
    top = max(bar.calls for bar in bars)
    # One character is the least of an outcome, so each may take up one more than its share.
    room = max(1, width - len(outcomes) + 1)
    return BurnDown(
        "Calls a day" if span == 1 else f"Calls in {span} days, from the one that is named",
        [(outcome, _FILLS[outcome]) for outcome in outcomes],
        [Line(bar, list(_pieces(bar, top, room))) for bar in bars],
    )


def in_lines(drawing: BurnDown) -> Iterator[str]:
    """The drawing as plain text."""
    yield "  ".join(f"{fill} {outcome}" for outcome, fill in drawing.legend)
    figures = max(len(f"{line.bar.calls:,}") for line in drawing.lines)
    drawn = ["".join(piece for _, piece in line.pieces) for line in drawing.lines]
    longest = max(map(len, drawn))
    for line, bar in zip(drawing.lines, drawn, strict=True):
        calls = f"{line.bar.first} {line.bar.calls:>{figures},} {bar:<{longest}}"
        yield f"{calls}  {line.bar.left_shown}".rstrip()


def _pieces(bar: Bar, top: int, room: int) -> Iterator[tuple[Outcome, str]]:
    for outcome, fill in _FILLS.items():
        calls = bar.outcomes.get(outcome, 0)
        if calls:
            yield outcome, fill * max(1, calls * room // top)
