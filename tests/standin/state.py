"""What the three listeners share."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from aiohttp import web

from .accounts import Doorkeeper
from .calls import Calls
from .catalog import Catalog
from .limits import RateLimit
from .rules import Faults
from .settings import Settings
from .tokens import Mint


@dataclass
class State:
    """One stand-in. `urls` are the announced ones, by listener; `started` is monotonic seconds."""

    catalog: Catalog
    settings: Settings
    calls: Calls = field(init=False)
    doorkeeper: Doorkeeper = field(init=False)
    rates: RateLimit = field(init=False)
    faults: Faults = field(default_factory=Faults)
    mint: Mint = field(default_factory=Mint)
    urls: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.calls = Calls(self.settings.calls_kept)
        self.doorkeeper = Doorkeeper(self.catalog.accounts, self.settings, self.now)
        self.rates = RateLimit(self.settings)

    def now(self) -> float:
        """The unix time of this server, which may go wrong on purpose."""
        return time.time() + self.settings.clock_skew

    async def pause(self, seconds: float | None) -> None:
        """Sleeps, for ever where None, but never longer than the stand-in runs."""
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return


STATE = web.AppKey("state", State)
LISTENER = web.AppKey("listener", str)
