"""One call's asking of Docker's hosts."""

import time
from collections import Counter
from dataclasses import dataclass, field

from hubv1.hub.credentials import ANONYMOUS, Credentials

LONGEST_SILENCE = 10
"""Seconds that a host may say nothing before it is asked anew."""


@dataclass(slots=True)
class Inquiry:
    """On whose behalf, for how long, and what it has cost so far."""

    credentials: Credentials = field(default=ANONYMOUS, repr=False)
    seconds: float = 30
    """How long the caller waits at most, from now."""
    upstream_calls: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    """How often what was asked, with which status; URLs without their queries."""
    source: str = ""
    """Where the answer comes from: `hub`, `registry`, or `account` for pages that only the
    bridge's own account could read; empty as long as nobody was asked."""
    tags_listed: int | None = None
    """How many tags Hub counts in the repository; None where no list was asked for."""
    trouble: str = ""
    """The last thing that went wrong on the way, though it may have come right since."""
    with_account: bool = False
    """Whether Hub refuses further pages to the caller, so that the bridge's account reads them."""
    _started: float = field(default_factory=time.monotonic, init=False)

    @property
    def seconds_left(self) -> float:
        """Until the caller stops waiting."""
        return self._started + self.seconds - time.monotonic()

    @property
    def longest_silence(self) -> float:
        """Seconds; half of the caller's patience at most, so that there is a second try."""
        return min(LONGEST_SILENCE, self.seconds / 2)
