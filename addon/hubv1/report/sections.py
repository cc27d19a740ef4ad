"""The sections of the report, in the order in which people act on them.

Each is a title with text, a table or the like, which the renderers for people show. A long table
has its first rows and the number of all.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self, TypeVar

from hubv1.api.routes import route_named
from hubv1.report.changes import Change, by_caller, changes, unbridged
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
)
from hubv1.report.proven import Proof
from hubv1.text import number

ROWS = 500
"""The most rows of a table: more than people read."""

_CALLED = 5
"""How many repositories and routes the row of a caller names."""


class Name(str):
    """A cell with text from outside, which a renderer marks as such and escapes."""

    __slots__ = ()


class StandingCell(str):
    """A cell with the standing of a caller, in words."""

    __slots__ = ("standing",)
    standing: Standing

    def __new__(cls, use: CallerUse) -> Self:
        """The cell for this caller."""
        cell = super().__new__(cls, standing_in_words(use))
        cell.standing = use.standing
        return cell


Row = Sequence[str]
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Table:
    """A table. The name of a column of figures ends in a colon."""

    columns: Row
    rows: Iterable[Row]
    """At most `ROWS`, each with a cell for each column."""
    count: int
    """The number of all rows."""
    paragraph: Callable[..., Row] | None = None
    """Turns the cells of a row into a heading and lines, where a table is too wide."""
    share: float = 1 / 16
    """The share of a report of limited size that it may take."""
    is_asked_for: bool = False
    """Whether the table is all that was asked for."""


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes, route by route."""

    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class Facts:
    """Pairs of a name and a text, in which text from outside is already marked."""

    lines: Sequence[tuple[str, str]]


Content = str | Table | BurnDown | Changes | Facts
Section = tuple[str, Content]
"""A title, empty to continue the section before, and the content."""


def sections_of(report: Report, code: Code, columns: Sequence[str] = ()) -> Iterator[Section]:
    """The sections of the report, or a table of findings with these columns, if any.

    `code` marks a text from outside within another text.
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
    """The callers, the latest and busiest first."""
    findings = by_caller(report, [use.caller for use in report.callers[:ROWS]])
    teams = report.team_names
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
    """The progress of each team; callers without an owner come first."""
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
    """Replacements that were found to differ from what callers get, or could not be compared."""

    def row(proof: Proof) -> Row:
        name = Name(f"{proof.listing} of {proof.repository}")
        return name, proof.result.value, Name(proof.in_words), f"{proof.at:%Y-%m-%d}"

    return _table(("Replacement", "Result", "What", "On"), row, unequal(report))


def rejecting_table(report: Report) -> Table:
    """Clients that rejected the bridge's certificate."""

    def row(one: RejectingClient) -> Row:
        return Name(one.address), Name(one.host), f"{one.times:,}", minute(one.last_seen)

    return _table(("Client", "Host", "Times:", "Last time"), row, report.seen.rejections)


def retiring_table(report: Report) -> Table:
    """Routes of API v2 that Docker retires next, and their callers."""

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
    """What happens to retiring routes and what to do about it, each sentence with its routes."""
    said: defaultdict[str, list[str]] = defaultdict(list)
    for use in report.retiring:
        found = route_named(use.route)
        said[f"{found.sentence} {found.instead}"].append(use.route)
    return [(routes, what) for what, routes in said.items()]


def unbridged_table(findings: Sequence[Finding]) -> Table:
    """Calls that were neither answered nor redirected."""

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
    """Callers that are new, gone or still there since an earlier report."""
    now = (("new", earlier.new), ("gone", earlier.gone), ("still there", earlier.still))
    rows = [(Name(caller), what) for what, callers in now for caller in callers]
    return _table(("Caller", "Since then"), tuple, rows)


def ignored_table(report: Report) -> Table:
    """Callers that the allowlist accepts."""

    def row(one: IgnoredCaller) -> Row:
        last = minute(one.last_seen)
        return Name(one.caller), f"{one.calls:,}", last, str(one.until), Name(one.reason)

    return _table(("Caller", "Calls:", "Last call", "Until", "Why"), row, report.ignored)


def findings_table(report: Report, columns: Sequence[str]) -> Table:
    """The first findings, with these columns."""
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


def left_out(count: int, shown: int) -> str:
    """A sentence about the rows that are not shown, and how to see them; empty for none."""
    if count <= shown:
        return ""
    more = number(count - shown, "more row")
    return f"{more}: --format csv and -o report.html have all, --caller NAME shows what one does"
