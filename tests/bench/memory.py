"""Memory of the mitmdump process once the bridge's cache is full."""

from collections.abc import Iterator
from itertools import count, takewhile
from pathlib import Path

import psutil

from bench.lines import count_line
from bench.load import CLIENTS, send
from bench.plan import Plan
from bench.standins import running_hosts
from e2e.bridges import Mitmdump, query, running_bridge

LARGE, SMALL = 15_000, 10
"""Tags of the repositories that fill the cache, and of those asked for once it is full."""
AT_ONCE = 8
"""Lists that are asked for before it is looked at how much they were."""
STEPS = 10
BEHIND = 50
"""How many small repositories ago the one was that is asked for again."""


def memory(plan: Plan, folder: Path) -> Iterator[str]:
    """Fill the cache, then make many more calls, half of them for what is in it."""
    yield f"Memory over {plan.memory_calls:,} calls, once {plan.fill_bytes:,} bytes are kept:"
    with (
        running_hosts(folder, f"large/={LARGE}", f"small/={SMALL}") as hosts,
        running_bridge(
            folder / "bridge",
            *("--mode", f"reverse:{hosts.hub}"),
            *("--set", "hub_cache_ttl=86400"),  # only room is to end what is kept
            hub_url=hosts.hub,
            registry_url=hosts.registry,
        ) as bridge,
    ):
        empty = _megabytes(bridge)
        lists = _fill(bridge, plan.fill_bytes)
        full = _megabytes(bridge)
        yield f"  {empty:.1f} MB at the start, {full:.1f} MB with {lists} long lists"
        for done in _more(bridge, plan.memory_calls):
            yield f"  {_megabytes(bridge) - full:+.1f} MB after {done:,} calls"
        growth = _megabytes(bridge) - full
        yield count_line("growth in MB", growth, 10, _kinds(bridge))


def path(number: int) -> str:
    """A call for a small repository: as many for new ones as for those of some time before.

    Each client makes both in turns; those with nothing but old ones would run ahead to the new.
    """
    turn, client = divmod(number, CLIENTS)
    which = turn // 2 * CLIENTS + client
    return f"/v1/repositories/small/r{which if turn % 2 == 0 else max(0, which - BEHIND)}/tags"


def _fill(bridge: Mitmdump, size: int) -> int:
    """Have long lists kept until they are so many bytes; gives their number."""
    filled = 0
    for start in count(0, AT_ONCE):
        some = [f"/v1/repositories/large/r{start + each}/tags" for each in range(AT_ONCE)]
        filled += send(bridge.port, some, keep_alive=False)
        if filled >= size:
            return start + AT_ONCE
    raise AssertionError  # count has no end


def _more(bridge: Mitmdump, calls: int) -> Iterator[int]:
    """Make the calls, by turns with a connection each and over a few; gives those done so far."""
    step = max(1, calls // STEPS)
    for start in takewhile(lambda start: start < calls, count(0, step)):
        end = min(start + step, calls)
        middle = (start + end) // 2
        send(bridge.port, [path(each) for each in range(start, middle)], keep_alive=False)
        send(bridge.port, [path(each) for each in range(middle, end)], keep_alive=True)
        yield end


def _kinds(bridge: Mitmdump) -> str:
    rows = query(bridge.journal, "SELECT cache, COUNT(*) AS calls FROM calls GROUP BY cache")
    return ", ".join(f"{row['calls']:,} {row['cache']}" for row in rows)


def _megabytes(bridge: Mitmdump) -> float:
    return float(psutil.Process(bridge.process.pid).memory_info().rss) / 1e6
