"""Reading a journal: its calls, counted or one by one, and what else was seen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from hubv1.journal import rows, tables
from hubv1.journal.counted import bounds_of, counted
from hubv1.journal.entry import Entry
from hubv1.journal.history import Gap, History
from hubv1.journal.migrations import version_of
from hubv1.journal.opening import open_for_reading, reason_of
from hubv1.journal.place import JournalError, Place
from hubv1.journal.rejections import Rejection
from hubv1.journal.seen import Seen
from hubv1.journal.selection import EVERYTHING, Selection
from hubv1.journal.summary import Summary, summarised

_MOST_REJECTIONS = 1_000


@contextmanager
def read(place: Place, selection: Selection = EVERYTHING) -> Iterator[History]:
    """What is wanted of the history in a journal, while the context lasts; raises JournalError.

    Traffic, gaps and single calls are those of the period, whatever names are wanted.
    """
    with connected(place) as connection, explained(place):
        yield history_of(place, connection, selection)


@contextmanager
def connected(place: Place) -> Iterator[Connection]:
    """A connection to a journal that shows it as it was at one moment; raises JournalError."""
    engine = open_for_reading(place)
    try:
        with explained(place):
            connection = engine.connect()
            if place.url.get_backend_name() == "postgresql":  # SQLite never does otherwise
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """Raises JournalError for what the database says meanwhile, with the name of the journal."""
    try:
        yield
    except SQLAlchemyError as error:
        said = place.without_secrets(reason_of(error))
        raise JournalError(f"The journal {place} cannot be read: {said}.") from error
    except (ValueError, TypeError) as error:
        raise JournalError(f"The journal {place} holds what no bridge wrote: {error}.") from error


def history_of(place: Place, connection: Connection, selection: Selection) -> History:
    """What is wanted of the journal's history; raises JournalError, also where it is read."""
    with explained(place):
        entries = _entries(place, connection, selection)
        return History(
            _seen(connection, selection),
            tuple(gaps_by_id(connection, selection).values()),
            entries,
            _summary(place, connection, entries, selection),
            rejections=rejections_of(connection, selection),
            has=lambda id_: rows.is_there(connection, id_),
        )


def _entries(place: Place, connection: Connection, selection: Selection) -> Iterator[Entry]:
    with explained(place):
        for entry in rows.entries(connection):
            if selection.covers(entry.started_at):
                yield entry


def _seen(connection: Connection, selection: Selection) -> Seen:
    seen = tables.seen.c
    columns = (seen.flows, seen.still_served, seen.rejected_tls)
    statement = select(*(func.coalesce(func.sum(each), 0) for each in columns))
    bounds = bounds_of(seen.hour, selection.since, selection.until)
    return Seen(*connection.execute(statement.where(*bounds)).one())


def gaps_by_id(connection: Connection, selection: Selection) -> dict[str, Gap]:
    """Those that reach into the period."""
    gaps = tables.gaps.c
    statement = select(gaps.id, gaps.started_at, gaps.ended_at, gaps.calls, gaps.reason)
    bounds = (
        *bounds_of(gaps.ended_at, selection.since, None),
        *bounds_of(gaps.started_at, None, selection.until),
    )
    found = connection.execute(statement.where(*bounds).order_by(gaps.started_at))
    return {id_: Gap(*row) for id_, *row in found}


def rejections_of(connection: Connection, selection: Selection) -> tuple[Rejection, ...]:
    """Those of days that reach into the period."""
    if not is_current(connection):
        return ()
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


def is_current(connection: Connection) -> bool:
    """Whether the journal is of this version; an older one may lie where it cannot be brought
    forward."""
    return (version_of(connection) or 0) >= tables.SCHEMA_VERSION


def _summary(
    place: Place, connection: Connection, entries: Iterator[Entry], selection: Selection
) -> Callable[[datetime], Summary]:
    if not is_current(connection):
        return lambda hour: summarised(entries, hour, selection)

    def summary(hour: datetime) -> Summary:
        with explained(place):
            return counted(connection, hour, selection)

    return summary
