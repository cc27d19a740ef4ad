"""How long the slowest of a hundred calls takes, as a multiple of the one in the middle."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from bench.costs import V1, V2
from bench.lines import count_line
from bench.load import request
from bench.plan import Plan
from bench.standins import running_hosts
from e2e.bridges import running_bridge

GOAL = 3
RECORDED = 4
"""Callers whose calls are committed while other traffic is measured."""


def waits(plan: Plan, folder: Path) -> Iterator[str]:
    """Of calls that are answered from the cache, and of other traffic beside their commits."""
    with ExitStack() as stack:
        hosts = stack.enter_context(running_hosts(folder, f"bench/={plan.tags}"))
        given = "--mode", f"reverse:{hosts.hub}", "--set", "hub_cache_ttl=3600"
        bridge = stack.enter_context(running_bridge(folder / "bridge", *given, hub_url=hosts.hub))
        cached, other = V1.format("same"), V2.format("same")
        asyncio.run(_all_times(bridge.port, cached, 1, 1))  # so that it is in the cache
        alone = asyncio.run(_all_times(bridge.port, cached, plan.callers, plan.calls_each))
        yield _line(f"{plan.callers} callers", alone, "cached calls at once")
        beside = asyncio.run(_times_beside(bridge.port, other, cached, plan))
        yield _line(
            "beside commits",
            beside,
            f"other traffic, beside {RECORDED} callers whose calls are recorded",
        )


def _line(title: str, seconds: list[float], what: str) -> str:
    middle, slow = median(seconds), quantiles(seconds, n=100)[98]
    remark = f"{what}: {middle * 1e3:.1f} ms, one in a hundred {slow * 1e3:.1f} ms"
    return count_line(title, slow / middle, GOAL, remark)


async def _times_beside(port: int, path: str, others: str, plan: Plan) -> list[float]:
    """Of one caller's calls while some others make theirs."""
    load = asyncio.create_task(_all_times(port, others, RECORDED, plan.callers * plan.calls_each))
    times = await _times(port, path, 10 * plan.calls_each)
    load.cancel()
    await asyncio.gather(load, return_exceptions=True)
    return times


async def _all_times(port: int, path: str, callers: int, calls: int) -> list[float]:
    shares = await asyncio.gather(*(_times(port, path, calls) for _ in range(callers)))
    return [each for share in shares for each in share]


async def _times(port: int, path: str, calls: int) -> list[float]:
    """Seconds that each of some calls takes, one after the other over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return [await _time(reader, writer, path) for _ in range(calls)]
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _time(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> float:
    start = perf_counter()
    writer.write(request(path, "keep-alive"))
    head = await reader.readuntil(b"\r\n\r\n")
    _, _, length = head.lower().partition(b"\r\ncontent-length: ")
    await reader.readexactly(int(length.split(b"\r\n")[0]))
    return perf_counter() - start
