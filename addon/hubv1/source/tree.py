"""The files of source trees that may hold calls, and what was looked at to find them.

Nothing of a tree is ever run, git included: its configuration may name programs. So .gitignore is
read here.
"""

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

LARGEST = 8 << 20
"""Bytes of a file that is still read: no source is larger."""
_PEEK = 8192
_METADATA = frozenset({".git", ".hg", ".svn"})
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_HOSTS = (b"docker.io", b"docker.com", b"DOCKER.IO", b"DOCKER.COM")
_SIGNS = (b"repositories", b"users", b"v1", b"v2")
_OWN = re.compile(
    rb'\A\{\s*"schema":\s*"hub-v1-(?:scan|report)/|"driver":\s*\{\s*"name":\s*"hub-v1-bridge"|'
    rb'<testsuite name="(?:hub-v1-bridge scan|Docker Hub API v1)"|\Acaller,address,user_agent,|'
    rb"\A# (?:Calls to Docker Hub API v1 in these files|Who still calls Docker Hub API v1)\n|"
    rb"<title>Who still calls Docker Hub API v1</title>"
)
"""How reports and scans begin, such as a baseline that is kept beside the sources."""
_WIDE = (b"d\0o\0c\0k\0e\0r\0.", b"\0d\0o\0c\0k\0e\0r\0.")


@dataclass(slots=True)
class Looked:
    """What was looked at."""

    files: int = 0
    bytes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    """How many files and folders, by the reason."""
    unreadable: list[str] = field(default_factory=list)
    """The PATHs that were given and cannot be read."""
    mentions: int = 0
    """Addresses of v1 in comments, prose and messages, which call nothing."""
    ignored: int = 0
    """Calls that a comment leaves out."""
    unexplained: list[str] = field(default_factory=list)
    """Places of such comments that give no reason, and so leave out nothing."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that may hold calls."""

    path: Path
    name: str
    """Relative to the root of its repository, else to where the user is, or to the PATH given; to
    what all of these have in common where they differ, so that no two files have one name."""
    text: str
    """Its bytes, a character each (ISO 8859-1), so that any encoding passes."""
    is_recoded: bool = False
    """Whether it is UTF-16 and was made UTF-8: no edit of it would fit."""


class Tree:
    """The files at and below the paths that a user names."""

    def __init__(self, paths: Sequence[Path], exclude: Sequence[str], here: Path) -> None:
        """`exclude` is in the words of .gitignore; `here` is the folder that the user is in."""
        self.looked = Looked()
        self._paths = paths
        self._here = here.resolve()
        self._exclude = GitIgnoreSpec.from_lines(exclude)
        self._seen: set[tuple[int, int]] = set()
        self._named_from = ""

    def files(self) -> Iterator[SourceFile]:
        """Each file once, in the order of the paths and by name within a folder."""
        reals = [Path(os.path.realpath(path)) for path in self._paths]
        bases = {real: self._base_of(real) for real in reals if os.access(real, os.R_OK)}
        self._named_from = os.path.commonpath(bases.values()) if bases else ""
        for path, real in zip(self._paths, reals, strict=True):
            if real not in bases:
                self.looked.unreadable.append(str(path))
                continue
            root = _repository(real)
            folder = real if real.is_dir() else real.parent
            rules = _Rules(str(bases[real]), self._exclude)
            if folder is not real:
                yield from self._read(str(real), is_named=True)
                continue
            above = reversed(folder.relative_to(root).parents) if root else ()
            for each in (*(root / each for each in above if root), folder):
                rules = rules.below(str(each))
            yield from self._walk(str(folder), rules)

    def _base_of(self, real: Path) -> Path:
        """What names of files there are relative to, were it alone."""
        here = self._here if real.is_relative_to(self._here) else None
        return _repository(real) or here or (real if real.is_dir() else real.parent)

    def _walk(self, top: str, rules: "_Rules") -> Iterator[SourceFile]:
        # Paths are texts here: to make objects of them takes longer than to read the files.
        waiting = [(top, rules)]
        while waiting:
            folder, rules = waiting.pop()
            try:
                with os.scandir(folder) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError:
                self.looked.skipped["folders that cannot be read"] += 1
                continue
            below = []
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                if self._is_left_out(entry, rules, is_folder=is_folder):
                    continue
                if is_folder:
                    below.append((entry.path, rules.below(entry.path)))
                else:
                    yield from self._read(entry.path)
            waiting += reversed(below)

    def _is_left_out(self, entry: "os.DirEntry[str]", rules: "_Rules", *, is_folder: bool) -> bool:
        if is_folder and entry.name in _METADATA:
            return True
        if entry.is_symlink():
            reason = "links"
        elif why := rules.leave_out(entry.path + "/" * is_folder):
            reason = f"{'folders' if is_folder else 'files'} that {why}"
        else:
            return False
        self.looked.skipped[reason] += 1
        return True

    def _read(self, path: str, *, is_named: bool = False) -> Iterator[SourceFile]:
        data = self._bytes_of(path, is_named=is_named)
        if data is None:
            return
        is_wide = data.startswith(_UTF_16)
        if not is_wide and b"\0" in data[:_PEEK]:
            self.looked.skipped["binary files"] += 1
            return
        self.looked.files += 1
        self.looked.bytes += len(data)
        if not _may_call(data):
            return
        if _OWN.search(data[:_PEEK]):
            self.looked.skipped["reports and scans of this program"] += 1
            return
        if is_wide:
            data = data.decode("utf-16", "replace").encode()
        name = os.path.relpath(path, self._named_from)
        yield SourceFile(Path(path), name, data.decode("latin-1"), is_wide)

    def _bytes_of(self, path: str, *, is_named: bool) -> bytes | None:
        """What is in the file; None, and counted, where it is not for reading."""
        try:
            # Neither a link nor a pipe that has taken the file's place since is followed.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            self.looked.skipped["files that cannot be read"] += 1
            if is_named:
                self.looked.unreadable.append(path)
            return None
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                self.looked.skipped["devices and pipes"] += 1
                return None
            if (about.st_dev, about.st_ino) in self._seen:
                return None
            self._seen.add((about.st_dev, about.st_ino))
            if about.st_size > LARGEST:
                self.looked.skipped[f"files larger than {LARGEST >> 20} MiB"] += 1
                return None
            data = os.read(descriptor, about.st_size)
        except OSError:
            self.looked.skipped["files that cannot be read"] += 1
            return None
        finally:
            os.close(descriptor)
        return data


class _Rules:
    """What is left out in a folder, by the .gitignore files there and above."""

    def __init__(
        self, base: str, exclude: GitIgnoreSpec, specs: tuple[tuple[int, GitIgnoreSpec], ...] = ()
    ) -> None:
        self._base = len(base.rstrip("/")) + 1
        self._path = base
        self._exclude = exclude
        self._specs = specs
        """The nearest first, each with the length of its folder's path."""

    def below(self, folder: str) -> "_Rules":
        """Those that hold in that folder."""
        specs = self._specs
        for file in (f"{folder}/.git/info/exclude", f"{folder}/.gitignore"):
            try:
                with open(file, encoding="utf-8", errors="surrogateescape") as lines:  # noqa: PTH123  # as above
                    spec = GitIgnoreSpec.from_lines(lines.read().splitlines())
            except (OSError, ValueError):  # there is none, or no pattern is that
                continue
            specs = ((len(folder.rstrip("/")) + 1, spec), *specs)
        return self if specs is self._specs else _Rules(self._path, self._exclude, specs)

    def leave_out(self, path: str) -> str:
        """Why that path is left out, empty where it is not; a folder's ends in a slash."""
        if self._exclude.patterns and self._exclude.match_file(path[self._base :]):
            return "--exclude names"
        for length, spec in self._specs:
            found = spec.check_file(path[length:]).include
            if found is not None:
                return ".gitignore names" if found else ""
        return ""


def _repository(path: Path) -> Path | None:
    """The root of the git repository that the path is in."""
    return next((each for each in (path, *path.parents) if (each / ".git").exists()), None)


def _may_call(data: bytes) -> bool:
    """Whether a host and a path of v1 can be in there: most files are done with after this."""
    if any(host in data for host in _HOSTS):
        return any(sign in data for sign in _SIGNS)
    return data.startswith(_UTF_16) and any(wide in data for wide in _WIDE)
