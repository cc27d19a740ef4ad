"""The journal: one row for each intercepted call, on disk before the answer leaves."""

from hubv1.api.record import CallRecord, id_of, moment_of, new_id
from hubv1.journal.connection import reason_of
from hubv1.journal.counts import OTHERS
from hubv1.journal.database import NO_FILE
from hubv1.journal.files import sqlite_uri
from hubv1.journal.history import (
    EVERYTHING,
    QUIET_DAYS,
    RECENT_DAYS,
    Count,
    DayCount,
    Gap,
    History,
    Rejection,
    Seen,
    Selection,
    Summary,
    is_named,
    summarised,
)
from hubv1.journal.location import FILE_NAME, JournalError, Location, is_url, masked
from hubv1.journal.merge import read_all
from hubv1.journal.reader import asked_tags, read
from hubv1.journal.retention import COUNTS_DAYS
from hubv1.journal.writer import DAYS, Journal, NotRecorded

__all__ = [
    "COUNTS_DAYS",
    "DAYS",
    "EVERYTHING",
    "FILE_NAME",
    "NO_FILE",
    "OTHERS",
    "QUIET_DAYS",
    "RECENT_DAYS",
    "CallRecord",
    "Count",
    "DayCount",
    "Gap",
    "History",
    "Journal",
    "JournalError",
    "Location",
    "NotRecorded",
    "Rejection",
    "Seen",
    "Selection",
    "Summary",
    "asked_tags",
    "id_of",
    "is_named",
    "is_url",
    "masked",
    "moment_of",
    "new_id",
    "read",
    "read_all",
    "reason_of",
    "sqlite_uri",
    "summarised",
]
