"""Noticing what others do to a journal's files while they are written."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from hubv1.journal import files
from hubv1.journal.damage import is_damage

_LATEST = (
    "SELECT schema_version FROM journal",
    "SELECT * FROM calls ORDER BY rowid DESC LIMIT 1",
    "SELECT * FROM days ORDER BY day DESC LIMIT 1",
)
"""They lead through the beginning of the file and to what was written last."""


class Gone(Exception):
    """The file at the journal's place is no longer the one that is written."""


class Disturbed(Exception):
    """It is, but not all is there that was: somebody emptied it, or took away what belongs to
    it."""


_State = tuple[files.Identity, int]
"""What a file is, and its length."""


class Watch:
    """The files of one journal, by what the system says of them."""

    def __init__(self, file: Path) -> None:
        """The file as it is now. Its companions are known from the first `note` on."""
        self._file = file
        self._paths = [str(path) for path in (file, *files.companions(file))]
        self.identity = files.identity(file)
        self.companions: frozenset[files.Identity] = frozenset()
        """Of the file, once there was a commit."""
        self._known: list[_State | None] = []

    def look(self) -> None:
        """Raise Gone where the file was removed or replaced, Disturbed where anything is missing
        or shorter than it was at the last `note`."""
        found = self._found()
        for was, is_now in zip(self._known, found, strict=False):
            if was and (is_now is None or is_now[0] != was[0] or is_now[1] < was[1]):
                raise Disturbed

    def note(self) -> None:
        """How the files are now is how they should be; raises Gone."""
        found = self._found()
        if None in found:
            return  # the next look tells
        self._known = found
        self.companions = frozenset(each[0] for each in found[1:] if each)

    def forget(self) -> None:
        """The companions may go, as they do when the last connection is closed."""
        self._known = []

    def read_back(self) -> None:
        """Read what was written last as another program would, and raise what that meets of
        damage. Whoever writes has most of it in memory, and would go on."""
        uri = f"file:{quote(str(self._file))}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True)) as reader:
                for statement in _LATEST:
                    reader.execute(statement).fetchall()
        except sqlite3.Error as error:
            if is_damage(error):
                raise

    def _found(self) -> list[_State | None]:
        found = [_state(path) for path in self._paths]
        if found[0] is None or found[0][0] != self.identity:
            raise Gone
        return found


def _state(path: str) -> _State | None:
    try:
        found = os.stat(path)  # noqa: PTH116  # a call may wait for it, and this is the fastest
    except OSError:
        return None
    return (found.st_dev, found.st_ino), found.st_size
