"""The files of a journal: made for their owner alone, told apart, locked, kept aside.

SQLite keeps two companions beside a file that is written: the log (`-wal`), which has what was
committed and is not in the file yet, and an index of it (`-shm`).
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

Identity = tuple[int, int]
"""Device and inode: what a file is, whatever it is called."""

_PRIVATE = 0o600
_COMPANIONS = ("-wal", "-shm")
ASIDE = ".damaged-"
"""Stands in the name of a damaged file that is kept."""
_CLOSING = ".closing"
"""Ends the name that a file has for the moment in which a connection to it is dropped."""
_LOCK_SECONDS = 5.0
_WITHOUT_LOCKS: int | None = getattr(os, "O_PATH", None)
"""Opens a file so that closing it takes no lock from SQLite, which has its own in this process:
https://sqlite.org/howtocorrupt.html, 2.2. Linux alone has it."""


class FileReplaced(Exception):
    """The journal's path leads to another file by now, or to none."""


class FileDisturbed(Exception):
    """The file is the same, but not all is there that was."""

    def __init__(self, *, is_log_kept: bool = False) -> None:
        """`is_log_kept` tells whether whoever opens the file next may have the log."""
        super().__init__("it was cut short or overwritten, or what belongs to it removed")
        self.is_log_kept = is_log_kept


def identity(path: Path | str) -> Identity | None:
    """Of the file at `path`; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  # after each commit, and this is the fastest
    except OSError:
        return None
    return found.st_dev, found.st_ino


def companions(path: Path) -> list[Path]:
    """The log and its index; they need not be there."""
    return [path.with_name(path.name + ending) for ending in _COMPANIONS]


def make(path: Path) -> None:
    """Make sure that there is a file, for its owner alone; hold the lock.

    SQLite would make it readable for all; its companions take over its mode. Companions of
    another file that was here would be read as this one's, and so go.
    """
    with suppress(FileNotFoundError):
        if not path.exists():
            path.with_name(path.name + _CLOSING).rename(path)  # a bridge was killed meanwhile
    # Opening a file that is there, and closing it, would take its locks from other connections.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _PRIVATE))
        for each in companions(path):
            each.unlink(missing_ok=True)


@contextmanager
def out_of_the_way(path: Path) -> Iterator[None]:
    """While it lasts the file has another name; hold the lock.

    SQLite writes what a log has into a file whose last connection it closes, unless the file has
    been moved: there is no other way to stop it before Python 3.12.
    """
    aside = path.with_name(path.name + _CLOSING)
    is_moved = False
    with suppress(OSError):  # one that is mounted by itself, say
        path.rename(aside)
        is_moved = True
    try:
        yield
    finally:
        if is_moved:
            aside.rename(path)


connected = threading.RLock()
"""Held by whoever has a connection to a journal for a moment, and by who leaves a file.

SQLite shares the index of a log among all connections of a process to the same file: a new log gets
a new index only once the last of them is closed.
"""

_locked: set[tuple[int, Identity]] = set()
"""Which thread has which folder locked."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One bridge at a time; whoever has the lock may take it again. Raises TimeoutError.

    The lock is on the folder, so that no further file is needed.
    """
    found = identity(folder)
    key = found and (threading.get_ident(), found)
    if key is None or key in _locked:
        yield
        return
    with ExitStack() as stack:
        with suppress(PermissionError, NotADirectoryError, FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            _take_lock(descriptor, folder)
        _locked.add(key)
        stack.callback(_locked.discard, key)
        yield


def _take_lock(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"another bridge keeps {folder} locked") from None
            time.sleep(0.01)
        except OSError:  # not every file system has locks
            return
        else:
            return


def hold(path: Path) -> int | None:
    """A descriptor of the file whatever becomes of its name; None where there can be none."""
    return None if _WITHOUT_LOCKS is None else open_if_there(path, _WITHOUT_LOCKS)


def path_of(held: int | None) -> Path | None:
    """What a file is called by now; None where it has no name, or that cannot be told."""
    with suppress(OSError):
        if held is not None and os.fstat(held).st_nlink:
            return Path(f"/proc/self/fd/{held}").readlink()
    return None


def open_if_there(path: Path | str, flags: int) -> int | None:
    """A descriptor of the file; None where it cannot be opened."""
    try:
        return os.open(path, flags)
    except OSError:
        return None
