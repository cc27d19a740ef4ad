"""The report as Markdown that fits the summary of a CI job."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from hubv1.report.burn_down import burn_down, in_lines
from hubv1.report.escaping import code_block, code_cell, code_span, plain
from hubv1.report.model import Report
from hubv1.report.prose import (
    fields_in_words,
    label,
    minute,
    outcomes_in_words,
    sentence,
    what_was_seen,
)
from hubv1.report.render.data import row_count, rows_of
from hubv1.report.sections import (
    Change,
    Name,
    Section,
    Table,
    callers_table,
    changes,
    compared_table,
    ignored_table,
    proofs_table,
    rejecting_table,
    sections_of,
    title_of,
    unbridged,
)
from hubv1.text import number

LARGEST = 1 << 20
"""Bytes of a GitHub job summary; a larger one is not shown at all
(https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions)."""

_LARGE, _SMALL = LARGEST // 8, LARGEST // 200
"""Bytes of a table: of those there is one of, and of those that each route has."""
_ROWS = 200
_ROUTES = 25
_REPOSITORIES = 20
_GAPS = 20
_BAR = 40

_Parts = Iterator[str]


def as_markdown(report: Report, columns: Sequence[str] = ()) -> str:
    """The report; with `columns` a table of all findings that has these, in place of its parts."""
    parts = ["# Who still calls Docker Hub API v1", f"**{plain(sentence(report))}**"]
    for section in sections_of(report, columns):
        # The first title of all has said who it is about.
        title = "Callers" if section is Section.CALLERS else title_of(section, report)
        parts += [f"## {title}"] if title else []
        parts += _PARTS[section](report, columns)
    return "\n\n".join(parts) + "\n"


def _days(report: Report, _: Sequence[str]) -> _Parts:
    drawing = burn_down(report, _BAR)
    yield f"## {drawing.title}"
    yield "The callers beside a day called for the last time then."
    yield code_block(in_lines(drawing))


def _changes(report: Report, _: Sequence[str]) -> _Parts:
    every = changes(report)
    for change in every[:_ROUTES]:
        yield from _change(change)
    if len(every) > _ROUTES:
        yield f"{number(len(every) - _ROUTES, 'route')} more in the JSON report."


def _change(change: Change) -> _Parts:
    made = change.replacement
    yield f"### {code_span(change.use.route)}"
    yield f"{number(change.use.calls, 'call')}, {change.use.verdict}. {made.lost}"
    calls = [("now", Name(made.old)), *([("instead", Name(made.new))] if made.new else [])]
    yield table(("", "call"), calls, len(calls), _SMALL)
    yield " ".join(filter(None, (made.instead, fields_in_words(made.fields, code_span))))
    short = made.shortest
    if short:
        yield code_block(short.splitlines(), "bash")
    for snippet in made.snippets:
        if snippet.code != short:
            yield f"<details><summary>With {snippet.title}</summary>"
            yield code_block(snippet.code.splitlines(), snippet.language)
            yield "</details>"
    if made.notes:
        yield " ".join(made.notes)
    if change.repositories:
        rows = (
            (Name(use.busiest.repository), f"{use.calls:,}", f"{use.callers:,}")
            for use in change.repositories[:_REPOSITORIES]
        )
        yield table(("Repository", "Calls:", "Callers:"), rows, len(change.repositories), _SMALL)


def _unbridged(report: Report, _: Sequence[str]) -> _Parts:
    findings = unbridged(report)
    if not findings:
        yield "Every call was answered or redirected."
        return
    rows = (
        (
            Name(finding.caller),
            Name(label(finding.route)),
            Name(finding.repository),
            outcomes_in_words(finding.unanswered),
            minute(finding.last_seen),
        )
        for finding in findings[:_ROWS]
    )
    columns = ("Caller", "Route", "Repository", "Ended", "Last call")
    yield table(columns, rows, len(findings), _LARGE)


def _findings(report: Report, columns: Sequence[str]) -> _Parts:
    rows = (
        [f"{value:,}" if isinstance(value, int) else Name(value) for value in row]
        for row in rows_of(report, columns)
    )
    yield table(columns, rows, row_count(report), LARGEST // 2)


def _seen(report: Report, _: Sequence[str]) -> _Parts:
    rows = [*what_was_seen(report, code_cell)]
    yield table(("What", "How much"), rows[:_GAPS], len(rows), _LARGE)


def _tabled(make: Callable[[Report], Table], size: int) -> Callable[..., _Parts]:
    def parts(report: Report, _: Sequence[str]) -> _Parts:
        made = make(report)
        yield table(made.columns, islice(made.rows, _ROWS), made.count, size)

    return parts


_PARTS: Mapping[Section, Callable[[Report, Sequence[str]], _Parts]] = {
    Section.DAYS: _days,
    Section.CALLERS: _tabled(callers_table, _LARGE),
    Section.REJECTING: _tabled(rejecting_table, _LARGE // 2),
    Section.CHANGES: _changes,
    Section.PROOFS: _tabled(proofs_table, _LARGE // 2),
    Section.UNBRIDGED: _unbridged,
    Section.COMPARED: _tabled(compared_table, _LARGE // 2),
    Section.IGNORED: _tabled(ignored_table, _LARGE // 2),
    Section.FINDINGS: _findings,
    Section.SEEN: _seen,
}


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], count: int, size: int) -> str:
    """A table of the first rows, as many as fit into `size` bytes; `count` is how many there are.

    What is left out is counted below it. Cells are Markdown, but for names; figures are those
    columns whose names end in a colon.
    """
    marks = ("---:" if name.endswith(":") else "---" for name in columns)
    lines = [_row(name.removesuffix(":") for name in columns), _row(marks)]
    for row in rows:
        line = _row(code_cell(cell) if isinstance(cell, Name) else cell for cell in row)
        size -= len(line.encode()) + 1
        if size < 0:
            break
        lines.append(line)
        count -= 1
    if count:
        lines += ["", f"{count:,} more {'is' if count == 1 else 'are'} in the JSON report."]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
