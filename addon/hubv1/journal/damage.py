"""What is wrong with a journal; and telling a damaged one from what was never one."""

import sqlite3
from pathlib import Path

from hubv1.journal.statements import Cursor

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PRIMARY = 0xFF
"""The low byte of SQLite's codes; the rest is detail."""
APPLICATION_ID = 0x48756231
"""`Hub1`: what SQLite keeps in the header of a file, for programs to know their own by."""
_HEADER_ID = slice(68, 72)
"""Where that is in the file: https://sqlite.org/fileformat.html, 1.3.17."""
_TRACE = b"hub-v1-bridge-"
"""In each row."""
_SEARCHED = 4 << 20
_CHECKED = 64 << 20
"""Bytes of the largest file that is read as a whole before it is used: a fraction of a second."""


def is_damage(error: BaseException) -> bool:
    """Whether SQLite said that the file is not what it was."""
    return _code(error) in _DAMAGE


def is_full(error: BaseException) -> bool:
    """Whether SQLite said that there is no room on the disk."""
    return _code(error) == sqlite3.SQLITE_FULL


def _code(error: BaseException) -> int | None:
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlite_errorcode", None)
    return code & _PRIMARY if isinstance(code, int) else None


def has_traces(path: Path) -> bool:
    """Whether the file is what is left of a journal, and no file of somebody else's."""
    try:
        with path.open("rb") as file:
            content = file.read(_SEARCHED)
    except OSError:
        return False
    if content[_HEADER_ID] == APPLICATION_ID.to_bytes(4, "big"):
        return True
    is_text = b"\0" not in content  # a log or this very line, say
    return not is_text and _TRACE in content


def check(cursor: Cursor, path: Path) -> None:
    """Raise what SQLite raises of damage, where the whole file can be read at once.

    A larger one is used as it is: its damage shows when the page is met.
    """
    if path.stat().st_size > _CHECKED:
        return
    [found] = cursor.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise Damaged(found)


class Damaged(sqlite3.DatabaseError):
    """The journal's file is damaged."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT
