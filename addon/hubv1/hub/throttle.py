"""Waiting: the pauses that Docker's hosts ask for, and fair shares of connections and memory."""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from heapq import heappop, heappush
from itertools import count

from hubv1.api.v2 import RateLimited
from hubv1.hub.exchange import Key, RequestBudget

LONGEST_REST = 3_600  # seconds after which a host is asked again, however long a pause it wants
UNNAMED_WAIT = 60  # seconds to wait after a 429 that does not say how long
LONGEST_WAIT = 86_400
WINDOW = 60  # seconds after which Hub's rate limit starts anew, as documented
SHARES = {"repository": 1 / 4, "credentials": 1 / 2, "caller": 3 / 4}
"""The part that one repository, account or caller may take, to leave some to others."""

_SPREAD = 0.5  # seconds over which requests are spread that waited for the end of the same pause
_MANY = 1_000
_EARLIEST_UNIX_TIME = 1_000_000_000  # smaller numbers are taken for seconds from now


class Throttle:
    """The pauses in force. The scope of a pause is a host, or one user's logins."""

    def __init__(self) -> None:
        """No pauses."""
        self._free_at: dict[str, float] = {}

    async def wait(self, scope: str, budget: RequestBudget) -> None:
        """Wait until the scope has no pause; raises RateLimited if that takes too long."""
        while (seconds := self._free_at.get(scope, 0) - time.monotonic()) > 0:
            if seconds > budget.longest_pause:
                raise RateLimited(math.ceil(seconds))
            await asyncio.sleep(seconds + random.uniform(0, _SPREAD))  # noqa: S311  # no secret

    def pause(self, scope: str, seconds: float) -> None:
        """Let nobody use the scope for so many seconds, by the monotonic clock."""
        now = time.monotonic()
        if len(self._free_at) >= _MANY:
            self._free_at = {name: at for name, at in self._free_at.items() if at > now}
        until = now + min(seconds, LONGEST_REST)
        self._free_at[scope] = max(until, self._free_at.get(scope, 0))


@dataclass(order=True, slots=True)
class _Waiter:
    arrival: int
    keys: Sequence[Key] = field(compare=False)
    weight: int = field(compare=False)
    turn: asyncio.Future[None] = field(compare=False)


class FairSemaphore:
    """A semaphore that serves in order of arrival, but grants each key no more than its share.

    A task that waits only because its own key has used up its share holds up nobody else. However
    many wait, each arrival and release looks at a few of them.
    """

    def __init__(self, total: int) -> None:
        """`total` is the weight that all holders together may have."""
        self._total = total
        self._taken = 0
        self._taken_by: Counter[Key] = Counter()
        self._arrivals = count()
        self._queues: dict[Key | None, list[_Waiter]] = {}
        """Heaps of the waiters for the share of a key; under None of those that wait for room."""
        self._released: set[Key | None] = set()
        """Names of the queues whose first waiter may be served."""

    async def acquire(self, keys: Sequence[Key], weight: int = 1) -> Callable[[], None]:
        """Wait for room; returns the function that releases it."""
        weight = min(weight, self._total)
        if self.is_free(keys, weight):
            self._take(keys, weight)
        else:
            turn = asyncio.get_running_loop().create_future()
            await self._wait(_Waiter(next(self._arrivals), keys, weight, turn))
        return partial(self._give_back, keys, weight)

    def is_free(self, keys: Sequence[Key], weight: int = 1) -> bool:
        """Whether `acquire` would not have to wait."""
        is_first = None not in self._queues
        return is_first and self._has_room(weight) and self._obstacle(keys, weight) is None

    async def _wait(self, waiter: _Waiter) -> None:
        self._enqueue(self._obstacle(waiter.keys, waiter.weight), waiter)
        try:
            await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.cancelled():
                self._let_through()  # the next ones, if they waited behind this one
            else:
                self._give_back(waiter.keys, waiter.weight)
            raise

    def _let_through(self, released: Iterable[Key] = ()) -> None:
        """Serve those that wait for room, or for the share of a key that was released."""
        self._released.update((None, *released))
        while (waiter := self._pop_first()) is not None:
            if waiter.turn.done():
                continue  # it was cancelled
            obstacle = self._obstacle(waiter.keys, waiter.weight)
            if obstacle is not None:
                self._released.discard(obstacle)
                self._enqueue(obstacle, waiter)
            elif not self._has_room(waiter.weight):
                self._enqueue(None, waiter)
                return  # nobody overtakes a task that waits for room and not for its share
            else:
                self._take(waiter.keys, waiter.weight)
                waiter.turn.set_result(None)
                self._released.update(waiter.keys)

    def _enqueue(self, name: Key | None, waiter: _Waiter) -> None:
        heappush(self._queues.setdefault(name, []), waiter)

    def _pop_first(self) -> _Waiter | None:
        """The waiter that arrived first of those that may be served; None if there is none."""
        queues = self._queues
        self._released &= queues.keys()
        if not self._released:
            return None
        name = min(self._released, key=lambda name: queues[name][0])
        waiter = heappop(queues[name])
        if not queues[name]:
            del queues[name]
        return waiter

    def _has_room(self, weight: int) -> bool:
        return self._taken + weight <= self._total

    def _obstacle(self, keys: Sequence[Key], weight: int) -> Key | None:
        """A key that would exceed its share; one that holds nothing may take any weight."""
        for key in keys:
            has = self._taken_by.get(key, 0)
            if has and has + weight > self._total * SHARES[key[0]]:
                return key
        return None

    def _take(self, keys: Sequence[Key], weight: int) -> None:
        self._taken += weight
        for key in keys:
            self._taken_by[key] += weight

    def _give_back(self, keys: Sequence[Key], weight: int) -> None:
        self._taken -= weight
        for key in keys:
            self._taken_by[key] -= weight
            if not self._taken_by[key]:
                del self._taken_by[key]
        if self._queues:
            self._let_through(keys)


def seconds_after_refusal(headers: Mapping[str, str]) -> int:
    """How long to wait after a 429. Hub's X-Retry-After is a unix time, not a number of seconds."""
    names = ["X-Retry-After", "Retry-After"]
    if headers.get("X-RateLimit-Remaining", "0").strip() == "0":
        names.append("X-RateLimit-Reset")  # otherwise the 429 is not about this rate limit
    named = (_seconds(headers.get(name, ""), headers) for name in names)
    seconds = next((each for each in named if each is not None), UNNAMED_WAIT)
    return math.ceil(min(max(seconds, 1), LONGEST_WAIT))


def seconds_until_reset(headers: Mapping[str, str]) -> float:
    """How long to wait after an answer that used up the rate limit; 0 for any other answer."""
    if headers.get("X-RateLimit-Remaining", "").strip() != "0":
        return 0
    seconds = _seconds(headers.get("X-RateLimit-Reset", ""), headers)
    return min(max(seconds or 0, 0), WINDOW)


def _seconds(given: str, headers: Mapping[str, str]) -> float | None:
    """The seconds from now that a header names, by the server's clock if it sends a Date; None if
    it names none."""
    try:
        until = float(given)
    except ValueError:
        until = _unix_time(given)
    if math.isnan(until) or until < _EARLIEST_UNIX_TIME:
        return None if math.isnan(until) else until
    theirs = _unix_time(headers.get("Date", ""))
    return until - (time.time() if math.isnan(theirs) else theirs)


def _unix_time(date: str) -> float:
    """The unix time of an HTTP date; NaN if it is none."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return math.nan
