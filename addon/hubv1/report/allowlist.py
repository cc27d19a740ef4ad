"""Callers that are known and accepted for a while: the allowlist that --ignore names."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec

from hubv1.journal import is_named
from hubv1.report.input_file import read_input

_ENTRY = re.compile(r"^[ \t]*\[\[[ \t]*ignore[ \t]*\]\]", re.MULTILINE)
_INDEX = re.compile(r"\$\.ignore\[(\d+)\]")


class Accepted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the file."""

    caller: str
    """Its name, or a pattern for several."""
    reason: str
    until: date
    """The last day, UTC, on which it counts."""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    ignore: list[Accepted]


@dataclass(frozen=True, slots=True)
class Allowlist:
    """The entries of a file, told apart by a day."""

    in_force: tuple[Accepted, ...] = ()
    ended: tuple[Accepted, ...] = ()

    def warnings(self, ignored: Collection[str]) -> Iterator[str]:
        """Sentences about entries that have ended, or that match none of the ignored callers."""
        for entry in self.ended:
            yield f"{entry.caller!r} was accepted until {entry.until}, and counts again."
        for entry in self.in_force:
            if not any(is_named(caller, (entry.caller,)) for caller in ignored):
                yield f"no caller is {entry.caller!r}, so its entry can go."


def read_allowlist(path: Path, today: date) -> Allowlist:
    """The entries of that file as of `today`, UTC; raises ReportError."""
    entries = read_input(path, "file of ignored callers", _decode)
    return Allowlist(
        tuple(entry for entry in entries if today <= entry.until),
        tuple(entry for entry in entries if today > entry.until),
    )


def _decode(text: str) -> list[Accepted]:
    text += "\n"  # for an error in the last line to have its number
    try:
        entries = msgspec.toml.decode(text, type=_File).ignore
    except msgspec.ValidationError as error:
        raise ValueError(f"{_line(text, str(error))}{error}") from error
    for number, entry in enumerate(entries):
        if not (entry.caller.strip() and entry.reason.strip()):
            where = _line(text, f"$.ignore[{number}]")
            raise ValueError(f"{where}an entry needs a caller and a reason")
    return entries


def _line(text: str, error: str) -> str:
    """The line of the entry that an error of msgspec's is about, for a sentence."""
    found = _INDEX.search(error)
    begins = [match.start() for match in _ENTRY.finditer(text)]
    if found is None or int(found[1]) >= len(begins):
        return ""
    return f"in the entry of line {text.count(chr(10), 0, begins[int(found[1])]) + 1}, "
