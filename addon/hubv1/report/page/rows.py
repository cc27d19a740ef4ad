"""What the page shows of callers, findings and routes: rows, examples, messages."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from urllib.parse import urlsplit

from hubv1.api.names import repository_or_none
from hubv1.api.routes import route_named
from hubv1.replacements import Replacement, old_call, replacement
from hubv1.report.messages import message_to
from hubv1.report.model import CallerUse, Finding, Report, RouteUse, Standing
from hubv1.report.sections import by_caller, unbridged

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

_CALLERS = 10_000
"""Rows that a browser still sorts and filters at once."""
_ROWS = 2_000
_MOST_REPOSITORIES = 50
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
class UnbridgedRows:
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


@dataclass(frozen=True, slots=True)
class Example:
    """A route, as called with credentials or without."""

    use: RouteUse
    is_signed: bool
    calls: int
    last_seen: datetime
    replacement: Replacement
    """With `NAMESPACE` and `REPOSITORY` where names are to be."""
    repositories: Sequence[str]
    """To be put there, the one with the most calls first; empty where none is known."""

    @property
    def names(self) -> Mapping[str, str]:
        """What stands for the first of them."""
        namespace, _, name = self.repositories[0].partition("/") if self.repositories else ("",) * 3
        return {"NAMESPACE": namespace, "REPOSITORY": name} if name else {}


def caller_rows(report: Report) -> Sequence[CallerRow]:
    """The first callers, in the order of the report."""
    callers = report.callers[:_CALLERS]
    findings = by_caller(report, [use.caller for use in callers])
    common = _common_reasons(report)
    return [
        CallerRow(
            use,
            _details(use),
            "" if common[use.standing] else use.reason,
            findings[use.caller],
        )
        for use in callers
    ]


def most_each(callers: Sequence[CallerRow]) -> int:
    """How many findings of each caller have room on the page."""

    def lines(most: int) -> int:
        return sum(min(len(caller.findings), most) for caller in callers)

    return max(1, bisect_right(range(1, _EACH + 1), _LINES, key=lines))


def standings(report: Report) -> Sequence[StandingCount]:
    """Those that there are."""
    callers = Counter(use.standing for use in report.callers)
    common = _common_reasons(report)
    return [
        StandingCount(standing, callers[standing], common[standing])
        for standing in STANDINGS
        if callers[standing]
    ]


def shown_unbridged(report: Report) -> UnbridgedRows:
    """What was neither answered nor redirected, the busiest first."""
    found = unbridged(report)
    calls = sum(sum(finding.unanswered.values()) for finding in found)
    return UnbridgedRows(found[: _most(report)], len(found), calls)


def letters(report: Report) -> Sequence[Letter]:
    """The messages for the first callers."""
    callers = report.callers[: _most(report)]
    findings = by_caller(report, [use.caller for use in callers])
    return [Letter(use.caller, message_to(use, findings[use.caller])) for use in callers]


def heard(report: Report) -> int:
    """How many callers called lately."""
    return sum(use.standing is not Standing.QUIET for use in report.callers)


def examples(report: Report) -> Iterator[Example]:
    """Of all routes that were called, the busiest first."""
    findings: defaultdict[tuple[str, bool], list[Finding]] = defaultdict(list)
    for finding in report.findings:
        findings[finding.route, finding.signed > 0].append(finding)
    for use in report.routes:
        plain, signed = findings[use.route, False], findings[use.route, True]
        if not _example(use, plain + signed, is_signed=True).replacement.snippets:
            yield _example(use, plain + signed, is_signed=False)
            continue
        for found, is_signed in ((plain, False), (signed, True)):
            if found:
                yield _example(use, found, is_signed=is_signed)


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


def _example(use: RouteUse, findings: Sequence[Finding], *, is_signed: bool) -> Example:
    route = route_named(use.route)
    host = urlsplit(findings[0].told.old).netloc
    return Example(
        use,
        is_signed,
        sum(finding.calls for finding in findings),
        max(finding.last_seen for finding in findings),
        replacement(
            route,
            None,
            signed=is_signed,
            paged=any(finding.paged for finding in findings),
            old=old_call(route, host, None),
        ),
        _repositories(findings),
    )


def _repositories(findings: Sequence[Finding]) -> Sequence[str]:
    named = dict.fromkeys(finding.repository for finding in findings)
    return [*islice(filter(_is_possible, named), _MOST_REPOSITORIES)]


def _is_possible(repository: str) -> bool:
    namespace, _, name = repository.partition("/")
    return repository_or_none(namespace, name) is not None
