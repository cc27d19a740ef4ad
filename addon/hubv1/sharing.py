"""One answer for equal calls: for those that wait at the same time, and for some seconds after.

Only complete answers are kept. A 404 never is: a pipeline that checks, pushes and checks again
must not meet the answer of its first check.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from cachetools import TTLCache

from hubv1.bridging import Result
from hubv1.names import Repository
from hubv1.recognition import Call
from hubv1.routes import Listing

MOST_BYTES = 64 * 1024 * 1024
"""Of all answers that are kept."""

_OVERHEAD_BYTES = 1_000
"""About what an answer takes besides its body."""

Key = tuple[Listing | None, Repository | None, str | None]


@dataclass(slots=True)
class _Flight:
    """A call that is under way, and how many wait for it."""

    task: asyncio.Task[Result]
    waiting: int = 0


class Sharing:
    """The answers under way and those kept."""

    def __init__(self, seconds: int) -> None:
        """`seconds` is how long a complete answer is kept; 0 keeps none."""
        self._kept: TTLCache[Key, Result] | None = None
        if seconds:
            self._kept = TTLCache(MOST_BYTES, seconds, getsizeof=_size)
        self._flights: dict[Key, _Flight] = {}

    async def answer(self, call: Call, ask: Callable[[], Awaitable[Result]]) -> Result:
        """A kept answer to `call`, that of an equal call under way, or what `ask` gives."""
        key = (call.route.listing, call.repository, call.tag)
        kept = self._kept.get(key) if self._kept is not None else None
        if kept is not None:
            return replace(kept, upstream_calls=0, cache="hit")
        flight = self._flights.get(key)
        if flight is not None:
            return replace(await self._join(key, flight), upstream_calls=0, cache="collapsed")
        flight = self._flights[key] = _Flight(asyncio.ensure_future(self._fly(key, ask)))
        return await self._join(key, flight)

    async def _fly(self, key: Key, ask: Callable[[], Awaitable[Result]]) -> Result:
        result = await ask()
        if self._kept is None:
            return replace(result, cache="bypass")
        if result.is_complete and _size(result) <= MOST_BYTES:
            self._kept[key] = result
        return replace(result, cache="miss")

    async def _join(self, key: Key, flight: _Flight) -> Result:
        flight.waiting += 1
        try:
            # One who leaves must not take the answer away from the others.
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                # Nobody is left: what is still under way is for no one.
                if self._flights.get(key) is flight:
                    del self._flights[key]
                flight.task.cancel()


def _size(result: Result) -> int:
    return len(result.answer.body) + _OVERHEAD_BYTES
