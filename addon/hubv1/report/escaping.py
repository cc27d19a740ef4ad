"""Texts from outside, made harmless for the place where they are shown.

In Markdown, as GitHub reads it, they are code and nothing in them is more. In CSV they are no
formula, whatever a spreadsheet takes for the separator.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from hubv1.text import printable

_BACKTICKS = re.compile("`+")
_FORMULA = r"=+\-@\uff1d\uff0b\uff0d\uff20"
"""Characters that make a spreadsheet compute a cell, the full-width forms included
(https://owasp.org/www-community/attacks/CSV_Injection)."""
_SEPARATORS = ",;|:\t"
_FORMULA_CELL = re.compile(rf"(^|[{_SEPARATORS}])(?=[\s\"']*[{_FORMULA}])")
_QUOTE = '"'
_CELLS_KEPT = 10_000
_MARKUP = re.compile(r"[\\`*_{}\[\]<>|#~&$!]")


@lru_cache(_CELLS_KEPT)  # most texts of a table come again in its next rows
def csv_cell(value: str | int) -> str:
    """A cell of CSV (RFC 4180): text is on one line, with a `'` before what would be a formula.

    Spreadsheets guess the separator, some by where they are used. So a formula is one too behind
    any separator that they guess, whatever the cell is quoted with.
    """
    if isinstance(value, int):
        return str(value)
    text = _FORMULA_CELL.sub(r"\1'", printable(value))
    text = f"'{text}" if value[:1] in {"\t", "\r", "\n"} else text
    return f'"{text.replace(_QUOTE, _QUOTE * 2)}"' if "," in text or _QUOTE in text else text


def plain(text: str) -> str:
    """Text of ours, in which names that were asked for may stand, with nothing that is markup."""
    return _MARKUP.sub(r"\\\g<0>", printable(text))


def code_span(text: str) -> str:
    """Any text as code within a line: nothing in it is markup, a link or a mention."""
    text = printable(text) or " "
    fence = "`" * (_longest_run(text) + 1)
    # One blank at each end is taken off again where there are two, but not of blanks alone.
    pad = " " if text.strip() and (text[0] in "` " or text[-1] in "` ") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def code_cell(text: str) -> str:
    """A code span for a table, whose lines are cut into cells first; empty for an empty text."""
    return code_span(text).replace("|", "\\|") if text else ""


def code_block(lines: Iterable[str], language: str = "text") -> str:
    """A block of code, each line of which is any text."""
    lines = [printable(line) for line in lines]
    fence = "`" * max(3, max(map(_longest_run, lines), default=0) + 1)
    return "\n".join((f"{fence}{language}", *lines, fence))


def _longest_run(text: str) -> int:
    return max(map(len, _BACKTICKS.findall(text)), default=0)
