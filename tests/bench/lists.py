"""Long lists, asked for anonymously and for the first time, and what else reads them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench import programs
from bench.lines import count_line, ratio_line
from bench.plan import Plan
from bench.race import Way, race
from bench.standins import Hosts, running_hosts
from e2e.bridges import Mitmdump, running_bridge


def registry_list(plan: Plan, folder: Path) -> Iterator[str]:
    """A list that the bridge has from the registry."""
    tags = plan.registry_list
    yield f"{tags:,} tags, with the registry:"
    with _standing(plan, folder, tags, with_registry=True) as (hosts, bridge):
        # Half of skopeo's speed is twice its time.
        goals = ((programs.skopeo(hosts, folder), 0.5), (programs.loop(hosts, folder), 20.0))
        ours = programs.bridged(bridge)
        yield from _raced(ours, goals, _nothing, rounds=plan.races, tags=tags)
        yield from _asked(hosts, bridge, 4)


def hub_list(plan: Plan, folder: Path) -> Iterator[str]:
    """A list that the bridge reads from Hub's pages."""
    tags = plan.hub_list
    yield f"{tags:,} tags, from Hub alone:"
    with _standing(plan, folder, tags, with_registry=False) as (hosts, bridge):
        goals = ((programs.loop(hosts, folder), 5.0),)
        ready = partial(hosts.make_pages, tags=tags)
        ours = programs.bridged(bridge)
        # These are quick, so there is time for more rounds.
        yield from _raced(ours, goals, ready, rounds=3 * plan.races, tags=tags)


def _raced(
    ours: Way,
    goals: Sequence[tuple[Way, float]],
    prepare: Callable[[str], None],
    *,
    rounds: int,
    tags: int,
) -> Iterator[str]:
    """A line for each peer that is there; one that is not costs no more than a sentence."""
    for way in (ours, *(peer for peer, _ in goals)):
        if way.lacks:
            yield f"  {way.name} is left out: {way.lacks} is not installed."
    if ours.lacks:
        return
    present = [(peer, goal) for peer, goal in goals if not peer.lacks]
    mine, *peers = race([ours, *(peer for peer, _ in present)], prepare, rounds=rounds, tags=tags)
    for theirs, (peer, goal) in zip(peers, present, strict=True):
        yield ratio_line(peer.name, mine.ratio_to(theirs), goal, theirs.shown, mine.shown)


def _nothing(repository: str) -> None:
    """No preparation."""


def _asked(hosts: Hosts, bridge: Mitmdump, goal: int) -> Iterator[str]:
    if lists := len(bridge.rows()):
        calls = hosts.asked_by_bridge() / lists
        yield count_line("calls upstream", calls, goal, "of the bridge for one list")


@contextmanager
def _standing(
    plan: Plan, folder: Path, tags: int, *, with_registry: bool
) -> Iterator[tuple[Hosts, Mitmdump]]:
    """Hosts where each `bench/…` has so many tags, and a bridge in front of them."""
    rule = f"bench/={tags}"
    with (
        running_hosts(folder, rule, latency=plan.latency, counted=True) as hosts,
        running_bridge(
            folder / "bridge",
            *("--mode", f"reverse:{hosts.hub}"),
            hub_url=hosts.hub,
            registry_url=hosts.registry if with_registry else "",
        ) as bridge,
    ):
        yield hosts, bridge
