"""Whatever a call waits for when the bridge is shut down: it is written down as cut."""

import base64
import signal
from contextlib import ExitStack

import pytest

from e2e.bridges import PATIENCE, eventually
from e2e.clients import connected
from e2e.conftest import StartBridge
from standin import Standin, faults

JOE = "Authorization: Basic " + base64.b64encode(b"joe:geheimnis").decode()
BASE = "/v1/repositories/bench"

WAITING = {
    "for Hub": f"GET {BASE}/hangs/tags HTTP/1.1",
    "for an equal call": f"GET {BASE}/hangs/tags HTTP/1.1",
    "for its token": f"GET {BASE}/fine/tags HTTP/1.1\r\n{JOE}",
    "for the old host": "GET /v1/_ping HTTP/1.1",
    "for the rest of its body": "PUT /v1/images/0123/layer HTTP/1.1\r\nContent-Length: 9000",
}
PASSED = ("for the old host", "for the rest of its body")


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=lambda each: each.name)
def test_a_call_that_is_cut_is_written_down_whatever_it_waits_for(
    start_bridge: StartBridge, hub: Standin, stop: signal.Signals
) -> None:
    hub.faults.add("/hangs/", faults.hang())
    hub.faults.add("/auth/token", faults.hang())
    hub.faults.add("/v1/", faults.hang(), listener="registry")
    front = ("--mode", f"reverse:{hub.registry_url}", "--set", "stream_large_bodies=1k")
    with ExitStack() as stack:
        bridge = stack.enter_context(start_bridge(*front, hub_url=hub.url))
        for head in WAITING.values():
            client = stack.enter_context(connected(bridge))
            body = "x" * 2_000 if head.startswith("PUT") else ""
            client.sendall(f"{head}\r\nHost: index.docker.io\r\n\r\n{body}".encode())
        eventually(lambda: _are_under_way(hub), "all are under way")
        eventually(lambda: bridge.log.count("client connect\n") == len(WAITING), "all are here")
        bridge.process.send_signal(stop)
        assert bridge.process.wait(PATIENCE) == 0
    rows = bridge.rows()
    assert {row["error_type"] for row in rows} == {"shutdown"}
    assert {row["http_response_status_code"] for row in rows} == {None}
    outcomes = sorted(row["outcome"] for row in rows)
    assert outcomes == ["failed"] * (len(WAITING) - len(PASSED)) + ["passed"] * len(PASSED)


def _are_under_way(hub: Standin) -> bool:
    asked = [call.path for call in hub.calls]
    places = ("/hangs/", "/auth/token", "/v1/_ping", "/v1/images/")
    return all(any(place in path for path in asked) for place in places)
