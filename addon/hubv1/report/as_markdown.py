"""The report as Markdown that fits the summary of a CI job."""

from collections.abc import Iterator, Sequence

from hubv1.report.burn_down import burn_down, in_lines
from hubv1.report.columns import cells
from hubv1.report.grouping import (
    Change,
    RepositoryUse,
    by_caller,
    by_route,
    changes,
    unanswered,
    unbridged,
)
from hubv1.report.markdown import code_block, code_cell, code_span, plain, table
from hubv1.report.model import Report
from hubv1.report.moments import minute
from hubv1.report.sentence import number, sentence
from hubv1.report.standing import standing_in_words
from hubv1.report.words import (
    fields_in_words,
    label,
    outcomes_in_words,
    since_then,
    what_it_calls,
    what_was_seen,
)

LARGEST = 1 << 20
"""Bytes of a GitHub job summary; a larger one is not shown at all
(https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions)."""

_ROWS = 200
_LARGE, _SMALL = LARGEST // 8, LARGEST // 200
"""Bytes of a table: of those there is one of, and of those that each route has."""
_ROUTES = 25
_REPOSITORIES = 20
_GAPS = 20
_CALLED = 5
_BAR = 40


def as_markdown(report: Report, columns: Sequence[str] = ()) -> str:
    """The report; with `columns` a table of all findings that has these, in place of its parts."""
    parts = ["# Who still calls Docker Hub API v1", f"**{plain(sentence(report))}**"]
    if columns:
        parts.append(_chosen(report, columns))
    elif not report.callers:
        parts += _rejecting(report)
    else:
        parts += [*_burn_down(report), *_callers(report), *_rejecting(report)]
        parts += [*_changes(report), *_unbridged(report)]
    if not columns:
        parts += _known(report)
    return "\n\n".join([*parts, *_seen(report)]) + "\n"


def _chosen(report: Report, columns: Sequence[str]) -> str:
    rows = [
        [f"{value:,}" if isinstance(value, int) else code_cell(value) for value in row]
        for row in cells(report, columns)
    ]
    return table(columns, rows, len(rows), LARGEST // 2)


def _burn_down(report: Report) -> Iterator[str]:
    drawing = burn_down(report, _BAR)
    yield f"## {drawing.title}"
    yield "The callers beside a day called for the last time then."
    yield code_block(in_lines(drawing))


def _callers(report: Report) -> Iterator[str]:
    yield "## Callers"
    findings = by_caller(report)
    rows = (
        (
            code_cell(use.caller),
            standing_in_words(use),
            f"{use.calls:,}",
            f"{use.this_hour:,}",
            minute(use.last_seen),
            f"{use.first_seen:%Y-%m-%d}",
            code_cell(what_it_calls(findings[use.caller], _CALLED)),
        )
        for use in report.callers
    )
    names = ("Caller", "Standing", "Calls:", "This hour:", "Last call", "Since", "What it calls")
    yield table(names, rows, _ROWS, _LARGE)


def _rejecting(report: Report) -> Iterator[str]:
    if report.seen.rejections:
        yield "## Who rejects the bridge's certificate, and may call v1 too"
        rows = (
            (code_cell(one.address), code_cell(one.host), f"{one.times:,}", minute(one.last_seen))
            for one in report.seen.rejections
        )
        yield table(("Client", "Host", "Times:", "Last time"), rows, _ROWS, _LARGE // 2)


def _changes(report: Report) -> Iterator[str]:
    yield "## What to change"
    repositories = by_route(report)
    every = changes(report)
    for change in every[:_ROUTES]:
        yield from _change(change, repositories[change.use.route])
    if len(every) > _ROUTES:
        yield f"{number(len(every) - _ROUTES, 'route')} more in the JSON report."


def _change(change: Change, repositories: Sequence[RepositoryUse]) -> Iterator[str]:
    made = change.replacement
    yield f"### {code_span(change.use.route)}"
    yield f"{number(change.use.calls, 'call')}, {change.use.verdict}. {made.lost}"
    calls = [("now", made.old), *([("instead", made.new)] if made.new else [])]
    yield table(("", "call"), ((name, code_cell(url)) for name, url in calls), len(calls), _SMALL)
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
    rows = [
        (code_cell(use.repository), f"{use.calls:,}", f"{use.callers:,}")
        for use in repositories
        if use.repository
    ]
    if rows:
        yield table(("Repository", "Calls:", "Callers:"), rows, _REPOSITORIES, _SMALL)


def _unbridged(report: Report) -> Iterator[str]:
    yield "## What was not bridged"
    findings = unbridged(report)
    if not findings:
        yield "Every call was answered or redirected."
        return
    rows = (
        (
            code_cell(finding.caller),
            code_cell(label(finding.route)),
            code_cell(finding.repository),
            outcomes_in_words(unanswered(finding)),
            minute(finding.last_seen),
        )
        for finding in findings
    )
    yield table(("Caller", "Route", "Repository", "Ended", "Last call"), rows, _ROWS, _LARGE)


def _known(report: Report) -> Iterator[str]:
    if report.baseline is not None:
        yield f"## Since the report of {minute(report.baseline.generated_at)} UTC"
        rows = ([code_cell(caller), what] for caller, what in since_then(report.baseline))
        yield table(("Caller", "Since then"), rows, _ROWS, _LARGE // 2)
    if report.ignored:
        yield "## Callers that are accepted, and left out above"
        every = (
            (
                code_cell(one.caller),
                f"{one.calls:,}",
                minute(one.last_seen),
                str(one.until),
                code_cell(one.reason),
            )
            for one in report.ignored
        )
        yield table(("Caller", "Calls:", "Last call", "Until", "Why"), every, _ROWS, _LARGE // 2)


def _seen(report: Report) -> Iterator[str]:
    yield "## What was seen"
    rows = what_was_seen(report, code_cell)
    yield table(("What", "How much"), rows, _GAPS, _LARGE)
