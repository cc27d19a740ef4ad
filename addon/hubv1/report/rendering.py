"""A report as text: a renderer for each format, found by its name or by a file's suffix."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import get_terminal_size

from hubv1.report.as_csv import as_csv
from hubv1.report.as_html import as_html
from hubv1.report.as_json import as_json
from hubv1.report.as_markdown import as_markdown
from hubv1.report.columns import COLUMNS
from hubv1.report.model import Report
from hubv1.report.terminal import as_text


class UnknownFormat(Exception):
    """No format goes with what was asked for; the message says which there are."""


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


PLAIN = Look()


def _as_text(report: Report, look: Look) -> str:
    return as_text(
        report,
        width=look.width,
        color=look.color,
        columns=look.columns,
        in_ascii=look.in_ascii,
    )


_RENDERERS: Mapping[str, Callable[[Report, Look], str]] = {
    "terminal": _as_text,
    "html": lambda report, _: as_html(report),
    "md": lambda report, look: as_markdown(report, look.columns),
    "json": lambda report, _: as_json(report),
    "csv": lambda report, look: as_csv(report, look.columns or COLUMNS),
}
SUFFIXES = {".html": "html", ".md": "md", ".json": "json", ".csv": "csv", ".txt": "terminal"}

FORMATS = tuple(_RENDERERS)
WITH_COLUMNS = ("terminal", "md", "csv")
"""Those that show a table of findings whose columns can be chosen."""


def format_of(path: Path) -> str:
    """The format that the suffix of a file's name stands for; raises UnknownFormat."""
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise UnknownFormat(f"a report's name ends in {', '.join(SUFFIXES)}, not as {path.name!r}")
    return form


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


def rendered(report: Report, form: str, look: Look = PLAIN) -> str:
    """The report in the format of that name, which is one of FORMATS."""
    return _RENDERERS[form](report, look)


def _shows_blocks(encoding: str | None) -> bool:
    try:
        "\N{FULL BLOCK}".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
