"""Flows that no client makes and any file may hold: no hook raises, and each call has its row."""

import asyncio
from itertools import product
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mitmproxy.proxy.layers.http._hooks import HttpRequestHeadersHook

from hubv1.api.routes import Outcome
from onstage import answer, entries, make_flow, on_stage
from standin import Standin

TAGS = "/v1/repositories/debian/tags"
ODD_TIMES: list[Any] = [
    *(None, 0, -1, -1e300, 1e300, float("nan"), float("inf"), 10**30),
    *("yesterday", [], b"1"),
]


def recorded_flow(started: Any, ended: Any, created: Any) -> Any:
    flow: Any = make_flow(TAGS)
    flow.live = False
    flow.response = answer(200)
    flow.request.timestamp_start = started
    flow.response.timestamp_end = ended
    flow.timestamp_created = created
    return flow


def test_recorded_calls_with_odd_times_are_written_down(tmp_path: Path, hub: Standin) -> None:
    times = list(product(ODD_TIMES, ODD_TIMES, [None, "request"]))

    async def playing() -> None:
        async with on_stage(tmp_path, hub.url) as stage:
            for started, ended, replay in times:
                flow = recorded_flow(started, ended, started)
                flow.is_replay = replay
                await stage.play(flow)

    asyncio.run(playing())
    rows = entries(tmp_path / "journal.sqlite3")
    assert len(rows) == len(times)
    assert {row.outcome for row in rows} == {Outcome.OBSERVED}
    assert all(row.duration_ms >= 0 for row in rows)


_HEADER_BYTES = st.binary(max_size=40)
_NAMES = st.sampled_from(
    ["Authorization", "Host", "User-Agent", "Via", "X-Docker-Token", "X-Forwarded-For", "X-Job"]
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.binary(max_size=60),
    method=st.sampled_from(["GET", "HEAD", "PUT", "\xe9", ""]),
    headers=st.dictionaries(_NAMES, _HEADER_BYTES),
    host=st.sampled_from(["index.docker.io", "203.0.113.7", "[::1]", "::1%\x00", ""]),
    peer=st.sampled_from([None, ("127.0.0.1", 1), ("fe80::1%eth0", 1, 0, 2), ("x" * 1_000, 1)]),
    is_live=st.booleans(),
    is_streamed=st.booleans(),
    is_heard=st.booleans(),
    is_answered=st.booleans(),
)
def test_whatever_a_request_holds_and_however_it_ends_it_is_written_down_once(
    tmp_path: Path,
    hub: Standin,
    path: bytes,
    method: str,
    headers: dict[str, bytes],
    host: str,
    peer: Any,
    *,
    is_live: bool,
    is_streamed: bool,
    is_heard: bool,
    is_answered: bool,
) -> None:
    folder = tmp_path / "each"
    folder.mkdir(exist_ok=True)

    async def playing() -> int:
        values = {"hub_trusted_proxies": ["0.0.0.0/0", "::/0"], "hub_caller_header": "X-Job"}
        async with on_stage(folder, hub.url, **values) as stage:
            before = len(entries(stage.journal))
            flow: Any = make_flow(b"/v1/repositories/" + path, method=method, headers=headers)
            flow.request.data.host = host
            flow.client_conn.peername = peer
            flow.live = is_live
            flow.request.stream = is_streamed
            if not is_heard:
                flow.request.timestamp_end = None
            await stage.call(HttpRequestHeadersHook(flow))
            await stage.play(flow, answer(404) if is_answered else "connection lost")
            return len(entries(stage.journal)) - before

    assert asyncio.run(playing()) == int(host == "index.docker.io")
