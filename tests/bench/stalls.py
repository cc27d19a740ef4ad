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

class Constant:
    def request(self, flow):
        if flow.request.path.startswith("/v1/"):
            body = Path(__file__).with_name("body").read_bytes()
            flow.response = http.Response.make(200, body, {"Content-Type": "application/json"})

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
    """The longest wait of other traffic: beside no list, one from a constant, and the bridge's."""
    yield f"Longest wait of other traffic in ms, medians of {plan.stall_rounds} rounds:"
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
    _fetch(bridge, case.path.format("first"), body)  # the stand-in makes it up, which takes longer
    before = _bytes(bridge)
    quiet, plain, ours = [], [], []
    for number in range(plan.stall_rounds):
        path = case.path.format(number)
        quiet.append(_beside(bridge, other, partial(time.sleep, plan.quiet_seconds)))
        plain.append(_beside(constant, other, partial(_fetch, constant, path, folder / "again")))
        ours.append(_beside(bridge, other, partial(_fetch, bridge, path, folder / "again")))
    pairs = zip(ours, quiet, strict=True)
    above = median(mine.longest - none.longest for mine, none in pairs)
    more = (max(each.size for each in ours) - before) / 1e6
    yield (
        f"  {case.title}: {above:.0f} ms above the quiet (goal {case.goal} at most), "
        f"{more:+.0f} MB (goal 150 at most): the bridge {_shown(ours)}, a constant of "
        f"{body.stat().st_size / 1e6:.1f} MB {_shown(plain)}, quiet {_shown(quiet)}"
    )


@dataclass
class Seen:
    """What other traffic has met with."""

    longest: float = 0
    """Milliseconds that one of its requests waited at most."""
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
                start = time.perf_counter()
                connection.sendall(request)
                one_answer(OTHER, connection)
                seen.longest = max(seen.longest, (time.perf_counter() - start) * 1e3)
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
    waits = [each.longest for each in all_seen]
    return f"{median(waits):.0f} ({min(waits):.0f} to {max(waits):.0f})"
