"""Long work on mitmproxy's event loop, in steps between which other traffic has its turns.

A thread would not do: while it runs Python it holds the interpreter's lock for 5 ms at a time, and
the event loop waits for that lock after each of its system calls.
"""

import asyncio
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import chain
from operator import le, lt
from time import perf_counter
from typing import TypeVar

_T = TypeVar("_T")

Steps = Generator[None, None, _T]
"""Work that pauses after each step, and returns its result at the end."""

_STEP = 2_000
"""Texts that are worked on in a step: whatever is done with each, it takes about a millisecond."""
_STRETCH = 0.001
"""Seconds of work between two turns of other traffic."""


async def in_turns(steps: Steps[_T]) -> _T:
    """The result of some work, between whose steps other traffic has its turns."""
    until = perf_counter() + _STRETCH
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: _T = end.value
            return result
        if perf_counter() >= until:
            await asyncio.sleep(0)
            until = perf_counter() + _STRETCH


def pieces(values: Sequence[_T], size: int = 0) -> Iterator[Sequence[_T]]:
    """The values in pieces, by default such as take a step."""
    size = size or _STEP
    return (values[start : start + size] for start in range(0, len(values), size))


def each_once(texts: list[str]) -> Steps[list[str]]:
    """The texts without those that are there already. Where they ascend that is soon seen."""
    if (yield from _is_ascending(texts, lt)):
        return texts
    found: dict[str, None] = {}
    for some in pieces(texts):
        found.update(dict.fromkeys(some))
        yield
    return list(found)


def in_order(texts: Sequence[str]) -> Steps[list[str]]:
    """The texts ascending. Those that are so already, as most are, take a tenth of the time."""
    if (yield from _is_ascending(texts, le)):
        return list(texts)
    runs: list[list[str]] = []
    for some in pieces(texts):
        runs.append(sorted(some))
        yield
    while len(runs) > 1:
        longer = []
        for two in pieces(runs, 2):
            longer.append(sorted(chain.from_iterable(two)))  # it finds the runs and merges them
            yield
        runs = longer
    return runs[0]


def _is_ascending(texts: Sequence[str], compare: Callable[[str, str], bool]) -> Steps[bool]:
    for start in range(0, len(texts), _STEP):
        end = start + _STEP
        if not all(map(compare, texts[start:end], texts[start + 1 : end + 1])):
            return False
        yield
    return True
