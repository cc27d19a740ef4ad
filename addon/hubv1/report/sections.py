"""The sections of a report that is read from top to bottom, whatever it is written as.

Findings are put together in the way people act on them: by caller, by route and by repository. Of
long tables the first rows are made, and how many rows there are in all is told.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from operator import attrgetter
from typing import Self

from hubv1.api.names import repository_or_none
from hubv1.api.routes import route_named
from hubv1.replacements import Replacement, replacement
from hubv1.report.model import CallerUse, Finding, Report, RouteUse, Standing
from hubv1.report.proof_file import unequal
from hubv1.report.prose import minute, since_then, standing_in_words, what_it_calls

ROWS = 500
"""Of a table: more than people read."""

HOW_TO_SEE_ALL = "CSV and JSON have all (--format csv), --caller NAME shows what one does"

CALLED = 5
"""Repositories and routes that are named beside a caller."""


class Section(Enum):
    """One of them, in the order in which people act on them."""

    DAYS = auto()
    CALLERS = auto()
    REJECTING = auto()
    CHANGES = auto()
    PROOFS = auto()
    """Replacements that were held against what callers get, and do not give the same."""
    UNBRIDGED = auto()
    COMPARED = auto()
    IGNORED = auto()
    FINDINGS = auto()
    """A table of all findings, with the columns that were asked for."""
    SEEN = auto()


_TITLES: Mapping[Section, str] = {
    Section.CALLERS: "Who still calls v1",
    Section.REJECTING: "Who rejects the bridge's certificate, and may call v1 too",
    Section.CHANGES: "What to change",
    Section.PROOFS: "Replacements that are not proven",
    Section.UNBRIDGED: "What was not bridged",
    Section.IGNORED: "Callers that are accepted, and left out above",
    Section.SEEN: "What was seen",
}

_SHOWN: Mapping[Section, Callable[[Report], object]] = {
    Section.DAYS: lambda report: report.callers,
    Section.CALLERS: lambda report: report.callers,
    Section.REJECTING: lambda report: report.seen.rejections,
    Section.CHANGES: lambda report: report.callers,
    Section.PROOFS: unequal,
    Section.UNBRIDGED: lambda report: report.callers,
    Section.COMPARED: lambda report: report.baseline,
    Section.IGNORED: lambda report: report.ignored,
    Section.FINDINGS: lambda _: False,
    Section.SEEN: lambda _: True,
}


def title_of(section: Section, report: Report) -> str:
    """What stands above the section; empty for the first of the calls a day, which has its own."""
    if section is Section.COMPARED and report.baseline is not None:
        return f"Since the report of {minute(report.baseline.generated_at)} UTC"
    return _TITLES.get(section, "")


def sections_of(report: Report, columns: Sequence[str] = ()) -> Sequence[Section]:
    """Those that the report has, or, where columns were asked for, the table that has these."""
    if columns:
        return Section.FINDINGS, Section.SEEN
    return [section for section in Section if _SHOWN[section](report)]


class Name(str):
    """A text from outside in a cell: whoever shows it sets it apart and escapes it."""

    __slots__ = ()


class StandingCell(str):
    """How far a caller is, in words."""

    __slots__ = ("standing",)
    standing: Standing

    def __new__(cls, use: CallerUse) -> Self:
        """The cell of that caller."""
        cell = super().__new__(cls, standing_in_words(use))
        cell.standing = use.standing
        return cell


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a section. Columns of figures have a name that ends in a colon."""

    columns: tuple[str, ...]
    rows: Iterable[Sequence[str]]
    """At most `ROWS`, each with a cell for each column."""
    count: int
    """All the rows that there are."""


def callers_table(report: Report) -> Table:
    """Who calls, the latest and busiest first."""
    callers = report.callers[:ROWS]
    findings = by_caller(report, [use.caller for use in callers])
    has_proofs = bool(report.proofs)
    rows = (
        (
            Name(use.caller),
            StandingCell(use),
            *([use.proven.in_words if use.proven else ""] if has_proofs else []),
            f"{use.calls:,}",
            f"{use.this_hour:,}",
            minute(use.last_seen),
            f"{use.first_seen:%Y-%m-%d}",
            Name(what_it_calls(findings[use.caller], CALLED)),
        )
        for use in callers
    )
    figures = ("Calls:", "This hour:", "Last call", "Since", "What it calls")
    columns = ("Caller", "Standing", *(["Replacements"] if has_proofs else []), *figures)
    return Table(columns, rows, len(report.callers))


def proofs_table(report: Report) -> Table:
    """Replacements that differ from what callers get, or of which that is not known."""
    proofs = unequal(report)
    rows = (
        (
            Name(f"{proof.listing} of {proof.repository}"),
            proof.result.value,
            Name(proof.in_words),
            f"{proof.at:%Y-%m-%d}",
        )
        for proof in proofs[:ROWS]
    )
    return Table(("Replacement", "Result", "What", "On"), rows, len(proofs))


def rejecting_table(report: Report) -> Table:
    """Clients of which nothing else is known."""
    clients = report.seen.rejections
    rows = (
        (Name(one.address), Name(one.host), f"{one.times:,}", minute(one.last_seen))
        for one in clients[:ROWS]
    )
    return Table(("Client", "Host", "Times:", "Last time"), rows, len(clients))


def compared_table(report: Report) -> Table:
    """Callers as an earlier report knew them."""
    baseline = report.baseline
    if baseline is None:
        return Table(("Caller", "Since then"), (), 0)
    rows = ((Name(caller), what) for caller, what in islice(since_then(baseline), ROWS))
    count = len(baseline.new) + len(baseline.gone) + len(baseline.still)
    return Table(("Caller", "Since then"), rows, count)


def ignored_table(report: Report) -> Table:
    """Callers that are accepted."""
    rows = (
        (
            Name(one.caller),
            f"{one.calls:,}",
            minute(one.last_seen),
            str(one.until),
            Name(one.reason),
        )
        for one in report.ignored[:ROWS]
    )
    columns = ("Caller", "Calls:", "Last call", "Until", "Why")
    return Table(columns, rows, len(report.ignored))


@dataclass(slots=True)
class RepositoryUse:
    """What is asked of one repository by the same route, whoever asks."""

    busiest: Finding
    """Of whoever asks most."""
    calls: int = 0
    callers: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A route, its replacement, and the repositories that it is called for, the busiest first.

    The example is the route's busiest finding, of a sound repository if there is one.
    """

    use: RouteUse
    replacement: Replacement
    repositories: Sequence[RepositoryUse]
    """Without the calls that name none."""


def changes(report: Report) -> Sequence[Change]:
    """Each route that was called, the busiest first."""
    examples: dict[str, Finding] = {}
    uses: defaultdict[str, dict[str, RepositoryUse]] = defaultdict(dict)
    for finding in report.findings:
        known = examples.setdefault(finding.route, finding)
        if "/" in finding.repository and "/" not in known.repository:
            examples[finding.route] = finding
        if finding.repository:
            use = uses[finding.route].setdefault(finding.repository, RepositoryUse(finding))
            use.calls += finding.calls
            use.callers += 1
    return [
        Change(
            use,
            replacement_of(examples[use.route]),
            sorted(uses[use.route].values(), key=attrgetter("calls"), reverse=True),
        )
        for use in report.routes
    ]


def by_caller(report: Report, callers: Collection[str]) -> Mapping[str, Sequence[Finding]]:
    """The findings of these callers, the busiest first."""
    found: dict[str, list[Finding]] = {caller: [] for caller in callers}
    for finding in report.findings:
        mine = found.get(finding.caller)
        if mine is not None:
            mine.append(finding)
    return found


def unbridged(report: Report) -> Sequence[Finding]:
    """Those that are neither answered nor redirected each time, the busiest first."""
    return [finding for finding in report.findings if not finding.is_answered]


def replacement_of(finding: Finding) -> Replacement:
    """What replaces the calls of a finding."""
    namespace, _, name = finding.repository.partition("/")
    return replacement(
        route_named(finding.route),
        repository_or_none(namespace, name),
        signed=finding.signed > 0,
        paged=finding.paged > 0,
        old=finding.told.old,
    )
