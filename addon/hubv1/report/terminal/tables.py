"""Those parts of the report that are tables on a terminal."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hubv1.outcome import Outcome
from hubv1.report.burn_down import burn_down
from hubv1.report.columns import cells
from hubv1.report.grouping import by_caller, unanswered, unbridged
from hubv1.report.model import CallerUse, Finding, Report, Standing
from hubv1.report.moments import minute
from hubv1.report.sentence import number
from hubv1.report.standing import standing_in_words
from hubv1.report.words import label, outcomes_in_words, since_then, what_it_calls, what_was_seen
from hubv1.texts import printable

_OUTCOME_STYLES = {
    Outcome.TRANSLATED: "green",
    Outcome.REDIRECTED: "cyan",
    Outcome.OBSERVED: "blue",
    Outcome.GONE: "red",
    Outcome.PASSED: "magenta",
    Outcome.REFUSED: "yellow",
    Outcome.FAILED: "bright_red",
}
_STANDING_STYLES = {
    Standing.READY: "green",
    Standing.NEEDS_PAGING: "yellow",
    Standing.NEEDS_CREDENTIALS: "yellow",
    Standing.NOT_BRIDGED: "red",
    Standing.QUIET: "dim",
}
_FIGURES = ("Calls", "This hour", "Times")
_CALLED = 5
_LONGEST_BAR = 40
_BESIDE_BARS = 50
"""Characters that the day, the calls, some names and the room between take."""
_WIDE = 100
"""Columns from which a table of callers is easier to read than a paragraph for each."""


def days_shown(report: Report, width: int) -> Iterator[RenderableType]:
    """The burn-down: readable without colours too, and in forty columns."""
    drawing = burn_down(report, max(10, min(_LONGEST_BAR, width - _BESIDE_BARS)))
    yield Text(drawing.title, "bold")
    legend = Text("  ")
    for outcome, fill in drawing.legend:
        legend.append(fill, _OUTCOME_STYLES[outcome]).append(f" {outcome}  ")
    yield legend
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for line in drawing.lines:
        bar = Text()
        for outcome, piece in line.pieces:
            bar.append(piece, _OUTCOME_STYLES[outcome])
        left = Text(f"last call of {printable(line.left)}" if line.left else "", "dim")
        grid.add_row(f"  {line.day}", f"{line.calls:,}", bar, left)
    yield grid
    yield ""


def callers_shown(report: Report, width: int) -> Iterator[RenderableType]:
    """Who calls, the latest and busiest first: a table, or paragraphs where that is too wide."""
    yield Text("Who still calls v1", "bold")
    findings = by_caller(report)
    if width < _WIDE:
        for use in report.callers:
            yield from _paragraph(use, findings[use.caller])
        yield ""
        return
    names = ("Caller", "Standing", "Calls", "This hour", "Last call", "Since", "What it calls")
    table = _table(*names)
    for use in report.callers:
        table.add_row(
            Text(printable(use.caller)),
            _standing(use),
            f"{use.calls:,}",
            f"{use.this_hour:,}",
            minute(use.last_seen),
            f"{use.first_seen:%Y-%m-%d}",
            Text(printable(what_it_calls(findings[use.caller], _CALLED))),
        )
    yield table


def known_shown(report: Report) -> Iterator[RenderableType]:
    """Callers as an earlier report knew them, and those that are accepted; often neither."""
    if report.baseline is not None:
        yield Text(f"Since the report of {minute(report.baseline.generated_at)} UTC", "bold")
        table = _table("Caller", "Since then")
        for caller, what in since_then(report.baseline):
            table.add_row(Text(printable(caller)), what)
        yield table
    if report.ignored:
        yield Text("Callers that are accepted, and left out above", "bold")
        table = _table("Caller", "Calls", "Last call", "Until", "Why")
        for one in report.ignored:
            name, why = Text(printable(one.caller)), Text(printable(one.reason))
            table.add_row(name, f"{one.calls:,}", minute(one.last_seen), str(one.until), why)
        yield table


def rejecting_shown(report: Report) -> Iterator[RenderableType]:
    """Clients of which nothing else is known; often none."""
    if report.seen.rejections:
        yield Text("Who rejects the bridge's certificate, and may call v1 too", "bold")
        table = _table("Client", "Host", "Times", "Last time")
        for one in report.seen.rejections:
            client, host = Text(printable(one.address)), Text(printable(one.host))
            table.add_row(client, host, f"{one.times:,}", minute(one.last_seen))
        yield table


def unbridged_shown(report: Report, width: int) -> Iterator[RenderableType]:
    """Calls that ended in another way than answered or redirected."""
    yield Text("What was not bridged", "bold")
    findings = unbridged(report)
    if not findings:
        yield Text("  Every call was answered or redirected.\n")
        return
    table = _table("Caller", "What it calls", "Ended", "Last call")
    for finding in findings:
        caller = printable(finding.caller)
        called = printable(f"{finding.repository} {label(finding.route)}".strip())
        ended, last = outcomes_in_words(unanswered(finding)), minute(finding.last_seen)
        if width < _WIDE:
            line = Text(f"{caller}: {called}, {ended}, the last {last}", overflow="fold")
            yield Padding(line, (0, 0, 0, 2))
        else:
            table.add_row(Text(caller), Text(called), ended, last)
    yield table if table.row_count else ""


def findings_shown(report: Report, columns: Sequence[str]) -> Table:
    """All findings, with these columns."""
    table = _table(*columns)
    for row in cells(report, columns):
        table.add_row(*(Text(printable(str(value))) for value in row))
    return table


def seen_shown(report: Report) -> Iterator[RenderableType]:
    """What the report stands on."""
    yield Text("What was seen", "bold")
    grid = Table.grid(padding=(0, 1))
    grid.add_column()
    grid.add_column(overflow="fold")
    for name, text in what_was_seen(report, printable):
        grid.add_row(f"  {name}", Text(text))
    yield grid


def _paragraph(use: CallerUse, findings: Sequence[Finding]) -> Iterator[RenderableType]:
    yield Padding(Text(printable(use.caller), "bold", overflow="fold"), (0, 0, 0, 2))
    times = (
        f"{number(use.calls, 'call')} since {use.first_seen:%Y-%m-%d}, {use.this_hour:,} this "
        f"hour, the last {minute(use.last_seen)}"
    )
    called = printable(what_it_calls(findings, _CALLED))
    for each in (_standing(use), Text(times), Text(called, overflow="fold")):
        yield Padding(each, (0, 0, 0, 4))


def _standing(use: CallerUse) -> Text:
    return Text(standing_in_words(use), _STANDING_STYLES[use.standing])


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in columns:
        table.add_column(column, justify="right" if column in _FIGURES else "left", overflow="fold")
    return table
