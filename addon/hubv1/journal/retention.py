"""Deleting old rows, in small steps.

Age counts from the journal's own time: that of its newest row that is more than a day older than
the clock says. With a correct clock and traffic every day, that is yesterday. A clock that jumps a
year ahead for a minute or an hour writes no row that is a day old by then, so it makes nothing old;
nor does a clock that is set back. Only a clock that is wrong for more than a day has an effect. In
a journal without new rows nothing gets old.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Column

from hubv1.journal import schema
from hubv1.journal.connection import reason_of, stored
from hubv1.journal.database import Database

logger = logging.getLogger(__name__)

COUNTS_DAYS = 400  # how long counts stay: a year, and the same month of the year before
ROWS_A_STEP = 500  # some milliseconds of work, for which a call may have to wait
_DAY = timedelta(days=1)
_DRIFT = timedelta(minutes=5)
_FIRST_SECONDS = 10
_EVERY_SECONDS = 60  # between two looks for old rows
_PAUSE_SECONDS = 0.2
"""Between two steps: five a second delete more rows than a bridge writes for long."""
_PATIENCE = 0.01  # seconds to wait for another program's lock: the step can wait, but a call cannot

Execute = Callable[[str, Sequence[object]], Any]
"""Runs a statement with `?` for its values, dates and times in UTC; returns the cursor."""

_CALLS, _SEEN = schema.calls.c.started_at, schema.seen.c.hour
_COUNTS = (
    schema.hours.c.hour,
    schema.days.c.day,
    _SEEN,
    schema.rejections.c.day,
    schema.refusals.c.hour,
    schema.gaps.c.ended_at,
    schema.callers.c.last_seen,
)


def remove_old(execute: Execute, now: datetime, days: int) -> bool:
    """Delete some old rows, those of calls after so many days; returns whether there are more."""
    times = [_newest(execute, column, now - _DAY) for column in (_CALLS, _SEEN)]
    own_time = max((each for each in times if each is not None), default=None)
    if own_time is None:
        return False  # the journal is too young
    steps = [(_CALLS, days), *((column, COUNTS_DAYS) for column in _COUNTS)]
    return any(_remove(execute, column, own_time - age * _DAY) for column, age in steps)


def _newest(execute: Execute, column: Column[Any], before: datetime) -> datetime | None:
    newest = f"SELECT max({column.name}) FROM {column.table} WHERE {column.name} < ?"  # noqa: S608  # names of our own
    [found] = execute(newest, (before,)).fetchone()
    # SQLite stores times as texts, PostgreSQL as timestamps without time zone.
    found = datetime.fromisoformat(found) if isinstance(found, str) else found
    return found and found.replace(tzinfo=UTC)


def _remove(execute: Execute, column: Column[Any], before: datetime) -> bool:
    """Delete some rows of the column's table that are older than that; returns whether it did."""
    moment: date = before.date() if isinstance(column.type, schema.Day) else before
    keys = ", ".join(each.name for each in column.table.primary_key)
    old = f"SELECT {keys} FROM {column.table} WHERE {column.name} < ? LIMIT {ROWS_A_STEP}"  # noqa: S608  # names of our own
    delete = f"DELETE FROM {column.table} WHERE ({keys}) IN ({old})"  # noqa: S608  # as above
    return bool(execute(delete, (moment,)).rowcount > 0)


class Retention:
    """Deletes old rows step by step. For the thread that writes, except for `keep_for`."""

    def __init__(self, days: int, now: datetime) -> None:
        """Keep rows for `days`; `now` is the time by the clock."""
        self._days = days
        self._known, self._known_at = now, time.monotonic()
        self._jumped_at: float | None = None
        self._due_at = time.monotonic() + _FIRST_SECONDS
        self._has_failed = False

    @property
    def seconds(self) -> float:
        """The time until a step is due."""
        return max(0.0, self._due_at - time.monotonic())

    def keep_for(self, days: int) -> None:
        """Keep rows for `days` from now on."""
        if days != self._days:
            self._days, self._due_at = days, time.monotonic()

    def step(self, database: Database, now: datetime) -> None:
        """Take a step; a failure is logged once, and the next step tries again."""
        has_more = False

        def work(cursor: sqlite3.Cursor) -> bool:
            def execute(statement: str, values: Sequence[object]) -> sqlite3.Cursor:
                return cursor.execute(statement, [*map(stored, values)])

            return remove_old(execute, self._believed(now), self._days)

        try:
            has_more = database.remove(work, _PATIENCE)
        except Exception as error:  # noqa: BLE001  # the thread has to go on
            if not self._has_failed:
                logger.warning("Old rows of the journal cannot be removed: %s", reason_of(error))
            self._has_failed = True
        self._due_at = time.monotonic() + (_PAUSE_SECONDS if has_more else _EVERY_SECONDS)

    def _believed(self, now: datetime) -> datetime:
        """The time if the clock says `now`; a clock that jumps ahead is believed after a day."""
        at = time.monotonic()
        expected = self._known + timedelta(seconds=at - self._known_at)
        if now > expected + _DRIFT:
            self._jumped_at = at if self._jumped_at is None else self._jumped_at
            if at - self._jumped_at < _DAY.total_seconds():
                return expected
        self._known, self._known_at, self._jumped_at = now, at, None
        return now
