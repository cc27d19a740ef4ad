"""Can calls be written down, and where? Looked at without leaving anything behind."""

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.exc import SQLAlchemyError

from hubv1.check.finding import Finding, sound, wrong
from hubv1.check.setup import Setup
from hubv1.journal import NO_FILE, JournalError, Place, read, reason_of

LEAST_BYTES = 50 * 1024 * 1024
"""On the disk: about a day of calls on a busy machine."""

LOCK_SECONDS = 5
"""How long to wait for another program that writes."""

_ANOTHER_PLACE = "Name another place: --set hub_journal=PATH."


def journal(setup: Setup) -> Finding:
    """Whether the journal could be written now."""
    place = setup.journal
    try:
        return _of_a_file(place, setup)
    except (JournalError, OSError, sqlite3.Error, SQLAlchemyError) as error:
        reason = place.without_secrets(reason_of(error)).removesuffix(".")
        sentence = str(error) if isinstance(error, JournalError) else f"{place}: {reason}."
        return wrong("journal", sentence, _ANOTHER_PLACE)


def _of_a_file(place: Place, setup: Setup) -> Finding:
    file = place.file
    if file is None:
        raise JournalError(NO_FILE)
    folder = file.parent
    if folder == setup.confdir and not folder.exists():
        folder = next(each for each in folder.parents if each.exists())  # it is made at the start
    if not file.exists():
        _try_folder(folder)
        state = "It will be made"
    else:
        with read(place):
            _try_lock(file)
        state = f"It has {_size(file):,} bytes, the last calls included,"
    free = shutil.disk_usage(folder).free
    if free < LEAST_BYTES:
        return wrong(
            "journal",
            f"{place} has {free:,} bytes of its disk left.",
            f"Make room. {_ANOTHER_PLACE}",
        )
    return sound("journal", f"{state} at {place}, and can be written.")


def _try_folder(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass


def _try_lock(file: Path) -> None:
    """Take the lock that writing needs, and give it back. Raises sqlite3.Error or OSError."""
    if not os.access(file, os.W_OK):
        raise PermissionError(f"{file} may not be written by this user")
    uri = f"file:{quote(str(file))}?mode=rw"
    with closing(
        sqlite3.connect(uri, uri=True, timeout=LOCK_SECONDS, isolation_level=None)
    ) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def _size(file: Path) -> int:
    """With the log beside it, which has what was written last."""
    log = file.with_name(f"{file.name}-wal")
    return file.stat().st_size + (log.stat().st_size if log.exists() else 0)
