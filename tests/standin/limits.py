"""Hub's rate limit: so many calls from one address in a window of the server's clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from . import uncertain
from .settings import Settings


@dataclass(frozen=True)
class Allowance:
    """What is left to an address. `reset` is the unix time at which the window ends."""

    limit: int
    remaining: int
    reset: int
    refused: bool = False

    @property
    def headers(self) -> dict[str, str]:
        shown = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }
        # A unix time, not a number of seconds: the trap for whoever expects Retry-After.
        return shown | ({"X-Retry-After": str(self.reset)} if self.refused else {})


@dataclass
class RateLimit:
    """Counts calls in the current window; forgets them all when the next one begins."""

    settings: Settings
    _window: int = 0
    _calls: dict[str, int] = field(default_factory=dict)

    def spend(self, address: str, now: float) -> Allowance:
        """Counts one call of that address."""
        window = int(now // self.settings.rate_window)
        reset = math.ceil((window + 1) * self.settings.rate_window)
        limit = self.settings.rate_limit
        if limit <= 0:  # the headers are there all the same; nobody needs to slow down for them
            return Allowance(uncertain.RATE_LIMIT, uncertain.RATE_LIMIT - 1, reset)
        if window != self._window:
            self._window, self._calls = window, {}
        used = self._calls[address] = self._calls.get(address, 0) + 1
        return Allowance(limit, max(0, limit - used), reset, refused=used > limit)
