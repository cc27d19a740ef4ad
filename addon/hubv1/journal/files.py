"""The files of a journal: made for their owner alone, told apart, watched, kept aside.

SQLite keeps two companions beside a file that is written: the log (`-wal`), which has what was
committed and is not in the file yet, and an index of it (`-shm`).
"""

import fcntl
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

Identity = tuple[int, int]
"""Device and inode: what a file is, whatever it is called."""

_PRIVATE = 0o600
_LOG, _INDEX = "-wal", "-shm"
_ASIDE = ".damaged-"
_CLOSING = ".closing"
"""Ends the name that a file has for the moment in which a connection to it is dropped."""
_LOCK_SECONDS = 5.0
_LOG_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
"""How a log begins, and in which order its checksums are: https://sqlite.org/fileformat.html, 4.1.
"""
_HEADER_SIZE = 32
_ATTEMPTS = 3
_WITHOUT_LOCKS: int | None = getattr(os, "O_PATH", None)
"""Opens a file so that closing it takes no lock from SQLite, which has its own in this process:
https://sqlite.org/howtocorrupt.html, 2.2. Linux alone has it."""


class FileReplaced(Exception):
    """The journal's path leads to another file by now, or to none."""


class FileDisturbed(Exception):
    """The file is the same, but not all is there that was."""

    def __init__(self, *, is_log_good: bool = False, is_log_kept: bool = False) -> None:
        """`is_log_good` tells whether what the log has may still be written into the file, and
        `is_log_kept` whether whoever opens the file next may have it."""
        super().__init__("it was cut short or overwritten, or what belongs to it removed")
        self.is_log_good = is_log_good
        self.is_log_kept = is_log_kept


def identity(path: Path | str) -> Identity | None:
    """Of the file at `path`; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  # after each commit, and this is the fastest
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_empty(path: Path, which: Identity | None) -> bool:
    """Whether the file at `path` is that one, and has nothing in it."""
    with suppress(OSError):
        return path.stat().st_size == 0 and identity(path) == which
    return False


def companions(path: Path) -> list[Path]:
    """The files that SQLite keeps beside the journal; they need not be there."""
    return [path.with_name(path.name + ending) for ending in (_LOG, _INDEX)]


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
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _PRIVATE)
        os.close(descriptor)
        remove(*companions(path))


def remove(*paths: Path) -> None:
    """Remove these files, as far as they are there."""
    for path in paths:
        path.unlink(missing_ok=True)


def keep_aside(path: Path, damaged: Identity | None) -> Path | None:
    """Rename the damaged file and its companions, and return the new name; hold the lock.

    None where another bridge has done so already, and something else is here by now.
    """
    if damaged is None or identity(path) != damaged:
        return None
    aside = _free_name(path)
    for each in companions(path):
        with suppress(FileNotFoundError):
            each.rename(aside.with_name(aside.name + each.name.removeprefix(path.name)))
    return path.rename(aside)


def is_aside(path: Path) -> bool:
    """Whether that is the name of a damaged file that was kept aside."""
    return _ASIDE in path.name


def _free_name(path: Path) -> Path:
    now = datetime.now(UTC)
    name = f"{path.name}{_ASIDE}{now:%Y%m%dT%H%M%SZ}"
    if path.with_name(name).exists():
        name = f"{path.name}{_ASIDE}{now:%Y%m%dT%H%M%S.%fZ}"
    return path.with_name(name)


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


_connected = threading.RLock()


@contextmanager
def connected(seconds: float = -1) -> Iterator[None]:
    """Held by whoever has a connection to a journal for a moment, and by who leaves a file.

    SQLite shares the index of a log among all connections of a process to the same file: a new log
    gets a new index only once the last of them is closed. After so many `seconds` it goes on
    without.
    """
    is_held = _connected.acquire(timeout=seconds)
    try:
        yield
    finally:
        if is_held:
            _connected.release()


class _Held(threading.local):
    def __init__(self) -> None:
        self.folders: set[Identity] = set()


_held = _Held()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One bridge at a time; whoever has the lock may take it again. Raises TimeoutError.

    The lock is on the folder, so that no further file is needed.
    """
    found = identity(folder)
    if found is None or found in _held.folders:
        yield
        return
    with ExitStack() as stack:
        with suppress(PermissionError, NotADirectoryError, FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            _take_lock(descriptor, folder)
        _held.folders.add(found)
        stack.callback(_held.folders.discard, found)
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


@dataclass(frozen=True, slots=True)
class _State:
    """What the system says of a file."""

    identity: Identity
    size: int
    changed_at: int


class Held:
    """A file that is held on to, whatever becomes of its name."""

    def __init__(self, path: Path) -> None:
        """The file at `path`, if there is one."""
        self._descriptor = _opened(path, _WITHOUT_LOCKS)

    @property
    def has_name(self) -> bool | None:
        """Whether it is in some folder still; None where that cannot be told."""
        return None if self._descriptor is None else os.fstat(self._descriptor).st_nlink > 0

    @property
    def path(self) -> Path | None:
        """What it is called by now; None where that cannot be told."""
        if self._descriptor is None:
            return None
        try:
            return Path(f"/proc/self/fd/{self._descriptor}").readlink()
        except OSError:
            return None

    def close(self) -> None:
        """Hold it no more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None


class Watch:
    """Notices what others do to the files of a journal while they are written."""

    def __init__(self, path: Path, file: Path) -> None:
        """`path` may be a link, and `file` what it leads to now. What belongs to the file is known
        from the first `check` after a commit on."""
        self.identity = identity(path)
        self.file = file
        self.has_log = True
        """Some file systems cannot have one; then whoever commits writes to the file itself."""
        self._path = str(path)
        self._names = [str(each) for each in companions(file)]
        self._file: _State | None = None
        self._companions: tuple[Identity | None, ...] = ()
        self.held = Held(path)
        self._log: int | None = None
        self._log_size = 0
        self._header = b""

    def check(self) -> bool:
        """Whether the file is as it was left; where it was written to by somebody else, another
        bridge perhaps, it has to be read before `accept` says that all is well.

        Raises FileReplaced and FileDisturbed.
        """
        now = self._now()
        if not self.has_log:
            return True
        found = tuple(map(identity, self._names))
        if self._file is None:
            self._file, self._companions = now, found
            self._log = _opened(Path(self._names[0]), os.O_RDONLY)
        is_cut = now.size < self._file.size
        is_whole = self.is_log_whole()
        if is_cut or not is_whole or None in found or found != self._companions:
            is_good = is_whole and self._are_none_of_others(found)
            raise FileDisturbed(
                is_log_good=is_good and not is_cut, is_log_kept=is_good and is_cut and now.size > 0
            )
        return now == self._file

    def accept(self) -> None:
        """The file is right as it is now; raises FileReplaced."""
        self._file = self._now()

    def accept_log(self) -> None:
        """So is the log, which another program has emptied as it should be."""
        self._log_size, self._header = 0, b""

    @property
    def is_log_empty(self) -> bool:
        """Whether nothing is in the log, though there was."""
        return self._log is not None and os.fstat(self._log).st_size == 0

    def has_hole_in_log(self) -> bool:
        """Whether the log was cut and has grown again since: it has zeros in between, which would
        be written into the file. Not every file system tells."""
        if self._log is None:
            return False
        size = os.fstat(self._log).st_size
        with suppress(OSError):
            return size > 0 and os.lseek(self._log, 0, os.SEEK_HOLE) < size
        return False

    def remove_companions(self) -> None:
        """Remove those that were known, where they still are."""
        for name, known in zip(self._names, self._companions, strict=False):
            if known is not None and identity(name) == known:
                remove(Path(name))

    def close(self) -> None:
        """Watch no more; what is `held` is held on."""
        if self._log is not None:
            os.close(self._log)
        self._log = None

    def _now(self) -> _State:
        try:
            found = os.stat(self._path)  # noqa: PTH116  # as above
        except OSError:
            raise FileReplaced from None
        now = _State((found.st_dev, found.st_ino), found.st_size, found.st_mtime_ns)
        if now.identity != self.identity:
            raise FileReplaced
        return now

    def _are_none_of_others(self, found: tuple[Identity | None, ...]) -> bool:
        """Whether nobody has begun another log: the file then has what the old one does not."""
        return all(one in (None, mine) for one, mine in zip(found, self._companions, strict=True))

    def is_log_whole(self) -> bool:
        """Whether the log has what was written to it. SQLite begins it anew now and then, with
        another header; one with the same header only grows."""
        if self._log is None:
            return True
        for _ in range(_ATTEMPTS):  # another bridge may be writing the header
            header, size = os.pread(self._log, _HEADER_SIZE, 0), os.fstat(self._log).st_size
            if header == self._header and size >= self._log_size:
                self._log_size = size
                return True
            if header != self._header and _is_header(header):
                self._header, self._log_size = header, size
                return True
        return size == self._log_size == 0


def _is_header(header: bytes) -> bool:
    """Whether that is the header of a log, by its checksum."""
    if len(header) < _HEADER_SIZE:
        return False
    order = _LOG_MAGIC.get(int.from_bytes(header[:4], "big"))
    if order is None:
        return False
    one = other = 0
    words = struct.unpack(f"{order}6I", header[:24])
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + other) & 0xFFFF_FFFF
        other = (other + second + one) & 0xFFFF_FFFF
    return (one, other) == struct.unpack(">2I", header[24:])


def _opened(path: Path, flags: int | None) -> int | None:
    if flags is None:
        return None
    try:
        return os.open(path, flags)
    except OSError:
        return None
