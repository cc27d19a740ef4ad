"""The files of an SQLite journal: made for their owner alone, told apart, kept aside."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

_PRIVATE = 0o600
_COMPANIONS = ("-wal", "-shm")

Identity = tuple[int, int]
"""Device and inode: what a file is, whatever it is called."""


def identity(path: Path) -> Identity | None:
    """Of the file at `path`; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def companions(path: Path) -> list[Path]:
    """The files that SQLite keeps beside the journal; they need not be there."""
    return [path.with_name(path.name + ending) for ending in _COMPANIONS]


def make(path: Path, stale: frozenset[Identity] | set[Identity] = frozenset()) -> None:
    """Make sure that there is a file, for its owner alone.

    SQLite would make it readable for all; its companions take over its mode. Companions of
    another file that was here would be read as this one's: those without a file and those known
    as `stale` go.
    """
    with _lock(path.parent):
        is_new = not path.exists()
        for each in companions(path):
            if is_new or identity(each) in stale:
                each.unlink(missing_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE))


def keep_aside(path: Path, damaged: Identity | None) -> Path | None:
    """Rename the damaged file and its companions; returns the new name.

    None where another bridge has done so already, and something else is here by now.
    """
    with _lock(path.parent):
        if damaged is None or identity(path) != damaged:
            return None
        aside = _free_name(path)
        for each in companions(path):
            with suppress(FileNotFoundError):
                each.rename(aside.with_name(aside.name + each.name.removeprefix(path.name)))
        return path.rename(aside)


def _free_name(path: Path) -> Path:
    now = datetime.now(UTC)
    name = f"{path.name}.damaged-{now:%Y%m%dT%H%M%SZ}"
    if path.with_name(name).exists():
        name = f"{path.name}.damaged-{now:%Y%m%dT%H%M%S.%fZ}"
    return path.with_name(name)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """One bridge at a time. The lock is on the folder, so that no further file is needed."""
    with ExitStack() as stack:
        with suppress(OSError):  # not every folder may be read, not every file system has locks
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
