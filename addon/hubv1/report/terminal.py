"""The report for a terminal or a log."""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from io import StringIO
from itertools import islice
from typing import Literal

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from hubv1.api.routes import Outcome, Verdict
from hubv1.report.changes import Change, RepositoryUse, replacement_of
from hubv1.report.chart import WIDTH, BurnDown
from hubv1.report.model import Report, Standing, State
from hubv1.report.output import PLAIN, Look
from hubv1.report.prose import fields_in_words, sentence
from hubv1.report.sections import (
    ROWS,
    Changes,
    Content,
    Facts,
    StandingCell,
    Table,
    left_out,
    sections_of,
)
from hubv1.text import number, printable

WIDTH_WITHOUT_TERMINAL = 120

_STYLES: Mapping[Enum, str] = {
    State.NOTHING_SEEN: "bold red",
    State.CLEAN: "bold green",
    State.BRIDGED: "bold yellow",
    State.UNBRIDGED: "bold red",
    Outcome.TRANSLATED: "green",
    Outcome.REDIRECTED: "cyan",
    Outcome.OBSERVED: "blue",
    Outcome.GONE: "red",
    Outcome.PASSED: "magenta",
    Outcome.REFUSED: "yellow",
    Outcome.FAILED: "bright_red",
    Standing.READY: "green",
    Standing.NEEDS_PAGING: "yellow",
    Standing.NEEDS_CREDENTIALS: "yellow",
    Standing.NOT_BRIDGED: "red",
    Standing.QUIET: "dim",
    Verdict.BRIDGED: "green",
    Verdict.LOSSY: "yellow",
    Verdict.DEAD: "red",
    Verdict.SERVED: "dim",
    Verdict.RETIRING: "yellow",
}
_ASCII = str.maketrans(
    {"\u2588": "#", "\u2593": "+", "\u2591": ":", "\u2500": "-", "\u2026": "..."}
)
"""ASCII for bars, rules and the mark of a cut."""

_ROWS = 20
"""The rows of each table in a report: more would push the other tables out of sight."""
_LONGEST_BAR = 40
_BESIDE_BARS = 66
"""Characters of a line besides the bar: the day, the calls, some names and spaces."""
_WIDE = 100
"""A terminal of fewer columns shows a paragraph for each caller instead of a table."""
_AS_WIDE_AS_NEEDED = 100_000


def as_text(report: Report, look: Look = PLAIN) -> str:
    """The report as lines that fit the terminal, or a log; URLs and code are never wrapped.

    If columns were chosen, a table of findings with these columns is shown instead of the
    sections; in a log it is as wide as necessary.
    """
    console = Console(
        file=StringIO(),
        width=look.width or (_AS_WIDE_AS_NEEDED if look.columns else WIDTH_WITHOUT_TERMINAL),
        force_terminal=look.color,
        no_color=None if look.color else True,  # None lets NO_COLOR decide
        highlight=False,
        emoji=False,
        markup=False,
    )
    with console.capture() as captured:
        console.print(Text(f"{sentence(report)}\n", _STYLES[report.state]))
        for title, content in sections_of(report, printable, look.columns):
            if title:
                console.print(Text(title, "bold"))
            for part in _parts(content, console.width):
                # Code is never wrapped, so that it can be copied; tables fold by themselves.
                console.print(part, soft_wrap=isinstance(part, Text) and part.no_wrap is True)
    lines = (line.rstrip() for line in captured.get().split("\n"))
    return "\n".join(lines).translate(_ASCII if look.in_ascii else {})


def _parts(content: Content, width: int) -> Iterator[RenderableType]:
    match content:
        case str(text):
            yield Text(f"  {text}\n")
        case Table() as table if table.paragraph and width < _WIDE:
            yield from _paragraphs(table)
        case Table() as table:
            yield from _table(table)
        case BurnDown() as bars:
            yield from _bars(bars, max(10, min(_LONGEST_BAR, width - _BESIDE_BARS)))
        case Changes(changes):
            for change in changes:
                yield from _change(change)
        case Facts(lines):
            yield from _facts(lines)


def _bars(drawing: BurnDown, width: int) -> Iterator[RenderableType]:
    """The burn-down, readable without colours and in forty columns."""
    legend = Text("  ")
    for outcome, fill in drawing.legend:
        legend.append(fill, _STYLES[outcome]).append(f" {outcome}  ")
    yield legend
    grid = RichTable.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for bar, pieces in drawing.drawn(width):
        drawn = Text.assemble(*((piece, _STYLES[outcome]) for outcome, piece in pieces))
        left = f"{printable(bar.moved_shown)} moved" if bar.moved else ""
        callers = drawing.callers_drawn(bar, WIDTH if width >= _LONGEST_BAR else WIDTH // 3)
        figures = f"{bar.callers:,}", callers, f"{bar.calls:,}"
        grid.add_row(f"  {bar.first}", *figures, drawn, Text(left, "dim"))
    yield grid
    yield ""


def _change(change: Change) -> Iterator[RenderableType]:
    made = change.replacement
    title = Text(f"{printable(change.route)}  {number(change.calls, 'call')}, ", overflow="fold")
    yield Padding(title.append(change.verdict.value, _STYLES[change.verdict]), (0, 0, 0, 2))
    yield _indented(Text(made.lost))
    yield _code("    now     ").append(printable(made.old), "red")
    if made.new:
        yield _code("    instead ").append(printable(made.new), "cyan")
    yield _indented(Text(made.instead, "italic"))
    for line in made.shortest.splitlines():
        yield _code(f"      {printable(line)}", "cyan")
    for text in filter(None, (fields_in_words(made.fields), " ".join(made.notes))):
        yield _indented(Text(text, "dim"))
    repositories = change.repositories
    yield from map(_repository, repositories[:_ROWS])
    yield from _more(len(repositories), _ROWS)
    yield ""


def _repository(use: RepositoryUse) -> Text:
    line = _code(f"    {number(use.calls, 'call')} by {number(use.callers, 'caller')}")
    line.append(f"  {printable(use.busiest.repository)}")
    if new := replacement_of(use.busiest).new:
        line.append("  ->  ").append(printable(new), "cyan")
    return line


def _paragraphs(table: Table) -> Iterator[RenderableType]:
    assert table.paragraph  # noqa: S101  # checked by the caller
    for row in islice(table.rows, _ROWS):
        name, *lines = table.paragraph(*row)
        yield Padding(Text(printable(name), "bold", overflow="fold"), (0, 0, 0, 2))
        yield from map(_indented, map(_cell, lines))
    yield from _more(table.count, _ROWS)
    yield ""


def _table(table: Table) -> Iterator[RenderableType]:
    shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in table.columns:
        justify: Literal["left", "right"] = "right" if column.endswith(":") else "left"
        shown.add_column(column.removesuffix(":"), justify=justify, overflow="fold")
    most = ROWS if table.is_asked_for else _ROWS
    for row in islice(table.rows, most):
        shown.add_row(*map(_cell, row))
    yield shown
    yield from _more(table.count, most)


def _facts(lines: Sequence[tuple[str, str]]) -> Iterator[RenderableType]:
    grid = RichTable.grid(padding=(0, 1))
    grid.add_column()
    grid.add_column(overflow="fold")
    for name, text in lines[:_ROWS]:
        grid.add_row(f"  {name}", Text(text))
    yield grid
    yield from _more(len(lines), _ROWS)


def _more(count: int, shown: int) -> Iterator[RenderableType]:
    if left := left_out(count, shown):
        yield Text(f"  {left}", "dim")


def _cell(cell: str) -> Text:
    style = _STYLES[cell.standing] if isinstance(cell, StandingCell) else ""
    return Text(printable(cell), style, overflow="fold")


def _indented(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 4))


def _code(text: str, style: str = "") -> Text:
    return Text(text, style, no_wrap=True)
