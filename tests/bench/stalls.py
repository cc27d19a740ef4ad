"""How long other traffic waits while a long list is answered."""

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import psutil

from bench.compare import cpu_seconds
from bench.lines import count_line
from bench.load import one_answer
from bench.plan import Plan
from bench.standins import Hosts, running_hosts
from e2e.bridges import Mitmdump, running_bridge, running_mitmdump
from e2e.clients import clean_environment

OTHER = "/v2/namespaces/bench/repositories/other/tags?page_size=10"
"""What the other traffic asks for, of another host."""
BETWEEN = 0.002
"""Seconds from one of its answers to its next request."""
CONSTANT = """
from pathlib import Path

from mitmproxy import http

BODY = Path(__file__).with_name("body")

class Constant:
    body = b""

    def request(self, flow):
        if flow.request.path.startswith("/v1/"):
            if len(self.body) != BODY.stat().st_size:
                self.body = BODY.read_bytes()
            flow.response = http.Response.make(200, self.body, {"Content-Type": "application/json"})

addons = [Constant()]
"""
"""What mitmproxy itself takes for an answer of that size, however it came about."""


@dataclass(frozen=True)
class Case:
    """A long list, and what it may cost others: milliseconds above the quiet."""

    title: str
    path: str
    goal: int


def stalls(plan: Plan, folder: Path) -> Iterator[str]:
    """Beside no list, an answer of the same size that is there already, and the bridge's."""
    yield (
        f"Longest wait of other traffic, in ms of mitmdump's CPU time: medians of "
        f"{plan.stall_rounds} rounds, and the spread"
    )
    cases, rules = _cases(plan)
    with ExitStack() as stack:
        other = stack.enter_context(running_hosts(folder, "bench/=10"))
        hosts = stack.enter_context(running_hosts(folder, *rules))
        (folder / "constant.py").write_text(CONSTANT)
        constant = stack.enter_context(
            running_mitmdump(folder / "constant", "-s", str(folder / "constant.py"))
        )
        bridge = stack.enter_context(
            running_bridge(
                folder / "bridge",
                *("--set", "hub_deadline=300"),
                hub_url=hosts.hub,
                registry_url=hosts.registry,
            )
        )
        for case in cases:
            yield from _measured(case, folder, constant, bridge, other, plan)


def _cases(plan: Plan) -> tuple[list[Case], list[str]]:
    """The lists, and the rules of the stand-in that has them."""
    tags, rules = "/v1/repositories/{}/r{{}}/tags", []
    cases = []
    for number, (count, letters, goal) in enumerate(plan.stall_lists):
        rules.append(f"stall{number}/={count}x{letters}")
        of = f" of {letters} letters" if letters else ""
        cases.append(Case(f"{count:,} tags{of}", tags.format(f"stall{number}"), goal))
    rules.append(f"images/={plan.stall_images}")
    images = f"images of {plan.stall_images:,} tags"
    cases.append(Case(images, "/v1/repositories/images/r{}/images", 100))
    return cases, rules


def _measured(
    case: Case, folder: Path, constant: Mitmdump, bridge: Mitmdump, other: Hosts, plan: Plan
) -> Iterator[str]:
    body = folder / "body"
    for proxy in (bridge, constant):
        # The stand-in makes the list up, and the constant reads it.
        _fetch(proxy, case.path.format("first"), body)
    before = _bytes(bridge)
    quiet, plain, ours = [], [], []
    for number in range(plan.stall_rounds):
        path = case.path.format(number)
        quiet.append(_beside(bridge, other, partial(time.sleep, plan.quiet_seconds)))
        plain.append(_beside(constant, other, partial(_fetch, constant, path, folder / "again")))
        ours.append(_beside(bridge, other, partial(_fetch, bridge, path, folder / "again")))
    above = median(mine.cpu_ms - none.cpu_ms for mine, none in zip(ours, quiet, strict=True))
    more = (max(each.size for each in ours) - before) / 1e6
    yield f"{case.title}, {body.stat().st_size / 1e6:.1f} MB:"
    yield count_line("ms above quiet", above, case.goal, f"{_shown(ours)}; quiet {_shown(quiet)}")
    yield f"  a constant       {_shown(plain)}"
    yield count_line("MB more", more, 150, "at most, while it is made")


@dataclass
class Seen:
    """What other traffic has met with."""

    cpu_ms: float = 0
    """Most that the mitmdump had to do between a request and its answer."""
    wall_ms: float = 0
    """Most that one of them waited: beside other programs more than that."""
    size: int = 0
    """Bytes of the mitmdump, at most."""


def _beside(proxy: Mitmdump, other: Hosts, work: Callable[[], None]) -> Seen:
    """What other traffic meets with while something is done."""
    seen, is_done = Seen(), threading.Event()
    address = urlsplit(other.hub)
    request = f"GET {other.hub}{OTHER} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()

    def call() -> None:
        with socket.create_connection((proxy.host, proxy.port)) as connection:
            while not is_done.wait(BETWEEN):
                start, cpu_before = time.perf_counter(), cpu_seconds(proxy.process.pid)
                connection.sendall(request)
                one_answer(OTHER, connection)
                seen.wall_ms = max(seen.wall_ms, (time.perf_counter() - start) * 1e3)
                cpu = cpu_seconds(proxy.process.pid) - cpu_before
                seen.cpu_ms = max(seen.cpu_ms, cpu * 1e3)
                seen.size = max(seen.size, _bytes(proxy))

    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(call)
        try:
            work()
        finally:
            is_done.set()
        calling.result()
    return seen


def _fetch(proxy: Mitmdump, path: str, to: Path) -> None:
    command = ["curl", "-fsS", "-o", str(to), "-x", proxy.url, f"http://index.docker.io{path}"]
    subprocess.run(command, env=clean_environment(proxy.confdir), check=True)


def _bytes(proxy: Mitmdump) -> int:
    return int(psutil.Process(proxy.process.pid).memory_info().rss)


def _shown(all_seen: list[Seen]) -> str:
    cpu, wall = [each.cpu_ms for each in all_seen], [each.wall_ms for each in all_seen]
    return f"{_spread(cpu)}, by the clock {_spread(wall)}"


def _spread(figures: list[float]) -> str:
    return f"{median(figures):.0f} ({min(figures):.0f} to {max(figures):.0f})"
