"""The journal's tables, for every database that SQLAlchemy speaks."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    Integer,
    MetaData,
    String,
    Table,
)
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = 2

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


metadata = MetaData()

journal = Table("journal", metadata, Column("schema_version", Integer, nullable=False))

calls = Table(
    "calls",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("started_at", UtcDateTime, nullable=False, index=True),
    Column("duration_ms", Float, nullable=False),
    Column("caller", String, nullable=False),
    Column("client_address", String, nullable=False),
    Column("user_agent_original", String, nullable=False),
    Column("credentials", String, nullable=False),
    Column("user_name", String, nullable=False),
    Column("http_request_method", String, nullable=False),
    Column("url_scheme", String, nullable=False),
    Column("server_address", String, nullable=False),
    Column("url_path", String, nullable=False),
    Column("route", String, nullable=False),
    Column("namespace", String, nullable=False),
    Column("repository", String, nullable=False),
    Column("tag", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("http_response_status_code", Integer),
    Column("upstream_calls", Integer, nullable=False),
    Column("source", String, nullable=False),
    Column("cache", String, nullable=False),
    Column("tags_listed", Integer),
    Column("error_type", String, nullable=False),
    Column("error", String, nullable=False),
    Column("proxy_mode", String, nullable=False),
    Column("flow_id", String, nullable=False),
    Column("bridge_id", String, nullable=False),
)


def _counted() -> tuple[Column[Any], ...]:
    """The columns that say what is counted, and how much of it there was."""
    return (
        Column("caller", String, primary_key=True),
        Column("server_address", String, primary_key=True),
        Column("route", String, primary_key=True),
        Column("repository", String, primary_key=True),
        Column("outcome", String, primary_key=True),
        *(Column(name, Integer, nullable=False) for name in SUMS),
        Column("first_at", UtcDateTime, nullable=False),
        Column("last_at", UtcDateTime, nullable=False),
    )


hours = Table(
    "hours",
    metadata,
    Column("hour", UtcDateTime, primary_key=True),
    *_counted(),
    sqlite_with_rowid=False,
)
"""Calls by the hour. The counts stay when the rows of `calls` have gone."""

days = Table(
    "days",
    metadata,
    Column("day", Date, primary_key=True),
    *_counted(),
    sqlite_with_rowid=False,
)
"""The same by the day, so that a report of a year reads little."""

callers = Table(
    "callers",
    metadata,
    Column("caller", String, primary_key=True),
    Column("client_address", String, nullable=False),
    Column("user_agent_original", String, nullable=False),
    Column("user_name", String, nullable=False),
    Column("credentials", String, nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
)
"""Each caller as its last call showed it."""

seen = Table(
    "seen",
    metadata,
    Column("hour", UtcDateTime, primary_key=True),
    Column("bridge_id", String, primary_key=True),
    Column("flows", Integer, nullable=False),
    Column("still_served", Integer, nullable=False),
    Column("rejected_tls", Integer, nullable=False),
)
"""All traffic by the hour, so that a report can tell no legacy call from nothing seen."""

rejections = Table(
    "rejections",
    metadata,
    Column("day", Date, primary_key=True),
    Column("client_address", String, primary_key=True),
    Column("server_address", String, primary_key=True),
    Column("times", Integer, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
)
"""Clients that reject the bridge's certificate, by the day: nothing else is known of them."""

gaps = Table(
    "gaps",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("reason", String, nullable=False),
    Column("bridge_id", String, nullable=False),
)
"""Times in which calls were answered that could not be recorded."""
