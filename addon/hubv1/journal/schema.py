"""The journal's tables and views, for SQLite and for a fleet's PostgreSQL.

Readers of journals and writers to a fleet use them with SQLAlchemy. The writer of a journal uses
the compiled statements: running them through SQLAlchemy would cost more, for each call, than the
database does.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import TypeDecorator

from hubv1.api.routes import RETIRING_MARK

SCHEMA_VERSION = 2
APPLICATION_ID = 0x48756231  # `Hub1`: the application ID in the header of an SQLite file

SUMS = ("calls", "signed", "paged")
"""The sums in the tables of counts: all calls, those with credentials, and those for a list longer
than a page of v2."""


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC, stored without its time zone."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Drop the zone of a value to be stored."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Restore the zone of a value that was read."""
        return None if value is None else value.replace(tzinfo=UTC)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Read SQLite's texts in one step, since reports read hundreds of thousands of times."""
        if dialect.name != "sqlite":
            return super().result_processor(dialect, coltype)
        return lambda text: text and datetime.fromisoformat(f"{text}+00:00")


class Day(TypeDecorator[date]):
    """A day in UTC."""

    impl = sa.Date
    cache_ok = True


@compiles(UtcDateTime, "sqlite")
@compiles(Day, "sqlite")
def _text(_type: object, _compiler: object, **_: object) -> str:
    """STRICT tables have no type for times; as texts they sort correctly."""
    return "TEXT"


_REAL = sa.Float().with_variant(sqlite.REAL(), "sqlite")

metadata = sa.MetaData()


def _table(name: str, *columns: sa.Column[Any], has_rowid: bool = True) -> sa.Table:
    return sa.Table(name, metadata, *columns, sqlite_strict=True, sqlite_with_rowid=has_rowid)


def keys(kind: Any, *names: str) -> list[sa.Column[Any]]:  # noqa: ANN401  # a type of SQLAlchemy's
    """Columns of a primary key."""
    return [sa.Column(name, kind, primary_key=True) for name in names]


def filled(kind: Any, *names: str) -> list[sa.Column[Any]]:  # noqa: ANN401  # as above
    """Columns that are never NULL."""
    return [sa.Column(name, kind, nullable=False) for name in names]


journal = _table("journal", *filled(sa.Integer, "schema_version"))

calls = _table(
    "calls",
    *keys(sa.Text, "id"),
    sa.Column("started_at", UtcDateTime, nullable=False, index=True),
    *filled(_REAL, "duration_ms"),
    *filled(sa.Text, "caller", "client_address", "user_agent_original", "credentials", "user_name"),
    *filled(sa.Text, "http_request_method", "url_scheme", "server_address", "url_path", "route"),
    *filled(sa.Text, "namespace", "repository", "tag", "verdict", "outcome"),
    sa.Column("http_response_status_code", sa.Integer),
    *filled(sa.Integer, "upstream_calls"),
    *filled(sa.Text, "source", "cache"),
    sa.Column("tags_listed", sa.Integer),
    *filled(sa.Text, "error_type", "error", "proxy_mode", "flow_id", "bridge_id"),
)


def _counts(period: str, kind: Any) -> sa.Table:  # noqa: ANN401  # as above
    return _table(
        f"{period}s",
        *keys(kind, period),
        *keys(sa.Text, "caller", "server_address", "route", "repository", "outcome"),
        *filled(sa.Integer, *SUMS),
        *filled(UtcDateTime, "first_at", "last_at"),
        has_rowid=False,
    )


hours = _counts("hour", UtcDateTime)
"""Calls by the hour. The counts outlive the rows of `calls`."""
days = _counts("day", Day)  # calls by the day, so that a report about a year reads few rows

callers = _table(
    "callers",
    *keys(sa.Text, "caller"),
    *filled(sa.Text, "client_address", "user_agent_original", "user_name", "credentials"),
    *filled(UtcDateTime, "first_seen", "last_seen"),
)
"""Each caller, with the details of its last call."""

seen = _table(
    "seen",
    *keys(UtcDateTime, "hour"),
    *keys(sa.Text, "bridge_id"),
    *filled(sa.Integer, "flows", "still_served", "rejected_tls"),
)
"""All traffic by the hour, so that a report can tell no legacy call from nothing seen."""

rejections = _table(
    "rejections",
    *keys(Day, "day"),
    *keys(sa.Text, "client_address", "server_address"),
    *filled(sa.Integer, "times"),
    *filled(UtcDateTime, "first_at", "last_at"),
)
"""Clients that reject the bridge's certificate, by the day."""

refusals = _table(
    "refusals",
    *keys(UtcDateTime, "hour"),
    *keys(sa.Text, "bridge_id"),
    *filled(sa.Integer, "calls"),
)
"""Calls that were refused because they could not be recorded, by the hour."""

gaps = _table(
    "gaps",
    *keys(sa.Text, "id"),
    *filled(UtcDateTime, "started_at", "ended_at"),
    *filled(sa.Integer, "calls"),
    *filled(sa.Text, "reason", "bridge_id"),
)
"""Times in which calls were answered without a row."""


def is_v1(route: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether a route is one of API v1, in the SQL of any database."""
    return sa.func.replace(route, RETIRING_MARK, "") == route


_SUMS_OF_DAYS = tuple(sa.func.sum(days.c[name]).label(name) for name in SUMS)
_TIMES_OF_DAYS = (
    sa.func.min(days.c.first_at).label("first_at"),
    sa.func.max(days.c.last_at).label("last_at"),
)
_DETAILS = (callers.c.client_address, callers.c.user_agent_original)

VIEWS: dict[str, sa.Select[Any]] = {
    "calls_by_caller": sa.select(days.c.caller, *_DETAILS, *_SUMS_OF_DAYS, *_TIMES_OF_DAYS)
    .select_from(days.outerjoin(callers, callers.c.caller == days.c.caller))
    .where(is_v1(days.c.route))
    .group_by(days.c.caller, *_DETAILS),
    "calls_by_day": sa.select(days.c.day, days.c.outcome, *_SUMS_OF_DAYS)
    .where(is_v1(days.c.route))
    .group_by(days.c.day, days.c.outcome),
    "findings": sa.select(
        days.c.caller, days.c.route, days.c.repository, *_SUMS_OF_DAYS, *_TIMES_OF_DAYS
    )
    .where(is_v1(days.c.route))
    .group_by(days.c.caller, days.c.route, days.c.repository),
}
"""The views by their names: counts of v1 calls, for other tools."""


def view(name: str, dialect: sa.Dialect) -> str:
    """The statement that creates the view of that name."""
    selected = VIEWS[name].compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return f"CREATE VIEW {name} AS {selected}"


_Insert = TypeVar("_Insert", sqlite.Insert, postgresql.Insert)


def adding(insert: _Insert, sums: Iterable[str]) -> _Insert:
    """Add the `sums` of a new row to those of the row with the same key, and widen its `first_at`
    and `last_at` if the table has them."""
    new, old = insert.excluded, insert.table.c
    values: dict[str, Any] = {name: old[name] + new[name] for name in sums}
    if "first_at" in old:
        values["first_at"] = sa.case(
            (new.first_at < old.first_at, new.first_at), else_=old.first_at
        )
        values["last_at"] = sa.case((new.last_at > old.last_at, new.last_at), else_=old.last_at)
    return _upsert(insert, values)


def renewing(insert: _Insert) -> _Insert:
    """Replace the row with the same key by the new one, unless its `last_seen` is later; keep the
    earlier `first_seen`."""
    new, old = insert.excluded, insert.table.c
    values: dict[str, Any] = {
        column.name: sa.case((new.last_seen >= old.last_seen, new[column.name]), else_=column)
        for column in old
        if not column.primary_key
    }
    is_earlier = new.first_seen < old.first_seen
    values["first_seen"] = sa.case((is_earlier, new.first_seen), else_=old.first_seen)
    return _upsert(insert, values)


def _upsert(insert: _Insert, values: dict[str, Any]) -> _Insert:
    return insert.on_conflict_do_update(index_elements=list(insert.table.primary_key), set_=values)


@cache
def creating() -> tuple[str, ...]:
    """The statements that create the missing tables, indexes and views of a journal in SQLite."""
    return tuple(_creating())


def _creating() -> Iterator[str]:
    for table in metadata.sorted_tables:
        yield _sqlite(CreateTable(table, if_not_exists=True))
        yield from (_sqlite(CreateIndex(each, if_not_exists=True)) for each in table.indexes)
    for name in VIEWS:
        yield view(name, sqlite.dialect()).replace("VIEW", "VIEW IF NOT EXISTS", 1)


@cache
def insert_texts() -> dict[str, str]:
    """The INSERT of a row in SQLite for each table, with parameters for all columns in order."""
    inserts: dict[sa.Table, sa.ClauseElement] = {
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


def _sqlite(clause: sa.ClauseElement) -> str:
    return str(clause.compile(dialect=sqlite.dialect()))
