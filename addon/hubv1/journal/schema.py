"""The journal's tables and views, for SQLite and for a fleet's PostgreSQL.

Who reads, and who writes to a fleet, uses them with SQLAlchemy. Who writes a journal takes the
texts of the statements for SQLite alone: running them through SQLAlchemy would cost more, for each
call, than the database does.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    ClauseElement,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    case,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = 2
APPLICATION_ID = 0x48756231
"""`Hub1`: what SQLite keeps in the header of a file, for programs to know their own by."""

SUMS = ("calls", "signed", "paged")
"""What the tables of counts add up: all calls, those made with credentials, and those for a list
longer than a page of v2."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; databases without time zones hold it without one."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Leave the zone out on the way in."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Put it back on the way out."""
        return None if value is None else value.replace(tzinfo=UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """The way out at once, where a moment is a text: reports read hundreds of thousands."""
        if dialect.name != "sqlite":
            return super().result_processor(dialect, coltype)
        return lambda text: text and datetime.fromisoformat(f"{text}+00:00")


class Day(TypeDecorator[date]):
    """A day, UTC."""

    impl = Date
    cache_ok = True


@compiles(UtcDateTime, "sqlite")
@compiles(Day, "sqlite")
def _text(_type: object, _compiler: object, **_: object) -> str:
    """STRICT tables know no times: they are texts, which sort as they should."""
    return "TEXT"


_REAL = Float().with_variant(sqlite.REAL(), "sqlite")

metadata = MetaData()


def _table(name: str, *columns: Column[Any], has_rowid: bool = True) -> Table:
    return Table(name, metadata, *columns, sqlite_strict=True, sqlite_with_rowid=has_rowid)


journal = _table("journal", Column("schema_version", Integer, nullable=False))

calls = _table(
    "calls",
    Column("id", Text, primary_key=True),
    Column("started_at", UtcDateTime, nullable=False, index=True),
    Column("duration_ms", _REAL, nullable=False),
    Column("caller", Text, nullable=False),
    Column("client_address", Text, nullable=False),
    Column("user_agent_original", Text, nullable=False),
    Column("credentials", Text, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("http_request_method", Text, nullable=False),
    Column("url_scheme", Text, nullable=False),
    Column("server_address", Text, nullable=False),
    Column("url_path", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("repository", Text, nullable=False),
    Column("tag", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("http_response_status_code", Integer),
    Column("upstream_calls", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("cache", Text, nullable=False),
    Column("tags_listed", Integer),
    Column("error_type", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("proxy_mode", Text, nullable=False),
    Column("flow_id", Text, nullable=False),
    Column("bridge_id", Text, nullable=False),
)


def _counts() -> tuple[Column[Any], ...]:
    """The columns that say what is counted, and how much of it there was."""
    return (
        Column("caller", Text, primary_key=True),
        Column("server_address", Text, primary_key=True),
        Column("route", Text, primary_key=True),
        Column("repository", Text, primary_key=True),
        Column("outcome", Text, primary_key=True),
        *(Column(name, Integer, nullable=False) for name in SUMS),
        Column("first_at", UtcDateTime, nullable=False),
        Column("last_at", UtcDateTime, nullable=False),
    )


hours = _table("hours", Column("hour", UtcDateTime, primary_key=True), *_counts(), has_rowid=False)
"""Calls by the hour. The counts stay when the rows of `calls` have gone."""

days = _table("days", Column("day", Day, primary_key=True), *_counts(), has_rowid=False)
"""Calls by the day, so that a report of a year reads few rows."""

callers = _table(
    "callers",
    Column("caller", Text, primary_key=True),
    Column("client_address", Text, nullable=False),
    Column("user_agent_original", Text, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("credentials", Text, nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
)
"""Each caller as its last call showed it."""

seen = _table(
    "seen",
    Column("hour", UtcDateTime, primary_key=True),
    Column("bridge_id", Text, primary_key=True),
    Column("flows", Integer, nullable=False),
    Column("still_served", Integer, nullable=False),
    Column("rejected_tls", Integer, nullable=False),
)
"""All traffic by the hour, so that a report can tell no legacy call from nothing seen."""

rejections = _table(
    "rejections",
    Column("day", Day, primary_key=True),
    Column("client_address", Text, primary_key=True),
    Column("server_address", Text, primary_key=True),
    Column("times", Integer, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
)
"""Clients that reject the bridge's certificate, by the day: nothing else is known of them."""

refusals = _table(
    "refusals",
    Column("hour", UtcDateTime, primary_key=True),
    Column("bridge_id", Text, primary_key=True),
    Column("calls", Integer, nullable=False),
)
"""Calls that were refused because they could not be recorded, by the hour."""

gaps = _table(
    "gaps",
    Column("id", Text, primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("bridge_id", Text, nullable=False),
)
"""Times in which calls were answered that have no row."""

_SUMS_OF_DAYS = tuple(func.sum(days.c[name]).label(name) for name in SUMS)
_TIMES_OF_DAYS = (
    func.min(days.c.first_at).label("first_at"),
    func.max(days.c.last_at).label("last_at"),
)
_DETAILS = (callers.c.client_address, callers.c.user_agent_original)

VIEWS: dict[str, Select[Any]] = {
    "calls_by_caller": select(days.c.caller, *_DETAILS, *_SUMS_OF_DAYS, *_TIMES_OF_DAYS)
    .select_from(days.outerjoin(callers, callers.c.caller == days.c.caller))
    .group_by(days.c.caller, *_DETAILS),
    "calls_by_day": select(days.c.day, days.c.outcome, *_SUMS_OF_DAYS).group_by(
        days.c.day, days.c.outcome
    ),
    "findings": select(
        days.c.caller, days.c.route, days.c.repository, *_SUMS_OF_DAYS, *_TIMES_OF_DAYS
    ).group_by(days.c.caller, days.c.route, days.c.repository),
}
"""What each view selects, by its name: counts, for those who read with other tools."""


def view(name: str, dialect: Dialect) -> str:
    """The statement that makes the view of that name."""
    return f"CREATE VIEW {name} AS {VIEWS[name].compile(dialect=dialect)}"


_Insert = TypeVar("_Insert", sqlite.Insert, postgresql.Insert)


def adding(insert: _Insert, sums: Iterable[str]) -> _Insert:
    """Add the `sums` of new rows to those of the row with the same key; `first_at` and `last_at`,
    where the table has them, widen its own."""
    new, old = insert.excluded, insert.table.c
    values: dict[str, Any] = {name: old[name] + new[name] for name in sums}
    if "first_at" in old:
        values["first_at"] = case((new.first_at < old.first_at, new.first_at), else_=old.first_at)
        values["last_at"] = case((new.last_at > old.last_at, new.last_at), else_=old.last_at)
    return _upsert(insert, values)


def renewing(insert: _Insert) -> _Insert:
    """Let new rows take the place of the one with the same key, unless its `last_seen` is later;
    `first_seen` stays the earliest."""
    new, old = insert.excluded, insert.table.c
    values: dict[str, Any] = {
        column.name: case((new.last_seen >= old.last_seen, new[column.name]), else_=column)
        for column in old
        if not column.primary_key
    }
    is_earlier = new.first_seen < old.first_seen
    values["first_seen"] = case((is_earlier, new.first_seen), else_=old.first_seen)
    return _upsert(insert, values)


def _upsert(insert: _Insert, values: dict[str, Any]) -> _Insert:
    return insert.on_conflict_do_update(index_elements=list(insert.table.primary_key), set_=values)


@cache
def creating() -> tuple[str, ...]:
    """The statements that make what is missing of a journal, in SQLite."""
    return tuple(_creating())


def _creating() -> Iterator[str]:
    for table in metadata.sorted_tables:
        yield _sqlite(CreateTable(table, if_not_exists=True))
        yield from (_sqlite(CreateIndex(each, if_not_exists=True)) for each in table.indexes)
    for name in VIEWS:
        yield view(name, sqlite.dialect()).replace("VIEW", "VIEW IF NOT EXISTS", 1)


@cache
def insert_texts() -> dict[str, str]:
    """The INSERT of a row in SQLite, by table: its parameters are those of all columns in order."""
    inserts: dict[Table, ClauseElement] = {
        calls: sqlite.insert(calls),
        gaps: sqlite.insert(gaps).on_conflict_do_nothing(),
        hours: adding(sqlite.insert(hours), SUMS),
        days: adding(sqlite.insert(days), SUMS),
        callers: renewing(sqlite.insert(callers)),
        seen: adding(sqlite.insert(seen), ("flows", "still_served", "rejected_tls")),
        refusals: adding(sqlite.insert(refusals), ("calls",)),
        rejections: adding(sqlite.insert(rejections), ("times",)),
    }
    return {table.name: _sqlite(clause) for table, clause in inserts.items()}


def _sqlite(clause: ClauseElement) -> str:
    return str(clause.compile(dialect=sqlite.dialect()))
