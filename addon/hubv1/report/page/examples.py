"""What to change, as the page shows it: for each route an example that takes other names too."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from hubv1.names import Repository, repository_or_none
from hubv1.report.change import old_call
from hubv1.report.model import Finding, Report, RouteUse
from hubv1.report.snippets import Replacement, replacement
from hubv1.routes import route_named

_MOST_REPOSITORIES = 50


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


def _example(use: RouteUse, findings: Sequence[Finding], *, is_signed: bool) -> Example:
    route = route_named(use.route)
    host = urlsplit(findings[0].old).netloc
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
    named = dict.fromkeys(finding.repository for finding in findings if _known(finding))
    return [*named][:_MOST_REPOSITORIES]


def _known(finding: Finding) -> Repository | None:
    namespace, _, name = finding.repository.partition("/")
    return repository_or_none(namespace, name)
