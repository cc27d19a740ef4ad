"""Reading a journal, or a fleet's database: its calls, counted or one by one, and the rest."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Row, create_engine, event, func, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from hubv1.api.record import CallRecord
from hubv1.api.routes import Outcome, Verdict
from hubv1.journal import files, schema
from hubv1.journal.connection import BUSY_SECONDS, reason_of, version_complaint
from hubv1.journal.counted import bounds_of, counted
from hubv1.journal.database_url import POSTGRESQL
from hubv1.journal.gaps import Gap
from hubv1.journal.history import History, Summary
from hubv1.journal.place import JournalError, Place
from hubv1.journal.selection import EVERYTHING, Selection
from hubv1.journal.traffic import Rejection, Seen

Traffic = dict[tuple[datetime, str], list[int]]

_MOST_REJECTIONS = 1_000
_ROWS_AT_ONCE = 1_000
_STEPS = 10_000
"""Instructions of SQLite's after which it is asked whether to go on: a millisecond of them."""
_OF_SERVER = {
    "connect_timeout": "10",
    # A server whose machine is gone is noticed by the system, which ends what waits for it.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "hub-v1-bridge",
}
"""What libpq is told, unless the URL says otherwise."""


@contextmanager
def read(
    place: Place,
    selection: Selection = EVERYTHING,
    *,
    named: int | None = None,
    seconds: float | None = None,
) -> Iterator[History]:
    """What is wanted of the history in a journal, while the context lasts; raises JournalError.

    Traffic, gaps and single calls are those of the period, whatever names are wanted. With `named`
    only so many callers are told apart, the latest; with `seconds` a journal's file that takes
    longer to read raises JournalError.
    """
    until = None if seconds is None else time.monotonic() + seconds
    try:
        with connected(place) as connection, explained(place):
            if until is not None:
                _interrupt_after(connection, until)
            yield history_of(place, connection, selection, named)
    except JournalError as error:
        if until is None or time.monotonic() < until:
            raise
        raise JournalError(f"The journal {place} cannot be read in {seconds:g} seconds.") from error


def _interrupt_after(connection: Connection, until: float) -> None:
    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(lambda: time.monotonic() > until, _STEPS)


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


def history_of(
    place: Place, connection: Connection, selection: Selection, named: int | None = None
) -> History:
    """What is wanted of the journal's history; raises JournalError, also where it is read."""
    with explained(place):
        entries = _entries(place, connection, selection)
        return History(
            _seen(connection, selection),
            tuple(gaps_by_id(connection, selection).values()),
            entries,
            _summary(place, connection, selection, named),
            rejections=rejections_of(connection, selection),
            has=lambda id_: has_call(connection, id_),
        )


def _entries(place: Place, connection: Connection, selection: Selection) -> Iterator[CallRecord]:
    with explained(place):
        for entry in entries_of(connection):
            if selection.covers(entry.started_at):
                yield entry


def _seen(connection: Connection, selection: Selection) -> Seen:
    return sum_of_traffic(traffic_of(connection, selection).values())


def traffic_of(connection: Connection, selection: Selection) -> Traffic:
    """All traffic by hour and bridge, in the order of the fields of `Seen`."""
    seen, refusals = schema.seen.c, schema.refusals.c
    columns = (seen.hour, seen.bridge_id, seen.flows, seen.still_served, seen.rejected_tls)
    bounds = bounds_of(seen.hour, selection.since, selection.until)
    traffic: Traffic = {
        (hour, bridge): [*figures, 0]
        for hour, bridge, *figures in connection.execute(select(*columns).where(*bounds))
    }
    if inspect(connection).has_table(schema.refusals.name):  # older journals are without it
        bounds = bounds_of(refusals.hour, selection.since, selection.until)
        for hour, bridge, calls in connection.execute(select(*refusals).where(*bounds)):
            traffic.setdefault((hour, bridge), [0, 0, 0, 0])[-1] = calls
    return traffic


def sum_of_traffic(traffic: Iterable[Sequence[int]]) -> Seen:
    """All of it together."""
    return Seen(*map(sum, zip((0, 0, 0, 0), *traffic, strict=True)))


def gaps_by_id(connection: Connection, selection: Selection) -> dict[str, Gap]:
    """Those that reach into the period."""
    gaps = schema.gaps.c
    statement = select(gaps.id, gaps.started_at, gaps.ended_at, gaps.calls, gaps.reason)
    bounds = (
        *bounds_of(gaps.ended_at, selection.since, None),
        *bounds_of(gaps.started_at, None, selection.until),
    )
    found = connection.execute(statement.where(*bounds).order_by(gaps.started_at))
    return {id_: Gap(*row) for id_, *row in found}


def rejections_of(connection: Connection, selection: Selection) -> tuple[Rejection, ...]:
    """Those of days that reach into the period."""
    table = schema.rejections.c
    last_at = func.max(table.last_at)
    statement = select(table.client_address, table.server_address, func.sum(table.times), last_at)
    bounds = (
        *bounds_of(table.last_at, selection.since, None),
        *bounds_of(table.first_at, None, selection.until),
    )
    clients = statement.where(*bounds).group_by(table.client_address, table.server_address)
    found = connection.execute(clients.order_by(last_at.desc()).limit(_MOST_REJECTIONS))
    return tuple(Rejection(address, host, int(times), at) for address, host, times, at in found)


def _summary(
    place: Place, connection: Connection, selection: Selection, named: int | None
) -> Callable[[datetime], Summary]:
    def summary(hour: datetime) -> Summary:
        with explained(place):
            return counted(connection, hour, selection, named)

    return summary


def entries_of(connection: Connection, ids: Sequence[str] | None = None) -> Iterator[CallRecord]:
    """All rows of `calls` in the order of their time, or those with these ids."""
    calls = schema.calls
    statement = select(calls).order_by(calls.c.started_at, calls.c.id)
    if ids is not None:
        statement = statement.where(calls.c.id.in_(ids))
    rows = connection.execute(statement, execution_options={"yield_per": _ROWS_AT_ONCE})
    yield from map(entry_of, rows)


def entry_of(row: Row[Any]) -> CallRecord:
    """The entry of a row that has all columns of the table."""
    values = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's documented name for it
    values["verdict"] = Verdict(str(values["verdict"]))
    values["outcome"] = Outcome(str(values["outcome"]))
    return CallRecord(**values)


def asked_tags(place: Place) -> Iterator[tuple[str, str]]:
    """Repositories, `namespace/repository`, with tags that calls asked for by name: each pair once,
    the latest first. Raises JournalError."""
    calls = schema.calls.c
    pair = (calls.namespace, calls.repository, calls.tag)
    statement = select(*pair).where(calls.tag != "").group_by(*pair)
    latest = statement.order_by(func.max(calls.started_at).desc())
    with connected(place) as connection, explained(place):
        for namespace, repository, tag in connection.execute(latest):
            yield f"{namespace}/{repository}", tag


def has_call(connection: Connection, id_: str) -> bool:
    """Whether there is a row with that id."""
    statement = select(schema.calls.c.id).where(schema.calls.c.id == id_)
    return connection.execute(statement).first() is not None


def open_for_reading(place: Place) -> Engine:
    """The engine of a journal that exists; raises JournalError where it does not."""
    file = place.file
    if file is not None and not file.is_file():
        raise JournalError(
            f"There is no journal at {place}. Name one with --journal, or run the bridge first."
        )
    try:
        if file is None:
            return _checked(server_engine(place), place)
        try:
            return _checked(_engine(place), place)
        except SQLAlchemyError as error:
            if not _is_read_only(error):
                raise
        _refuse_if_in_parts(place, file)
        return _checked(_unchanging_engine(file), place)
    except (SQLAlchemyError, OSError, ImportError) as error:
        said = place.without_secrets(reason_of(error))
        raise JournalError(f"The journal {place} cannot be used: {said}.") from error


def server_engine(place: Place) -> Engine:
    """For one thread, of a database on a server; raises ImportError where its driver is not
    there."""
    url = place.url
    wanted = _OF_SERVER if url.drivername == POSTGRESQL else {}
    given = {name: value for name, value in wanted.items() if name not in url.query}
    return create_engine(url, connect_args=given, pool_size=1, max_overflow=0)


def _engine(place: Place) -> Engine:
    # Python's driver would begin transactions by rules of its own: all is read as at one moment.
    given = {"timeout": BUSY_SECONDS, "isolation_level": None}
    engine = create_engine(place.url, connect_args=given)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _unchanging_engine(file: Path) -> Engine:
    """For a file on a read-only medium: SQLite would make companions beside it otherwise, even
    to read."""
    uri = f"file:{quote(str(file))}?mode=ro&immutable=1"
    return create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True))


def _is_read_only(error: SQLAlchemyError) -> bool:
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def _refuse_if_in_parts(place: Place, file: Path) -> None:
    """The latest rows may still be in the companion, which is read with write access only."""
    log = files.companions(file)[0]
    if log.exists() and log.stat().st_size:
        raise JournalError(
            f"The journal {place} cannot be read where nothing can be written, since its last "
            f"rows are in {log}: copy both files to a folder of your own and read them there."
        )


def _checked(engine: Engine, place: Place) -> Engine:
    try:
        with engine.connect() as connection:
            version = version_of(connection)
    except BaseException:
        engine.dispose()
        raise
    if version is None:
        complaint = f"{place} is a database, but not a journal of this bridge."
    else:
        complaint = version_complaint(place, version)
    if complaint:
        engine.dispose()
        raise JournalError(complaint)
    return engine


def version_of(connection: Connection) -> int | None:
    """The version of the journal; None where there is none."""
    if not inspect(connection).has_table(schema.journal.name):
        return None
    return connection.scalars(select(schema.journal.c.schema_version)).one_or_none() or 0
