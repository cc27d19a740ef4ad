"""Signing in to Docker's hosts as seldom as possible, and never twice with a rejected secret.

Hub locks a user name for ten minutes after too many logins, so a build farm with an old password
could lock out its owner.
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
from hubv1.hub.exchange import Reply, Request, RequestBudget, retrieve_exception
from hubv1.hub.http import Transport

PATH = "/v2/auth/token"
TOKEN_SECONDS = 540  # how long a token is used; it is valid for ten minutes
MOST_REJECTED = 3  # rejected secrets of one user after which no further one is tried
LOCKED_SECONDS = 600
"""How long a rejected secret is not tried again; after too many, no unknown one either."""
REFUSED_SECONDS = 60
"""How long to wait before signing in again after Hub refused a token that it had just issued, or a
personal access token."""

_MOST_USERS = 2_000
_REJECTIONS = (400, 401, 403)

_Value = TypeVar("_Value")


class _Token(msgspec.Struct):
    access_token: str


_read_token = msgspec.json.Decoder(_Token).decode


class Logins:
    """Logins at one service: one at a time for each user, and none with a rejected secret, lest the
    service locks the account."""

    def __init__(self, service: str) -> None:
        """`service` names the service in messages."""
        self._service = service
        self.accepted: TTLCache[Basic, bool] = TTLCache(_MOST_USERS, 24 * 3_600)
        """The secrets that the service accepted within the last day and has not rejected since."""
        self._rejected: TTLCache[str, frozenset[Basic]] = TTLCache(_MOST_USERS, LOCKED_SECONDS)
        self._under_way: dict[str, asyncio.Task[Any]] = {}

    async def run(
        self,
        given: Basic,
        find: Callable[[Basic], _Value | None],
        login: Callable[[], Coroutine[Any, Any, _Value]],
    ) -> _Value:
        """What `find` returns, perhaps after a login for another caller, or else what `login` does.

        Raises Unauthorized if the secret must not be tried, and whatever `login` raises.
        """
        user = given.user.lower()
        while (found := find(given)) is None:
            # One at a time, so that simultaneous calls neither sign in together nor try too many
            # secrets.
            if user in self._under_way:
                await asyncio.wait([self._under_way[user]])
                continue
            self._check(given, user)
            # The service counts the login even if the caller leaves, so it is not cancelled.
            attempt = asyncio.ensure_future(login())
            self._under_way[user] = attempt
            attempt.add_done_callback(retrieve_exception)
            attempt.add_done_callback(lambda _: self._under_way.pop(user))
            await asyncio.wait([attempt])
            return attempt.result()
        return found

    def accept(self, given: Basic) -> None:
        """Remember that the service accepted this secret."""
        self.accepted[given] = True

    def reject(self, given: Basic) -> None:
        """Do not try this secret again for a while."""
        user = given.user.lower()
        self._rejected[user] = self._rejected.get(user, frozenset()) | {given}
        self.accepted.pop(given, None)

    def close(self) -> None:
        """Cancel the logins that are under way."""
        for attempt in self._under_way.values():
            attempt.cancel()

    def _check(self, given: Basic, user: str) -> None:
        rejected = self._rejected.get(user, frozenset())
        if given in rejected:
            raise Unauthorized(f"{self._service} rejected this secret before")
        if len(rejected) >= MOST_REJECTED and given not in self.accepted:
            raise Unauthorized(
                f"{self._service} rejected {len(rejected)} secrets of this user; no other is tried "
                f"for {LOCKED_SECONDS // 60} minutes, lest it locks the account"
            )


class HubAuth:
    """Signs in to Hub, and keeps the tokens for reuse."""

    def __init__(self, url: str, transport: Transport) -> None:
        """`url` is the base URL of API v2."""
        self._url = url
        self._transport = transport
        self._logins = Logins("Docker Hub")
        self._tokens: TTLCache[Basic, Bearer] = TTLCache(_MOST_USERS, TOKEN_SECONDS)
        self._barred: TTLCache[Basic, bool] = TTLCache(_MOST_USERS, REFUSED_SECONDS)
        self._refused: TTLCache[Basic, bool] = TTLCache(_MOST_USERS, REFUSED_SECONDS)

    async def fetch(self, request: Request, budget: RequestBudget) -> Reply:
        """The reply to a GET on Hub, signed with a token for its credentials.

        Raises Unauthorized if they cannot be right, or were rejected before.
        """
        given = request.credentials
        if not given.is_possible:
            raise Unauthorized("these credentials cannot be right")
        if not isinstance(given, Basic):
            return await self._transport.fetch(request, budget)
        token = await self._token(given, budget)
        reply = await self._transport.fetch(replace(request, credentials=token), budget)
        # If Hub refused a new token lately, another is no better; this one may open other things.
        if reply.status != 401 or given in self._refused:
            return reply
        # The token has expired, or somebody has revoked it.
        if self._tokens.get(given) is token:
            del self._tokens[given]
        token = await self._token(given, budget)
        reply = await self._transport.fetch(replace(request, credentials=token), budget)
        if reply.status == 401:
            self._refused[given] = True
        return reply

    def close(self) -> None:
        """Cancel the logins that are under way."""
        self._logins.close()

    async def _token(self, given: Basic, budget: RequestBudget) -> Bearer:
        """A token for the user: one that is still valid, or else a new one."""
        return await self._logins.run(given, self._valid, partial(self._login, given, budget))

    def _valid(self, given: Basic) -> Bearer | None:
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
            # As a NotFound it would seem to be about the repository.
            raise Nonsense(f"{reply.url} answered 404, so nobody can sign in there")
        text = self._transport.decode(reply, _read_token, budget).access_token
        token = self._tokens[given] = checked_token(text, reply)
        self._logins.accept(given)
        return token


def checked_token(text: str, reply: Reply) -> Bearer:
    """The token in a reply; raises Nonsense if it cannot be one."""
    token = Bearer(text)
    if not token.is_possible:
        raise Nonsense(f"{reply.url} sent an invalid token")
    return token
