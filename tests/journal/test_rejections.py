"""Clients that reject the bridge's certificate are named, as many as a day may name."""

import sqlite3
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubv1.journal import Journal, Location, Rejection, Selection, read
from hubv1.journal.writer import CLIENTS_A_DAY, Rejections

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOST = "index.docker.io"


class Clock:
    """The time as the test says it is."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def location(tmp_path: Path) -> Location:
    return Location(str(tmp_path / "journal.sqlite3"))


def journal(location: Location, now: Callable[[], datetime] = lambda: NOON) -> Journal:
    return Journal(location, "bridge-1", now=now)


def told(location: Location, selection: Selection | None = None) -> list[Rejection]:
    with read(location, selection or Selection()) as history:
        return list(history.rejections)


def test_each_is_told_with_the_host_how_often_and_when_last_the_latest_first(
    location: Location,
) -> None:
    clock = Clock()
    bridge = journal(location, clock)
    for minutes, address in enumerate(("10.0.0.7", "10.0.0.8", "10.0.0.7")):
        clock.now = NOON + timedelta(minutes=minutes)
        bridge.note_rejection(address, HOST)
    bridge.close()
    assert told(location) == [
        Rejection("10.0.0.7", HOST, 2, NOON + timedelta(minutes=2)),
        Rejection("10.0.0.8", HOST, 1, NOON + timedelta(minutes=1)),
    ]


def test_days_and_bridges_add_up(location: Location) -> None:
    clock = Clock()
    for _ in range(2):
        bridge = journal(location, clock)
        for days in (0, 1):
            clock.now = NOON + timedelta(days)
            bridge.note_rejection("10.0.0.7", HOST)
        bridge.close()
    assert told(location) == [Rejection("10.0.0.7", HOST, 4, NOON + timedelta(1))]


def test_they_are_counted_among_all_traffic(location: Location) -> None:
    bridge = journal(location)
    bridge.note_rejection("10.0.0.7", HOST)
    bridge.close()
    with read(location) as history:
        assert history.seen.rejected_tls == 1


def test_a_flood_of_addresses_is_named_up_to_the_limit_and_counted_to_the_last(
    location: Location,
) -> None:
    bridge = journal(location)
    for number in range(CLIENTS_A_DAY + 50):
        bridge.note_rejection(f"2001:db8::{number:x}", HOST)
    bridge.close()
    with closing(sqlite3.connect(str(location.file))) as connection:
        rows = connection.execute("SELECT client_address, times FROM rejections").fetchall()
    assert len(rows) == CLIENTS_A_DAY + 1
    assert dict(rows)["(others)"] == 50


def test_a_period_has_those_of_its_days(location: Location) -> None:
    clock = Clock()
    bridge = journal(location, clock)
    for days, address in enumerate(("a", "b", "c")):
        clock.now = NOON + timedelta(days)
        bridge.note_rejection(address, HOST)
    bridge.close()
    only = Selection(since=NOON + timedelta(hours=1), until=NOON + timedelta(days=1, hours=1))
    assert [one.client_address for one in told(location, only)] == ["b"]


def test_what_was_not_written_waits_until_it_is() -> None:
    rejections = Rejections()
    for _ in range(2):
        rejections.note("10.0.0.7", HOST, NOON)
        [(_, address, _, times, _, _)] = rejections.rows()
    assert (address, times) == ("10.0.0.7", 2)
    rejections.written()
    assert rejections.rows() == []


def test_a_flood_that_cannot_be_written_takes_no_memory_for_each_time() -> None:
    rejections = Rejections()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(10_000):
            rejections.note("10.0.0.7", HOST, NOON + timedelta(milliseconds=number))
            rejections.rows()
        now, _ = tracemalloc.get_traced_memory()
        assert now - before < 100_000
    finally:
        tracemalloc.stop()
    [(*_, times, first_at, last_at)] = rejections.rows()
    assert (times, first_at, last_at) == (10_000, NOON, NOON + timedelta(milliseconds=9_999))
