"""A report as text: a renderer for each format, loaded when somebody asks for it."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import get_terminal_size

from hubv1.formats import UnknownFormat
from hubv1.report.model import Report

FORMATS = ("terminal", "html", "md", "json", "csv")
WITH_COLUMNS = ("terminal", "md", "csv")
"""Those that show a table of findings whose columns can be chosen."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a format may be told about how the report is to look."""

    columns: Sequence[str] = ()
    """Of the table of findings; none for what the format has by itself."""
    width: int | None = None
    """Columns of the terminal; None where there is no terminal."""
    color: bool = False
    in_ascii: bool = False
    """Whether nothing else can be shown."""


_PLAIN = Look()


def look_for(form: str, output: Path | None, columns: Sequence[str]) -> Look:
    """How a report of that format is to look in that file; None is for standard output as it is.

    Raises UnknownFormat where columns were chosen and the format has none to choose.
    """
    if columns and form not in WITH_COLUMNS:
        raise UnknownFormat(f"--columns is for {', '.join(WITH_COLUMNS)}, not for {form}")
    if output is not None:
        return Look(columns)
    in_ascii = not _shows_blocks(sys.stdout.encoding)
    if not sys.stdout.isatty():
        return Look(columns, in_ascii=in_ascii)
    is_dumb = os.environ.get("TERM") == "dumb"
    width = get_terminal_size().columns
    return Look(columns, width, color=not is_dumb, in_ascii=in_ascii or is_dumb)


def render_report(report: Report, form: str, look: Look = _PLAIN) -> Iterator[str]:
    """The report in the format of that name, which is one of FORMATS, text by text."""
    # Each needs a library that the others do without.
    if form == "html":
        from hubv1.report.render.html import as_html  # noqa: PLC0415  # see above

        return iter([as_html(report)])
    if form in {"json", "csv"}:
        from hubv1.report.render import data  # noqa: PLC0415  # see above

        return data.as_json(report) if form == "json" else data.as_csv(report, look.columns)
    if form == "md":
        from hubv1.report.render.markdown import as_markdown  # noqa: PLC0415  # see above

        return iter([as_markdown(report, look.columns)])
    from hubv1.report.render.terminal import as_text  # noqa: PLC0415  # see above

    return as_text(
        report,
        width=look.width,
        color=look.color,
        columns=look.columns,
        in_ascii=look.in_ascii,
    )


def _shows_blocks(encoding: str | None) -> bool:
    try:
        "\N{FULL BLOCK}".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
