"""The files of a journal: how to create, identify, lock and rename them.

SQLite keeps two companions next to a file while it is written: the log (`-wal`), with commits that
are not in the file yet, and an index of the log (`-shm`).
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

Identity = tuple[int, int]  # device and inode, which identify a file whatever its name

_PRIVATE = 0o600
_COMPANIONS = ("-wal", "-shm")
ASIDE = ".damaged-"  # is in the name of a damaged file that is kept
_CLOSING = ".closing"  # ends the name of a file for the moment in which a connection is dropped
_LOCK_SECONDS = 5.0
_WITHOUT_LOCKS: int | None = getattr(os, "O_PATH", None)
"""Opens a file, on Linux alone, so that closing it releases none of SQLite's locks in this process:
https://sqlite.org/howtocorrupt.html, 2.2."""


def sqlite_uri(path: Path, parameters: str) -> str:
    """The URI that opens a file in SQLite with these parameters, whatever the file is called."""
    return f"file:{quote(os.fsencode(path))}?{parameters}"


class FileReplaced(Exception):
    """The journal's path leads to another file now, or to none."""


class FileDisturbed(Exception):
    """Another program has cut short or overwritten the file or its log."""

    def __init__(self, *, is_log_kept: bool = False) -> None:
        """`is_log_kept` says that the log is good and may be used when the file is reopened."""
        super().__init__("it was cut short or overwritten, or a companion of it removed")
        self.is_log_kept = is_log_kept


def identity(path: Path | str) -> Identity | None:
    """The identity of the file at `path`; None if there is no file."""
    try:
        found = os.stat(path)  # noqa: PTH116  # the fastest way, used after each commit
    except OSError:
        return None
    return found.st_dev, found.st_ino


def companions(path: Path) -> list[Path]:
    """The paths of the log and its index, which need not exist."""
    return [path.with_name(path.name + ending) for ending in _COMPANIONS]


def make(path: Path) -> None:
    """Create the file, readable by its owner alone, unless it exists; the caller holds the lock.

    SQLite would make it readable for all; its companions get the same mode. Companions of a former
    file would be read as those of this one, so they are deleted.
    """
    with suppress(FileNotFoundError):
        if not path.exists():
            path.with_name(path.name + _CLOSING).rename(path)  # left by a bridge that was killed
    # Opening and closing an existing file would release the locks of other connections.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _PRIVATE))
        for each in companions(path):
            each.unlink(missing_ok=True)


@contextmanager
def out_of_the_way(path: Path) -> Iterator[None]:
    """Give the file another name for a while; the caller holds the lock.

    Closing the last connection moves the log into the file, unless the file was renamed. Before
    Python 3.12 there is no other way to prevent that.
    """
    aside = path.with_name(path.name + _CLOSING)
    is_moved = False
    with suppress(OSError):  # perhaps a file that is a mount point
        path.rename(aside)
        is_moved = True
    try:
        yield
    finally:
        if is_moved:
            aside.rename(path)


connected = threading.RLock()
"""Held while a thread has a short connection to a journal, or leaves a disturbed file.

All connections of a process to the same file share the index of its log: a new log gets a new index
only after the last of them is closed.
"""

_locked: set[tuple[int, Identity]] = set()  # the threads that hold the lock of a folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a lock that one thread of one bridge can have at a time, even repeatedly; raises
    TimeoutError. It locks the folder itself, so that it needs no further file."""
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
        except OSError:  # a file system without locks
            return
        else:
            return


def hold(path: Path) -> int | None:
    """A descriptor by which to find the file under another name; None if there can be none."""
    return None if _WITHOUT_LOCKS is None else open_if_there(path, _WITHOUT_LOCKS)


def path_of(held: int | None) -> Path | None:
    """The present path of a held file; None if it was deleted, or the path is unknown."""
    with suppress(OSError):
        if held is not None and os.fstat(held).st_nlink:
            return Path(f"/proc/self/fd/{held}").readlink()
    return None


def open_if_there(path: Path | str, flags: int) -> int | None:
    """A descriptor of the file; None if it cannot be opened."""
    try:
        return os.open(path, flags)
    except OSError:
        return None
