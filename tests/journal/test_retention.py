"""Old rows go by and by, counts stay, and a clock that jumps takes nothing away."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubv1.journal import CallRecord, Journal, Location
from journal.asking import asked
from samples import make_entry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LOOKS = 12
"""How often the journal looks for what is old, and takes a step, until all of it must be gone."""
PATIENCE = 60
"""Seconds after which a test gives up."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_FIRST_SECONDS", "_EVERY_SECONDS", "_PAUSE_SECONDS"):
        monkeypatch.setattr(f"hubv1.journal.retention.{name}", 0.005)


def write(path: Path, *entries: CallRecord) -> None:
    journal = Journal(Location(str(path)), "bridge-1", 3650, lambda: NOW - 5000 * DAY)
    for entry in entries:
        journal.record_unawaited(entry)
    journal.close()


def ages(path: Path, column: str = "started_at", table: str = "calls") -> list[int]:
    """Days from the times in a column to now, the oldest first."""
    rows = asked(path, f"SELECT {column} FROM {table} ORDER BY 1")  # noqa: S608  # names of our own
    times = (datetime.fromisoformat(row[0]).replace(tzinfo=UTC) for row in rows)
    return [(NOW - time).days for time in times]


def aged(*days: float) -> list[CallRecord]:
    return [make_entry(started_at=NOW - day * DAY) for day in days]


def idle(
    path: Path,
    days: int = 90,
    until: Callable[[], bool] | None = None,
    now: datetime = NOW,
) -> None:
    """A bridge without calls, until it is so or it has looked often enough for what is old."""
    clock = Clock(now)
    journal = Journal(Location(str(path)), "bridge-2", days, clock)
    wait(until or (lambda: clock.asked >= LOOKS))
    journal.close()


def wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def eventually_ages(path: Path, expected: list[int]) -> None:
    wait(lambda: ages(path) == expected)


class Clock:
    """The time as the test says it is."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now
        self.asked = 0

    def __call__(self) -> datetime:
        self.asked += 1
        return self.now


def test_rows_go_when_they_are_older_than_the_days_given(path: Path) -> None:
    write(path, *aged(400, 100, 92.5, 89, 50, 2, 1.01, 0))
    idle(path)
    assert ages(path) == [89, 50, 2, 1, 0]
    idle(path, days=30)
    assert ages(path) == [2, 1, 0]


@pytest.mark.parametrize("days", [1, 30])
def test_a_row_stays_for_the_days_given_by_the_newest_that_is_a_day_old(
    path: Path, days: int
) -> None:
    write(path, *aged(1.5 + days + 0.01, 1.5 + days - 0.01, 1.5, 0.9, 0))
    idle(path, days=days, until=lambda: len(ages(path)) == 4)
    assert len(ages(path)) == 4
    # The newest that is a day old is another one by then.
    idle(path, days=days, now=NOW + timedelta(hours=3), until=lambda: len(ages(path)) == 3)
    assert len(ages(path)) == 3


def test_a_number_of_days_that_changes_counts_from_then_on(path: Path) -> None:
    write(path, *aged(100, 50, 5, 1.01))
    journal = Journal(Location(str(path)), "bridge-2", 90, lambda: NOW)
    eventually_ages(path, [50, 5, 1])
    journal.keep_for(30)
    eventually_ages(path, [5, 1])
    journal.close()


def test_their_counts_stay_for_400_days(path: Path) -> None:
    write(path, *aged(500, 403, 399, 100, 2, 1.01, 0))
    idle(path)
    assert ages(path) == [2, 1, 0]
    assert ages(path, "day", "days") == [399, 100, 2, 1, 0]
    assert ages(path, "hour", "hours") == [399, 100, 2, 1, 0]


def test_traffic_gaps_and_callers_go_with_the_counts(path: Path) -> None:
    old, young = (
        [make_entry(caller=f"{age} days", started_at=NOW - age * DAY)] for age in (500, 300)
    )
    write(path, *old, *young, *aged(1.01))
    for age in (500, 300):
        at = f"{NOW - age * DAY:%Y-%m-%d %H:%M:%S.%f}"
        asked(path, f"INSERT INTO gaps VALUES ('{age}', '{at}', '{at}', 1, '', 'b')")  # noqa: S608  # our own
        asked(path, f"INSERT INTO seen VALUES ('{at}', 'b', 1, 0, 0)")  # noqa: S608  # as above
    idle(path)
    assert ages(path, "ended_at", "gaps") == [300]
    assert ages(path, "hour", "seen") == [300]
    assert ages(path, "last_seen", "callers") == [300, 1]


def test_many_go_in_many_steps_and_calls_are_recorded_meanwhile(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubv1.journal.retention._PAUSE_SECONDS", 0.1)
    write(path, *aged(*[100] * 3_000, 1.01))
    journal = Journal(Location(str(path)), "bridge-2", 90, lambda: NOW)

    async def recording() -> set[int]:
        left = {3_000}
        while min(left):
            await journal.record(make_entry(started_at=NOW))
            left.add(ages(path).count(100))
            await asyncio.sleep(0.01)
        return left

    left = asyncio.run(asyncio.wait_for(recording(), 20))
    journal.close()
    assert left <= set(range(0, 3_001, 500))
    assert left > {0, 3_000}  # some of it was seen on the way


def test_a_call_that_goes_soon_after_it_was_recorded_does_not_come_back(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(Location(str(path)), "bridge-2", 90, lambda: NOW)
    for entry in aged(100, 1.01):  # as a recording that is read may have it
        journal.record_unawaited(entry)
    eventually_ages(path, [1])
    journal.close()
    assert ages(path) == [1]
    assert caplog.records == []


def test_space_of_old_rows_is_used_again(path: Path) -> None:
    write(path, *aged(*[100] * 3_000, 1.01))
    idle(path, until=lambda: len(ages(path)) == 1)
    before = path.stat().st_size
    write(path, *aged(*[0] * 2_500))
    assert path.stat().st_size <= before * 1.05


class TestClock:
    def test_one_that_jumps_ahead_takes_nothing_away(self, path: Path) -> None:
        write(path, *aged(80, 40, 1.5, 0.5))
        a_year_ahead = NOW + 365 * DAY
        write(path, make_entry(started_at=a_year_ahead))
        idle(path, now=a_year_ahead + timedelta(hours=1))
        assert ages(path) == [80, 40, 1, 0, -365]
        idle(path)
        assert ages(path) == [80, 40, 1, 0, -365]

    @pytest.mark.parametrize("ahead", [timedelta(hours=25), 30 * DAY, 365 * DAY], ids=str)
    @pytest.mark.parametrize("days", [1, 90])
    def test_one_that_jumps_ahead_while_the_bridge_runs_takes_nothing_away(
        self, path: Path, ahead: timedelta, days: int
    ) -> None:
        """Not even what is older than the days given and would go tomorrow."""
        write(path, *aged(days + 0.9, days + 0.5, *(n / 30 * days for n in range(30))))
        before, clock = ages(path), Clock()
        journal = Journal(Location(str(path)), "bridge-2", days, clock)
        seen = clock.asked
        clock.now = NOW + ahead
        wait(lambda: clock.asked >= seen + LOOKS)
        asyncio.run(journal.record(make_entry(started_at=clock.now)))
        later = clock.asked
        wait(lambda: clock.asked >= later + LOOKS)
        clock.now = NOW
        journal.close()
        assert [age for age in ages(path) if age >= 0] == before

    @pytest.mark.parametrize("days", [1, 90])
    def test_one_that_is_ahead_at_the_start_takes_nothing_away_that_is_within_the_days(
        self, path: Path, days: int
    ) -> None:
        write(path, *aged(*(n / 30 * days for n in range(30))))
        before = ages(path)
        idle(path, days=days, now=NOW + 365 * DAY)
        assert ages(path) == before

    def test_one_that_is_set_back_takes_nothing_away(self, path: Path) -> None:
        write(path, *aged(80, 40, 0))
        idle(path, now=NOW - 1_000 * DAY)
        assert ages(path) == [80, 40, 0]

    def test_traffic_of_any_kind_tells_that_time_has_passed(self, path: Path) -> None:
        write(path, *aged(200, 199))
        idle(path)
        assert ages(path) == [200, 199]
        asked(path, "INSERT INTO seen VALUES ('2026-02-20 12:00:00.000000', 'b', 1, 0, 0)")
        idle(path)
        assert ages(path) == []


def test_trouble_with_it_is_said_once_and_calls_are_recorded(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(path, *aged(100, 1.01))
    asked(
        path,
        "CREATE TRIGGER no BEFORE DELETE ON calls BEGIN SELECT raise(ABORT, 'not allowed'); END",
    )
    clock = Clock()
    journal = Journal(Location(str(path)), "bridge-2", 90, clock)
    wait(lambda: clock.asked >= LOOKS)
    asyncio.run(journal.record(make_entry(started_at=NOW)))
    journal.close()
    assert ages(path) == [100, 1, 0]
    [record] = caplog.records
    assert "cannot be removed: not allowed" in record.getMessage()
