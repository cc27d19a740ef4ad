"""One comparison: the same number of calls through two mitmdumps, taken in turns."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import comb
from statistics import median
from time import perf_counter

import psutil

from bench.load import send

_TAIL = 0.025
"""How likely the median may be beyond each of its bounds."""


@dataclass(frozen=True)
class Subject:
    """A mitmdump and the calls that are sent through it."""

    name: str
    port: int
    pid: int
    path: Callable[[int], str]
    """The path of the call with that number."""


@dataclass(frozen=True)
class Cost:
    """What one call took, the median over all rounds."""

    cpu_us: float
    """CPU time of the mitmdump process, microseconds."""
    wall_us: float


@dataclass(frozen=True)
class Ratio:
    """The median of the rounds' ratios, so that a busy moment of the machine does not count."""

    median: float
    low: float
    """The median of many rounds is not below this, nor above the next, with 95 % confidence."""
    high: float


def ratio_of(ratios: Sequence[float]) -> Ratio:
    """By order statistics: how many ratios are below the true median is binomial, whatever they
    are distributed like. With fewer than six rounds the bounds are the extremes."""
    ordered, rounds = sorted(ratios), len(ratios)
    below = 0
    while sum(comb(rounds, few) for few in range(below + 2)) / 2**rounds <= _TAIL:
        below += 1
    return Ratio(median(ordered), ordered[below], ordered[-1 - below])


@dataclass(frozen=True)
class Comparison:
    """Two costs, and the peer's as a share of ours: 1 is as cheap, above 1 is cheaper."""

    peer: Cost
    ours: Cost
    ratio: Ratio


def compare(
    peer: Subject, ours: Subject, *, rounds: int, calls: int, keep_alive: bool
) -> Comparison:
    """Measure both in turns: `calls` calls to each in each of `rounds` rounds."""
    numbers = _batches(calls)
    for subject in (peer, ours):  # warm up
        _cost(subject, next(numbers), keep_alive=keep_alive)
    pairs = []
    for number in range(rounds):
        first, second = (peer, ours) if number % 2 else (ours, peer)
        costs = {
            subject.name: _cost(subject, next(numbers), keep_alive=keep_alive)
            for subject in (first, second)
        }
        pairs.append((costs[peer.name], costs[ours.name]))
    return Comparison(
        _median([theirs for theirs, _ in pairs]),
        _median([mine for _, mine in pairs]),
        ratio_of([theirs.cpu_us / mine.cpu_us for theirs, mine in pairs]),
    )


def _batches(calls: int) -> Iterator[range]:
    start = 0
    while True:
        yield range(start, start + calls)
        start += calls


def _cost(subject: Subject, numbers: range, *, keep_alive: bool) -> Cost:
    paths = [subject.path(number) for number in numbers]
    before, start = cpu_seconds(subject.pid), perf_counter()
    send(subject.port, paths, keep_alive=keep_alive)
    wall = perf_counter() - start
    cpu = cpu_seconds(subject.pid) - before
    return Cost(cpu / len(paths) * 1e6, wall / len(paths) * 1e6)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, by its own clock where it has one: others count in steps of 10 ms."""
    if sys.platform == "linux":
        return time.clock_gettime(~pid << 3 | 2)  # as clock_getcpuclockid(3) makes it
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _median(costs: list[Cost]) -> Cost:
    return Cost(median(cost.cpu_us for cost in costs), median(cost.wall_us for cost in costs))
