"""The fleet's database is read like a journal, and beside the journals that are shipped to it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleet.asking import Fleet, all_shipped
from fleet.conftest import StartShipping
from fleet.writing import NOON, some_calls, write
from hubv1.api.routes import Outcome
from hubv1.journal import EVERYTHING, CallRecord, Location, Selection, read_all, summarised

HOUR = timedelta(hours=1)
NOW = datetime(2026, 3, 1, 14, tzinfo=UTC)
CALLS = some_calls(60, bridge_id="bridge-1")
LATER = some_calls(7, seed=2, bridge_id="bridge-1", started_at=NOON + 5 * HOUR)


def told(*where: str, selection: Selection = EVERYTHING) -> tuple[int, int, int, int]:
    """What these journals tell together."""
    said: list[str] = []
    with read_all([Location(each) for each in where], selection, said.append) as histories:
        summaries = [history.summary(NOW) for history in histories]
        flows = sum(history.seen.flows for history in histories)
    counts = sum(count.calls for one in summaries for count in one.counts)
    return counts, sum(calls for one in summaries for calls in one.days.values()), flows, len(said)


def comparable(entries: list[CallRecord], selection: Selection) -> tuple[int, int]:
    summary = summarised(entries, NOW, selection)
    return sum(count.calls for count in summary.counts), sum(summary.days.values())


@pytest.fixture
def shipped(path: Path, fleet: Fleet, ship: StartShipping) -> Path:
    """A journal that the fleet has all of."""
    write(path, CALLS, flows=70)
    shipping = ship(path, fleet.url)
    all_shipped(path, fleet)
    shipping.close()
    return path


def test_a_journal_adds_to_the_fleet_what_still_waits_in_it(shipped: Path, fleet: Fleet) -> None:
    assert told(fleet.url, str(shipped)) == (60, 60, 70, 1)
    write(shipped, LATER, flows=9)
    assert told(fleet.url) == (60, 60, 70, 0)
    assert told(fleet.url, str(shipped)) == told(str(shipped), fleet.url) == (67, 67, 79, 1)


@pytest.mark.parametrize(
    "selection",
    [
        Selection(since=NOON + HOUR),
        Selection(since=NOON + HOUR, until=NOON + 2 * HOUR),
        Selection(since=NOON - 30 * HOUR, until=NOON + 2 * HOUR),
        Selection(callers=("caller [12]",), outcomes=(Outcome.FAILED,)),
        Selection(repositories=("*/debian",), accepted=("caller 1",), until=NOON + 2 * HOUR),
    ],
    ids=str,
)
def test_filters_hold_for_the_fleet_as_for_single_calls(
    shipped: Path, fleet: Fleet, selection: Selection
) -> None:
    calls, by_day, _, _ = told(fleet.url, selection=selection)
    assert (calls, by_day) == comparable(CALLS, selection)
    assert 0 < calls < 60
