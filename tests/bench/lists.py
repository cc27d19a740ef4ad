"""Long lists, asked for anonymously and for the first time, and what else reads them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench import programs
from bench.lines import count_line, ratio_line
from bench.plan import Plan
from bench.race import Way, race
from bench.standins import Hosts, running_hosts
from e2e.bridges import Mitmdump, running_bridge
from hubv1.api import v2


def registry_list(plan: Plan, folder: Path) -> Iterator[str]:
    """A list that the bridge has from the registry: of another repository each time, of the same
    one again and again, and as the first call to a bridge that has just begun to listen."""
    tags = plan.registry_list
    yield f"{tags:,} tags, with the registry:"
    with _standing(plan, folder, tags, with_registry=True) as (hosts, bridge):
        ours, again = programs.bridged(bridge), programs.bridged(bridge, "bench/again")
        skopeo, loop = programs.skopeo(hosts, folder), programs.loop(hosts, folder)
        ready = partial(hosts.make_pages, tags=v2.PAGE_SIZE)  # the first, which a bridge asks for
        yield from _left_out(ours, skopeo, loop)
        yield from _raced(ours, skopeo, 1.0, ready, tags=tags, rounds=3 * plan.races)
        yield from _raced(again, skopeo, 1.0, tags=tags, rounds=3 * plan.races)
        yield from _raced(ours, loop, 20.0, tags=tags, rounds=plan.races)
        yield from _asked(hosts, bridge, 4)
        with _beginning(folder, hosts) as (first, begin):
            yield from _raced(first, skopeo, 0.4, begin, tags=tags, rounds=plan.races)


def hub_list(plan: Plan, folder: Path) -> Iterator[str]:
    """A list that the bridge reads from Hub's pages."""
    tags = plan.hub_list
    yield f"{tags:,} tags, from Hub alone:"
    with _standing(plan, folder, tags, with_registry=False) as (hosts, bridge):
        ours, loop = programs.bridged(bridge), programs.loop(hosts, folder)
        ready = partial(hosts.make_pages, tags=tags)
        yield from _left_out(ours, loop)
        yield from _raced(ours, loop, 5.0, ready, tags=tags, rounds=3 * plan.races)


def _left_out(*ways: Way) -> Iterator[str]:
    """A line for each that is not there, which costs no more than its own comparison."""
    for way in ways:
        if way.lacks:
            yield f"  {way.name} is left out: {way.lacks} is not installed."


def _nothing(repository: str) -> None:
    """No preparation."""


def _raced(
    ours: Way,
    peer: Way,
    goal: float,
    prepare: Callable[[str], None] = _nothing,
    *,
    rounds: int,
    tags: int,
) -> Iterator[str]:
    """The line of a comparison, if both are there."""
    if not ours.lacks and not peer.lacks:
        mine, theirs = race([ours, peer], prepare, rounds=rounds, tags=tags)
        yield ratio_line(peer.name, mine.ratio_to(theirs), goal, theirs.shown, mine.shown)


def _asked(hosts: Hosts, bridge: Mitmdump, goal: int) -> Iterator[str]:
    """How many calls the bridge made for a list, by its own account and by that of the hosts."""
    if made := [row["upstream_calls"] for row in bridge.rows()]:
        mean = hosts.asked_by_bridge() / len(made)
        yield count_line("calls upstream", max(made), goal, f"for one list, {mean:.1f} on average")


@contextmanager
def _standing(
    plan: Plan, folder: Path, tags: int, *, with_registry: bool
) -> Iterator[tuple[Hosts, Mitmdump]]:
    """Hosts where each `bench/…` has so many tags, and a bridge in front of them."""
    rule = f"bench/={tags}"
    with running_hosts(folder, rule, latency=plan.latency, counted=True) as hosts:
        known = hosts if with_registry else replace(hosts, registry="")
        with _bridge(folder / "bridge", known) as bridge:
            yield hosts, bridge


@contextmanager
def _beginning(folder: Path, hosts: Hosts) -> Iterator[tuple[Way, Callable[[str], None]]]:
    """The first call to a bridge, as soon as it says that it listens; and what starts the bridge,
    each time another."""
    bridges: list[Mitmdump] = []
    with ExitStack() as stack:

        def begin(repository: str) -> None:
            hosts.make_pages(repository, v2.PAGE_SIZE)
            stack.close()  # the one before
            bridges.append(stack.enter_context(_bridge(folder / f"{len(bridges)}", hosts)))

        yield (
            Way("the first list", ("curl",), lambda name: programs.called(bridges[-1], name)),
            begin,
        )


def _bridge(confdir: Path, hosts: Hosts) -> AbstractContextManager[Mitmdump]:
    """One that keeps no answers, so that the same list can be asked for again."""
    return running_bridge(
        confdir,
        *("--mode", f"reverse:{hosts.hub}", "--set", "hub_cache_ttl=0"),
        hub_url=hosts.hub,
        registry_url=hosts.registry,
        under=(sys.executable,),  # started anew, as users do, and not forked
    )
