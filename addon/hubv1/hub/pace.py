"""Who was asked to wait, all wait: when each of Docker's hosts may be asked again."""

import asyncio
import math
import random
import time

from hubv1.api.errors import RateLimited
from hubv1.hub.inquiry import Inquiry

LONGEST_PAUSE = 10
"""Seconds that a caller is let wait; where it would be longer, it is told so at once."""
LONGEST_REST = 3_600
"""Seconds after which a host is asked again, whatever it had said."""

_SPREAD = 0.5
"""Seconds over which those who waited for the same moment are spread."""
_MANY = 1_000


def longest_pause(inquiry: Inquiry) -> float:
    """Seconds that this caller can be let wait and have time left for its answer."""
    return min(LONGEST_PAUSE, inquiry.seconds_left / 2)


class Pace:
    """The pauses in force. A lane is what a limit is for: a host, say."""

    def __init__(self) -> None:
        """No pauses."""
        self._free_at: dict[str, float] = {}

    async def wait(self, lane: str, inquiry: Inquiry) -> None:
        """Return when the lane is free; raises RateLimited where that takes too long."""
        while (seconds := self._free_at.get(lane, 0) - time.monotonic()) > 0:
            if seconds > longest_pause(inquiry):
                raise RateLimited(math.ceil(seconds))
            await asyncio.sleep(seconds + random.uniform(0, _SPREAD))  # noqa: S311  # no secret

    def pause(self, lane: str, seconds: float) -> None:
        """Nobody is to use the lane for so long, by a clock that nobody can set."""
        now = time.monotonic()
        if len(self._free_at) >= _MANY:
            self._free_at = {name: at for name, at in self._free_at.items() if at > now}
        until = now + min(seconds, LONGEST_REST)
        self._free_at[lane] = max(until, self._free_at.get(lane, 0))
