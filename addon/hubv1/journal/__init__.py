"""The journal: one row for each intercepted call, on disk before the answer leaves."""

from hubv1.journal.entry import Entry, new_id
from hubv1.journal.place import FILE_NAME, JournalError, Place
from hubv1.journal.reader import History, read
from hubv1.journal.writer import Journal, NotRecorded

__all__ = [
    "FILE_NAME",
    "Entry",
    "History",
    "Journal",
    "JournalError",
    "NotRecorded",
    "Place",
    "new_id",
    "read",
]
