"""The report for a terminal, or for a log that keeps what one would show.

Of long tables the first rows are shown, and below them how many there are and how to see them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from io import StringIO
from itertools import islice
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from hubv1.api.routes import Outcome, Verdict
from hubv1.report.burn_down import burn_down
from hubv1.report.model import CallerUse, Report, Standing, State
from hubv1.report.prose import (
    fields_in_words,
    label,
    minute,
    outcomes_in_words,
    sentence,
    standing_in_words,
    what_it_calls,
    what_was_seen,
)
from hubv1.report.render.data import row_count, rows_of
from hubv1.report.sections import (
    CALLED,
    HOW_TO_SEE_ALL,
    ROWS,
    Change,
    Name,
    RepositoryUse,
    Section,
    StandingCell,
    Table,
    by_caller,
    callers_table,
    changes,
    compared_table,
    ignored_table,
    rejecting_table,
    sections_of,
    title_of,
    unbridged,
)
from hubv1.text import number, printable

WIDTH_WITHOUT_TERMINAL = 120

_STATE_STYLES = {State.CLEAN: "bold green", State.BRIDGED: "bold yellow"}
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
_VERDICT_STYLES = {
    Verdict.BRIDGED: "green",
    Verdict.LOSSY: "yellow",
    Verdict.DEAD: "red",
    Verdict.SERVED: "dim",
}
_RULE = "\u2500"
_ASCII = str.maketrans({"\u2588": "#", "\u2593": "+", "\u2591": ":", _RULE: "-", "\u2026": "..."})
"""For the marks that bars and rules are made of, and for what was cut."""

_INDENT = " " * 4
_LONGEST_BAR = 40
_BESIDE_BARS = 50
"""Characters that the day, the calls, some names and the room between take."""
_WIDE = 100
"""Columns from which a table of callers is easier to read than a paragraph for each."""
_AS_WIDE_AS_NEEDED = 100_000
_ROWS_AT_ONCE = 1_000

_Part = Callable[[Report, Sequence[str], int], Iterator[RenderableType]]
"""Makes a section for columns that were asked for, on a console of so many characters."""


def as_text(
    report: Report,
    *,
    width: int | None,
    color: bool,
    columns: Sequence[str] = (),
    in_ascii: bool = False,
) -> Iterator[str]:
    """The report as lines of at most `width` characters, URLs and code excepted; None is for a log.

    With `columns` a table of all findings that has these stands in place of its parts; in a log it
    is complete, and as wide as it has to be.
    """
    out = StringIO()
    is_log = width is None
    console = Console(
        file=out,
        width=width or (_AS_WIDE_AS_NEEDED if columns else WIDTH_WITHOUT_TERMINAL),
        force_terminal=color,
        no_color=None if color else True,  # None lets NO_COLOR decide
        highlight=False,
        emoji=False,
        markup=False,
    )
    console.print(Text(f"{sentence(report)}\n", _STATE_STYLES.get(report.state, "bold red")))
    for section in sections_of(report, columns):
        if section is Section.FINDINGS and is_log:
            # A table of rich's holds all its rows, and takes a second for each few thousand.
            yield _taken(out, in_ascii=in_ascii)
            lines = _plain_table(report, columns)
            while some := [*islice(lines, _ROWS_AT_ONCE)]:
                out.writelines(some)
                yield _taken(out, in_ascii=in_ascii)
            continue
        title = title_of(section, report)
        if title:
            console.print(Text(title, "bold"))
        for part in _PARTS[section](report, columns, console.width):
            # Code is never wrapped, so that one can copy it; tables fold by themselves.
            console.print(part, soft_wrap=isinstance(part, Text) and part.no_wrap is True)
    yield _taken(out, in_ascii=in_ascii)


def _taken(out: StringIO, *, in_ascii: bool) -> str:
    """What was written so far, which is then forgotten."""
    lines = (line.rstrip() for line in out.getvalue().split("\n"))
    out.seek(0)
    out.truncate()
    return "\n".join(lines).translate(_ASCII if in_ascii else {})


def _days(report: Report, _: Sequence[str], width: int) -> Iterator[RenderableType]:
    """The burn-down: readable without colours too, and in forty columns."""
    drawing = burn_down(report, max(10, min(_LONGEST_BAR, width - _BESIDE_BARS)))
    yield Text(drawing.title, "bold")
    legend = Text("  ")
    for outcome, fill in drawing.legend:
        legend.append(fill, _OUTCOME_STYLES[outcome]).append(f" {outcome}  ")
    yield legend
    grid = RichTable.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for line in drawing.lines:
        drawn = Text()
        for outcome, piece in line.pieces:
            drawn.append(piece, _OUTCOME_STYLES[outcome])
        left = line.bar.left_shown
        last_call_of = Text(f"last call of {printable(left)}" if left else "", "dim")
        grid.add_row(f"  {line.bar.first}", f"{line.bar.calls:,}", drawn, last_call_of)
    yield grid
    yield ""


def _callers(report: Report, _: Sequence[str], width: int) -> Iterator[RenderableType]:
    """A table, or paragraphs where that is too wide."""
    table = callers_table(report)
    if width >= _WIDE:
        yield from _table(table)
        return
    shown = report.callers[:ROWS]
    findings = by_caller(report, [use.caller for use in shown])
    for use in shown:
        yield Padding(Text(printable(use.caller), "bold", overflow="fold"), (0, 0, 0, 2))
        times = (
            f"{number(use.calls, 'call')} since {use.first_seen:%Y-%m-%d}, {use.this_hour:,} this "
            f"hour, the last {minute(use.last_seen)}"
        )
        called = printable(what_it_calls(findings[use.caller], CALLED))
        for each in (_standing(use), Text(times), Text(called, overflow="fold")):
            yield Padding(each, (0, 0, 0, 4))
    yield ""


def _changes(report: Report, _: Sequence[str], __: int) -> Iterator[RenderableType]:
    found = changes(report)
    for change in found[:ROWS]:
        yield from _change(change)
        yield ""
    yield from _more(len(found), "route")


def _change(change: Change) -> Iterator[RenderableType]:
    use, made = change.use, change.replacement
    title = Text(f"{printable(use.route)}  {number(use.calls, 'call')}, ", overflow="fold")
    title.append(use.verdict.value, _VERDICT_STYLES[use.verdict])
    yield Padding(title, (0, 0, 0, 2))
    yield Padding(Text(made.lost), (0, 0, 0, 4))
    yield _line("now", made.old, "red")
    if made.new:
        yield _line("instead", made.new, "cyan")
    yield Padding(Text(made.instead, "italic"), (0, 0, 0, 4))
    for line in made.shortest.splitlines():
        yield _code(f"{_INDENT}  {printable(line)}", "cyan")
    for text in filter(None, (fields_in_words(made.fields), " ".join(made.notes))):
        yield Padding(Text(text, "dim"), (0, 0, 0, 4))
    yield from map(_repository, change.repositories[:ROWS])
    yield from _more(len(change.repositories), "repository", "repositories", _INDENT)


def _repository(use: RepositoryUse) -> Text:
    line = _code(f"{_INDENT}{number(use.calls, 'call')} by {number(use.callers, 'caller')}")
    line.append(f"  {printable(use.busiest.repository)}")
    if use.busiest.told.successor:
        line.append("  ->  ").append(printable(use.busiest.told.successor), "cyan")
    return line


def _unbridged(report: Report, _: Sequence[str], width: int) -> Iterator[RenderableType]:
    """Calls that ended in another way than answered or redirected."""
    findings = unbridged(report)
    if not findings:
        yield Text("  Every call was answered or redirected.\n")
        return
    rows = [
        (
            Name(finding.caller),
            Name(f"{finding.repository} {label(finding.route)}".strip()),
            outcomes_in_words(finding.unanswered),
            minute(finding.last_seen),
        )
        for finding in findings[:ROWS]
    ]
    if width >= _WIDE:
        columns = ("Caller", "What it calls", "Ended", "Last call")
        yield from _table(Table(columns, rows, len(findings)))
        return
    for caller, called, ended, last in ([*map(printable, row)] for row in rows):
        line = Text(f"{caller}: {called}, {ended}, the last {last}", overflow="fold")
        yield Padding(line, (0, 0, 0, 2))
    yield from _more(len(findings), "line")
    yield ""


def _findings(report: Report, columns: Sequence[str], _: int) -> Iterator[RenderableType]:
    """All findings, with these columns, as wide as the terminal is."""
    rows = ([Name(value) for value in row] for row in islice(rows_of(report, columns), ROWS))
    yield from _table(Table(tuple(columns), rows, row_count(report)))


def _seen(report: Report, _: Sequence[str], __: int) -> Iterator[RenderableType]:
    """What the report stands on."""
    lines = [*what_was_seen(report, printable)]
    grid = RichTable.grid(padding=(0, 1))
    grid.add_column()
    grid.add_column(overflow="fold")
    for name, text in lines[:ROWS]:
        grid.add_row(f"  {name}", Text(text))
    yield grid
    yield from _more(len(lines), "line")


def _tabled(make: Callable[[Report], Table]) -> _Part:
    return lambda report, columns, width: _table(make(report))  # noqa: ARG005  # as all parts


_PARTS: Mapping[Section, _Part] = {
    Section.DAYS: _days,
    Section.CALLERS: _callers,
    Section.REJECTING: _tabled(rejecting_table),
    Section.CHANGES: _changes,
    Section.UNBRIDGED: _unbridged,
    Section.COMPARED: _tabled(compared_table),
    Section.IGNORED: _tabled(ignored_table),
    Section.FINDINGS: _findings,
    Section.SEEN: _seen,
}


def _table(table: Table) -> Iterator[RenderableType]:
    shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in table.columns:
        justify: Literal["left", "right"] = "right" if column.endswith(":") else "left"
        shown.add_column(column.removesuffix(":"), justify=justify, overflow="fold")
    for row in table.rows:
        shown.add_row(*map(_cell, row))
    yield shown
    yield from _more(table.count, "row")


def _cell(cell: str) -> Text:
    style = _STANDING_STYLES[cell.standing] if isinstance(cell, StandingCell) else ""
    return Text(printable(cell), style)


def _plain_table(report: Report, columns: Sequence[str]) -> Iterator[str]:
    """The table of all findings that rich would make, line by line, as wide as it has to be."""
    widths = [*map(len, columns)]
    for row in _plain_rows(report, columns):
        widths = [*map(max, widths, map(cell_len, row))]
    yield "\n"
    yield _plain_row(columns, widths)
    yield f" {_RULE * (sum(widths) + 2 * (len(widths) - 1))}\n"
    for row in _plain_rows(report, columns):
        yield _plain_row(row, widths)
    yield "\n"


def _plain_rows(report: Report, columns: Sequence[str]) -> Iterator[list[str]]:
    return ([printable(str(value)) for value in row] for row in rows_of(report, columns))


def _plain_row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)
    )
    return f" {'  '.join(padded)}\n"


def _more(count: int, one: str, many: str = "", indent: str = "  ") -> Iterator[RenderableType]:
    """What is not shown, and how to see it."""
    if count > ROWS:
        left = number(count - ROWS, f"more {one}", many and f"more {many}")
        yield Text(f"{indent}{left}: {HOW_TO_SEE_ALL}", "dim")


def _line(name: str, url: str, style: str) -> Text:
    return _code(f"{_INDENT}{name:<8}").append(printable(url), style)


def _code(text: str, style: str = "") -> Text:
    return Text(text, style, no_wrap=True)


def _standing(use: CallerUse) -> Text:
    return Text(standing_in_words(use), _STANDING_STYLES[use.standing])
