"""The report from top to bottom, in the order in which people act on it: sections with a title, of
text, tables and the like. Every renderer that people read makes them of what is described here.

Of long tables the first rows are made, and how many rows there are in all is told.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from hubv1.api.names import repository_or_none
from hubv1.api.routes import Verdict, route_named
from hubv1.replacements import Replacement, old_call, replacement
from hubv1.report.chart import BurnDown, burn_down
from hubv1.report.data import row_count, rows_of
from hubv1.report.model import (
    CallerUse,
    Comparison,
    Finding,
    IgnoredCaller,
    Progress,
    RejectingClient,
    Report,
    RetiringUse,
    Standing,
    Team,
)
from hubv1.report.progress import (
    WHEN_MOVED,
    ProgressCounts,
    progress_in_words,
    progress_of_teams,
)
from hubv1.report.proof_file import unequal
from hubv1.report.prose import (
    EXPLAINED,
    Code,
    label,
    listed,
    minute,
    outcomes_in_words,
    standing_in_words,
    what_it_calls,
    what_was_seen,
    why_unanswered,
    without_namespace,
)
from hubv1.report.proven import Proof
from hubv1.text import number

ROWS = 500
"""Of a table: more than people read."""

_CALLED = 5
"""Repositories and routes that are named beside a caller."""


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


Row = Sequence[str]
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Table:
    """A table. Columns of figures have a name that ends in a colon."""

    columns: Row
    rows: Iterable[Row]
    """At most `ROWS`, each with a cell for each column."""
    count: int
    """All the rows that there are."""
    paragraph: Callable[..., Row] | None = None
    """Makes of the cells of a row a heading and lines, if there is no room for a table."""
    share: float = 1 / 16
    """How much of a report it may take up, if that is limited."""
    is_asked_for: bool = False
    """Whether it is what somebody wants to see, and not one table of a report."""


class RepositoryUse(NamedTuple):
    """What is asked of one repository by the same route, whoever asks."""

    busiest: Finding
    """Of whoever asks most."""
    calls: int
    callers: int


@dataclass(frozen=True, slots=True)
class Change:
    """A route, in v1's form with a namespace, the one without, or both, and what was called by it,
    the busiest first."""

    verdict: Verdict
    findings: Sequence[Finding]
    is_signed: bool | None = None
    """Whether with credentials; None if that makes no difference, or both are meant."""

    @property
    def route(self) -> str:
        """Its name: as in the route table, `[{namespace}/]{name}` if it was called in both
        forms."""
        names = {finding.route for finding in self.findings}
        if len(names) == 1:
            return names.pop()
        return max(names, key=len).replace("{namespace}/", "[{namespace}/]")

    @property
    def calls(self) -> int:
        """All of them."""
        return sum(finding.calls for finding in self.findings)

    @property
    def last_seen(self) -> datetime:
        """When the last was made."""
        return max(finding.last_seen for finding in self.findings)

    @property
    def callers(self) -> Sequence[str]:
        """Who makes them, the busiest first."""
        return [*dict.fromkeys(finding.caller for finding in self.findings)]

    @property
    def replacement(self) -> Replacement:
        """What replaces the busiest finding, of a sound repository if there is one."""
        sound = (finding for finding in self.findings if "/" in finding.repository)
        return replacement_of(next(sound, self.findings[0]))

    @property
    def template(self) -> Replacement:
        """What replaces the calls to any repository, with `NAMESPACE` and `REPOSITORY` where its
        names are to be."""
        # The form with a namespace takes library too.
        route = route_named(max((finding.route for finding in self.findings), key=len))
        return replacement(
            route,
            None,
            signed=bool(self.is_signed),
            paged=any(finding.paged for finding in self.findings),
            old=old_call(route, urlsplit(self.findings[0].told.old).netloc, None),
        )

    @property
    def repositories(self) -> Sequence[RepositoryUse]:
        """Those that the calls name, the busiest first."""
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
        """Those without credentials, and those with them, if their replacements differ."""
        if not self.template.snippets:
            return [self]
        parts: dict[bool, list[Finding]] = {False: [], True: []}
        for finding in self.findings:
            parts[finding.signed > 0].append(finding)
        return [Change(self.verdict, found, signed) for signed, found in parts.items() if found]


@dataclass(frozen=True, slots=True)
class Changes:
    """What to change, route by route."""

    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class Facts:
    """What each of them is called, and what is known of it; texts from outside are set apart."""

    lines: Sequence[tuple[str, str]]


Content = str | Table | BurnDown | Changes | Facts
Section = tuple[str, Content]
"""A title, empty if the one before is meant, and what it is the title of."""


def sections_of(report: Report, code: Code, columns: Sequence[str] = ()) -> Iterator[Section]:
    """Those that the report has, or, if columns were asked for, the table that has these.

    `code` sets texts from outside apart that stand within others.
    """
    if columns:
        yield "", findings_table(report, columns)
    else:
        yield from _sections(report, code)
    yield "What was seen", Facts([*what_was_seen(report, code)])


def _sections(report: Report, code: Code) -> Iterator[Section]:
    if report.callers:
        yield "Progress", f"{progress_in_words(report)} {WHEN_MOVED}"
        if report.teams:
            yield "Teams", teams_table(report)
        bars = burn_down(report)
        yield bars.title, bars
        yield "", "; ".join(f"{outcome}: {EXPLAINED[outcome]}" for outcome in bars.totals)
        yield "Callers", callers_table(report)
    if report.seen.rejections:
        title = "Clients that did not trust the bridge's certificate"
        yield title, rejecting_table(report)
    if report.callers:
        yield "What to change", Changes(changes(report))
        if unequal(report):
            yield "Replacements that are not proven", proofs_table(report)
        missed = unbridged(report)
        said = unbridged_table(missed) if missed else "Every call was answered or redirected."
        yield "What was not bridged", said
    yield from _retiring_sections(report, code)
    if report.baseline:
        title = f"Since the report of {minute(report.baseline.generated_at)} UTC"
        yield title, compared_table(report.baseline)
    if report.ignored:
        yield "Callers that are accepted, and left out above", ignored_table(report)


def _retiring_sections(report: Report, code: Code) -> Iterator[Section]:
    if report.retiring:
        yield "What Docker retires next", retiring_table(report)
    for routes, what in advice(report):
        yield "", f"{' and '.join(map(code, routes))}: {what}"


def callers_table(report: Report) -> Table:
    """Who calls, the latest and busiest first."""
    findings = by_caller(report, [use.caller for use in report.callers[:ROWS]])
    teams = {name: team.team for team in report.teams for name in team.callers}
    has_proofs = bool(report.proofs)

    def row(use: CallerUse) -> Row:
        team = [Name(teams[use.caller])] if teams else []
        proven = [use.proven.in_words if use.proven else ""] if has_proofs else []
        return (
            *(Name(use.caller), *team, StandingCell(use), *proven),
            *(f"{use.calls:,}", f"{use.this_hour:,}"),
            *(minute(use.last_seen), f"{use.first_seen:%Y-%m-%d}"),
            Name(what_it_calls(findings[use.caller], _CALLED)),
        )

    def paragraph(name: str, *more: str) -> Row:
        *about, calls, hour, last, since, called = more
        times = f"{calls} call{'s' * (calls != '1')} since {since}, {hour} this hour"
        return name, *filter(None, about), f"{times}, the last {last}", called

    figures = ("Calls:", "This hour:", "Last call", "Since", "What it calls")
    of_team, of_proof = ["Team"] if teams else [], ["Replacements"] if has_proofs else []
    columns = ("Caller", *of_team, "Standing", *of_proof, *figures)
    return _table(columns, row, report.callers, paragraph, share=1 / 8)


def teams_table(report: Report) -> Table:
    """Who has how many callers, and who of them still calls; those without an owner first."""
    has_moved = {use.caller: use.progress is Progress.MOVED for use in report.callers}

    def row(item: tuple[Team, ProgressCounts]) -> Row:
        team, counts = item
        left = [name for name in team.callers if not has_moved[name]]
        figures = (counts.callers, counts.moved, counts.left, counts.too_early)
        return (
            Name(team.team) if team.team else "nobody knows yet",
            *(f"{count:,}" for count in figures),
            Name(listed(left, _CALLED)),
            Name(team.mail or team.link),
        )

    columns = ("Team", "Callers:", "Moved:", "Left:", "Too early:", "Who has not moved", "Write to")
    return _table(columns, row, [*progress_of_teams(report)], share=1 / 8)


def proofs_table(report: Report) -> Table:
    """Replacements that differ from what callers get, or of which that is not known."""

    def row(proof: Proof) -> Row:
        name = Name(f"{proof.listing} of {proof.repository}")
        return name, proof.result.value, Name(proof.in_words), f"{proof.at:%Y-%m-%d}"

    return _table(("Replacement", "Result", "What", "On"), row, unequal(report))


def rejecting_table(report: Report) -> Table:
    """Clients of which nothing else is known."""

    def row(one: RejectingClient) -> Row:
        return Name(one.address), Name(one.host), f"{one.times:,}", minute(one.last_seen)

    return _table(("Client", "Host", "Times:", "Last time"), row, report.seen.rejections)


def retiring_table(report: Report) -> Table:
    """Routes of API v2, and who calls them."""

    def row(use: RetiringUse) -> Row:
        since = str(use.since or "no day given")
        callers, successor = Name(listed(use.callers, _CALLED)), Name(use.successor)
        last = minute(use.last_seen)
        return Name(use.route), since, f"{use.calls:,}", last, callers, successor

    def paragraph(route: str, since: str, calls: str, last: str, *names: str) -> Row:
        called = f"{calls} call{'s' * (calls != '1')}, the last {last}, by {names[0]}"
        return route, f"deprecated: {since}", called, f"instead: {names[1]}"

    columns = ("Route", "Since", "Calls:", "Last call", "Callers", "Instead")
    return _table(columns, row, report.retiring, paragraph, share=1 / 8)


def advice(report: Report) -> Sequence[tuple[Sequence[str], str]]:
    """What happens to these routes, and what to do about their calls; those alike together."""
    said: defaultdict[str, list[str]] = defaultdict(list)
    for use in report.retiring:
        found = route_named(use.route)
        said[f"{found.sentence} {found.instead}"].append(use.route)
    return [(routes, what) for what, routes in said.items()]


def unbridged_table(findings: Sequence[Finding]) -> Table:
    """Calls that ended in another way than answered or redirected."""

    def row(finding: Finding) -> Row:
        names = map(Name, (finding.caller, label(finding.route), finding.repository))
        ended, last = outcomes_in_words(finding.unanswered), minute(finding.last_seen)
        return *names, ended, last, Name(why_unanswered(finding))

    def paragraph(name: str, route: str, repository: str, *cells: str) -> Row:
        ended, last, why = cells
        called = f"{repository} {route}".strip()
        return tuple(filter(None, (name, called, f"{ended}, the last {last}", why)))

    columns = ("Caller", "Route", "Repository", "Ended", "Last call", "Why, and what helps")
    return _table(columns, row, findings, paragraph, share=1 / 8)


def compared_table(earlier: Comparison) -> Table:
    """Callers as an earlier report knew them."""
    now = (("new", earlier.new), ("gone", earlier.gone), ("still there", earlier.still))
    rows = [(Name(caller), what) for what, callers in now for caller in callers]
    return _table(("Caller", "Since then"), tuple, rows)


def ignored_table(report: Report) -> Table:
    """Callers that are accepted."""

    def row(one: IgnoredCaller) -> Row:
        last = minute(one.last_seen)
        return Name(one.caller), f"{one.calls:,}", last, str(one.until), Name(one.reason)

    return _table(("Caller", "Calls:", "Last call", "Until", "Why"), row, report.ignored)


def findings_table(report: Report, columns: Sequence[str]) -> Table:
    """The first of all findings, with these columns."""
    rows = (
        [f"{value:,}" if isinstance(value, int) else Name(value) for value in row]
        for row in islice(rows_of(report, columns), ROWS)
    )
    return Table(columns, rows, row_count(report, columns), share=1 / 2, is_asked_for=True)


def _table(
    columns: Row,
    row: Callable[[_Item], Row],
    items: Sequence[_Item],
    paragraph: Callable[..., Row] | None = None,
    share: float = 1 / 16,
) -> Table:
    return Table(columns, map(row, items[:ROWS]), len(items), paragraph, share)


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


def by_caller(report: Report, callers: Collection[str]) -> Mapping[str, Sequence[Finding]]:
    """The findings of these callers, the busiest first; one for both forms of a route."""
    found: dict[str, list[Finding]] = {caller: [] for caller in callers}
    for finding in report.findings:
        mine = found.get(finding.caller)
        if mine is not None:
            mine.append(finding)
    return {caller: _by_route(findings) for caller, findings in found.items()}


def _by_route(findings: Sequence[Finding]) -> Sequence[Finding]:
    """The findings, the busiest first, where those that differ in the form of the route alone are
    one: that of the form which is called most."""
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
    """Those that are neither answered nor redirected each time, the busiest first."""
    return _by_route([finding for finding in report.findings if finding.unanswered])


def left_out(count: int, shown: int) -> str:
    """How many rows of so many are not shown, and how to see them; empty for none."""
    if count <= shown:
        return ""
    more = number(count - shown, "more row")
    return f"{more}: --format csv and -o report.html have all, --caller NAME shows what one does"


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
