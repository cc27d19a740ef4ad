"""What a fleet of three costs Hub, whose bridges do not know of each other's answers."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

from addresses import Address
from bench.load import send
from bench.plan import Plan
from bench.standins import running_hosts
from e2e.balancers import NAMES, block, running_balancer
from e2e.bridges import running_bridge

REPOSITORIES = 60
_HASHED = "hash $uri consistent;"


def shared(plan: Plan, folder: Path) -> Iterator[str]:
    """The same calls in three ways; a few repositories get most of them."""
    paths = _paths(plan.shared_calls)
    yield f"{len(paths):,} calls for {len({*paths})} lists, as upstream calls:"
    one = _asked(folder / "one", paths, 1)
    for title, number, text in (
        ("three, by turns", 3, block("nginx").replace(_HASHED, "")),
        ("three, by path", 3, block("nginx")),
    ):
        asked = _asked(folder / title.replace(" ", "-"), paths, number, text)
        yield f"  {title:16} {asked}, {asked / one:.2f} times those of one bridge"
    yield f"  one bridge       {one}"


def _paths(calls: int) -> list[str]:
    chance = Random(1)  # noqa: S311  # no secret
    weights = [1 / (place + 1) for place in range(REPOSITORIES)]
    chosen = chance.choices(range(REPOSITORIES), weights, k=calls)
    return [f"/v1/repositories/bench/r{which}/tags" for which in chosen]


def _asked(folder: Path, paths: list[str], bridges: int, text: str = "") -> int:
    """How many calls Hub gets."""
    folder.mkdir()
    with ExitStack() as stack:
        hosts = stack.enter_context(running_hosts(folder, "bench/=100", counted=True))
        addresses = {}
        for name in NAMES[:bridges]:
            started = running_bridge(
                folder / name, "--mode", f"reverse:{hosts.hub}", hub_url=hosts.hub
            )
            bridge = stack.enter_context(started)
            addresses[name] = Address(bridge.host, bridge.port)
        address = addresses[NAMES[0]]
        if bridges > 1:
            address = stack.enter_context(running_balancer(folder, addresses, text))
        send(address.port, paths, keep_alive=False, host=address.host)
        return hosts.asked_by_bridge()
