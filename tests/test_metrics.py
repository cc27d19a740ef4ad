"""Figures for Prometheus, read as Prometheus reads them."""

import asyncio
import http.client
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from addresses import own_address
from hubv1.api.routes import Outcome
from hubv1.journal import Seen
from hubv1.listen import is_welcome, split_address
from hubv1.metrics import Metrics, Readings
from onstage import answer, make_flow, on_stage
from samples import make_entry
from standin import Standin, faults

Figures = Mapping[tuple[str, ...], float]
"""Values by name and labels, in the order of the labels' names."""


def get(port: int, host: str = "127.0.0.1", at: str = "127.0.0.1") -> tuple[int, str]:
    connection = http.client.HTTPConnection(at, port, timeout=60)
    try:
        connection.request("GET", "/metrics", headers={"Host": host})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def figures(port: int, at: str = "127.0.0.1") -> Figures:
    status, text = get(port, at=at)
    assert status == 200
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_calls_are_counted_by_route_and_outcome_and_timed(tmp_path: Path, hub: Standin) -> None:
    address = own_address()

    async def playing() -> Figures:
        async with on_stage(tmp_path, hub.url, hub_metrics=str(address)) as stage:
            for path in ("/v1/repositories/debian/tags", "/v1/repositories/debian/tags/12"):
                await stage.play(make_flow(path))
            await stage.play(make_flow("/v1/repositories/debian/tags"))
            await stage.play(make_flow("/v1/_ping"), answer(410))
            await stage.play(make_flow("/v1/search?q=x"), answer())
            return await asyncio.to_thread(figures, address.port, address.host)

    seen = asyncio.run(playing())
    route = "GET /v1/repositories/{name}/tags"
    assert seen["hub_v1_calls_total", "translated", route] == 2
    assert seen["hub_v1_calls_total", "passed", "* /v1/_ping"] == 1
    assert seen["hub_v1_call_duration_seconds_count", "translated"] == 3
    assert seen["hub_v1_cache_results_total", "hit"] == 1
    assert seen["hub_v1_cache_results_total", "miss"] == 2
    assert seen["hub_v1_upstream_calls_total", "200"] == 2
    assert seen[("hub_v1_flows_total",)] == 5
    assert seen[("hub_v1_still_served_total",)] == 1
    assert seen[("hub_v1_unrecorded_calls_total",)] == 0
    assert seen[("hub_v1_journal_waiting",)] == 0


def test_a_request_without_an_answer_is_counted_as_such(tmp_path: Path, hub: Standin) -> None:
    address = own_address()
    hub.faults.add("/tags", faults.drop())

    async def playing() -> Figures:
        async with on_stage(tmp_path, hub.url, hub_metrics=str(address)) as stage:
            await stage.play(make_flow("/v1/repositories/debian/tags"))
            return await asyncio.to_thread(figures, address.port, address.host)

    assert asyncio.run(playing())["hub_v1_upstream_calls_total", "none"] >= 4


def test_calls_that_were_lost_and_calls_that_were_refused_have_a_figure_each() -> None:
    metrics = Metrics("127.0.0.1:0", lambda: Readings(Seen(refused_unrecorded=3), lost=2))
    try:
        seen = figures(metrics.port)
    finally:
        metrics.close()
    assert seen[("hub_v1_unrecorded_calls_total",)] == 2
    assert seen[("hub_v1_refused_unrecorded_calls_total",)] == 3


def test_a_first_call_is_an_increase() -> None:
    metrics = Metrics("127.0.0.1:0", Readings)
    entry = make_entry(outcome=Outcome.FAILED)
    counter = ("hub_v1_calls_total", Outcome.FAILED, entry.route)
    try:
        before = figures(metrics.port)[counter]
        metrics.count(entry)
        assert (before, figures(metrics.port)[counter]) == (0, 1)
    finally:
        metrics.close()


def test_nobody_who_called_and_nothing_that_was_called_is_a_label() -> None:
    metrics = Metrics("127.0.0.1:0", lambda: Readings(Seen(1, 1, 1), {"200": 1}, 0))
    entry = make_entry(
        caller="sentinel",
        client_address="sentinel",
        user_agent_original="sentinel",
        user_name="sentinel",
        namespace="sentinel",
        repository="sentinel",
        tag="sentinel",
        server_address="sentinel",
        url_path="/sentinel",
        outcome=Outcome.FAILED,
        error="sentinel",
    )
    try:
        metrics.count(entry)
        assert "sentinel" not in get(metrics.port)[1]
    finally:
        metrics.close()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:9464", 200),
        ("localhost:9464", 200),
        ("[::1]:9464", 200),
        ("bridge.localhost", 200),
        ("evil.example", 403),
        ("evil.example:9464", 403),
        ("127.0.0.1.evil.example", 403),
        ("", 403),
    ],
)
def test_on_loopback_only_loopback_names_are_answered(host: str, status: int) -> None:
    metrics = Metrics("127.0.0.1:0", Readings)
    try:
        assert get(metrics.port, host)[0] == status
    finally:
        metrics.close()


def test_beyond_loopback_any_name_is_answered() -> None:
    assert is_welcome("0.0.0.0", "bridge.example:9464")  # nothing listens here


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [("127.0.0.1:9464", "127.0.0.1", 9464), ("[::1]:0", "::1", 0), ("localhost:1", "localhost", 1)],
)
def test_an_address_is_a_host_and_a_port(address: str, host: str, port: int) -> None:
    assert split_address(address) == (host, port)


@pytest.mark.parametrize("address", ["9464", ":9464", "::1:9464", "localhost", "x:70000", "x:"])
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        split_address(address)


def test_an_address_that_is_taken_stops_the_start(
    tmp_path: Path, hub: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        async def playing() -> None:
            async with on_stage(tmp_path, hub.url, hub_metrics=f"127.0.0.1:{port}"):
                pass

        asyncio.run(playing())
    assert f"hub_metrics cannot be served on 127.0.0.1:{port}" in caplog.text


def test_figures_move_with_their_option(tmp_path: Path, hub: Standin) -> None:
    first, second = own_address(), own_address()

    async def playing() -> None:
        async with on_stage(tmp_path, hub.url, hub_metrics=str(first)) as stage:
            stage.configure(hub_metrics=str(second))
            assert await asyncio.to_thread(figures, second.port, second.host)
            with pytest.raises(OSError, match="refused"):
                await asyncio.to_thread(figures, first.port, first.host)

    asyncio.run(playing())
    with pytest.raises(OSError, match="refused"):
        figures(second.port, second.host)


def test_a_scraper_that_says_nothing_leaves_no_traceback_in_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hubv1.metrics._Silent.timeout", 0.05)
    metrics = Metrics("127.0.0.1:0", Readings)
    try:
        with socket.create_connection(("127.0.0.1", metrics.port), timeout=60) as silent:
            assert silent.recv(1) == b""
    finally:
        metrics.close()
    assert capfd.readouterr() == ("", "")
