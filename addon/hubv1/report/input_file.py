"""Files that a report or a scan is given beside its sources: owners, an earlier report, a template.

A room of its own, since files of every kind are read in this one way.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hubv1.text import plainly, read_text

_Content = TypeVar("_Content")


class ReportError(Exception):
    """A report cannot be made; the message says why in one sentence."""


def read_input(path: Path, what: str, decode: Callable[[str], _Content]) -> _Content:
    """What `decode` makes of the text in the file, which `what` names in a sentence.

    `decode` raises ValueError where the text is none of that kind. Raises ReportError.
    """
    try:
        return decode(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise ReportError(f"The {what} {path} cannot be read: {plainly(error)}.") from error
