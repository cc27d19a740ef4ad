"""Where a report goes: a file, or standard output and whoever reads it."""

import errno
import os
import sys
from collections.abc import Iterable
from io import TextIOWrapper
from pathlib import Path
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import IO
from uuid import uuid4

_ONLY_BESIDE = (errno.EACCES, errno.EPERM, errno.EBUSY, errno.EROFS, errno.ENOENT)
"""Reasons why no file can be made beside another or take its name, as where a container has but the
file itself of its host; that one may still be writable."""

_IN_MEMORY = 1 << 20
"""Bytes that are kept there while there is no better place."""


def write(texts: Iterable[str], output: Path | None) -> None:
    """Write the texts, one after the other, to that file, or to standard output for None.

    Raises OSError.
    """
    if output is not None:
        write_whole(texts, output)
        return
    if isinstance(sys.stdout, TextIOWrapper):
        # What an old terminal cannot show is replaced, not a reason to show nothing.
        sys.stdout.reconfigure(errors="replace")
    try:
        sys.stdout.writelines(texts)
        sys.stdout.flush()
    except OSError as error:
        # Python flushes once more at its end, and must not fail then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # A reader that has read enough, as head does, is no failure of the report.
        if not isinstance(error, BrokenPipeError):
            raise


def write_whole(texts: Iterable[str], path: Path, token: str = "") -> None:
    """Write the file so that nobody ever sees half of it. Raises OSError.

    Its mode is that of the file that was there, or what the umask says. A device, a pipe or a
    folder in which nothing can be made leave no other way than to write to what is there, which
    happens once all of the text is made. `token` is for `temporary_file`.
    """
    target = path.resolve()  # a link goes on pointing to the file
    if target.is_file() or not target.exists():
        try:
            _replace(texts, target, temporary_file(target, token or uuid4().hex))
        except _NotBesideError:
            pass
        else:
            return
    with SpooledTemporaryFile(_IN_MEMORY) as file:
        file.writelines(text.encode() for text in texts)
        _copy(file, target)


def temporary_file(path: Path, token: str) -> Path:
    """The file beside that one in which its new content grows."""
    target = path.resolve()
    return target.with_name(f".{target.name[:100]}.{token}")


class _NotBesideError(Exception):
    """No file can be made beside another; nothing was written yet."""


def _replace(texts: Iterable[str], path: Path, new: Path) -> None:
    try:
        file = new.open("x+b")
    except OSError as error:
        if error.errno in _ONLY_BESIDE:
            raise _NotBesideError from error
        raise
    try:
        with file:
            if path.exists():
                new.chmod(path.stat().st_mode)
            file.writelines(text.encode() for text in texts)
            file.flush()
            try:
                new.replace(path)
            except OSError as error:
                if error.errno not in _ONLY_BESIDE:
                    raise
                _copy(file, path)
    finally:
        new.unlink(missing_ok=True)


def _copy(file: IO[bytes], path: Path) -> None:
    file.seek(0)
    with path.open("wb") as target:
        copyfileobj(file, target)
