"""Reading a journal: its calls, counted or one by one, and what else was seen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from hubv1.journal import rows, tables
from hubv1.journal.counted import counted
from hubv1.journal.entry import Entry
from hubv1.journal.migrations import version_of
from hubv1.journal.opening import open_for_reading, reason_of
from hubv1.journal.place import JournalError, Place
from hubv1.journal.seen import Seen
from hubv1.journal.summary import Summary, summarised


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which calls were answered that could not be recorded."""

    started_at: datetime
    ended_at: datetime
    calls: int
    reason: str


@dataclass(frozen=True, slots=True)
class History:
    """What a journal tells, or a recording."""

    seen: Seen
    gaps: tuple[Gap, ...]
    entries: Iterator[Entry]
    """The single calls that are still there, in the order of their time."""
    summary: Callable[[datetime], Summary]
    """All calls that there were, for the current hour that begins then. A recording is read but
    once: either for its entries or for the summary."""


@contextmanager
def read(place: Place) -> Iterator[History]:
    """The history in a journal, while the context lasts; raises JournalError."""
    engine = open_for_reading(place)
    try:
        with engine.connect() as connection:
            yield _history(connection)
    except SQLAlchemyError as error:
        raise JournalError(f"The journal {place} cannot be read: {reason_of(error)}.") from error
    except (ValueError, TypeError) as error:
        raise JournalError(f"The journal {place} holds what no bridge wrote: {error}.") from error
    finally:
        engine.dispose()


def _history(connection: Connection) -> History:
    seen = tables.seen.c
    columns = (seen.flows, seen.still_served, seen.rejected_tls)
    sums = connection.execute(select(*(func.coalesce(func.sum(each), 0) for each in columns)))
    traffic = Seen(*sums.one())
    gaps = tables.gaps.c
    found = connection.execute(
        select(gaps.started_at, gaps.ended_at, gaps.calls, gaps.reason).order_by(gaps.started_at)
    )
    entries = rows.entries(connection)
    return History(
        traffic, tuple(Gap(*row) for row in found), entries, _summary(connection, entries)
    )


def _summary(connection: Connection, entries: Iterator[Entry]) -> Callable[[datetime], Summary]:
    # A journal of an older version may lie where it cannot be brought forward.
    if (version_of(connection) or 0) < tables.SCHEMA_VERSION:
        return lambda hour: summarised(entries, hour)
    return lambda hour: counted(connection, hour)
