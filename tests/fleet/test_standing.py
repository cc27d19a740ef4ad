"""How a journal stands with its fleet is told by metrics and `hub.summary`; the fleet forgets what
is old."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from e2e.bridges import eventually
from fleet.asking import Fleet
from fleet.conftest import StartShipping
from fleet.writing import some_calls, write
from hubv1.fleet import Shipper, ShippingStatus, shipper
from hubv1.journal import Location
from hubv1.metrics import Metrics, Readings
from onstage import on_stage
from samples import make_entry
from test_metrics import figures

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_metrics_tell_what_waits_and_when_the_fleet_was_last_reached() -> None:
    now = Readings(fleet=ShippingStatus(17, NOON, "refused"))
    metrics = Metrics("127.0.0.1:0", lambda: now)
    try:
        seen = figures(metrics.port)
    finally:
        metrics.close()
    assert seen[("hub_v1_fleet_backlog",)] == 17
    assert seen[("hub_v1_fleet_last_success_timestamp_seconds",)] == NOON.timestamp()


def test_without_a_fleet_no_figure_says_that_it_is_behind() -> None:
    metrics = Metrics("127.0.0.1:0", Readings)
    try:
        assert not any("fleet" in key[0] for key in figures(metrics.port))
    finally:
        metrics.close()


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (ShippingStatus(), "nothing is known of the fleet yet"),
        (ShippingStatus(0, NOON), "the fleet has all, last reached at 2026-03-01 12:00:00 UTC"),
        (
            ShippingStatus(1, NOON),
            "1 row waits for the fleet, last reached at 2026-03-01 12:00:00 UTC",
        ),
        (
            ShippingStatus(1_234, NOON, "refused"),
            "1,234 rows wait for the fleet, which cannot be reached: refused",
        ),
    ],
)
def test_the_status_is_one_sentence(status: ShippingStatus, sentence: str) -> None:
    assert status.sentence == sentence


def test_the_summary_on_demand_says_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    write(tmp_path / "journal.sqlite3", some_calls(3))

    async def playing() -> None:
        async with on_stage(tmp_path, hub_fleet="postgresql://127.0.0.1:1/hub") as stage:
            assert stage.bridge.components
            assert stage.bridge.components.shipper
            shipping = stage.bridge.components.shipper
            eventually(lambda: bool(shipping.status.trouble), "in trouble")
            stage.context.master.commands.call_strings("hub.summary", [])

    asyncio.run(playing())
    assert "3 rows wait for the fleet, which cannot be reached" in caplog.text


def test_old_calls_go_from_the_fleet_and_their_counts_stay(
    path: Path, fleet: Fleet, ship: StartShipping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipper, "TIDYING_SECONDS", 0.05)
    days = [NOON + timedelta(days=n) for n in range(20)]
    write(path, [make_entry(started_at=day) for day in days for _ in range(100)])
    started = Shipper(path, Location(fleet.url), "bridge-1", 90, lambda: NOON + timedelta(days=21))
    try:
        eventually(lambda: fleet.calls() == 2_000, "shipped")
        started.keep_for(5)
        # The newest is two days old: what counts as old is five days older than that.
        eventually(lambda: fleet.calls() == 600, "old ones gone")
    finally:
        started.close()
    assert fleet.value("SELECT sum(calls) FROM days") == 2_000
    assert fleet.value("SELECT min(started_at) FROM calls") == datetime(2026, 3, 15, 12)  # noqa: DTZ001  # as it is stored
