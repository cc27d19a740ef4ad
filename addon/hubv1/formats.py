"""What the name of a report's file says about its format.

Apart from the report, which the bridge loads only when somebody asks for one: options that name a
file are checked at the start.
"""

from collections.abc import Mapping
from pathlib import Path

SUFFIXES: Mapping[str, str] = {
    ".html": "html",
    ".md": "md",
    ".json": "json",
    ".csv": "csv",
    ".txt": "terminal",
}
"""The format that each stands for."""


class UnknownFormat(Exception):
    """No format goes with what was asked for; the message says which there are."""


def format_of(path: Path) -> str:
    """The format that the suffix of a file's name stands for; raises UnknownFormat."""
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise UnknownFormat(f"a report's name ends in {', '.join(SUFFIXES)}, not as {path.name!r}")
    return form
