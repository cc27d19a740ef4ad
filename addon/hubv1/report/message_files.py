"""Messages as files in a folder, one for each team or caller.

A list in the folder says what was written, so that no other file is ever overwritten, nor one that
somebody has changed since.
"""

import errno
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2s, sha256
from pathlib import Path
from typing import Literal

import msgspec

from hubv1.report.changes import by_caller
from hubv1.report.input_file import ReportError, read_input
from hubv1.report.messages import Addressee, Words, addressees, message_to, subject_line
from hubv1.report.model import Report
from hubv1.report.output import write_whole
from hubv1.report.prose import listed
from hubv1.text import number, plainly

LIST_NAME = ".hub-v1-messages.json"
"""The file that lists the others."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 80
_NAMED = 3
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
"""Names that Windows reserves."""


class _List(msgspec.Struct):
    """The names of the files that were written, and the hashes of what each may contain."""

    files: dict[str, list[str]]
    schema: Literal["hub-v1-messages/1"] = "hub-v1-messages/1"


def write_messages(report: Report, folder: Path, *, markdown: bool, words: Words | None) -> str:
    """Write the message to each addressee of the report into a file of its own.

    Returns a sentence that says how many were written, and how many of earlier reports are left.
    Raises ReportError, and then writes nothing if other files are in the way.
    """
    texts = dict(_texts(report, markdown=markdown, words=words))
    try:
        folder.mkdir(exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        earlier = _listed(folder)
        foreign = [name for name in texts if _is_foreign(folder / name, earlier.get(name, ()))]
        if foreign:
            raise ReportError(_in_the_way(folder, foreign))
        hashes = {name: [_hash(text)] for name, text in texts.items()}
        # If this is interrupted, the list knows the old and the new content of each file.
        both = {name: [*earlier.get(name, ()), *new] for name, new in hashes.items()}
        _write_list(folder, earlier | both)
        for name, text in texts.items():
            write_whole([text], folder / name)
        _write_list(folder, earlier | hashes)
    except OSError as error:
        has_parent = folder.absolute().parent.is_dir()
        why = plainly(error) if has_parent else "there is no such folder to make it in"
        raise ReportError(f"The messages cannot be written to {folder}: {why}.") from error
    old = sum((folder / name).exists() for name in earlier.keys() - texts.keys())
    also = f", beside {number(old, 'message')} of earlier reports" if old else ""
    return f"{number(len(texts), 'message')} written to {folder}{also}."


def _texts(report: Report, *, markdown: bool, words: Words | None) -> Iterator[tuple[str, str]]:
    """The name and content of each file; the content begins with the subject line."""
    findings = by_caller(report)
    to_whom = addressees(report)
    for name, each in zip(_file_names(to_whom), to_whom, strict=True):
        text = message_to(each, findings, markdown=markdown, words=words)
        if not text.startswith("Subject: "):  # a team's own words may do without
            text = f"{subject_line(each, markdown=markdown)}\n\n{text}"
        yield f"{name}.{'md' if markdown else 'txt'}", text


def _file_names(to_whom: Sequence[Addressee]) -> Sequence[str]:
    """A file name for each team or caller that every system takes; part of a hash follows the
    name where it had to be changed or is not unique."""
    names = [_safe(each.name) for each in to_whom]
    counts = Counter(name.lower() for name in names)  # since some systems ignore case
    return [
        f"{name}-{blake2s(f'{bool(each.team)}{each.name}'.encode(), digest_size=4).hexdigest()}"
        if counts[name.lower()] > 1 or name != _UNSAFE.sub("-", each.name)
        else name
        for name, each in zip(names, to_whom, strict=True)
    ]


def _safe(name: str) -> str:
    safe = _UNSAFE.sub("-", name)[:_LONGEST].strip("-.")
    return f"caller-{safe}".rstrip("-") if not safe or _RESERVED.match(safe) else safe


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _is_foreign(path: Path, hashes: Sequence[str]) -> bool:
    """Whether something at the path was not written here, or was changed since."""
    if not os.path.lexists(path):
        return False
    is_file = path.is_file() and not path.is_symlink()
    return not is_file or sha256(path.read_bytes()).hexdigest() not in hashes


def _in_the_way(folder: Path, names: Sequence[str]) -> str:
    are = "is" if len(names) == 1 else "are"
    return (
        f"No message is written to {folder}, since {listed(names, _NAMED)} {are} not what an "
        "earlier report wrote: move it, or name another folder."
    )


def _listed(folder: Path) -> dict[str, list[str]]:
    path = folder / LIST_NAME
    if not path.is_file():
        return {}
    return read_input(path, "list of messages", msgspec.json.Decoder(_List).decode).files


def _write_list(folder: Path, files: Mapping[str, list[str]]) -> None:
    text = msgspec.json.format(msgspec.json.encode(_List(dict(files))), indent=2).decode()
    write_whole([f"{text}\n"], folder / LIST_NAME)
