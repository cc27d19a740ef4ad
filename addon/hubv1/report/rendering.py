"""A report as text, in each of the formats."""

import os
import sys
from pathlib import Path
from shutil import get_terminal_size

from hubv1.report.as_html import as_html
from hubv1.report.as_json import as_json
from hubv1.report.model import Report
from hubv1.report.terminal import as_text

FORMATS = ("terminal", "html", "json")
_SUFFIXES = {".html": "html", ".json": "json"}


def form_for(output: Path | None) -> str:
    """The format that the name of a file asks for; the terminal's for any other."""
    return _SUFFIXES.get(output.suffix.lower(), "terminal") if output else "terminal"


def rendered(report: Report, form: str, output: Path | None) -> str:
    """The report in the format `form`, for that file; None is for standard output."""
    if form == "json":
        return as_json(report)
    if form == "html":
        return as_html(report)
    is_terminal = output is None and sys.stdout.isatty()
    width = get_terminal_size().columns if is_terminal else None
    is_dumb = os.environ.get("TERM") == "dumb"
    return as_text(report, width=width, color=is_terminal and not is_dumb)
