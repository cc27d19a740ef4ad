"""Reading a journal: the entries, and what else was seen."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.exc import SQLAlchemyError

from hubv1.journal import tables
from hubv1.journal.entry import Entry
from hubv1.journal.place import JournalError, Place
from hubv1.journal.seen import Seen
from hubv1.outcome import Outcome
from hubv1.routes import Verdict

_ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which calls were answered that could not be recorded."""

    started_at: datetime
    ended_at: datetime
    calls: int
    reason: str


@dataclass(frozen=True, slots=True)
class History:
    """What a journal tells; the entries come one by one, in the order of their time."""

    seen: Seen
    gaps: tuple[Gap, ...]
    entries: Iterator[Entry]


@contextmanager
def read(place: Place) -> Iterator[History]:
    """The history in a journal, while the context lasts; raises JournalError."""
    engine = place.open_for_reading()
    try:
        with engine.connect() as connection:
            yield _history(connection)
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        raise JournalError(f"The journal {place} cannot be read: {reason}.") from error
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
    rows = connection.execute(
        select(gaps.started_at, gaps.ended_at, gaps.calls, gaps.reason).order_by(gaps.started_at)
    )
    return History(traffic, tuple(Gap(*row) for row in rows), _entries(connection))


def _entries(connection: Connection) -> Iterator[Entry]:
    statement = select(tables.calls).order_by(tables.calls.c.started_at, tables.calls.c.id)
    rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(statement)
    yield from map(_entry, rows)


def _entry(row: Row[tuple[object, ...]]) -> Entry:
    fields = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's documented name for it
    fields["verdict"] = Verdict(str(fields["verdict"]))
    fields["outcome"] = Outcome(str(fields["outcome"]))
    return Entry(**fields)
