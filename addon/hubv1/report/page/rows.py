"""Callers and findings as the tables of the page show them."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hubv1.report.grouping import by_caller, unanswered, unbridged
from hubv1.report.message import message
from hubv1.report.model import CallerUse, Finding, Report, Standing

STANDINGS = (
    Standing.NOT_BRIDGED,
    Standing.NEEDS_CREDENTIALS,
    Standing.NEEDS_PAGING,
    Standing.READY,
    Standing.QUIET,
)
"""Whoever needs most help first."""

CLASSES = {
    Standing.NOT_BRIDGED: "b",
    Standing.NEEDS_CREDENTIALS: "c",
    Standing.NEEDS_PAGING: "p",
    Standing.READY: "r",
    Standing.QUIET: "q",
}
"""Short, since each caller has one."""

_ROWS = 2_000
_FEWEST = 15
_EACH = 20
_LINES = 3_000
"""Findings in the row of a caller, and in all rows: so many can be read, and sent."""


@dataclass(frozen=True, slots=True)
class CallerRow:
    """A caller, and what it called, the busiest first."""

    use: CallerUse
    details: str
    """Address and user agent, where the name does not say them already."""
    reason: str
    """Empty where the list of standings says it for all."""
    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class StandingCount:
    """How many callers are that far."""

    standing: Standing
    callers: int
    reason: str
    """Why, where it is the same for all of them."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The first of many rows, so that the page stays one that can be read and sent."""

    findings: Sequence[Finding]
    all: int
    calls: int
    """Among all of them, those that were neither answered nor redirected."""


@dataclass(frozen=True, slots=True)
class Letter:
    """The message for a caller."""

    caller: str
    text: str


def caller_rows(report: Report) -> Sequence[CallerRow]:
    """All callers, in the order of the report."""
    findings = by_caller(report)
    common = _common_reasons(report)
    return [
        CallerRow(
            use,
            _details(use),
            "" if common[use.standing] else use.reason,
            findings[use.caller],
        )
        for use in report.callers
    ]


def most_each(callers: Sequence[CallerRow]) -> int:
    """How many findings of each caller have room on the page."""

    def lines(most: int) -> int:
        return sum(min(len(caller.findings), most) for caller in callers)

    return max(1, bisect_right(range(1, _EACH + 1), _LINES, key=lines))


def standings(report: Report) -> Sequence[StandingCount]:
    """Those that there are."""
    callers = [use.standing for use in report.callers]
    common = _common_reasons(report)
    return [
        StandingCount(standing, callers.count(standing), common[standing])
        for standing in STANDINGS
        if standing in callers
    ]


def shown_unbridged(report: Report) -> Shown:
    """What was neither answered nor redirected, the busiest first."""
    found = unbridged(report)
    calls = sum(sum(unanswered(finding).values()) for finding in found)
    return Shown(found[: _most(report)], len(found), calls)


def letters(report: Report) -> Sequence[Letter]:
    """The messages for the first callers."""
    return [
        Letter(use.caller, message(report, use.caller)) for use in report.callers[: _most(report)]
    ]


def heard(report: Report) -> int:
    """How many callers called lately."""
    return sum(use.standing is not Standing.QUIET for use in report.callers)


def words(standing: Standing) -> str:
    """A standing as people write it."""
    return standing.replace("_", " ")


def _most(report: Report) -> int:
    """Rows beside those of the callers: the more of these there are, the fewer fit."""
    return max(_FEWEST, (_ROWS - len(report.callers)) // 5)


def _common_reasons(report: Report) -> Mapping[Standing, str]:
    reasons: defaultdict[Standing, set[str]] = defaultdict(set)
    for use in report.callers:
        reasons[use.standing].add(use.reason)
    return {
        standing: next(iter(found)) if len(found) == 1 else ""
        for standing, found in reasons.items()
    }


def _details(use: CallerUse) -> str:
    product, _, address = use.caller.rpartition(" at ")
    parts = ((use.address, address), (use.user_agent, product))
    return ", ".join(text for text, known in parts if text and text != known)
