"""The journal: one row for each intercepted call, on disk before the answer leaves."""

from hubv1.journal.entry import Entry, new_id
from hubv1.journal.place import FILE_NAME, JournalError, Place
from hubv1.journal.reader import Gap, History, read
from hubv1.journal.seen import Seen
from hubv1.journal.writer import Journal, NotRecorded

__all__ = [
    "FILE_NAME",
    "Entry",
    "Gap",
    "History",
    "Journal",
    "JournalError",
    "NotRecorded",
    "Place",
    "Seen",
    "new_id",
    "read",
]
