"""`scripts/bench`: what the bridge costs, against those who do without it.

Each line has a ratio, the peer's cost as a share of the bridge's: 1 is as cheap, and higher is
cheaper. Beside it is the goal.
"""

import argparse
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from bench.plan import BenchError, Plan

Part = Callable[[Plan, Path], Iterator[str]]

PARTS = {
    "calls": ("costs:new_calls", "CPU time of other traffic, and of calls answered from Hub"),
    "cached": ("costs:cached_calls", "CPU time of calls answered from the cache"),
    "waits": ("waits:waits", "how long one in a hundred calls takes, among many at once"),
    "lists": ("lists:registry_list", "15,000 tags: the time of skopeo and of a loop over pages"),
    "stalls": ("stalls:stalls", "the longest wait of other traffic beside long lists"),
    "pages": ("lists:hub_list", "1,000 tags without the registry: the time of that loop"),
    "equal": ("equal:equal_calls", "200 equal calls at once: how many of them reach Hub"),
    "page": ("page:page", "a page of 2,000 callers: to make it, and until Chromium shows it"),
    "recording": ("recording:recording", "CPU time of recording, against a journal in memory"),
    "history": ("history:history", "a report of a million calls; three minutes, for writing them"),
    "growth": ("growth:growth", "how large counts grow, and where that ends; takes a minute"),
    "fleet": ("fleet:fleet", "shipping to PostgreSQL, a backlog, a report of ten million calls"),
    "trees": ("trees:trees", "a scan of a large source tree: time and memory"),
    "shared": ("shared:shared", "upstream calls of three bridges behind nginx, against one's"),
    "memory": ("memory:memory", "what 100,000 calls add; takes ten minutes, so only if asked for"),
    "soak": ("soak:soak", "a long run in trouble: nothing may grow or be missing; if asked for"),
}
"""Each with its function and its meaning. What it needs is loaded when it is measured, so that the
help is there before anything is installed."""
ON_DEMAND = {"memory", "soak"}
SIZES = {
    "rounds": "of each comparison by CPU time",
    "calls": "in each of these rounds",
    "tags": "of the repositories in them",
    "races": "of long lists: how often each is read in each way",
    "stall_rounds": "in the part `stalls`",
    "history_calls": "in the part `history`",
    "files": "of the tree in the part `trees`",
    "kinds": "of calls, in each hour of the part `growth`",
    "memory_calls": "in the part `memory`",
    "minutes": "of the part `soak`",
    "soak_rate": "of calls a second in it",
}
"""Those of a plan that may be set, with their meaning."""


def main() -> int:
    """Measure and print. The figures are for reading, and fail nothing; 1 if a part says that
    something is not as it has to be."""
    plan, names = read_options()
    from mitmproxy.version import VERSION

    print(
        f"Python {platform.python_version()}, mitmproxy {VERSION}; ratios of the peer's cost to "
        f"the bridge's. CPU time is that of the mitmdump process for each call, in {plan.rounds} "
        f"rounds of {plan.calls} calls in turns, repositories of {plan.tags} tags. Docker's hosts "
        f"answer at once, and {plan.latency * 1e3:.0f} ms late in `lists`, `pages` and `equal`."
    )
    code = 0
    for name in names:
        print(f"\n== {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="hub-v1-bench-") as folder:
            try:
                for line in _part(name)(plan, Path(folder)):
                    print(line, flush=True)
            except BenchError as error:
                print(f"scripts/bench: {error}", file=sys.stderr)
                code = 1
    return code


def _part(name: str) -> Part:
    module, _, function = PARTS[name][0].partition(":")
    part: Part = getattr(import_module(f"bench.{module}"), function)
    return part


def read_options() -> tuple[Plan, list[str]]:
    """How much to measure, and what."""
    plan = Plan()
    parts = "\n".join(f"  {name:9} {meaning}" for name, (_, meaning) in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=__doc__,
        epilog=f"parts:\n{parts}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="see below; default: most")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help="the same")
    parser.add_argument("--memory", action="store_true", help="the part of that name too")
    for name, meaning in SIZES.items():
        default = getattr(plan, name)
        option = "--" + name.replace("_", "-")
        parser.add_argument(
            option, type=type(default), default=default, help=f"{meaning} (default {default})"
        )
    given = parser.parse_args()
    if unknown := set(given.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    wanted = {*given.parts, *(given.only or ())} or PARTS.keys() - ON_DEMAND
    if given.memory:
        wanted |= {"memory"}
    chosen = [name for name in PARTS if name in wanted]
    return replace(plan, **{name: getattr(given, name) for name in SIZES}), chosen


if __name__ == "__main__":
    sys.exit(main())
