"""The burn-down in characters: how many calls there were, day by day, until there are none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from hubv1.outcome import Outcome
from hubv1.report.bars import Bar, bars_of
from hubv1.report.model import Report

FILLS: Mapping[Outcome, str] = {
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
class Line:
    """A day, or a span of days that begins then."""

    day: date
    pieces: Sequence[tuple[Outcome, str]]
    """The bar, one piece for each outcome."""
    calls: int
    left: str
    """Callers that called for the last time then."""


@dataclass(frozen=True, slots=True)
class BurnDown:
    """The whole drawing, from the first day with a call to the day of the report."""

    title: str
    legend: Sequence[tuple[Outcome, str]]
    lines: Sequence[Line]


def burn_down(report: Report, width: int) -> BurnDown:
    """The calls of a report that has some, as bars of at most `width` characters."""
    span, bars = bars_of(report, _MOST_LINES)
    outcomes = [outcome for outcome, calls in report.totals.items() if calls]
    top = max(bar.calls for bar in bars)
    # One character is the least of an outcome, so each may take up one more than its share.
    room = max(1, width - len(outcomes) + 1)
    return BurnDown(
        "Calls a day" if span == 1 else f"Calls in {span} days, from the one that is named",
        [(outcome, FILLS[outcome]) for outcome in outcomes],
        [Line(bar.first, list(_pieces(bar, top, room)), bar.calls, bar.left_shown) for bar in bars],
    )


def in_lines(drawing: BurnDown) -> Iterator[str]:
    """The drawing as plain text."""
    yield "  ".join(f"{fill} {outcome}" for outcome, fill in drawing.legend)
    figures = max(len(f"{line.calls:,}") for line in drawing.lines)
    longest = max(len(_bar(line)) for line in drawing.lines)
    for line in drawing.lines:
        drawn = f"{line.day} {line.calls:>{figures},} {_bar(line):<{longest}}"
        yield f"{drawn}  {line.left}".rstrip()


def _bar(line: Line) -> str:
    return "".join(piece for _, piece in line.pieces)


def _pieces(bar: Bar, top: int, room: int) -> Iterator[tuple[Outcome, str]]:
    for outcome, fill in FILLS.items():
        calls = bar.outcomes.get(outcome, 0)
        if calls:
            yield outcome, fill * max(1, calls * room // top)
