"""Where a report goes: a file, or standard output and whoever reads it."""

import errno
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from uuid import uuid4

_ONLY_BESIDE = (errno.EACCES, errno.EPERM, errno.EBUSY, errno.EROFS, errno.ENOENT)
"""Reasons why no file can be made beside another or take its name, as where a container has but the
file itself of its host; that one may still be writable."""


def write(text: str, output: Path | None) -> None:
    """Write the text to that file, or to standard output for None. Raises OSError."""
    if output is not None:
        write_whole(text, output)
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


def write_whole(text: str, path: Path) -> None:
    """Write the file so that nobody ever sees half of it. Raises OSError.

    Its mode is that of the file that was there, or what the umask says. A device, a pipe or a
    folder in which nothing can be made leave no other way than to write to what is there.
    """
    target = path.resolve()  # a link goes on pointing to the file
    is_new = not target.exists()
    if is_new or target.is_file():
        try:
            _replace(text.encode(), target, None if is_new else target.stat().st_mode)
        except OSError as error:
            if error.errno not in _ONLY_BESIDE:
                raise
        else:
            return
    path.write_bytes(text.encode())


def _replace(content: bytes, path: Path, mode: int | None) -> None:
    new = path.with_name(f".{path.name[:100]}.{uuid4().hex}")
    try:
        with new.open("xb") as file:
            file.write(content)
        if mode is not None:
            new.chmod(mode)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
