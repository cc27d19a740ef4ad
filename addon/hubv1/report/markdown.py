"""Markdown as GitHub reads it: texts from outside are code, and nothing in them is more."""

import re
from collections.abc import Iterable, Iterator, Sequence

from hubv1.texts import printable

_BACKTICKS = re.compile("`+")
_MARKUP = re.compile(r"[\\`*_{}\[\]<>|#~&$!]")


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
    """The same in a table, where a line is cut into cells before anything else; empty for none."""
    return code_span(text).replace("|", "\\|") if text else ""


def code_block(lines: Iterable[str], language: str = "text") -> str:
    """A block of code, each line of which is any text."""
    lines = [printable(line) for line in lines]
    fence = "`" * max(3, max(map(_longest_run, lines), default=0) + 1)
    return "\n".join((f"{fence}{language}", *lines, fence))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], most: int, size: int) -> str:
    """A table of the first rows, `most` of them or as many as fit into `size` bytes.

    What is left out is counted below it. Cells are Markdown already; figures are those columns
    whose names end in a colon.
    """
    marks = ("---:" if name.endswith(":") else "---" for name in columns)
    lines = [_row(name.rstrip(":") for name in columns), _row(marks)]
    left, is_full = 0, False
    for at, row in enumerate(rows):
        line = _row(row)
        size -= len(line.encode()) + 1
        is_full = is_full or size < 0 or at >= most
        if is_full:
            left += 1
        else:
            lines.append(line)
    return "\n".join([*lines, *_left_out(left)])


def _left_out(rows: int) -> Iterator[str]:
    if rows:
        yield ""
        yield f"{rows:,} more {'is' if rows == 1 else 'are'} in the JSON report."


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _longest_run(text: str) -> int:
    return max(map(len, _BACKTICKS.findall(text)), default=0)
