"""Findings grouped as people act on them: by route for what to change, and by caller. The two forms
of a route, with and without a namespace, count as one."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from hubv1.api.names import repository_or_none
from hubv1.api.routes import Verdict, route_named
from hubv1.replacements import Replacement, old_call, replacement
from hubv1.report.model import Finding, Report
from hubv1.report.prose import without_namespace


class RepositoryUse(NamedTuple):
    """The calls of all callers to one route for one repository."""

    busiest: Finding
    """The finding of the caller with the most calls."""
    calls: int
    callers: int


@dataclass(frozen=True, slots=True)
class Change:
    """A route to replace, with its findings, the busiest first."""

    verdict: Verdict
    findings: Sequence[Finding]
    is_signed: bool | None = None
    """Whether the calls have credentials; None if both kinds are in it."""

    @property
    def route(self) -> str:
        """Its name in the route table, or with `[{namespace}/]{name}` if both forms are called."""
        names = {finding.route for finding in self.findings}
        if len(names) == 1:
            return names.pop()
        return max(names, key=len).replace("{namespace}/", "[{namespace}/]")

    @property
    def calls(self) -> int:
        """The number of calls."""
        return sum(finding.calls for finding in self.findings)

    @property
    def last_seen(self) -> datetime:
        """The time of the last call."""
        return max(finding.last_seen for finding in self.findings)

    @property
    def callers(self) -> Sequence[str]:
        """The callers, the busiest first."""
        return [*dict.fromkeys(finding.caller for finding in self.findings)]

    @property
    def replacement(self) -> Replacement:
        """What replaces the busiest finding, if possible one that names a repository."""
        sound = (finding for finding in self.findings if "/" in finding.repository)
        return replacement_of(next(sound, self.findings[0]))

    @property
    def template(self) -> Replacement:
        """What replaces the calls, with `NAMESPACE` and `REPOSITORY` in place of names."""
        # The form with a namespace takes library too.
        route = route_named(max((finding.route for finding in self.findings), key=len))
        return replacement(
            route,
            None,
            signed=bool(self.is_signed),
            paged=any(finding.paged for finding in self.findings),
            old=old_call(route, urlsplit(self.findings[0].migration.old).netloc, None),
        )

    @property
    def repositories(self) -> Sequence[RepositoryUse]:
        """The repositories that the calls name, the busiest first."""
        busiest: dict[str, Finding] = {}
        calls, callers = Counter[str](), defaultdict[str, set[str]](set)
        for finding in self.findings:
            if finding.repository:
                busiest.setdefault(finding.repository, finding)
                calls[finding.repository] += finding.calls
                callers[finding.repository].add(finding.caller)
        return [
            RepositoryUse(busiest[name], n, len(callers[name])) for name, n in calls.most_common()
        ]

    def by_credentials(self) -> Sequence["Change"]:
        """The changes for calls without and with credentials, if their replacements differ."""
        if not self.template.snippets:
            return [self]
        parts: dict[bool, list[Finding]] = {False: [], True: []}
        for finding in self.findings:
            parts[finding.signed > 0].append(finding)
        return [Change(self.verdict, found, signed) for signed, found in parts.items() if found]


def changes(report: Report) -> Sequence[Change]:
    """Each route that was called, the busiest first."""
    findings: defaultdict[str, list[Finding]] = defaultdict(list)
    verdicts: dict[str, Verdict] = {}
    for use in report.routes:
        verdicts.setdefault(without_namespace(use.route), use.verdict)
    for finding in report.findings:
        findings[without_namespace(finding.route)].append(finding)
    found = [Change(verdict, findings[name]) for name, verdict in verdicts.items()]
    return sorted(found, key=attrgetter("calls"), reverse=True)


def by_caller(
    report: Report, callers: Collection[str] | None = None
) -> Mapping[str, Sequence[Finding]]:
    """The findings of these callers, or of all, the busiest first."""
    names = [use.caller for use in report.callers] if callers is None else callers
    found: dict[str, list[Finding]] = {caller: [] for caller in names}
    for finding in report.findings:
        mine = found.get(finding.caller)
        if mine is not None:
            mine.append(finding)
    return {caller: _by_route(findings) for caller, findings in found.items()}


def _by_route(findings: Sequence[Finding]) -> Sequence[Finding]:
    """The findings, the busiest first; those for the two forms of a route are merged under the form
    that is called most."""
    merged: dict[tuple[str, str, str], Finding] = {}
    for one in findings if len(findings) > 1 else ():
        key = one.caller, without_namespace(one.route), one.repository
        merged[key] = _sum(merged[key], one) if key in merged else one
    if len(merged) in (0, len(findings)):
        return findings
    return sorted(merged.values(), key=attrgetter("calls"), reverse=True)


def _sum(busier: Finding, other: Finding) -> Finding:
    return msgspec.structs.replace(
        busier,
        calls=busier.calls + other.calls,
        last_seen=max(busier.last_seen, other.last_seen),
        signed=busier.signed + other.signed,
        paged=busier.paged + other.paged,
        ended=tuple(map(sum, zip(busier.ended, other.ended, strict=True))),
    )


def unbridged(report: Report) -> Sequence[Finding]:
    """The findings with calls that were neither answered nor redirected, the busiest first."""
    return _by_route([finding for finding in report.findings if finding.unanswered])


def replacement_of(finding: Finding) -> Replacement:
    """What replaces the calls of a finding."""
    namespace, _, name = finding.repository.partition("/")
    return replacement(
        route_named(finding.route),
        repository_or_none(namespace, name),
        signed=finding.signed > 0,
        paged=finding.paged > 0,
        old=finding.migration.old,
    )
