"""CPU time of a mitmdump with the bridge, against that of one without."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from bench.compare import Subject, compare
from bench.lines import bounded_line
from bench.plan import Plan
from bench.standins import running_hosts
from e2e.bridges import Mitmdump, running_bridge, running_mitmdump

EMPTY_HOOKS = """
class Empty:
    def request(self, flow): ...
    def response(self, flow): ...

addons = [Empty()]
"""

V2 = "/v2/namespaces/bench/repositories/{}/tags?page_size=100&page=1"
V1 = "/v1/repositories/bench/{}/tags"
FEW_TAGS = 5
"""Of another namespace's repositories: with a hundred, v2's answer is so much longer than v1's that
it flatters the bridge."""
_serial = count()


def new_calls(plan: Plan, folder: Path) -> Iterator[str]:
    """Other traffic, and calls that the bridge has not met before."""
    with ExitStack() as stack:
        hosts = stack.enter_context(running_hosts(folder, *rules(plan)))
        reverse = ["--mode", f"reverse:{hosts.hub}"]
        (folder / "empty.py").write_text(EMPTY_HOOKS)
        hooks = ["-s", str(folder / "empty.py")]
        bare = stack.enter_context(running_mitmdump(folder / "bare", *reverse))
        empty = stack.enter_context(running_mitmdump(folder / "empty", *reverse, *hooks))
        bridge = stack.enter_context(running_bridge(folder / "bridge", *reverse, hub_url=hosts.hub))
        other = new("empty hooks", empty, V2), new("the bridge", bridge, V2)
        for keep_alive in (False, True):
            yield heading(keep_alive=keep_alive)
            yield compared("other traffic", 0.95, *other, plan, keep_alive=keep_alive)
            for tags, v1, v2 in sizes(plan):
                bridged = new("bare, the v2 call", bare, v2), new("bridge", bridge, v1)
                title = f"new, {tags} tags"
                yield compared(title, 0.7, *bridged, plan, keep_alive=keep_alive)


def cached_calls(plan: Plan, folder: Path) -> Iterator[str]:
    """The same call again and again, which the bridge answers from its cache."""
    with ExitStack() as stack:
        hosts = stack.enter_context(running_hosts(folder, *rules(plan)))
        reverse = ["--mode", f"reverse:{hosts.hub}"]
        kept = ["--set", "hub_cache_ttl=3600"]  # longer than any measurement
        bare = stack.enter_context(running_mitmdump(folder / "bare", *reverse))
        bridge = stack.enter_context(
            running_bridge(folder / "bridge", *reverse, *kept, hub_url=hosts.hub)
        )
        for keep_alive in (False, True):
            yield heading(keep_alive=keep_alive)
            for tags, v1, v2 in sizes(plan):
                both = same("bare, the v2 call", bare, v2), same("bridge", bridge, v1)
                yield compared(f"cached, {tags} tags", 0.9, *both, plan, keep_alive=keep_alive)
        rows = bridge.rows()
        asked = sum(row["upstream_calls"] for row in rows)
        yield f"  calls upstream   {asked}, for {len(rows):,} calls in the journal"


def rules(plan: Plan) -> list[str]:
    """How many tags the stand-in's repositories have."""
    return [f"few/={FEW_TAGS}", f"bench/={plan.tags}"]


def sizes(plan: Plan) -> Iterator[tuple[int, str, str]]:
    """The numbers of tags that are compared, with v1's and v2's paths of such repositories."""
    yield FEW_TAGS, V1.replace("bench", "few"), V2.replace("bench", "few")
    yield plan.tags, V1, V2


def heading(*, keep_alive: bool) -> str:
    """How the calls that follow reach the bridge."""
    return "over kept-alive connections:" if keep_alive else "a connection for each call:"


def compared(
    title: str, goal: float, peer: Subject, ours: Subject, plan: Plan, *, keep_alive: bool
) -> str:
    """Both measured in turns, and the line that says so."""
    result = compare(peer, ours, rounds=plan.rounds, calls=plan.calls, keep_alive=keep_alive)
    costs = [
        f"{subject.name} {cost.cpu_us:,.0f} µs"
        for subject, cost in ((peer, result.peer), (ours, result.ours))
    ]
    return bounded_line(title, result.ratio, goal, *costs)


def new(name: str, mitmdump: Mitmdump, template: str) -> Subject:
    """Calls that are made once each."""
    serial = next(_serial)
    return Subject(
        name,
        mitmdump.port,
        mitmdump.process.pid,
        lambda number: template.format(f"r{serial}-{number}"),
    )


def same(name: str, mitmdump: Mitmdump, template: str) -> Subject:
    """One call that is made over and over."""
    return Subject(
        name, mitmdump.port, mitmdump.process.pid, lambda _number: template.format("same")
    )
