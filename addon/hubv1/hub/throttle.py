"""Waiting: the pauses that Docker's hosts ask for, and fair shares of connections and memory."""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial

from hubv1.api.v2 import RateLimited
from hubv1.hub.exchange import Key, RequestBudget

LONGEST_REST = 3_600  # seconds after which a host is asked again, however long a pause it wants
UNNAMED_WAIT = 60  # seconds to wait after a 429 that does not say how long
LONGEST_WAIT = 86_400
WINDOW = 60  # seconds after which Hub's rate limit starts anew, as documented
SHARES = {"repository": 1 / 4, "credentials": 1 / 2, "caller": 3 / 4}
"""The part of the whole that one repository, account or caller may take, to leave some to others.
"""

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


@dataclass(eq=False, slots=True)
class _Waiting:
    keys: Sequence[Key]
    weight: int
    turn: asyncio.Future[None]


class FairSemaphore:
    """A semaphore that serves in order of arrival, but grants each key no more than its share.

    A task that waits only because its own key has used up its share holds up nobody else.
    """

    def __init__(self, total: int) -> None:
        """`total` is the weight that all holders together may have."""
        self._total = total
        self._taken = 0
        self._taken_by: Counter[Key] = Counter()
        self._waiting: list[_Waiting] = []

    async def acquire(self, keys: Sequence[Key], weight: int = 1) -> Callable[[], None]:
        """Wait for room; returns the function that releases it."""
        weight = min(weight, self._total)
        if self.is_free(keys, weight):
            self._take(keys, weight)
        else:
            await self._wait(_Waiting(keys, weight, asyncio.get_running_loop().create_future()))
        return partial(self._give_back, keys, weight)

    def is_free(self, keys: Sequence[Key], weight: int = 1) -> bool:
        """Whether `acquire` would not have to wait."""
        return not self._waiting and self._has_room(weight) and self._is_fair(keys, weight)

    async def _wait(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._let_through()
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
                self._let_through()
            else:
                self._give_back(waiting.keys, waiting.weight)
            raise

    def _let_through(self) -> None:
        for waiting in tuple(self._waiting):
            if not self._has_room(waiting.weight):
                return  # nobody overtakes a task that waits for room and not for its share
            if self._is_fair(waiting.keys, waiting.weight) and not waiting.turn.done():
                self._waiting.remove(waiting)
                self._take(waiting.keys, waiting.weight)
                waiting.turn.set_result(None)

    def _has_room(self, weight: int) -> bool:
        return self._taken + weight <= self._total

    def _is_fair(self, keys: Sequence[Key], weight: int) -> bool:
        """Whether no key exceeds its share; a key that holds nothing may take any weight."""
        taken = ((self._taken_by.get(key, 0), SHARES[key[0]]) for key in keys)
        return all(not has or has + weight <= self._total * share for has, share in taken)

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
        if self._waiting:
            self._let_through()


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
