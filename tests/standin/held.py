"""Requests that are held until a test lets them go: in place of an answer that takes some time."""

from __future__ import annotations

import asyncio
import threading

from aiohttp import web

from .rules import Proceed
from .state import STATE


class Held:
    """An action for `Faults.add`. `here` is how many requests wait now, `met` how many ever did.

    They get the answer that would have been once the test calls `release`; whoever comes later
    does so at once.
    """

    def __init__(self) -> None:
        self.here = 0
        self.met = 0
        self._lock = threading.Lock()
        self._is_released = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def release(self) -> None:
        """Let all of them go, those to come included."""
        with self._lock:
            self._is_released = True
            for loop, event in self._waiting:
                loop.call_soon_threadsafe(event.set)

    async def __call__(self, request: web.Request, proceed: Proceed) -> web.StreamResponse:
        event = asyncio.Event()
        with self._lock:
            if self._is_released:
                event.set()
            self._waiting.append((asyncio.get_running_loop(), event))
        self.here += 1
        self.met += 1
        stopping = asyncio.ensure_future(request.app[STATE].stopping.wait())
        released = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait((stopping, released), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            released.cancel()
            self.here -= 1
        return await proceed()
