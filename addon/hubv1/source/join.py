"""Calls in the traffic, joined with the findings in files."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import msgspec

from hubv1.journal import EVERYTHING, Location, read_all
from hubv1.report import read_input
from hubv1.source.findings import Finding
from hubv1.source.targets import SCANNED_ROUTES, V1, base_target


class Usage(msgspec.Struct, frozen=True):
    """Calls of one caller for one route and repository, like a finding of a JSON report."""

    route: str
    repository: str
    caller: str
    calls: int
    last_seen: datetime


class _Report(msgspec.Struct):
    schema: Literal["hub-v1-report/1"]
    findings: list[Usage]


def read_report(path: Path) -> list[Usage]:
    """The calls in a JSON report; raises ReportError."""
    return read_input(path, "JSON report", msgspec.json.Decoder(_Report).decode).findings


def read_journals(journals: Sequence[str], say: Callable[[str], None]) -> list[Usage]:
    """The calls in journals and databases of fleets; raises JournalError."""
    locations = {location.key: location for location in map(Location, journals)}
    hour = datetime.now(UTC)
    with read_all([*locations.values()], EVERYTHING, say) as histories:
        summaries = [history.summary(hour) for history in histories]
    return [
        Usage(count.route, count.repository, count.caller, count.calls, count.last_at)
        for summary in summaries
        for count in (*summary.counts, *summary.retiring)
    ]


def join(findings: Iterable[Finding], usages: Iterable[Usage]) -> tuple[Usage, ...]:
    """Add the calls to their findings; returns the calls that no finding explains.

    A call belongs to the findings that name its repository most exactly: a variable stands for any
    repository except those that are named elsewhere.
    """
    findings = [*findings]
    for finding in findings:
        finding.calls = 0
    not_found = []
    for usage in usages:
        if usage.route not in SCANNED_ROUTES:
            continue  # a scan does not look for it
        fitting = [each for each in findings if _fits(each, usage)]
        best = min(map(_vagueness, fitting), default=None)
        for finding in fitting:
            if _vagueness(finding) == best:
                _add_usage(finding, usage)
        if not fitting:
            not_found.append(usage)
    not_found.sort(key=lambda usage: (-usage.calls, usage.route, usage.repository, usage.caller))
    return tuple(not_found)


def _add_usage(finding: Finding, usage: Usage) -> None:
    finding.calls = (finding.calls or 0) + usage.calls
    if usage.caller not in finding.callers:
        finding.callers.append(usage.caller)
    last = finding.last_seen
    finding.last_seen = max(last, usage.last_seen) if last else usage.last_seen


def _fits(finding: Finding, usage: Usage) -> bool:
    target = finding.target
    if target.kind == V1 and target.route == base_target().route and not target.repository:
        return _family(usage.route).startswith(("GET /v1/", "DELETE/PUT /v1/", "* /v1/"))
    if _family(target.route) != _family(usage.route):
        return False
    # The list of a namespace has no repository in the journal.
    return not usage.repository or fnmatchcase(usage.repository, target.repository)


def _family(route: str) -> str:
    is_v1 = "/v1/" in route
    return route.replace("{namespace}/", "").removesuffix(" (X-Docker-Token)") if is_v1 else route


def _vagueness(finding: Finding) -> tuple[int, int]:
    name = finding.target.repository or "**"
    return name.count("*"), -len(name)
