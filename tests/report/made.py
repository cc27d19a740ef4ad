"""Reports made of rows, and journals on disk that hold them."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from hubv1.journal import CallRecord, Gap, History, Journal, Location, Rejection, Seen, summarised
from hubv1.report.build import build_report
from hubv1.report.changes import by_caller
from hubv1.report.messages import Addressee, message_to
from hubv1.report.model import Report
from hubv1.text import bounded

NOW = datetime(2026, 3, 1, 13, 5, 7, 654321, tzinfo=UTC)
NOTHING = Seen()


def history(
    *entries: CallRecord,
    seen: Seen = NOTHING,
    gaps: tuple[Gap, ...] = (),
    rejections: tuple[Rejection, ...] = (),
) -> History:
    summary = partial(summarised, entries)
    return History(seen, gaps, iter(entries), summary, rejections=rejections)


def report_of(
    *entries: CallRecord,
    seen: Seen = NOTHING,
    gaps: tuple[Gap, ...] = (),
    rejections: tuple[Rejection, ...] = (),
    now: datetime = NOW,
) -> Report:
    return build_report([history(*entries, seen=seen, gaps=gaps, rejections=rejections)], now)


def message(report: Report, caller: str, **how: Any) -> str:
    """What to write to the people behind that caller."""
    name = bounded(caller)  # as it is in a record
    use = next(use for use in report.callers if use.caller == name)
    return message_to(Addressee([use]), by_caller(report, [name]), **how)


def write_journal(
    path: Path, *entries: CallRecord, seen: Seen = NOTHING, gaps: tuple[Gap, ...] = ()
) -> Path:
    """A journal as a bridge leaves it behind; returns `path`."""
    journal = Journal(Location(str(path)), "bridge-1")
    journal.seen = seen
    for entry in entries:
        journal.record_unawaited(entry)
    journal.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        for gap in gaps:
            started, ended = (f"{at:%Y-%m-%d %H:%M:%S.%f}" for at in (gap.started_at, gap.ended_at))
            connection.execute(
                "INSERT INTO gaps VALUES (hex(randomblob(16)), ?, ?, ?, ?, 'bridge-1')",
                (started, ended, gap.calls, gap.reason),
            )
    return path
