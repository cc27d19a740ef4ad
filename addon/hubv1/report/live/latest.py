"""The latest page: made when somebody asks, and not more often than makes sense."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from hubv1.report.as_html import as_live_html, live_error_html
from hubv1.report.model import Report

EVERY = 5.0
"""Seconds after which an open page asks again."""

_FRESH = 2.0
_REST = 9.0
"""How long to do nothing, as a multiple of how long the last report took: most of the time is for
the bridge, which may be on the same machine."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A page, and the status of the answer that carries it."""

    status: int
    html: str


class Latest:
    """The page of the report that `make` makes; one at a time, whoever asks."""

    def __init__(self, make: Callable[[], Report], troubles: tuple[type[Exception], ...]) -> None:
        """`troubles` are what `make` raises where a sentence on the page is the answer."""
        self._make = make
        self._troubles = troubles
        self._making = asyncio.Lock()
        self._shown = Shown(503, "")
        self._good_until = 0.0

    async def page(self) -> Shown:
        """The page as it is, made anew where the last one is old."""
        async with self._making:
            began = time.monotonic()
            if began >= self._good_until:
                self._shown = await asyncio.to_thread(self._made)
                ended = time.monotonic()
                self._good_until = ended + max(_FRESH, _REST * (ended - began))
        return self._shown

    def _made(self) -> Shown:
        try:
            return Shown(200, as_live_html(self._make(), EVERY))
        except self._troubles as trouble:
            return Shown(503, live_error_html(str(trouble), EVERY))
