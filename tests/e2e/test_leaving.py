"""A client that leaves before its answer: the work for it ends, and its row is there at once."""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook

from e2e.bridges import (
    PATIENCE,
    Mitmdump,
    Row,
    bridge_arguments,
    eventually,
    running_mitmdump,
    with_authority,
)
from e2e.clients import ask, behind, clean_environment, connected, tool
from e2e.conftest import StartBridge
from hub.gate import until
from onstage import entries, make_flow, on_stage
from standin import Held, Standin, faults

HOST = "index.docker.io/v1/repositories/bench"
DEADLINE = 3_600


WITNESS = """
import logging

def request(flow):
    logging.info("heard: %s", flow.request.path)
"""
"""A script that says so before the bridge hears of a call: what it says, the bridge does next."""


@pytest.fixture(scope="module")
def forward(
    tmp_path_factory: pytest.TempPathFactory, authority: Path, shared_hub: Standin
) -> Iterator[Mitmdump]:
    confdir = with_authority(tmp_path_factory.mktemp("patient"), authority)
    witness = confdir / "witness.py"
    witness.write_text(WITNESS, encoding="utf-8")
    patience = ("--set", f"hub_deadline={DEADLINE}")
    arguments = bridge_arguments(confdir, hub_url=shared_hub.url)
    with running_mitmdump(confdir, "-s", str(witness), *arguments, *patience) as bridge:
        yield bridge


@pytest.fixture
def patient(forward: Mitmdump, hub: Standin) -> Mitmdump:
    """A bridge that waits for Hub for an hour."""
    forward.new_rows()
    return forward


@pytest.fixture
def held(hub: Standin) -> Held:
    """What is asked of a repository whose name begins with `held`."""
    made = Held()
    hub.faults.add("/held", made)
    return made


@contextmanager
def curl(bridge: Mitmdump, *arguments: str, is_proxy: bool = True) -> Iterator[None]:
    """A curl that is killed at the end."""
    home = bridge.authority.parent
    environment = behind(bridge) if is_proxy else clean_environment(home)
    process = subprocess.Popen(
        [tool("curl"), "-sS", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait(PATIENCE)


def is_over(held: Held, bridge: Mitmdump, rows: int = 1) -> list[Row]:
    """The new rows, once nothing is under way any more, which is long before the deadline."""
    eventually(lambda: held.here == 0, "the requests to Hub are ended")
    eventually(lambda: len(bridge.rows()) >= bridge._rows_told + rows, "the rows are written")
    return bridge.new_rows()


def has_left(row: Row) -> bool:
    return (row["outcome"], row["error_type"], row["http_response_status_code"]) == (
        "failed",
        "client_left",
        None,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([f"http://{HOST}/held-http/tags"], id="http"),
        pytest.param([f"https://{HOST}/held-https/tags", "--http1.1"], id="https"),
        pytest.param([f"https://{HOST}/held-http2/tags", "--http2"], id="http/2"),
        pytest.param([f"https://{HOST}/held-tag/tags/1", "--http2"], id="tag"),
        pytest.param([f"https://{HOST}/held-head/images", "--head"], id="head"),
    ],
)
def test_what_a_killed_curl_asked_for_is_given_up_at_once(
    patient: Mitmdump, held: Held, arguments: list[str]
) -> None:
    with curl(patient, *arguments):
        eventually(lambda: held.here == 1, "Hub is asked")
        assert patient.new_rows() == []
    (row,) = is_over(held, patient)
    assert has_left(row)
    assert held.met == 1
    assert ask(patient, f"http://{HOST}/fine/tags").status == 200


def test_the_same_through_a_reverse_proxy_and_nothing_goes_to_the_old_host(
    start_bridge: StartBridge, hub: Standin, held: Held
) -> None:
    mode = ("--mode", f"reverse:{hub.registry_url}", "--set", f"hub_deadline={DEADLINE}")
    with start_bridge(*mode, hub_url=hub.url) as bridge:
        url = f"{bridge.url}/v1/repositories/bench/held/tags"
        with curl(bridge, url, is_proxy=False):
            eventually(lambda: held.here == 1, "Hub is asked")
        (row,) = is_over(held, bridge)
        assert has_left(row)
        assert (row["proxy_mode"], row["url_scheme"]) == ("reverse", "http")
    assert {call.listener for call in hub.calls} == {"hub"}


@pytest.mark.parametrize("leaver", [0, 1])
def test_another_who_waits_for_the_same_still_gets_it(
    patient: Mitmdump, hub: Standin, leaver: int
) -> None:
    what, held = f"https://{HOST}/shared{leaver}/tags", Held()
    hub.faults.add(f"/shared{leaver}", held)

    def heard() -> int:
        return patient.log.count(f"heard: /v1/repositories/bench/shared{leaver}/tags")

    with ThreadPoolExecutor(1) as pool:
        if leaver:
            stays = pool.submit(ask, patient, what.replace("https", "http"))
            eventually(lambda: held.here == 1, "Hub is asked")
        with curl(patient, what):
            eventually(lambda: held.here == 1, "Hub is asked")
            if not leaver:
                stays = pool.submit(ask, patient, what.replace("https", "http"))
            eventually(lambda: heard() == 2, "both wait")
        eventually(lambda: len(patient.rows()) > patient._rows_told, "the row of who left")
        assert has_left(patient.new_row())
        assert not stays.done()
        held.release()
        assert stays.result(PATIENCE).status == 200
    assert patient.new_row()["outcome"] == "translated"
    assert len(hub.calls) == 1


def test_a_client_may_leave_between_two_tries(start_bridge: StartBridge, hub: Standin) -> None:
    hub.faults.add("/limited", faults.status(429, headers={"Retry-After": "9"}))
    patience = ("--set", f"hub_deadline={DEADLINE}")
    with start_bridge(*patience, hub_url=hub.url) as bridge:
        with curl(bridge, f"http://{HOST}/limited/tags"):
            eventually(lambda: [call.status for call in hub.calls] == [429], "Hub has answered")
        eventually(lambda: bool(bridge.rows()), "the row")
        assert has_left(bridge.new_row())
    assert len(hub.calls) == 1


def test_a_client_may_leave_as_soon_as_it_has_asked(patient: Mitmdump, held: Held) -> None:
    request = f"GET http://{HOST}/held%d/tags HTTP/1.1\r\nHost: index.docker.io\r\n\r\n"
    for number in range(50):
        with connected(patient) as connection:
            connection.sendall((request % number).encode())
    rows = is_over(held, patient, 50)
    assert len(rows) == 50
    assert all(map(has_left, rows))


def test_many_may_leave_at_once(patient: Mitmdump, held: Held) -> None:
    request = f"GET http://{HOST}/held%d/tags HTTP/1.1\r\nHost: index.docker.io\r\n\r\n"
    connections = [connected(patient) for _ in range(200)]
    sockets = [each.__enter__() for each in connections]
    for number, each in enumerate(sockets):
        each.sendall((request % number).encode())
    eventually(lambda: held.here >= 100, "Hub is asked")
    for connection in connections:
        connection.__exit__(None, None, None)
    rows = is_over(held, patient, 200)
    assert len(rows) == 200
    assert all(map(has_left, rows))
    assert ask(patient, f"http://{HOST}/fine/tags").status == 200
    assert not re.search("never retrieved|never awaited|Traceback|destroyed", patient.log)


def test_a_call_that_is_passed_on_ends_with_its_client_too(
    start_bridge: StartBridge, hub: Standin
) -> None:
    held = Held()
    hub.faults.add("/v1/_ping", held, listener="registry")
    with start_bridge("--mode", f"reverse:{hub.registry_url}", hub_url=hub.url) as bridge:
        with curl(bridge, f"{bridge.url}/v1/_ping", is_proxy=False):
            eventually(lambda: held.here == 1, "the old host is asked")
        (row,) = is_over(held, bridge)
        assert (row["outcome"], row["error_type"]) == ("passed", "connection")
        assert row["http_response_status_code"] is None


def test_one_that_has_left_before_its_call_is_heard_asks_hub_for_nothing(
    tmp_path: Path, hub: Standin, held: Held
) -> None:
    async def playing() -> None:
        async with on_stage(tmp_path, hub.url, hub_deadline=DEADLINE) as stage:
            flow = make_flow("/v1/repositories/bench/held/tags")
            flow.client_conn.state = ConnectionState.CLOSED
            stage.bridge.client_disconnected(flow.client_conn)
            await stage.play(flow)

    asyncio.run(asyncio.wait_for(playing(), PATIENCE))
    [row] = entries(tmp_path / "journal.sqlite3")
    assert (row.outcome, row.error_type, row.upstream_calls) == ("failed", "client_left", 0)
    assert held.met == 0


def test_two_hundred_that_leave_at_once_leave_no_task_behind(
    tmp_path: Path, hub: Standin, held: Held
) -> None:
    async def playing() -> set[str]:
        before = asyncio.all_tasks()
        async with on_stage(tmp_path, hub.url, hub_deadline=DEADLINE) as stage:
            flows = [make_flow(f"/v1/repositories/bench/held{it % 70}/tags") for it in range(200)]
            calls = [asyncio.ensure_future(stage.call(HttpRequestHook(each))) for each in flows]
            await until(lambda: held.here == 70)
            for flow in flows:
                stage.bridge.client_disconnected(flow.client_conn)
            await asyncio.gather(*calls)
            await until(lambda: held.here == 0)
            left = {repr(task) for task in asyncio.all_tasks() - before}
            for flow in flows:
                closing = stage.bridge.response(flow)
                assert closing
                await closing
            return left

    left = asyncio.run(asyncio.wait_for(playing(), PATIENCE))
    assert {task for task in left if "hubv1" in task} == set()
    rows = entries(tmp_path / "journal.sqlite3")
    assert {(row.error_type, row.http_response_status_code) for row in rows} == {
        ("client_left", None)
    }
    assert len(rows) == 200
