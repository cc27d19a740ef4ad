"""Where a report goes: a file, or standard output and whoever reads it."""

import os
import sys
from io import TextIOWrapper
from pathlib import Path


def write(text: str, output: Path | None) -> None:
    """Write the text to that file; None is for standard output. Raises OSError."""
    if output is not None:
        output.write_text(text, encoding="utf-8")
        return
    if isinstance(sys.stdout, TextIOWrapper):
        # What an old terminal cannot show is replaced, not a reason to show nothing.
        sys.stdout.reconfigure(errors="replace")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # Python flushes once more at its end, and must not fail then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # A reader that has read enough, as head does, is no failure of the report.
        if not isinstance(error, BrokenPipeError):
            raise
