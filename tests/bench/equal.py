"""Many equal calls at once, of which Hub should notice one."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from bench.lines import count_line
from bench.load import send_at_once
from bench.plan import Plan
from bench.standins import running_hosts
from e2e.bridges import running_bridge

PAGES = 3
PATH = "/v1/repositories/bench/equal/tags"


def equal_calls(plan: Plan, folder: Path) -> Iterator[str]:
    """For a list of three pages."""
    yield f"{plan.equal_calls} equal calls at once, for a list of {PAGES} pages:"
    rule = f"bench/={PAGES * 100}"
    with (
        running_hosts(folder, rule, latency=plan.latency, counted=True) as hosts,
        running_bridge(
            folder / "bridge", *("--mode", f"reverse:{hosts.hub}"), hub_url=hosts.hub
        ) as bridge,
    ):
        start = perf_counter()
        bodies = send_at_once(bridge.port, PATH, plan.equal_calls)
        seconds = perf_counter() - start
        if len(set(bodies)) != 1:
            raise RuntimeError(f"equal calls were given {len(set(bodies))} different answers")
        kinds = Counter(row["cache"] for row in bridge.rows())
        shown = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
        remark = f"{shown}; all answered alike within {seconds:.1f} s"
        yield count_line("calls upstream", hosts.asked_by_bridge(), PAGES, remark)
