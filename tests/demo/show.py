"""The story's words on a terminal, or in a log."""

from __future__ import annotations

import os
import textwrap
from dataclasses import dataclass
from typing import TextIO

LONGEST = 100
SHOWN_LINES = 3


@dataclass
class Teller:
    """Writes the story; with colour where there is a terminal that wants it."""

    out: TextIO
    clients: int = 0

    def __post_init__(self) -> None:
        self.has_colour = self.out.isatty() and not os.environ.get("NO_COLOR")

    def title(self, text: str) -> None:
        self._line("\n" + self._in(text, "1"))

    def text(self, text: str) -> None:
        self._line(text)

    def client(self, title: str, command: str) -> None:
        self.clients += 1
        self._line("\n" + self._in(f"{self.clients:2}  {title}", "1"))
        self._line(textwrap.indent(self._in(command, "36"), "    "))

    def result(self, label: str, output: str, complaint: str, *, good: bool) -> None:
        """What a client got: in green if it is what v1 gave, else in red."""
        said = f"({complaint})" if complaint else ""
        shown = " ".join(part for part in (_shortened(output), said) if part)
        colour = "32" if good else "31"
        self._line(f"    {label:<8} {self._in(shown or '(nothing)', colour)}")

    def good(self, text: str) -> None:
        self._line("\n" + self._in(text, "1;32"))

    def bad(self, text: str) -> None:
        self._line("    " + self._in(text, "1;31"))

    def flush(self) -> None:
        self.out.flush()

    def _in(self, text: str, colour: str) -> str:
        if not self.has_colour:
            return text
        return "\n".join(f"\033[{colour}m{line}\033[0m" for line in text.split("\n"))

    def _line(self, text: str) -> None:
        self.out.write(text + "\n")
        self.out.flush()


def _shortened(output: str) -> str:
    lines = output.splitlines()
    if len(lines) > SHOWN_LINES:
        lines = [*lines[:SHOWN_LINES], f"… {lines[-1]} ({len(lines)} lines)"]
    return textwrap.shorten(" ".join(lines), LONGEST, placeholder=" …")
