"""Pages that are held back, to see which of them are under way together."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from standin.rules import Action, Proceed

PATIENCE = 30
"""Seconds after which a test gives up; far more than anything here takes on a slow machine."""

AFTER_THE_FIRST = r"&page=([2-9]|\d\d+)$"


async def until(condition: Callable[[], bool]) -> None:
    """Return once it is so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


class Gate:
    """Holds pages back until so many are there, and knows how many are under way."""

    def __init__(self, wanted: int, then: Action | None = None) -> None:
        self.wanted = wanted
        self.then = then
        self.under_way = 0
        self.most = 0
        self._open = asyncio.Event()

    async def __call__(self, request: web.Request, proceed: Proceed) -> web.StreamResponse:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        if self.under_way >= self.wanted:
            self._open.set()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._open.wait()
            # Whoever sends more than allowed gets the time to do so.
            await asyncio.sleep(0.02)
            return await (self.then(request, proceed) if self.then else proceed())
        finally:
            self.under_way -= 1

    async def is_left(self) -> None:
        """Return once no request is under way any more."""
        await until(lambda: not self.under_way)

    async def is_full(self) -> None:
        """Return once as many as wanted are under way."""
        await until(lambda: self.under_way >= self.wanted)
