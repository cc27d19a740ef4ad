"""Reading a journal: its calls, counted or one by one, and what else was seen."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from hubv1.journal import rows, tables
from hubv1.journal.counted import bounds_of, counted
from hubv1.journal.entry import Entry
from hubv1.journal.migrations import version_of
from hubv1.journal.opening import open_for_reading, reason_of
from hubv1.journal.place import JournalError, Place
from hubv1.journal.rejections import Rejection
from hubv1.journal.seen import Seen
from hubv1.journal.selection import EVERYTHING, Selection
from hubv1.journal.summary import Summary, summarised

_MOST_REJECTIONS = 1_000


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
    gaps: Sequence[Gap]
    entries: Iterator[Entry]
    """The single calls that are still there, in the order of their time."""
    summary: Callable[[datetime], Summary]
    """All calls that there were, for the current hour that begins then. A recording is read but
    once: either for its entries or for the summary."""
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """Calls in a recording that are like v1's, by the host that they went to, which is no legacy
    host."""
    rejections: Sequence[Rejection] = ()
    """Clients that reject the bridge's certificate, the latest first."""


@contextmanager
def read(place: Place, selection: Selection = EVERYTHING) -> Iterator[History]:
    """What is wanted of the history in a journal, while the context lasts; raises JournalError.

    Traffic, gaps and single calls are those of the period, whatever names are wanted.
    """
    engine = open_for_reading(place)
    try:
        with engine.connect() as connection:
            yield _history(connection, selection)
    except SQLAlchemyError as error:
        raise JournalError(f"The journal {place} cannot be read: {reason_of(error)}.") from error
    except (ValueError, TypeError) as error:
        raise JournalError(f"The journal {place} holds what no bridge wrote: {error}.") from error
    finally:
        engine.dispose()


def _history(connection: Connection, selection: Selection) -> History:
    entries = (entry for entry in rows.entries(connection) if selection.covers(entry.started_at))
    return History(
        _seen(connection, selection),
        _gaps(connection, selection),
        entries,
        _summary(connection, entries, selection),
        rejections=_rejections(connection, selection) if _is_current(connection) else (),
    )


def _seen(connection: Connection, selection: Selection) -> Seen:
    seen = tables.seen.c
    columns = (seen.flows, seen.still_served, seen.rejected_tls)
    statement = select(*(func.coalesce(func.sum(each), 0) for each in columns))
    bounds = bounds_of(seen.hour, selection.since, selection.until)
    return Seen(*connection.execute(statement.where(*bounds)).one())


def _gaps(connection: Connection, selection: Selection) -> tuple[Gap, ...]:
    """Those that reach into the period."""
    gaps = tables.gaps.c
    statement = select(gaps.started_at, gaps.ended_at, gaps.calls, gaps.reason)
    bounds = (
        *bounds_of(gaps.ended_at, selection.since, None),
        *bounds_of(gaps.started_at, None, selection.until),
    )
    found = connection.execute(statement.where(*bounds).order_by(gaps.started_at))
    return tuple(Gap(*row) for row in found)


def _rejections(connection: Connection, selection: Selection) -> tuple[Rejection, ...]:
    """Those of days that reach into the period."""
    table = tables.rejections.c
    last_at = func.max(table.last_at)
    statement = select(table.client_address, table.server_address, func.sum(table.times), last_at)
    bounds = (
        *bounds_of(table.last_at, selection.since, None),
        *bounds_of(table.first_at, None, selection.until),
    )
    clients = statement.where(*bounds).group_by(table.client_address, table.server_address)
    rows = connection.execute(clients.order_by(last_at.desc()).limit(_MOST_REJECTIONS))
    return tuple(Rejection(address, host, int(times), at) for address, host, times, at in rows)


def _is_current(connection: Connection) -> bool:
    """A journal of an older version may lie where it cannot be brought forward."""
    return (version_of(connection) or 0) >= tables.SCHEMA_VERSION


def _summary(
    connection: Connection, entries: Iterator[Entry], selection: Selection
) -> Callable[[datetime], Summary]:
    if not _is_current(connection):
        return lambda hour: summarised(entries, hour, selection)
    return lambda hour: counted(connection, hour, selection)
