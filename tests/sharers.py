"""Callers of one bridge, for tests of what they share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hubv1.calls import Limits, Result, answer_call
from hubv1.calls.cache import AnswerCache
from hubv1.hub import HubClient, Transport
from hubv1.hub.credentials import ANONYMOUS, Credentials
from samples import VIA, recognised

SECONDS = 60


class Callers:
    """Each call goes through the same cache to the same Hub."""

    def __init__(self, url: str, seconds: int, deadline: float = 10) -> None:
        self.cache = AnswerCache(seconds)
        self.client = HubClient(url, "", Transport(VIA, "tests"))
        self.terms = Limits(deadline)

    async def call(self, path: str, credentials: Credentials = ANONYMOUS) -> Result:
        call = recognised(path)
        return await self.cache.answer(
            call, lambda: answer_call(call, self.client, self.terms, credentials), credentials
        )


def played(
    url: str,
    play: Callable[[Callers], Awaitable[Any]],
    seconds: int = SECONDS,
    deadline: float = 10,
) -> Any:
    """What `play` returns, given callers in an event loop of their own."""

    async def playing() -> Any:
        callers = Callers(url, seconds, deadline)
        try:
            return await play(callers)
        finally:
            await callers.client.close()

    return asyncio.run(playing())
