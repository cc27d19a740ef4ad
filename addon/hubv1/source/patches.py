"""From the change to a piece of shell to edits of its file, and to a diff for `git apply`."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import unified_diff

from hubv1.source.embedded import Piece
from hubv1.source.fixes import Change, Text
from hubv1.source.tree import SourceFile


@dataclass(frozen=True, slots=True)
class FileEdit:
    """An edit of a file: the text to put between two offsets."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """The edits that fix a call; its idiom is proven by tests."""

    idiom: str
    edits: tuple[FileEdit, ...]
    differs: str
    diff: str


def fix_of(change: Change, piece: Piece, source: SourceFile) -> Fix | None:
    """The fix that makes the change in the file; None if the new text does not fit in."""
    new, at = "", 0
    for edit in sorted(change.edits, key=lambda each: (each.start, each.end)):
        if edit.start < at:
            return None
        new += piece.text[at : edit.start] + _as_shell(edit.text)
        at = edit.end
    new += piece.text[at:]
    if piece.needs_conversion(new):
        if piece.convert is None:
            return None
        edits: tuple[FileEdit, ...] = (FileEdit(*piece.convert(new)),)
    else:
        edits = tuple(
            FileEdit(piece.origin[each.start], piece.origin[each.end], _as_source(piece, each.text))
            for each in change.edits
        )
    return Fix(change.idiom, edits, change.differs, diff_of(source, edits))


def _as_shell(text: Text) -> str:
    return "".join(each if isinstance(each, str) else each.text for each in text)


def _as_source(piece: Piece, text: Text) -> str:
    return "".join(
        piece.escape(each).replace("\n", "\n" + (piece.indent or ""))
        if isinstance(each, str)
        else each.text
        for each in text
    )


def apply(text: str, edits: Iterable[FileEdit]) -> str:
    """The text with the edits; of overlapping edits, the first is applied."""
    made, at = [], 0
    for edit in sorted(edits, key=lambda each: (each.start, each.end)):
        if edit.start < at:
            continue
        made += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*made, text[at:]])


def without_overlaps(fixes: Sequence[Fix]) -> list[FileEdit]:
    """The edits of all fixes of a file; of overlapping fixes, the first is taken."""
    taken: list[FileEdit] = []
    for fix in fixes:
        if not any(
            one.start < two.end and two.start < one.end for one in fix.edits for two in taken
        ):
            taken += fix.edits
    return taken


def diff_of(source: SourceFile, edits: Iterable[FileEdit]) -> str:
    """A unified diff, whose characters are bytes."""
    old, new = source.text, apply(source.text, edits)
    lines = unified_diff(
        re.findall(r"[^\n]*\n|[^\n]+$", old), re.findall(r"[^\n]*\n|[^\n]+$", new),
        f"{_quote_name('a', source.name)}", f"{_quote_name('b', source.name)}",
    )  # fmt: skip
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _quote_name(side: str, name: str) -> str:
    """A name as git writes it, quoted and with octal escapes if necessary."""
    raw = os.fsencode(f"{side}/{name}")
    if re.fullmatch(rb"[\x20-\x21\x23-\x5b\x5d-\x7e]+", raw):
        # A tab ends a name with blanks.
        return raw.decode() + "\t" * (b" " in raw)
    special = {**dict(zip(range(7, 14), "abtnvfr", strict=True)), 34: '"', 92: "\\"}
    escaped = (
        f"\\{special[byte]}" if byte in special
        else chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"
        for byte in raw
    )  # fmt: skip
    return f'"{"".join(escaped)}"'
