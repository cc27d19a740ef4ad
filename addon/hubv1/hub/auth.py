"""Signing in: a secret becomes a token, seldom, and a rejected one is not tried again.

Hub locks a user name for ten minutes after too many logins, so that a build farm with an old
password would lock out its owner.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import msgspec
from cachetools import TTLCache

from hubv1.api.v2 import Nonsense, PersonalTokenRefused, Unauthorized
from hubv1.hub.credentials import Basic, Bearer
from hubv1.hub.exchange import Reply, Request, RequestBudget
from hubv1.hub.http import Transport

PATH = "/v2/auth/token"
TOKEN_SECONDS = 540
"""How long a token is used: it lives for ten minutes."""
MOST_REJECTED = 3
"""Secrets of one user that a service may reject before it is not asked about further ones."""
LOCKED_SECONDS = 600
"""How long a rejected secret, and after too many of them every unknown one, is not tried."""
REFUSED_SECONDS = 60
"""How long nobody signs in anew after Hub did not honour a token that it had just given, or would
not have a personal access token."""

_MOST_USERS = 2_000
_REJECTIONS = (400, 401, 403)

_Value = TypeVar("_Value")


class _Token(msgspec.Struct):
    access_token: str


_read_token = msgspec.json.Decoder(_Token).decode


class Logins:
    """The logins of users at one service: one at a time for each, and none with a secret that was
    rejected, lest the service locks the account."""

    def __init__(self, service: str) -> None:
        """`service` is who takes or rejects secrets, for people."""
        self._service = service
        self._accepted: TTLCache[Basic, bool] = TTLCache(_MOST_USERS, 24 * 3_600)
        self._rejected: TTLCache[str, frozenset[Basic]] = TTLCache(_MOST_USERS, LOCKED_SECONDS)
        self._under_way: dict[str, asyncio.Task[Any]] = {}

    def is_accepted(self, given: Basic) -> bool | None:
        """True where the service took this secret within the last day and did not reject it since,
        else None."""
        return self._accepted.get(given)

    async def run(
        self,
        given: Basic,
        find: Callable[[Basic], _Value | None],
        login: Callable[[], Coroutine[Any, Any, _Value]],
    ) -> _Value:
        """What `find` finds, which may be the result of another's login, or else that of `login`.

        Raises Unauthorized where the secret is not to be tried, and whatever `login` raises.
        """
        user = given.user.lower()
        while (found := find(given)) is None:
            # One at a time, so that many calls at once neither sign in together nor try more
            # secrets than may be tried.
            if user in self._under_way:
                await asyncio.wait([self._under_way[user]])
                continue
            self._check(given, user)
            # The service counts it even if its caller leaves, so it goes on to its end.
            attempt = asyncio.ensure_future(login())
            self._under_way[user] = attempt
            attempt.add_done_callback(partial(self._ended, user))
            await asyncio.wait([attempt])
            return attempt.result()
        return found

    def accept(self, given: Basic) -> None:
        """Remember that the service took this secret."""
        self._accepted[given] = True

    def reject(self, given: Basic) -> None:
        """Remember not to try this secret again for a while."""
        user = given.user.lower()
        self._rejected[user] = self._rejected.get(user, frozenset()) | {given}
        self._accepted.pop(given, None)

    def close(self) -> None:
        """End the logins that are under way."""
        for attempt in self._under_way.values():
            attempt.cancel()

    def _check(self, given: Basic, user: str) -> None:
        rejected = self._rejected.get(user, frozenset())
        if given in rejected:
            raise Unauthorized(f"{self._service} rejected this secret before")
        if len(rejected) >= MOST_REJECTED and given not in self._accepted:
            raise Unauthorized(
                f"{self._service} rejected {len(rejected)} secrets of this user; no other is tried "
                f"for {LOCKED_SECONDS // 60} minutes, lest it locks the account"
            )

    def _ended(self, user: str, attempt: asyncio.Task[Any]) -> None:
        del self._under_way[user]
        if not attempt.cancelled():
            attempt.exception()  # perhaps nobody waits for it any more


class HubAuth:
    """Signs in to Hub, and keeps the tokens that are in use."""

    def __init__(self, url: str, transport: Transport) -> None:
        """`url` is where API v2 is."""
        self._url = url
        self._transport = transport
        self._logins = Logins("Docker Hub")
        self._tokens: TTLCache[Basic, Bearer] = TTLCache(_MOST_USERS, TOKEN_SECONDS)
        self._barred: TTLCache[Basic, bool] = TTLCache(_MOST_USERS, REFUSED_SECONDS)
        self._refused: TTLCache[Basic, bool] = TTLCache(_MOST_USERS, REFUSED_SECONDS)

    async def fetch(self, request: Request, budget: RequestBudget) -> Reply:
        """The reply to a GET on Hub, signed with a token for its credentials.

        Raises Unauthorized where they cannot be right, or were rejected before.
        """
        given = request.credentials
        if not given.is_possible:
            raise Unauthorized("these credentials cannot be right")
        if not isinstance(given, Basic):
            return await self._transport.fetch(request, budget)
        token = await self._token(given, budget)
        reply = await self._transport.fetch(replace(request, credentials=token), budget)
        # Where a new token was refused, another is no better; the one there is may open the rest.
        if reply.status != 401 or given in self._refused:
            return reply
        # It has ended, by Hub's clock or by somebody's hand.
        if self._tokens.get(given) is token:
            del self._tokens[given]
        token = await self._token(given, budget)
        reply = await self._transport.fetch(replace(request, credentials=token), budget)
        if reply.status == 401:
            self._refused[given] = True
        return reply

    def close(self) -> None:
        """End the logins that are under way."""
        self._logins.close()

    async def _token(self, given: Basic, budget: RequestBudget) -> Bearer:
        """A token for the user: one that is kept, or else a new one."""
        return await self._logins.run(given, self._kept, partial(self._login, given, budget))

    def _kept(self, given: Basic) -> Bearer | None:
        if given in self._barred:
            raise PersonalTokenRefused("Docker Hub refused this personal access token before")
        return self._tokens.get(given)

    async def _login(self, given: Basic, budget: RequestBudget) -> Bearer:
        scope = f"login {given.user.lower()}"
        request = Request("POST", self._url + PATH, given, scope)
        reply = await self._transport.fetch(request, budget)
        if reply.status in _REJECTIONS:
            failure = self._transport.failure_of(reply, budget)
            if isinstance(failure, PersonalTokenRefused):
                self._barred[given] = True
                raise failure
            self._logins.reject(given)
            raise Unauthorized("Docker Hub rejected this user or secret")
        if reply.status == 404:
            # Of repositories and tags this says nothing.
            raise Nonsense(f"{reply.url} answered 404, so nobody can sign in there")
        text = self._transport.decode(reply, _read_token, budget).access_token
        token = self._tokens[given] = checked_token(text, reply)
        self._logins.accept(given)
        return token


def checked_token(text: str, reply: Reply) -> Bearer:
    """The token, unless it cannot be one: then this raises Nonsense."""
    token = Bearer(text)
    if not token.is_possible:
        raise Nonsense(f"{reply.url} gave something that is no token")
    return token
