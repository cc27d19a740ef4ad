"""Long work on mitmproxy's event loop, in short steps that let other traffic have its turns.

A thread would be worse: while it runs Python code it holds the interpreter's lock for 5 ms at a
time, and the event loop needs that lock after each system call.
"""

import asyncio
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import chain
from operator import le, lt
from time import perf_counter
from typing import TypeVar

_T = TypeVar("_T")

Steps = Generator[None, None, _T]
"""Work that yields after each step, and returns its result at the end."""

_STEP = 2_000  # texts in a step, whose work takes about a millisecond
_STRETCH = 0.001  # seconds of work between two turns of other traffic


async def in_turns(steps: Steps[_T]) -> _T:
    """The result of some work, done in turns with other traffic."""
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
    """The values in pieces of that size, by default of one step."""
    size = size or _STEP
    return (values[start : start + size] for start in range(0, len(values), size))


def each_once(texts: list[str]) -> Steps[list[str]]:
    """The texts without duplicates; texts in ascending order are recognised quickly."""
    if (yield from _is_ascending(texts, lt)):
        return texts
    found: dict[str, None] = {}
    for some in pieces(texts):
        found.update(dict.fromkeys(some))
        yield
    return list(found)


def in_order(texts: Sequence[str]) -> Steps[list[str]]:
    """The texts in ascending order; most are already, which takes a tenth of the time."""
    if (yield from _is_ascending(texts, le)):
        return list(texts)
    runs: list[list[str]] = []
    for some in pieces(texts):
        runs.append(sorted(some))
        yield
    while len(runs) > 1:
        longer = []
        for two in pieces(runs, 2):
            longer.append(sorted(chain.from_iterable(two)))  # timsort merges the two runs
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
