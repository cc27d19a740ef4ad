"""Callers with credentials of their own, who share one bridge in front of one stand-in."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

from cachetools import TTLCache

from hubv1.calls import Limits, Result, answer_call
from hubv1.calls.cache import AnswerCache
from hubv1.hub import HubClient, Transport
from hubv1.hub.credentials import ANONYMOUS, Basic, Credentials
from samples import VIA, recognised
from standin import Call, Catalog, Standin

ACME = Basic("acme", "right")
JOE = Basic("joe", "geheim")
WRONG = Basic("acme", "wrong")

V1 = "/v1/repositories"
TAGS = f"{V1}/acme/app/tags"
TAG = f"{TAGS}/1.0"
IMAGES = f"{V1}/acme/app/images"
LOGIN = "/v2/auth/token"


def members_only() -> Catalog:
    """Two accounts, and what belongs to one of them."""
    catalog = Catalog(accounts={ACME.user: ACME.secret, JOE.user: JOE.secret})
    catalog.add("acme/app", ["1.0", "2.0", "latest"], private=True)
    catalog.add_generated("acme/several", 350, private=True)
    catalog.add_generated("acme/many", 450, private=True)
    catalog.add_generated("library/many", 1_200)
    catalog.add("library/debian", ["12", "latest"])
    return catalog


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def cache(self, maxsize: float, ttl: float) -> TTLCache[Any, Any]:
        """A cache that goes by this clock."""
        return TTLCache(maxsize, ttl, timer=self)


class Visitors:
    """The callers of one bridge."""

    def __init__(
        self,
        hub: Standin,
        *,
        account: Basic | None = None,
        ttl: int = 0,
        terms: Limits | None = None,
    ) -> None:
        self.cache = AnswerCache(ttl)
        self.client = HubClient(hub.url, hub.registry_url, Transport(VIA, "tests"), account)
        self.terms = terms or Limits(20)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def ask(self, path: str, given: Credentials = ANONYMOUS, caller: str = "") -> Result:
        """The answer to one call, made as the addon makes it."""
        call = recognised(path)
        return await self.cache.answer(
            call, lambda: answer_call(call, self.client, self.terms, given, caller), given
        )

    async def statuses(self, path: str, *givens: Credentials) -> list[int]:
        """What each of them gets, one after the other."""
        return [(await self.ask(path, given)).answer.status for given in givens]


def played(hub: Standin, play: Callable[[Visitors], Awaitable[Any]], **given: Any) -> Any:
    """What `play` returns, with a bridge in an event loop of its own."""

    async def playing() -> Any:
        async with Visitors(hub, **given) as visitors:
            return await play(visitors)

    return asyncio.run(playing())


def asked(hub: Standin, path: str, given: Credentials = ANONYMOUS, **more: Any) -> Result:
    """The answer to a single call."""
    result: Result = played(hub, lambda visitors: visitors.ask(path, given), **more)
    return result


def logins(hub: Standin) -> int:
    """How often Hub was asked for a token."""
    return sum(call.method == "POST" and call.path == LOGIN for call in hub.calls)


def authorizations(calls: list[Call]) -> list[str]:
    """The scheme of the credentials that came with each call, empty for none."""
    return [call.headers.get("authorization", "").partition(" ")[0] for call in calls]


def of_listener(hub: Standin, listener: str) -> list[Call]:
    return [call for call in hub.calls if call.listener == listener]


def is_challenge(result: Result) -> bool:
    """Whether it is v1's 401, to the byte."""
    return (
        result.answer.status == 401
        and result.answer.body == b'{"error": "Requires authorization"}'
        and [value for name, value in result.answer.headers if name == "WWW-Authenticate"]
        == ['Basic realm="auth required",Token']
    )
