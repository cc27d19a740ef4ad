"""The files of source trees that may contain calls.

Nothing in a tree is ever run, not even git, whose configuration may name programs: .gitignore is
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
"""Larger files are skipped: no source is so long."""
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
"""The beginnings of reports and scans, such as a baseline that is kept beside the sources."""
_WIDE = (b"d\0o\0c\0k\0e\0r\0.", b"\0d\0o\0c\0k\0e\0r\0.")


@dataclass(slots=True)
class Coverage:
    """What a scan read and what it left out."""

    files: int = 0
    bytes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    """Files and folders that were left out, by reason."""
    unreadable: list[str] = field(default_factory=list)
    """Arguments that cannot be read."""
    mentions: int = 0
    """Addresses of v1 in comments, prose and messages, where nothing is called."""
    ignored: int = 0
    """Calls that a comment excludes."""
    unexplained: list[str] = field(default_factory=list)
    """Places of such comments without a reason, which exclude nothing."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that may contain calls."""

    path: Path
    name: str
    """Its path relative to the repository, else to the current folder, or to the argument; if these
    differ, relative to what they have in common, so that no two files have the same name."""
    text: str
    """Its bytes as one character each (ISO 8859-1), so that any encoding is kept."""
    is_recoded: bool = False
    """Whether it was converted from UTF-16, so that edits would not fit."""


class Tree:
    """The files at and below the paths that a user gives."""

    def __init__(self, paths: Sequence[Path], exclude: Sequence[str], here: Path) -> None:
        """`exclude` has patterns of .gitignore; `here` is the current folder."""
        self.coverage = Coverage()
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
                self.coverage.unreadable.append(str(path))
                continue
            root = _repository(real)
            folder = real if real.is_dir() else real.parent
            rules = _Rules(str(bases[real]), self._exclude)
            if folder is not real:
                yield from self._read_file(str(real), is_named=True)
                continue
            above = reversed(folder.relative_to(root).parents) if root else ()
            for each in (*(root / each for each in above if root), folder):
                rules = rules.below(str(each))
            yield from self._walk(str(folder), rules)

    def _base_of(self, real: Path) -> Path:
        """The folder that the names of files are relative to, if the path were the only one."""
        here = self._here if real.is_relative_to(self._here) else None
        return _repository(real) or here or (real if real.is_dir() else real.parent)

    def _walk(self, top: str, rules: "_Rules") -> Iterator[SourceFile]:
        # Paths are strings here: Path objects would take longer than reading the files.
        waiting = [(top, rules)]
        while waiting:
            folder, rules = waiting.pop()
            try:
                with os.scandir(folder) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError:
                self.coverage.skipped["folders that cannot be read"] += 1
                continue
            below = []
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                if self._is_left_out(entry, rules, is_folder=is_folder):
                    continue
                if is_folder:
                    below.append((entry.path, rules.below(entry.path)))
                else:
                    yield from self._read_file(entry.path)
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
        self.coverage.skipped[reason] += 1
        return True

    def _read_file(self, path: str, *, is_named: bool = False) -> Iterator[SourceFile]:
        data = self._read_bytes(path, is_named=is_named)
        if data is None:
            return
        is_wide = data.startswith(_UTF_16)
        if not is_wide and b"\0" in data[:_PEEK]:
            self.coverage.skipped["binary files"] += 1
            return
        self.coverage.files += 1
        self.coverage.bytes += len(data)
        if not _may_call(data):
            return
        if _OWN.search(data[:_PEEK]):
            self.coverage.skipped["reports and scans of this program"] += 1
            return
        if is_wide:
            data = data.decode("utf-16", "replace").encode()
        name = os.path.relpath(path, self._named_from)
        yield SourceFile(Path(path), name, data.decode("latin-1"), is_wide)

    def _read_bytes(self, path: str, *, is_named: bool) -> bytes | None:
        """The content of a file; None if it is skipped, which is counted."""
        try:
            # The file may have been replaced by a link or a pipe meanwhile.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            self.coverage.skipped["files that cannot be read"] += 1
            if is_named:
                self.coverage.unreadable.append(path)
            return None
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                self.coverage.skipped["devices and pipes"] += 1
                return None
            if (about.st_dev, about.st_ino) in self._seen:
                return None
            self._seen.add((about.st_dev, about.st_ino))
            if about.st_size > LARGEST:
                self.coverage.skipped[f"files larger than {LARGEST >> 20} MiB"] += 1
                return None
            data = os.read(descriptor, about.st_size)
        except OSError:
            self.coverage.skipped["files that cannot be read"] += 1
            return None
        finally:
            os.close(descriptor)
        return data


class _Rules:
    """What to leave out in a folder, by the .gitignore files there and above."""

    def __init__(
        self, base: str, exclude: GitIgnoreSpec, specs: tuple[tuple[int, GitIgnoreSpec], ...] = ()
    ) -> None:
        self._base = len(base.rstrip("/")) + 1
        self._path = base
        self._exclude = exclude
        self._specs = specs
        """The nearest first, each with the length of its folder's path and a slash."""

    def below(self, folder: str) -> "_Rules":
        """The rules for that folder, which is below this one."""
        specs = self._specs
        for file in (f"{folder}/.git/info/exclude", f"{folder}/.gitignore"):
            try:
                with open(file, encoding="utf-8", errors="surrogateescape") as lines:  # noqa: PTH123  # as above
                    spec = GitIgnoreSpec.from_lines(lines.read().splitlines())
            except (OSError, ValueError):  # no such file, or no valid pattern
                continue
            specs = ((len(folder.rstrip("/")) + 1, spec), *specs)
        return self if specs is self._specs else _Rules(self._path, self._exclude, specs)

    def leave_out(self, path: str) -> str:
        """Why to leave out that path, empty if it is scanned; that of a folder ends in a slash."""
        if self._exclude.patterns and self._exclude.match_file(path[self._base :]):
            return "--exclude names"
        for length, spec in self._specs:
            found = spec.check_file(path[length:]).include
            if found is not None:
                return ".gitignore names" if found else ""
        return ""


def _repository(path: Path) -> Path | None:
    """The root of the git repository around the path."""
    return next((each for each in (path, *path.parents) if (each / ".git").exists()), None)


def _may_call(data: bytes) -> bool:
    """Whether the data may contain a call: this quick test excludes most files."""
    if any(host in data for host in _HOSTS):
        return any(sign in data for sign in _SIGNS)
    return data.startswith(_UTF_16) and any(wide in data for wide in _WIDE)
