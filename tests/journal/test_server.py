"""A journal in a server's database, by its URL: PostgreSQL serves as well as a file."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from fleet.postgres import Server, a_server
from hubv1.journal import Entry, Journal, NotRecorded, Place, Seen, read
from hubv1.journal.views import VIEWS
from hubv1.outcome import Outcome
from samples import make_entry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
_serial = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with a_server() as made:
        yield made


@pytest.fixture
def name() -> str:
    return f"journal_{next(_serial)}"


@pytest.fixture
def url(server: Server, name: str) -> str:
    """Of an empty database."""
    return server.database(name)


def write(url: str, *entries: Entry, bridge_id: str = "bridge-1") -> None:
    journal = Journal(Place(url), bridge_id)
    for entry in entries:
        journal.record_unawaited(entry)
    journal.seen.flows = len(entries)
    journal.close()


def test_calls_come_back_as_they_were_and_are_counted(url: str) -> None:
    entries = [
        make_entry(started_at=NOW + number * DAY, outcome=outcome, tags_listed=tags)
        for number, (outcome, tags) in enumerate([(Outcome.GONE, None), (Outcome.FAILED, 101)])
    ]
    write(url, *entries)
    write(url, replace(entries[0], id="another"), bridge_id="bridge-2")
    with read(Place(url)) as history:
        assert [entry for entry in history.entries if entry.id != "another"] == entries
        assert history.seen == Seen(flows=3)
        counts = history.summary(NOW).counts
    assert sorted((each.outcome, each.calls, each.paged) for each in counts) == [
        (Outcome.FAILED, 1, 1),
        (Outcome.GONE, 2, 0),
    ]


@pytest.mark.parametrize("view", VIEWS)
def test_the_views_are_there(server: Server, url: str, name: str, view: str) -> None:
    write(url, make_entry(), make_entry())
    [row] = server.ask(f"SELECT calls FROM {view}", name)  # noqa: S608  # a name of ours
    assert row == (2,)


def test_old_calls_go_and_their_counts_stay(
    server: Server, url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubv1.journal.pruning._FIRST_SECONDS", 0.02)
    write(url, *(make_entry(started_at=NOW - days * DAY) for days in (500, 100, 1.01)))
    journal = Journal(Place(url), "bridge-2", 90, lambda: NOW)
    deadline = time.monotonic() + 20
    while server.ask("SELECT count(*) FROM days", name) != [(2,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    journal.close()
    assert server.ask("SELECT count(*) FROM calls", name) == [(1,)]


def test_a_server_that_goes_away_leaves_a_gap() -> None:
    with a_server() as server:
        url = server.database("journal")
        journal = Journal(Place(url), "bridge-1")

        async def recording() -> None:
            await journal.record(make_entry())
            server.kill()
            for _ in range(2):
                with pytest.raises(NotRecorded):
                    await journal.record(make_entry())
            server.start()
            await journal.record(make_entry())

        asyncio.run(recording())
        journal.close()
        assert server.ask("SELECT calls FROM gaps", "journal") == [(2,)]
        assert server.ask("SELECT count(*) FROM calls", "journal") == [(2,)]


def test_a_server_that_was_started_anew_loses_no_call() -> None:
    with a_server() as server:
        url = server.database("journal")
        journal = Journal(Place(url), "bridge-1")

        async def recording() -> None:
            await journal.record(make_entry())
            server.stop()
            server.start()
            await journal.record(make_entry())

        asyncio.run(recording())
        journal.close()
        assert server.ask("SELECT count(*) FROM gaps", "journal") == [(0,)]
        assert server.ask("SELECT count(*) FROM calls", "journal") == [(2,)]


def test_a_server_that_stands_still_keeps_no_call_waiting_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hubv1.journal.session.SERVER_SECONDS", 0.5)
    with a_server() as server:
        url = server.database("journal")
        journal = Journal(Place(f"{url}?connect_timeout=2"), "bridge-1")

        async def recording() -> None:
            await journal.record(make_entry())
            server.freeze()
            with pytest.raises(NotRecorded):
                await asyncio.wait_for(journal.record(make_entry()), 60)
            server.thaw()
            await journal.record(make_entry())

        asyncio.run(recording())
        journal.close()
        assert server.ask("SELECT calls FROM gaps", "journal") == [(1,)]
        assert server.ask("SELECT count(*) FROM calls", "journal") == [(2,)]
