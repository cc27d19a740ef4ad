"""What to change, on a terminal: for each route the call as it is, and what replaces it."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from hubv1.report.grouping import Change, RepositoryUse, by_route, changes
from hubv1.report.model import Report
from hubv1.report.sentence import number
from hubv1.report.words import fields_in_words
from hubv1.routes import Verdict
from hubv1.texts import printable

_VERDICT_STYLES = {
    Verdict.BRIDGED: "green",
    Verdict.LOSSY: "yellow",
    Verdict.DEAD: "red",
    Verdict.SERVED: "dim",
}
_INDENT = " " * 4


def changes_shown(report: Report) -> Iterator[RenderableType]:
    """Each route that was called, the busiest first."""
    yield Text("What to change", "bold")
    repositories = by_route(report)
    for change in changes(report):
        yield from _change(change, repositories[change.use.route])
        yield ""


def _change(change: Change, repositories: Sequence[RepositoryUse]) -> Iterator[RenderableType]:
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
    for each in repositories:
        if each.repository:
            yield _repository(each)


def _repository(use: RepositoryUse) -> Text:
    line = _code(f"{_INDENT}{number(use.calls, 'call')} by {number(use.callers, 'caller')}")
    line.append(f"  {printable(use.repository)}")
    if use.successor:
        line.append("  ->  ").append(printable(use.successor), "cyan")
    return line


def _line(name: str, url: str, style: str) -> Text:
    return _code(f"{_INDENT}{name:<8}").append(printable(url), style)


def _code(text: str, style: str = "") -> Text:
    return Text(text, style, no_wrap=True)
