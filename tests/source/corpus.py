"""The frozen files of corpus.txt, and the marks that were made by hand."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("corpus.txt")


@dataclass(frozen=True)
class Marked:
    """A file with the calls that are in it."""

    name: str
    marks: tuple[tuple[str, ...], ...]
    """Line, kind, route, repository, what is done with the answer, and whether there is a fix."""
    text: str

    @property
    def has_calls(self) -> bool:
        return self.name.startswith("calls/")


def files() -> Iterator[Marked]:
    parts = re.split(r"^-- (.*) --\n", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        lines = body.split("\n")
        marks = [line for line in lines if line.startswith("== ")]
        fields = (tuple(map(str.strip, mark.removeprefix("== ").split("|"))) for mark in marks)
        yield Marked(name, tuple(fields), "\n".join(lines[len(marks) :]))


def write(folder: Path) -> Path:
    """All of them, as files below a folder."""
    for each in files():
        path = folder / each.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(each.text, encoding="utf-8")
    return folder
