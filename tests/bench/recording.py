"""CPU time that recording costs a bridged call: the bridge against itself without a file."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.costs import V1, compared, heading, new
from bench.plan import Plan
from bench.standins import running_hosts
from e2e.bridges import bridge_arguments, running_bridge, running_mitmdump

IN_MEMORY = Path(__file__).with_name("in_memory.py")
GOAL = 0.91
"""Recording costs 10 % at most."""


def recording(plan: Plan, folder: Path) -> Iterator[str]:
    """Calls that the bridge has not met before, recorded on disk and in memory."""
    with ExitStack() as stack:
        hosts = stack.enter_context(running_hosts(folder, f"bench/={plan.tags}"))
        reverse = ("--mode", f"reverse:{hosts.hub}")
        given = bridge_arguments(folder / "memory", hub_url=hosts.hub, addon=str(IN_MEMORY))
        memory = stack.enter_context(running_mitmdump(folder / "memory", *reverse, *given))
        disk = stack.enter_context(running_bridge(folder / "disk", *reverse, hub_url=hosts.hub))
        calls = new("in memory", memory, V1), new("on disk", disk, V1)
        for keep_alive in (False, True):
            yield heading(keep_alive=keep_alive)
            yield compared("recording", GOAL, *calls, plan, keep_alive=keep_alive)
        if memory.journal.exists():
            raise RuntimeError("the bridge that was to record in memory has made a journal")
        yield f"  recorded         {len(disk.rows()):,} calls, by the one of them"
