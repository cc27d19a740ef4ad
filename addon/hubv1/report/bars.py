"""The burn-down in figures: calls by outcome, and who called for the last time, span by span."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from hubv1.outcome import Outcome
from hubv1.report.model import Day, Report

_MOST_NAMES = 3
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
