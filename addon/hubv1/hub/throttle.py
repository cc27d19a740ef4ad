"""Who waits for whom: pauses that Docker's hosts ask for, and fair shares of what is scarce."""

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

LONGEST_REST = 3_600
"""Seconds after which a host is asked again, whatever it had said."""
UNNAMED_WAIT = 60
"""Seconds to wait after a 429 that does not say how long."""
LONGEST_WAIT = 86_400
WINDOW = 60
"""Seconds after which Hub counts anew, as documented."""
SHARES = {"repository": 1 / 4, "credentials": 1 / 2, "caller": 3 / 4}
"""What one of each may take of the whole, so that there is always something left for others."""

_SPREAD = 0.5
"""Seconds over which those who waited for the same moment are spread."""
_MANY = 1_000
_EARLIEST_UNIX_TIME = 1_000_000_000
"""Smaller numbers are taken for seconds."""


class Throttle:
    """The pauses in force. A scope is what a limit is for: a host, or one user's logins."""

    def __init__(self) -> None:
        """No pauses."""
        self._free_at: dict[str, float] = {}

    async def wait(self, scope: str, budget: RequestBudget) -> None:
        """Return when the scope is free; raises RateLimited where that takes too long."""
        while (seconds := self._free_at.get(scope, 0) - time.monotonic()) > 0:
            if seconds > budget.longest_pause:
                raise RateLimited(math.ceil(seconds))
            await asyncio.sleep(seconds + random.uniform(0, _SPREAD))  # noqa: S311  # no secret

    def pause(self, scope: str, seconds: float) -> None:
        """Nobody is to use the scope for so long, by a clock that nobody can set."""
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
    """Lets so many through at once, in the order of their coming, but of one key no more than its
    share: whoever is held up by its own kind alone does not hold up others."""

    def __init__(self, total: int) -> None:
        """`total` is what there is for all."""
        self._total = total
        self._taken = 0
        self._taken_by: Counter[Key] = Counter()
        self._waiting: list[_Waiting] = []

    async def acquire(self, keys: Sequence[Key], weight: int = 1) -> Callable[[], None]:
        """Return once there is room; what is returned gives it back."""
        weight = min(weight, self._total)
        if self.is_free(keys, weight):
            self._take(keys, weight)
        else:
            await self._wait(_Waiting(keys, weight, asyncio.get_running_loop().create_future()))
        return partial(self._give_back, keys, weight)

    def is_free(self, keys: Sequence[Key], weight: int = 1) -> bool:
        """Whether there would be no waiting."""
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
                return  # nobody overtakes one who waits for room and not for its own kind
            if self._is_fair(waiting.keys, waiting.weight) and not waiting.turn.done():
                self._waiting.remove(waiting)
                self._take(waiting.keys, waiting.weight)
                waiting.turn.set_result(None)

    def _has_room(self, weight: int) -> bool:
        return self._taken + weight <= self._total

    def _is_fair(self, keys: Sequence[Key], weight: int) -> bool:
        """Whether no key comes to more than its share; the first of it may be as heavy as it is."""
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
    """How long a 429 asks to be left alone.

    X-Retry-After is a unix time, not a number of seconds.
    """
    names = ["X-Retry-After", "Retry-After"]
    if headers.get("X-RateLimit-Remaining", "0").strip() == "0":
        names.append("X-RateLimit-Reset")  # else something other than the rate is limited
    named = (_seconds(headers.get(name, ""), headers) for name in names)
    seconds = next((each for each in named if each is not None), UNNAMED_WAIT)
    return math.ceil(min(max(seconds, 1), LONGEST_WAIT))


def seconds_until_reset(headers: Mapping[str, str]) -> float:
    """How long nothing is left to ask for, going by an answer that was still given."""
    if headers.get("X-RateLimit-Remaining", "").strip() != "0":
        return 0
    seconds = _seconds(headers.get("X-RateLimit-Reset", ""), headers)
    return min(max(seconds or 0, 0), WINDOW)


def _seconds(given: str, headers: Mapping[str, str]) -> float | None:
    """From now, by the clock of the server where it tells its time; None where nobody can say."""
    try:
        until = float(given)
    except ValueError:
        until = _unix_time(given)
    if math.isnan(until) or until < _EARLIEST_UNIX_TIME:
        return None if math.isnan(until) else until
    theirs = _unix_time(headers.get("Date", ""))
    return until - (time.time() if math.isnan(theirs) else theirs)


def _unix_time(date: str) -> float:
    """Of an HTTP date; not a number where it is none."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return math.nan
