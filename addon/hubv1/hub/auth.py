"""Signing in to Hub: a secret becomes a token, seldom, and a rejected one is not tried again.

Hub locks a user name for ten minutes after too many logins, so that a build farm with an old
password would lock out its owner.
"""

import asyncio
from collections.abc import Mapping
from functools import partial

import msgspec
from cachetools import TTLCache

from hubv1.api.v2 import Nonsense, PersonalTokenRefused, Unauthorized
from hubv1.hub.credentials import Anonymous, Basic, Bearer, Credentials
from hubv1.hub.http import Transport
from hubv1.hub.messages import Reply, RequestBudget

PATH = "/v2/auth/token"
TOKEN_SECONDS = 540
"""How long a token is used: it lives for ten minutes."""
MOST_REJECTED = 3
"""Secrets of one user that Hub may reject before it is not asked about further ones."""
LOCKED_SECONDS = 600
"""How long a rejected secret, and after too many of them every unknown one, is not tried."""
REFUSED_SECONDS = 60
"""How long nobody signs in anew after Hub did not honour a token that it had just given, or would
not have a personal access token."""

_MOST_USERS = 2_000
_REJECTIONS = (400, 401, 403)


class _Token(msgspec.Struct):
    access_token: str


_read_token = msgspec.json.Decoder(_Token).decode


class Rejections:
    """The secrets that a service rejected, so that none is tried again and no user is locked."""

    def __init__(self, service: str) -> None:
        """`service` is who rejects them, for people."""
        self._service = service
        self._accepted: TTLCache[Basic, bool] = TTLCache(_MOST_USERS, 24 * 3_600)
        self._rejected: TTLCache[str, frozenset[Basic]] = TTLCache(_MOST_USERS, LOCKED_SECONDS)

    def is_accepted(self, given: Basic) -> bool:
        """Whether the service took this secret within the last day, and did not reject it since."""
        return given in self._accepted

    def check(self, given: Basic) -> None:
        """Raise Unauthorized where the secret is not to be tried."""
        rejected = self._rejected.get(given.user.lower(), frozenset())
        if given in rejected:
            raise Unauthorized(f"{self._service} rejected this secret before")
        if len(rejected) >= MOST_REJECTED and given not in self._accepted:
            raise Unauthorized(
                f"{self._service} rejected {len(rejected)} secrets of this user; no other is tried "
                f"for {LOCKED_SECONDS // 60} minutes, lest it locks the account"
            )

    def accept(self, given: Basic) -> None:
        """Remember that the service took this secret."""
        self._accepted[given] = True

    def reject(self, given: Basic) -> None:
        """Remember not to try this secret again for a while."""
        user = given.user.lower()
        self._rejected[user] = self._rejected.get(user, frozenset()) | {given}
        self._accepted.pop(given, None)


class HubAuth:
    """Signs in to Hub, and keeps the tokens that are in use."""

    def __init__(self, url: str, transport: Transport) -> None:
        """`url` is where API v2 is."""
        self._url = url
        self._transport = transport
        self._rejections = Rejections("Docker Hub")
        self._tokens: TTLCache[Basic, Bearer] = TTLCache(_MOST_USERS, TOKEN_SECONDS)
        self._barred: TTLCache[Basic, bool] = TTLCache(_MOST_USERS, REFUSED_SECONDS)
        self._refused: TTLCache[Basic, bool] = TTLCache(_MOST_USERS, REFUSED_SECONDS)
        self._replaced: TTLCache[Basic, Bearer] = TTLCache(_MOST_USERS, REFUSED_SECONDS)
        self._under_way: dict[str, asyncio.Task[Bearer]] = {}

    async def get(self, url: str, given: Credentials, budget: RequestBudget) -> Reply:
        """The reply to a GET of `url` on Hub, made with `given` credentials.

        Raises Unauthorized where they cannot be right, or were rejected before.
        """
        if isinstance(given, Anonymous):
            return await self._transport.get(url, budget)
        if not given.is_possible:
            raise Unauthorized("these credentials cannot be right")
        if isinstance(given, Bearer):
            return await self._transport.get(url, budget, _header(given))
        return await self._signed_in(url, given, budget)

    def close(self) -> None:
        """End the logins that are under way."""
        for attempt in self._under_way.values():
            attempt.cancel()

    async def _signed_in(self, url: str, given: Basic, budget: RequestBudget) -> Reply:
        token, reply = await self._asked(url, given, budget)
        # Where a new token was refused, another is no better; the one there is may open the rest.
        if reply.status == 401 and given not in self._refused:
            # It has ended, by Hub's clock or by somebody's hand.
            if self._tokens.get(given) is token:
                self._replaced[given] = self._tokens.pop(given)
            _, reply = await self._asked(url, given, budget)
        return reply

    async def _asked(self, url: str, given: Basic, budget: RequestBudget) -> tuple[Bearer, Reply]:
        """The token used and the reply to it; whether a new one helped is noted."""
        token = await self._token(given, budget)
        reply = await self._transport.get(url, budget, _header(token))
        if self._replaced.get(given, token) is not token:
            del self._replaced[given]
            if reply.status == 401:
                self._refused[given] = True
        return token, reply

    async def _token(self, given: Basic, budget: RequestBudget) -> Bearer:
        """A token for the user: one that is kept, or else a new one."""
        user = given.user.lower()
        while (token := self._tokens.get(given)) is None:
            # One at a time, so that many calls at once neither sign in together nor try more
            # secrets than may be tried.
            if user in self._under_way:
                await asyncio.wait([self._under_way[user]])
                continue
            self._check_worth_trying(given)
            # Hub counts it even if its caller leaves, so it goes on to its end all the same.
            attempt = asyncio.ensure_future(self._login(given, budget))
            self._under_way[user] = attempt
            attempt.add_done_callback(partial(self._ended, user))
            await asyncio.wait([attempt])
            return attempt.result()
        return token

    def _ended(self, user: str, attempt: asyncio.Task[Bearer]) -> None:
        del self._under_way[user]
        if not attempt.cancelled():
            attempt.exception()  # perhaps nobody waits for it any more

    def _check_worth_trying(self, given: Basic) -> None:
        if given in self._barred:
            raise PersonalTokenRefused("Docker Hub refused this personal access token before")
        self._rejections.check(given)

    async def _login(self, given: Basic, budget: RequestBudget) -> Bearer:
        body = {"identifier": given.user, "secret": given.secret}
        scope = f"login {given.user.lower()}"
        reply = await self._transport.login(self._url + PATH, budget, body, scope)
        if reply.status in _REJECTIONS:
            failure = self._transport.failure_of(reply, budget)
            if isinstance(failure, PersonalTokenRefused):
                self._barred[given] = True
                raise failure
            self._rejections.reject(given)
            raise Unauthorized("Docker Hub rejected this user or secret")
        if reply.status == 404:
            # Of repositories and tags this says nothing.
            raise Nonsense(f"{reply.url} answered 404, so nobody can sign in there")
        token = Bearer(self._transport.decode(reply, _read_token, budget).access_token)
        if not token.is_possible:
            raise Nonsense(f"{reply.url} gave something that is no token")
        self._tokens[given] = token
        self._rejections.accept(given)
        return token


def _header(token: Bearer) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token.token}"}
