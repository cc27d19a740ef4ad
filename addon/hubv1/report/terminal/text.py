"""The parts of the report in the order in which people act on them, as text."""

from collections.abc import Iterator, Sequence
from io import StringIO

from rich.console import Console, RenderableType
from rich.text import Text

from hubv1.outcome import BRIDGED, CLEAN
from hubv1.report.model import Report
from hubv1.report.sentence import sentence
from hubv1.report.terminal.changes import changes_shown
from hubv1.report.terminal.tables import (
    callers_shown,
    days_shown,
    findings_shown,
    known_shown,
    rejecting_shown,
    seen_shown,
    unbridged_shown,
)

WIDTH_WITHOUT_TERMINAL = 120
_AS_WIDE_AS_NEEDED = 100_000

_STATE_STYLES = {CLEAN: "bold green", BRIDGED: "bold yellow"}
_ASCII = str.maketrans(
    {"\u2588": "#", "\u2593": "+", "\u2591": ":", "\u2500": "-", "\u2026": "..."}
)
"""For the marks that bars and rules are made of, and for what was cut."""


def as_text(
    report: Report,
    *,
    width: int | None,
    color: bool,
    columns: Sequence[str] = (),
    in_ascii: bool = False,
) -> str:
    """The report as lines of at most `width` characters, URLs and code excepted; None is for a log.

    With `columns` a table of all findings that has these stands in place of its parts.
    """
    out = StringIO()
    wide = _AS_WIDE_AS_NEEDED if columns else WIDTH_WITHOUT_TERMINAL
    console = Console(
        file=out,
        width=width or wide,
        force_terminal=color,
        no_color=None if color else True,  # None lets NO_COLOR decide
        highlight=False,
        emoji=False,
        markup=False,
    )
    for part in _parts(report, console.width, columns):
        # Code is never wrapped, so that one can copy it; tables fold by themselves.
        console.print(part, soft_wrap=isinstance(part, Text) and part.no_wrap is True)
    text = out.getvalue().translate(_ASCII) if in_ascii else out.getvalue()
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _parts(report: Report, width: int, columns: Sequence[str]) -> Iterator[RenderableType]:
    style = _STATE_STYLES.get(report.exit_code, "bold red")
    yield Text(f"{sentence(report)}\n", style)
    if columns:
        yield findings_shown(report, columns)
    elif not report.callers:
        yield from rejecting_shown(report)
    else:
        yield from days_shown(report, width)
        yield from callers_shown(report, width)
        yield from rejecting_shown(report)
        yield from changes_shown(report)
        yield from unbridged_shown(report, width)
    if not columns:
        yield from known_shown(report)
    yield from seen_shown(report)
