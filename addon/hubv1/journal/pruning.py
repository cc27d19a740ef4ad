"""What is old goes, in small steps.

Old is what is old by the journal's own time. That is the time of the newest thing in it that is
more than a day older than the clock says, plus that day: with a clock that is right and traffic
every day, about now. A clock that jumps a year ahead for a minute, or for an hour, writes nothing
that is a day old by then, and so makes nothing old; nor does one that is set back. Only a clock
that is wrong for more than a day is believed. In a journal that nobody writes nothing gets old.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Dialect,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    tuple_,
)

from hubv1.journal import tables
from hubv1.journal.opening import reason_of
from hubv1.journal.session import Session
from hubv1.journal.statements import Cursor, Query
from hubv1.journal.store import Store

logger = logging.getLogger(__name__)

COUNTS_DAYS = 400
"""How long counts stay: a year, and the same month of the year before."""
ROWS_A_STEP = 500
"""Some milliseconds of work, for which a call may have to wait."""
_DAY = timedelta(days=1)
_FIRST_SECONDS = 10
_EVERY_SECONDS = 60
"""How often to look for what has become old."""
_PAUSE_SECONDS = 0.2
"""Between two steps: five a second take away more than a bridge writes for long."""
_PATIENCE = 0.01
"""Seconds to wait for another program's lock: there is time, and a call may come."""


class Pruner:
    """Takes away old rows, and the counts of COUNTS_DAYS ago."""

    def __init__(self, dialect: Dialect) -> None:
        """Compiles the statements."""
        calls, seen = tables.calls.c.started_at, tables.seen.c.hour
        self._newest = [
            Query(select(func.max(column)).where(column < _moment(column)), dialect)
            for column in (calls, seen)
        ]
        counts = (
            tables.hours.c.hour,
            tables.days.c.day,
            seen,
            tables.rejections.c.day,
            tables.gaps.c.ended_at,
            tables.callers.c.last_seen,
        )
        self._rows = _step(calls, dialect)
        self._counts = [_step(each, dialect) for each in counts]

    def step(self, cursor: Cursor, now: datetime, days: int) -> bool:
        """Take some of what is old away, rows after so many days; returns whether there may be
        more."""
        time = self._time(cursor, now)
        if time is None:
            return False
        steps = [(self._rows, days), *((counts, COUNTS_DAYS) for counts in self._counts)]
        return any(step.run(cursor, time - age * _DAY).rowcount > 0 for step, age in steps)

    def _time(self, cursor: Cursor, now: datetime) -> datetime | None:
        """The journal's own time; None where it holds too little to tell."""
        found = [query.value(cursor, now - _DAY) for query in self._newest]
        newest = max((each for each in found if each is not None), default=None)
        return None if newest is None else min(newest + _DAY, now)


def _step(column: Column[Any], dialect: Dialect) -> Query:
    """Deletes some rows of the column's table that are older than its parameter says."""
    table = column.table
    key = list(table.primary_key)
    most: ColumnElement[int] = literal_column(str(ROWS_A_STEP))
    none: ColumnElement[int] = literal_column("0")
    old = select(*key).where(column < _moment(column)).limit(most).offset(none)
    return Query(delete(table).where(tuple_(*key).in_(old)), dialect)


def _moment(column: Column[Any]) -> BindParameter[Any]:
    return bindparam("moment", type_=column.type)


class Pruning:
    """When to take a step, and the steps; for the thread that writes, but for `keep_for`."""

    def __init__(self, days: int) -> None:
        """Rows are kept for `days`."""
        self._days = days
        self._pruner: Pruner | None = None
        self._due_at = time.monotonic() + _FIRST_SECONDS
        self._has_failed = False

    @property
    def seconds(self) -> float:
        """How long until a step is due."""
        return max(0.0, self._due_at - time.monotonic())

    def keep_for(self, days: int) -> None:
        """Rows are kept for `days` from now on."""
        if days != self._days:
            self._days, self._due_at = days, time.monotonic()

    def step(self, store: Store, now: datetime) -> None:
        """Take a step; trouble is said once and leaves everything to the next one."""
        has_more = False

        def work(session: Session, cursor: Cursor) -> None:
            nonlocal has_more
            self._pruner = self._pruner or Pruner(session.dialect)
            has_more = self._pruner.step(cursor, now, self._days)

        try:
            store.run(work, _PATIENCE)
        except Exception as error:  # noqa: BLE001  # the thread must live, whatever it is
            has_more = False
            if not self._has_failed:
                logger.warning("Old rows of the journal cannot be removed: %s", reason_of(error))
            self._has_failed = True
        self._due_at = time.monotonic() + (_PAUSE_SECONDS if has_more else _EVERY_SECONDS)
