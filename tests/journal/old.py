"""Journals as older bridges left them behind."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from hubv1.journal import Entry

VERSION_1 = """
CREATE TABLE journal (schema_version INTEGER NOT NULL);
INSERT INTO journal VALUES (1);
CREATE TABLE calls (
    id VARCHAR(36) NOT NULL,
    started_at DATETIME NOT NULL,
    duration_ms FLOAT NOT NULL,
    caller VARCHAR NOT NULL,
    client_address VARCHAR NOT NULL,
    user_agent_original VARCHAR NOT NULL,
    http_request_method VARCHAR NOT NULL,
    url_scheme VARCHAR NOT NULL,
    server_address VARCHAR NOT NULL,
    url_path VARCHAR NOT NULL,
    route VARCHAR NOT NULL,
    namespace VARCHAR NOT NULL,
    repository VARCHAR NOT NULL,
    tag VARCHAR NOT NULL,
    verdict VARCHAR NOT NULL,
    outcome VARCHAR NOT NULL,
    http_response_status_code INTEGER,
    upstream_calls INTEGER NOT NULL,
    source VARCHAR NOT NULL,
    cache VARCHAR NOT NULL,
    error_type VARCHAR NOT NULL,
    error VARCHAR NOT NULL,
    proxy_mode VARCHAR NOT NULL,
    flow_id VARCHAR NOT NULL,
    bridge_id VARCHAR NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX ix_calls_started_at ON calls (started_at);
CREATE TABLE seen (
    hour DATETIME NOT NULL,
    bridge_id VARCHAR NOT NULL,
    flows INTEGER NOT NULL,
    still_served INTEGER NOT NULL,
    rejected_tls INTEGER NOT NULL,
    PRIMARY KEY (hour, bridge_id)
);
CREATE TABLE gaps (
    id VARCHAR(36) NOT NULL,
    started_at DATETIME NOT NULL,
    ended_at DATETIME NOT NULL,
    calls INTEGER NOT NULL,
    reason VARCHAR NOT NULL,
    bridge_id VARCHAR NOT NULL,
    PRIMARY KEY (id)
);
INSERT INTO seen VALUES ('2026-03-01 12:00:00.000000', 'bridge-1', 7, 2, 1);
INSERT INTO gaps VALUES (
    'g', '2026-03-01 12:00:00.000000', '2026-03-01 12:01:00.000000', 3, 'full', 'bridge-1'
);
"""

_NOT_YET = ("credentials", "user_name", "tags_listed")


def of_version_1(path: Path, entries: Iterable[Entry]) -> Path:
    """A journal with these calls, three more in a gap, and 7 flows; returns `path`."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(VERSION_1)
        for entry in entries:
            row = _row(entry)
            names, places = ", ".join(row), ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO calls ({names}) VALUES ({places})", [*row.values()])  # noqa: S608  # names of our own
    return path


def _row(entry: Entry) -> dict[str, object]:
    values = {name: getattr(entry, name) for name in Entry.__slots__ if name not in _NOT_YET}
    started_at = f"{entry.started_at:%Y-%m-%d %H:%M:%S.%f}"
    return {
        **values,
        "started_at": started_at,
        "verdict": str(entry.verdict),
        "outcome": str(entry.outcome),
    }
