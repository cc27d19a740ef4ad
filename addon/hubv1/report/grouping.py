"""Findings put together the way people act on them: by caller, by route and by repository."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hubv1.outcome import ANSWERED, Outcome
from hubv1.report.model import Finding, Report, RouteUse
from hubv1.report.snippets import Replacement, replacement_of


@dataclass(frozen=True, slots=True)
class RepositoryUse:
    """What is asked of one repository by the same route, whoever asks."""

    repository: str
    """`namespace/repository`; empty where the calls name none."""
    successor: str
    calls: int
    callers: int


@dataclass(frozen=True, slots=True)
class Change:
    """A route, and as the example its busiest finding, of a sound repository if there is one."""

    use: RouteUse
    example: Finding
    replacement: Replacement


def by_caller(report: Report) -> Mapping[str, Sequence[Finding]]:
    """The findings of each caller, the busiest first."""
    callers: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        callers[finding.caller].append(finding)
    return callers


def by_route(report: Report) -> Mapping[str, Sequence[RepositoryUse]]:
    """The repositories of each route, the busiest first."""
    together: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in report.findings:
        together[finding.route, finding.repository].append(finding)
    routes: defaultdict[str, list[RepositoryUse]] = defaultdict(list)
    for (route, repository), findings in together.items():
        calls = sum(finding.calls for finding in findings)
        use = RepositoryUse(repository, findings[0].successor, calls, len(findings))
        routes[route].append(use)
    return {route: sorted(uses, key=lambda use: -use.calls) for route, uses in routes.items()}


def changes(report: Report) -> Sequence[Change]:
    """Each route that was called."""
    examples: dict[str, Finding] = {}
    for finding in report.findings:
        known = examples.setdefault(finding.route, finding)
        if "/" in finding.repository and "/" not in known.repository:
            examples[finding.route] = finding
    return [
        Change(use, examples[use.route], replacement_of(examples[use.route]))
        for use in report.routes
    ]


def unbridged(report: Report) -> Sequence[Finding]:
    """Those that are neither answered nor redirected each time, the busiest first."""
    return [finding for finding in report.findings if unanswered(finding)]


def unanswered(finding: Finding) -> Mapping[Outcome, int]:
    """How often it ended in another way than answered."""
    return {
        outcome: calls
        for outcome, calls in finding.outcomes.items()
        if calls and outcome not in ANSWERED
    }
