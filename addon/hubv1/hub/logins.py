"""Signing in to Hub: a secret becomes a token, seldom, and a rejected one is not tried again.

Hub locks a user name for ten minutes after too many logins, so that a build farm with an old
password would lock out its owner.
"""

import asyncio
from collections.abc import Mapping
from functools import partial

import msgspec
from cachetools import TTLCache

from hubv1.api.errors import Nonsense, Unauthorized
from hubv1.hub.credentials import Anonymous, Basic, Bearer, Credentials
from hubv1.hub.inquiry import Inquiry
from hubv1.hub.messages import Reply
from hubv1.hub.reading import value_of
from hubv1.hub.upstream import Upstream

PATH = "/v2/auth/token"
TOKEN_SECONDS = 540
"""How long a token is used: it lives for ten minutes."""
MOST_REJECTED = 3
"""Secrets of one user that Hub may reject before it is not asked about further ones."""
LOCKED_SECONDS = 600
"""How long a rejected secret, and after too many of them every unknown one, is not tried."""
REFUSED_SECONDS = 60
"""How long nobody signs in anew after Hub did not honour a token that it had just given."""

_MOST_USERS = 2_000
_REJECTIONS = (400, 401, 403)


class _Token(msgspec.Struct):
    access_token: str


_read_token = msgspec.json.Decoder(_Token).decode


class Logins:
    """Tokens in use, and secrets that Hub rejected."""

    def __init__(self, url: str, upstream: Upstream) -> None:
        """`url` is where API v2 is."""
        self._url = url
        self._upstream = upstream
        self._tokens: TTLCache[Basic, Bearer] = TTLCache(_MOST_USERS, TOKEN_SECONDS)
        self._proven: TTLCache[Basic, bool] = TTLCache(_MOST_USERS, 24 * 3_600)
        self._rejected: TTLCache[str, frozenset[Basic]] = TTLCache(_MOST_USERS, LOCKED_SECONDS)
        self._refused: TTLCache[Basic, bool] = TTLCache(_MOST_USERS, REFUSED_SECONDS)
        self._replaced: TTLCache[Basic, Bearer] = TTLCache(_MOST_USERS, REFUSED_SECONDS)
        self._under_way: dict[str, asyncio.Task[Bearer]] = {}

    async def get(self, url: str, given: Credentials, inquiry: Inquiry) -> Reply:
        """The reply to a GET of `url` on Hub, made with `given` credentials.

        Raises Unauthorized where they cannot be right, or were rejected before.
        """
        if isinstance(given, Anonymous):
            return await self._upstream.get(url, inquiry)
        if not given.is_possible:
            raise Unauthorized("these credentials cannot be right")
        if isinstance(given, Bearer):
            return await self._upstream.get(url, inquiry, _header(given))
        return await self._signed_in(url, given, inquiry)

    def close(self) -> None:
        """End the logins that are under way."""
        for attempt in self._under_way.values():
            attempt.cancel()

    async def _signed_in(self, url: str, given: Basic, inquiry: Inquiry) -> Reply:
        token, reply = await self._asked(url, given, inquiry)
        # Where a new token was refused, another is no better; the one there is may open the rest.
        if reply.status == 401 and given not in self._refused:
            # It has ended, by Hub's clock or by somebody's hand.
            if self._tokens.get(given) is token:
                self._replaced[given] = self._tokens.pop(given)
            _, reply = await self._asked(url, given, inquiry)
        return reply

    async def _asked(self, url: str, given: Basic, inquiry: Inquiry) -> tuple[Bearer, Reply]:
        """The token used and the reply to it; whether a new one helped is noted."""
        token = await self._token(given, inquiry)
        reply = await self._upstream.get(url, inquiry, _header(token))
        if self._replaced.get(given, token) is not token:
            del self._replaced[given]
            if reply.status == 401:
                self._refused[given] = True
        return token, reply

    async def _token(self, given: Basic, inquiry: Inquiry) -> Bearer:
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
            attempt = asyncio.ensure_future(self._login(given, inquiry))
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
        rejected = self._rejected.get(given.user.lower(), frozenset())
        if given in rejected:
            raise Unauthorized("Docker Hub rejected this secret before")
        if len(rejected) >= MOST_REJECTED and given not in self._proven:
            raise Unauthorized(
                f"Docker Hub rejected {len(rejected)} secrets of this user; no other is tried for "
                f"{LOCKED_SECONDS // 60} minutes, lest it locks the account"
            )

    async def _login(self, given: Basic, inquiry: Inquiry) -> Bearer:
        body = {"identifier": given.user, "secret": given.secret}
        lane = f"login {given.user.lower()}"
        reply = await self._upstream.login(self._url + PATH, inquiry, body, lane)
        if reply.status in _REJECTIONS:
            self._reject(given)
            raise Unauthorized("Docker Hub rejected this user or secret")
        if reply.status == 404:
            # Of repositories and tags this says nothing.
            raise Nonsense(f"{reply.url} answered 404, so nobody can sign in there")
        token = Bearer(value_of(reply, _read_token, self._upstream.via).access_token)
        if not token.is_possible:
            raise Nonsense(f"{reply.url} gave something that is no token")
        self._tokens[given] = token
        self._proven[given] = True
        return token

    def _reject(self, given: Basic) -> None:
        user = given.user.lower()
        self._rejected[user] = self._rejected.get(user, frozenset()) | {given}
        self._proven.pop(given, None)


def _header(token: Bearer) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token.token}"}
