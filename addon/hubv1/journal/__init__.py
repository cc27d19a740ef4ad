"""The journal: one row for each intercepted call, on disk before the answer leaves."""

from hubv1.journal.entry import Entry, id_of, new_id
from hubv1.journal.history import Gap, History
from hubv1.journal.losses import NotRecorded
from hubv1.journal.merging import read_all
from hubv1.journal.place import FILE_NAME, JournalError, Place
from hubv1.journal.pruning import COUNTS_DAYS
from hubv1.journal.reader import read
from hubv1.journal.rejections import Rejection
from hubv1.journal.seen import Seen
from hubv1.journal.selection import EVERYTHING, Selection
from hubv1.journal.summary import Count, Summary, summarised
from hubv1.journal.writer import DAYS, Journal

__all__ = [
    "COUNTS_DAYS",
    "DAYS",
    "EVERYTHING",
    "FILE_NAME",
    "Count",
    "Entry",
    "Gap",
    "History",
    "Journal",
    "JournalError",
    "NotRecorded",
    "Place",
    "Rejection",
    "Seen",
    "Selection",
    "Summary",
    "id_of",
    "new_id",
    "read",
    "read_all",
    "summarised",
]
