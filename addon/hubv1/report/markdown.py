"""The report as Markdown that fits the summary of a CI job.

Text from outside becomes code, as GitHub reads it, and nothing else.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from hubv1.report.changes import Change
from hubv1.report.chart import BurnDown
from hubv1.report.model import Report, Standing
from hubv1.report.progress import progress_in_words, progress_of_teams
from hubv1.report.prose import fields_in_words, sentence
from hubv1.report.sections import Changes, Content, Facts, Name, Table, sections_of
from hubv1.text import number, printable

LARGEST = 1 << 20
"""Bytes of a GitHub job summary; a larger one is not shown at all
(https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions)."""

_OF_FACTS, _OF_CHANGE = LARGEST // 8, LARGEST // 200
"""The most bytes of the table of facts, and of each table of a route."""
_ROWS = 200
_ROUTES = 25
_REPOSITORIES = 20
_GAPS = 20
_BAR = 40
_DIGEST = 8
"""How many names a line of the digest has."""

_BACKTICKS = re.compile("`+")
_MARKUP = re.compile(r"[\\`*_{}\[\]<>|#~&$!]")


def as_markdown(report: Report, columns: Sequence[str] = ()) -> str:
    """The report; if columns were chosen, a table of findings with these instead."""
    parts = ["# Who still calls Docker Hub API v1", f"**{_escaped_sentence(report)}**"]
    for title, content in sections_of(report, code_cell, columns):
        parts += [f"## {title}"] if title else []
        parts += _parts(content)
    return "\n\n".join(parts) + "\n"


def as_digest(report: Report) -> str:
    """What changed since an earlier report, in ten lines: who came, who moved, who still calls."""
    return _brief(report, _what_changed(report))


def as_summary(report: Report) -> str:
    """One screen for the summary of a CI job: what changed since an earlier report, if there is
    one, and then who calls."""
    repositories = dict.fromkeys(finding.repository for finding in report.findings)
    now = [
        f"- They call: {_names([use.caller for use in report.callers])}",
        f"- For: {_names([*filter(None, repositories)], 'no repository')}",
    ]
    return _brief(report, [*_what_changed(report), *now])


def _brief(report: Report, who: Iterable[str]) -> str:
    lines = ["# Who still calls Docker Hub API v1", "", f"**{_escaped_sentence(report)}**", ""]
    if report.callers:
        lines += [progress_in_words(report), ""]
    lines += who
    if report.teams:
        lines.append(f"- Teams: {'; '.join(_progress_of_teams(report))}")
    missed = [use.caller for use in report.callers if use.standing is Standing.NOT_BRIDGED]
    return "\n".join([*lines, f"- Not bridged: {_names(missed)}"]) + "\n"


def _what_changed(report: Report) -> Iterator[str]:
    if earlier := report.baseline:
        since = f"since {earlier.generated_at:%Y-%m-%d}"
        yield f"- Came {since}: {_names(earlier.new)}"
        yield f"- Moved {since}: {_names(earlier.moved)}"
        yield f"- Still there: {_names(earlier.still)}"


def _escaped_sentence(report: Report) -> str:
    """The state in a sentence, which may contain names that somebody filtered by."""
    return _MARKUP.sub(r"\\\g<0>", printable(sentence(report)))


def _progress_of_teams(report: Report) -> Iterator[str]:
    for team, counts in islice(progress_of_teams(report), _DIGEST):
        name = code_span(team.team) if team.team else "nobody knows whose"
        yield f"{name} {counts.moved:,} of {counts.callers:,} moved"


def _names(names: Sequence[str], none: str = "nobody") -> str:
    if not names:
        return none
    more = f" and {len(names) - _DIGEST:,} more" if len(names) > _DIGEST else ""
    return f"{len(names):,}: {', '.join(map(code_span, names[:_DIGEST]))}{more}"


def _parts(content: Content) -> Iterator[str]:
    match content:
        case str(text):
            yield text
        case Table(columns, rows, count, share=share):
            yield table(columns, islice(rows, _ROWS), count, int(LARGEST * share))
        case BurnDown() as bars:
            yield "The callers behind a bar have moved: their last call was then."
            yield code_block(bars.lines(_BAR))
        case Changes(changes):
            for change in changes[:_ROUTES]:
                yield from _change(change)
            if len(changes) > _ROUTES:
                yield f"{number(len(changes) - _ROUTES, 'route')} more in the JSON report."
        case Facts(lines):
            yield table(("What", "How much"), lines[:_GAPS], len(lines), _OF_FACTS)


def _change(change: Change) -> Iterator[str]:
    made, repositories = change.replacement, change.repositories
    yield f"### {code_span(change.route)}"
    yield f"{number(change.calls, 'call')}, {change.verdict}. {made.lost}"
    calls = [("now", Name(made.old)), *([("instead", Name(made.new))] if made.new else [])]
    yield table(("", "call"), calls, len(calls), _OF_CHANGE)
    yield " ".join(filter(None, (made.instead, fields_in_words(made.fields, code_span))))
    if made.shortest:
        yield code_block(made.shortest.splitlines(), "bash")
    for snippet in made.snippets:
        if snippet.code != made.shortest:
            yield f"<details><summary>With {snippet.title}</summary>"
            yield code_block(snippet.code.splitlines(), snippet.language)
            yield "</details>"
    if made.notes:
        yield " ".join(made.notes)
    if repositories:
        rows = (
            (Name(use.busiest.repository), f"{use.calls:,}", f"{use.callers:,}")
            for use in repositories[:_REPOSITORIES]
        )
        yield table(("Repository", "Calls:", "Callers:"), rows, len(repositories), _OF_CHANGE)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], count: int, size: int) -> str:
    """A table of the first of `count` rows, as many as fit into `size` bytes; how many are left out
    stands below it.

    Cells are Markdown, except for names. The name of a column of figures ends in a colon.
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


def code_span(text: str) -> str:
    """Any text as code within a line: nothing in it is markup, a link or a mention."""
    text = printable(text) or " "
    fence = "`" * (_longest_run(text) + 1)
    # CommonMark takes off one blank at each end, unless there are only blanks.
    pad = " " if text.strip() and (text[0] in "` " or text[-1] in "` ") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def code_cell(text: str) -> str:
    """A code span for the cell of a table, where a bar would end the cell; empty for no text."""
    return code_span(text).replace("|", "\\|") if text else ""


def code_block(lines: Iterable[str], language: str = "text") -> str:
    """A block of code, each line of which is any text."""
    lines = [printable(line) for line in lines]
    fence = "`" * max(3, max(map(_longest_run, lines), default=0) + 1)
    return "\n".join((f"{fence}{language}", *lines, fence))


def _longest_run(text: str) -> int:
    return max(map(len, _BACKTICKS.findall(text)), default=0)
